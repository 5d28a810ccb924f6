package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a daemon whose view counts.
type fake struct{ n atomic.Int64 }

func (f *fake) view(context.Context) (cluster.View, error) {
	return cluster.View{Node: "node1", Generation: uint64(f.n.Load())}, nil
}

func serve(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "ctl")
	}
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestRequests(t *testing.T) {
	var f fake
	f.n.Store(7)
	var asked []string
	s := serve(t, Options{View: f.view, Handle: func(_ context.Context, p Peer, verb string, args []string) (any, error) {
		asked = append(asked, fmt.Sprint(verb, args))
		if p.PID != os.Getpid() || p.UID != os.Getuid() {
			t.Errorf("peer %+v is not us", p)
		}
		switch verb {
		case "standby":
			return nil, nil
		case "param":
			return map[string]string{"value": "3"}, nil
		case "unmarshalable":
			return func() {}, nil
		}
		return nil, fmt.Errorf("unknown request %q", verb)
	}})
	ctx := within(t)
	v, err := View(ctx, s.o.Path)
	if err != nil || v.Node != "node1" || v.Generation != 7 {
		t.Errorf("view: %+v %v", v, err)
	}
	c, err := Dial(ctx, s.o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Call(ctx, nil, "standby", "all"); err != nil {
		t.Errorf("standby: %v", err)
	}
	var out map[string]string
	if err := c.Call(ctx, &out, "param", "deadtime"); err != nil || out["value"] != "3" {
		t.Errorf("param: %v %v", out, err)
	}
	if err := c.Call(ctx, nil, "bogus"); err == nil || err.Error() != `unknown request "bogus"` {
		t.Errorf("bogus: %v, want the server's sentence", err)
	}
	if err := c.Call(ctx, nil, "unmarshalable"); err == nil {
		t.Error("a reply that has no JSON gave no error")
	}
	if err := c.Call(ctx, nil, "two words"); err == nil {
		t.Error("a word with a blank was sent")
	}
	if err := c.Call(ctx, nil, "view", "x"); err == nil {
		t.Error("view with an argument was accepted")
	}
	if want := "[standby[all] param[deadtime] bogus[] unmarshalable[]]"; fmt.Sprint(asked) != want {
		t.Errorf("handler saw %v, want %s", asked, want)
	}
}

func TestWithoutHandler(t *testing.T) {
	var f fake
	s := serve(t, Options{View: f.view})
	if err := Do(within(t), s.o.Path, nil, "standby"); err == nil || !strings.Contains(err.Error(), "unknown request") {
		t.Errorf("%v", err)
	}
}

func TestSocketRightsAndReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Options{Path: path}); !errors.Is(err, ErrInUse) {
		t.Errorf("beside another server: %v, want ErrInUse", err)
	}
	old.SetUnlinkOnClose(false)
	old.Close() // a daemon that was killed leaves its socket
	var f fake
	s := serve(t, Options{Path: path, View: f.view, GID: os.Getgid()})
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("mode %v %v, want 0660", st.Mode(), err)
	}
	s.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays after Close: %v", err)
	}
	if _, err := View(within(t), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no daemon: %v, want ErrNotRunning", err)
	}
}

