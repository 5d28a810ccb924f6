package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"classicha/drbdd/replica"
)

// serve starts a server with small limits; its end is waited for.
func serve(t *testing.T, change func(*server), handle Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ctl")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		handle: handle, conns: make(chan struct{}, 8), followers: make(chan struct{}, 2),
		readLimit: time.Second, writeLimit: time.Second, allowed: rootOnly,
	}
	if change != nil {
		change(s)
	}
	done := make(chan error, 1)
	go func() { done <- s.serve(l) }()
	t.Cleanup(func() {
		l.Close()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the server did not end with its listener")
		}
	})
	return path
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestCall(t *testing.T) {
	want := Request{
		Cmd: "attach", Minor: 3, Args: []string{"/dev/sda1", "/dev/md", "0"},
		Options: map[string]string{"al-extents": "257", "disk-barrier": "no"}, Defaults: true,
	}
	var seen Request
	path := serve(t, nil, func(_ context.Context, req Request, reply func(Answer) error) {
		seen = req
		reply(Answer{Error: 127, Info: []string{"unknown minor"}})
	})
	a, err := Call(within(t, 5*time.Second), path, want)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("the daemon read %+v, sent was %+v", seen, want)
	}
	if a.Error != 127 || len(a.Info) != 1 || a.Info[0] != "unknown minor" {
		t.Errorf("answer %+v", a)
	}
}

// A minor that was not given must not become minor 0.
func TestMissingMinor(t *testing.T) {
	r, err := readRequest(bufio.NewReader(strings.NewReader("{\"cmd\":\"status\"}\n")))
	if err != nil || r.Minor != -1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnswerCarriesState(t *testing.T) {
	res := Resource{
		View: replica.View{Name: "r0", Net: &replica.NetView{Options: replica.DefaultNetOptions()}, Volumes: []replica.VolumeView{{Vol: 1, Minor: 7, Options: replica.DefaultDiskOptions(),
			Progress: &replica.Progress{Total: 9, Started: time.Unix(5, 7).UTC(), Now: time.Unix(6, 0).UTC(), Marks: []replica.Mark{{At: time.Unix(5, 9).UTC(), Left: 4}}}}}},
		Net: map[string]string{"protocol": "A"}, Local: "ipv4:10.0.0.1:7788", Volumes: []Volume{{Disk: "/dev/sda1", Index: "internal"}},
	}
	path := serve(t, nil, func(_ context.Context, _ Request, reply func(Answer) error) {
		reply(Answer{Resources: []Resource{res}})
	})
	a, err := Call(within(t, 5*time.Second), path, Request{Cmd: "show", All: true, Minor: -1})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a.Resources, []Resource{res}) {
		t.Errorf("got  %+v\nwant %+v", a.Resources, []Resource{res})
	}
}

func TestFollow(t *testing.T) {
	path := serve(t, nil, func(ctx context.Context, req Request, reply func(Answer) error) {
		if !req.Follow {
			t.Error("Follow is not set")
		}
		for i := 1; reply(Answer{Now: int64(i), Last: i == 5}) == nil && i < 5; i++ {
		}
	})
	for _, c := range []struct {
		stop int64
		want int64
	}{{stop: 3, want: 3}, {stop: 99, want: 5}} {
		var last int64
		err := Follow(within(t, 5*time.Second), path, Request{Cmd: "events2"}, func(a Answer) bool {
			last = a.Now
			return a.Now < c.stop
		})
		if err != nil || last != c.want {
			t.Errorf("stop at %d: last answer %d, %v; want %d", c.stop, last, err, c.want)
		}
	}
}

// The handler of a tool that was killed must learn of it.
func TestToolGoesAway(t *testing.T) {
	gone := make(chan struct{})
	path := serve(t, nil, func(ctx context.Context, _ Request, reply func(Answer) error) {
		reply(Answer{})
		<-ctx.Done()
		close(gone)
	})
	if err := Follow(within(t, 5*time.Second), path, Request{Cmd: "events"}, func(Answer) bool { return false }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(3 * time.Second):
		t.Fatal("the handler still runs after its tool ended")
	}
}

