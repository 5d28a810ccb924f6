package drbdsetup

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/drbdd/control"
)

// daemon is drbdd as far as a tool sees it: it keeps the requests and gives the
// answers that the test says.
type daemon struct {
	socket string
	l      net.Listener
	done   chan error

	mu       sync.Mutex
	requests []control.Request
	answer   func(req control.Request) []control.Answer
}

// startDaemon listens in a temporary directory until the test ends. With Follow the
// answers come one after the other, and the connection stays open if the last is
// not marked as such.
func startDaemon(t *testing.T, answer func(req control.Request) []control.Answer) *daemon {
	t.Helper()
	d := &daemon{socket: filepath.Join(t.TempDir(), "ctl"), answer: answer, done: make(chan error, 1)}
	l, err := control.Listen(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	d.l = l
	go func() { d.done <- control.Serve(l, d.handle) }()
	t.Cleanup(d.stop)
	t.Setenv("DRBDD_SOCKET", d.socket)
	return d
}

func (d *daemon) stop() {
	d.l.Close()
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		panic("the server does not end")
	}
}

func (d *daemon) handle(ctx context.Context, req control.Request, reply func(control.Answer) error) {
	d.mu.Lock()
	d.requests = append(d.requests, req)
	answers := d.answer(req)
	d.mu.Unlock()
	for i, a := range answers {
		if reply(a) != nil {
			return
		}
		if a.Last || !req.Follow && i == 0 {
			return
		}
	}
	if req.Follow || len(answers) == 0 {
		<-ctx.Done()
	}
}

// set changes the answers and forgets the requests.
func (d *daemon) set(answer func(req control.Request) []control.Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests, d.answer = nil, answer
}

func (d *daemon) seen() []control.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

// always is a daemon that gives the same answer to everything.
func always(a ...control.Answer) func(control.Request) []control.Answer {
	return func(control.Request) []control.Answer { return a }
}

// result is how a run of drbdsetup ended.
type result struct {
	exit     int
	out, err string
}

// runTool runs a command line, its first word being the program's name.
func runTool(t *testing.T, argv ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- Main(argv[0], argv[1:], strings.NewReader(""), &out, &err) }()
	select {
	case exit := <-done:
		return result{exit, out.String(), err.String()}
	case <-time.After(20 * time.Second):
		t.Fatalf("%q does not end", argv)
		return result{}
	}
}

// toolAt is the tool beside a daemon of its own, without the environment.
func toolAt(t *testing.T, answer func(req control.Request) []control.Answer) (tl *tool, out, err *bytes.Buffer) {
	t.Helper()
	d := &daemon{socket: filepath.Join(t.TempDir(), "ctl"), answer: answer, done: make(chan error, 1)}
	l, lerr := control.Listen(d.socket)
	if lerr != nil {
		t.Fatal(lerr)
	}
	d.l = l
	go func() { d.done <- control.Serve(l, d.handle) }()
	t.Cleanup(d.stop)
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	return &tool{prog: "drbdsetup", socket: d.socket, stdout: out, stderr: err}, out, err
}