func TestWatch(t *testing.T) {
	var f fake
	s := serve(t, Options{View: f.view})
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	c, err := Dial(ctx, s.o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make(chan uint64, 10)
	done := make(chan error)
	go func() {
		done <- c.Watch(ctx, 0, func(_ []byte, v cluster.View) error { got <- v.Generation; return nil })
	}()
	expect := func(want uint64) {
		t.Helper()
		select {
		case n := <-got:
			if n != want {
				t.Errorf("got view %d, want %d", n, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no view %d", want)
		}
	}
	expect(0)
	for i := range 3 {
		f.n.Store(int64(i + 1))
		for range 100 { // a burst is one line
			s.Changed()
		}
		expect(uint64(i + 1))
	}
	select {
	case n := <-got:
		t.Errorf("view %d without a change", n)
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}

func TestWatchWithPeriodSendsWithoutChange(t *testing.T) {
	var f fake
	s := serve(t, Options{View: f.view})
	c, err := Dial(within(t), s.o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	enough := errors.New("enough")
	err = c.Watch(within(t), 100*time.Millisecond, func([]byte, cluster.View) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("after %d views: %v", n, err)
	}
}

// A watcher that does not read for a while gets the newest view next, not all
// that it has missed, and nobody waits for it.
func TestSlowWatcherSkips(t *testing.T) {
	var f fake
	big := strings.Repeat("x", 1<<20) // fills the socket's buffer at once
	s := serve(t, Options{View: func(context.Context) (cluster.View, error) {
		return cluster.View{Node: big, Generation: uint64(f.n.Load())}, nil
	}})
	c, err := Dial(within(t), s.o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	release := make(chan struct{})
	var seen []uint64
	enough := errors.New("enough")
	done := make(chan error)
	go func() {
		done <- c.Watch(within(t), 0, func(_ []byte, v cluster.View) error {
			if len(seen) == 0 {
				<-release
			}
			seen = append(seen, v.Generation)
			if v.Generation == 30 {
				return enough
			}
			return nil
		})
	}()
	other, err := Dial(within(t), s.o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i := range 30 {
		f.n.Store(int64(i + 1))
		s.Changed()
		var v cluster.View
		if err := other.Call(within(t), &v, "view"); err != nil || v.Generation != uint64(i+1) {
			t.Fatalf("another client waits for the slow one: %v", err)
		}
		time.Sleep(25 * time.Millisecond)
	}
	close(release)
	if err := <-done; !errors.Is(err, enough) {
		t.Fatalf("%v, seen %v", err, seen)
	}
	if len(seen) > 8 {
		t.Errorf("the slow watcher got %d views %v, want few: older ones are skipped", len(seen), seen)
	}
}

func TestBadClients(t *testing.T) {
	var f fake
	s := serve(t, Options{View: f.view})
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", s.o.Path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(10 * time.Second))
		return c
	}
	c := dial()
	go io.WriteString(c, strings.Repeat("x", 1<<20))
	if line, _ := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, "longer than") {
		t.Errorf("endless request: %q", line)
	}
	c = dial()
	io.WriteString(c, "\n  \nwatch x y\n")
	if line, _ := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, "usage: watch") {
		t.Errorf("bad watch: %q", line)
	}
	c = dial()
	io.WriteString(c, "view")
	c.(*net.UnixConn).CloseWrite() // no newline: nothing is answered
	if b, err := io.ReadAll(c); err != nil || len(b) != 0 {
		t.Errorf("half a request was answered: %q %v", b, err)
	}
	var conns []net.Conn
	for range maxClients + 5 {
		conns = append(conns, dial())
	}
	last := conns[len(conns)-1]
	if line, _ := bufio.NewReader(last).ReadString('\n'); !strings.Contains(line, "too many connections") {
		t.Errorf("client %d: %q", len(conns), line)
	}
	for _, c := range conns {
		c.Close()
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := View(within(t), s.o.Path); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server does not recover")
		}
	}
}

// Close ends everything while requests and watchers are under way (goleak
// looks for what stays).
func TestCloseWhileBusy(t *testing.T) {
	s := serve(t, Options{View: func(ctx context.Context) (cluster.View, error) {
		<-ctx.Done()
		return cluster.View{}, ctx.Err()
	}})
	errs := make(chan error, 2)
	ready := make(chan struct{}, 2)
	go func() { ready <- struct{}{}; _, err := View(context.Background(), s.o.Path); errs <- err }()
	go func() {
		c, err := Dial(context.Background(), s.o.Path)
		ready <- struct{}{}
		if err == nil {
			err = c.Watch(context.Background(), 0, func([]byte, cluster.View) error { return nil })
			c.Close()
		}
		errs <- err
	}()
	<-ready
	<-ready
	time.Sleep(20 * time.Millisecond)
	s.Close()
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("a client was not told")
		}
	}
}