func TestDaemonGoesAway(t *testing.T) {
	path := serve(t, nil, func(_ context.Context, req Request, reply func(Answer) error) {
		if req.Follow {
			reply(Answer{})
		}
	})
	if _, err := Call(within(t, 5*time.Second), path, Request{Cmd: "down"}); err == nil || !strings.Contains(err.Error(), "went away") {
		t.Errorf("call: %v", err)
	}
	if err := Follow(within(t, 5*time.Second), path, Request{Cmd: "events"}, func(Answer) bool { return true }); err == nil || !strings.Contains(err.Error(), "went away") {
		t.Errorf("follow: %v", err)
	}
}

func TestNoDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	_, err := Call(context.Background(), path, Request{Cmd: "role"})
	if want := "cannot reach drbdd at " + path + ": no such file or directory"; !errors.Is(err, ErrUnreachable) || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close() // as after kill -9: the file is there, nobody listens
	_, err = Call(context.Background(), path, Request{Cmd: "role"})
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dead socket: %v", err)
	}
	l, err = Listen(path)
	if err != nil {
		t.Fatalf("a dead socket is not replaced: %v", err)
	}
	defer l.Close()
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another drbdd is there") {
		t.Errorf("a second daemon: %v", err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode of the socket: %v, %v; want only root to open it", fi.Mode(), err)
	}
}

func TestDeadlines(t *testing.T) {
	path := serve(t, nil, func(ctx context.Context, _ Request, _ func(Answer) error) { <-ctx.Done() })
	start := time.Now()
	_, err := Call(within(t, 100*time.Millisecond), path, Request{Cmd: "primary"})
	if !errors.Is(err, ErrNoReply) || time.Since(start) > 2*time.Second {
		t.Errorf("a daemon that does not answer: %v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := Follow(ctx, path, Request{Cmd: "events"}, func(Answer) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, c := range []string{"role", "show", "connect", "new-minor"} {
		if Limit(c) > 10*time.Second {
			t.Errorf("%s may take %v", c, Limit(c))
		}
	}
	if Limit("attach") < 600*time.Second {
		t.Errorf("attach may take only %v", Limit("attach"))
	}
}

// raw sends bytes and returns what comes back until the end.
func raw(t *testing.T, path, text string) Answer {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(c, text) // may fail half-way: the answer tells why
	b, err := io.ReadAll(c)
	if err != nil && !isClosed(err) {
		t.Fatal(err)
	}
	var a Answer
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a); err != nil {
			t.Fatalf("answer %q: %v", b, err)
		}
	}
	return a
}

func TestBadRequests(t *testing.T) {
	path := serve(t, func(s *server) { s.readLimit = 200 * time.Millisecond }, func(_ context.Context, req Request, reply func(Answer) error) {
		if req.Cmd != "role" {
			t.Errorf("handled: %+v", req)
		}
		reply(Answer{})
	})
	for _, c := range []struct{ text, want string }{
		{"hello\n", "not a request"},
		{"{}\n", "it has no command"},
		{`{"cmd":7}` + "\n", "not a request"},
		{`{"cmd":"role"`, "no request came in time"},
		{`{"cmd":"` + strings.Repeat("x", maxRequest) + `"}` + "\n", "line is too long"},
	} {
		if a := raw(t, path, c.text); !strings.Contains(a.Usage, c.want) {
			t.Errorf("%.30q: answer %+v, want %q", c.text, a, c.want)
		}
	}
	if _, err := Call(within(t, 5*time.Second), path, Request{Cmd: "role"}); err != nil {
		t.Errorf("a good request after the bad ones: %v", err)
	}
}

func TestBusy(t *testing.T) {
	var wg sync.WaitGroup
	hold := make(chan struct{})
	running := make(chan struct{}, 10)
	path := serve(t, func(s *server) { s.conns = make(chan struct{}, 3) }, func(_ context.Context, _ Request, reply func(Answer) error) {
		running <- struct{}{}
		<-hold
		reply(Answer{Last: true})
	})
	for i := range 3 {
		wg.Go(func() {
			req, ctx := Request{Cmd: "role"}, within(t, 5*time.Second)
			var err error
			if i < 2 {
				err = Follow(ctx, path, req, func(a Answer) bool { return a.Usage == "" })
			} else {
				_, err = Call(ctx, path, req)
			}
			if err != nil {
				t.Error(err)
			}
		})
		<-running
	}
	a, err := Call(within(t, 5*time.Second), path, Request{Cmd: "role"})
	if err != nil || a.Usage != "drbdd is busy: 3 requests are under way" {
		t.Errorf("%+v, %v", a, err)
	}
	close(hold)
	wg.Wait()
}

func TestFollowersLeaveRoom(t *testing.T) {
	path := serve(t, func(s *server) { s.followers = make(chan struct{}, 1) }, func(ctx context.Context, req Request, reply func(Answer) error) {
		reply(Answer{})
		if req.Follow {
			<-ctx.Done()
		}
	})
	ctx := within(t, 5*time.Second)
	err := Follow(ctx, path, Request{Cmd: "events"}, func(Answer) bool {
		a := Answer{}
		if err := Follow(ctx, path, Request{Cmd: "events"}, func(b Answer) bool { a = b; return false }); err != nil || a.Usage != "drbdd is busy: 1 programs follow events" {
			t.Errorf("second follower: %+v, %v", a, err)
		}
		if a, err := Call(ctx, path, Request{Cmd: "role"}); err != nil || a.Usage != "" {
			t.Errorf("a command beside the follower: %+v, %v", a, err)
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOnlyRoot(t *testing.T) {
	path := serve(t, func(s *server) { s.allowed = func(net.Conn) error { return errors.New("user 1000 is not root") } },
		func(context.Context, Request, func(Answer) error) { t.Error("handled") })
	a, err := Call(within(t, 5*time.Second), path, Request{Cmd: "down", Resource: "r0"})
	if err != nil || a.Error != ErrPermission {
		t.Errorf("%+v, %v", a, err)
	}
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	if rootOnly(x) == nil {
		t.Error("who is behind something else than a unix socket cannot be known")
	}
}

// drbd-cli 3.1: every error has a sentence.
func TestErrorTexts(t *testing.T) {
	for code := 102; code <= 170; code++ {
		if ErrorText(code) == "" {
			t.Errorf("error %d has no text", code)
		}
	}
	for _, code := range []int{-1, 0, 101, 171} {
		if ErrorText(code) != "" {
			t.Errorf("%d: %q", code, ErrorText(code))
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, s := range []string{
		"{\"cmd\":\"role\",\"minor\":0}\n", "{}\n", "\n", "", "null\n", "[]\n", "{\"cmd\":\"x\",\"minor\":1e99}\n",
		"{\"cmd\":\"attach\",\"args\":[\"a\",\"b\"],\"options\":{\"size\":\"1\"}}\nmore", "{\"cmd\":\"a\",\"options\":{\"a\":{}}}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := readRequest(bufio.NewReaderSize(strings.NewReader(string(b)), 16))
		if err != nil {
			return
		}
		if req.Cmd == "" {
			t.Fatal("a request without a command")
		}
		line, err := appendLine(req)
		if err != nil {
			t.Fatal(err)
		}
		again, err := readRequest(bufio.NewReader(strings.NewReader(string(line))))
		if err != nil {
			if errors.Is(err, errTooLong) {
				return // escapes made it longer
			}
			t.Fatal(err)
		}
		x, _ := appendLine(again)
		if string(x) != string(line) {
			t.Fatalf("%q became %q", line, x)
		}
	})
}
