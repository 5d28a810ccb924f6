package keeper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	switch os.Getenv("KEEPER_TEST") {
	case "keeper":
		os.Exit(Main(os.Args, os.Stderr))
	case "daemon":
		os.Exit(daemon(os.Args[1], os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

// socket is a short path: 107 bytes are all that a socket may have.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "keep")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// inside runs keepers as goroutines; it returns the spawn function and one that waits for their end.
func inside(t *testing.T) func(*os.File) error {
	ended := make(chan error, 8)
	n := 0
	t.Cleanup(func() {
		for range n {
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("keeper: %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("an idle keeper does not end")
			}
		}
	})
	return func(f *os.File) error {
		l, err := net.FileListener(f)
		if err != nil {
			return err
		}
		n++
		go func() { ended <- Serve(l.(*net.UnixListener), 50*time.Millisecond) }()
		return nil
	}
}

func mustConnect(t *testing.T, path string, spawn func(*os.File) error) *Client {
	t.Helper()
	c, err := Connect(path, spawn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestPutTakeDrop(t *testing.T) {
	path := socket(t)
	c := mustConnect(t, path, inside(t))
	if c.PID() != os.Getpid() {
		t.Errorf("the keeper is process %d, want ours", c.PID())
	}
	if _, _, err := c.Take(t.Context(), "drbd0"); !errors.Is(err, ErrNone) {
		t.Errorf("take of nothing: %v", err)
	}
	r, w := pipe(t)
	if err := c.Put("drbd0", []byte(`{"n":1}`), r, w); err != nil {
		t.Fatal(err)
	}
	if fl, err := unix.FcntlInt(r.Fd(), unix.F_GETFD, 0); err != nil || fl&unix.FD_CLOEXEC == 0 {
		t.Errorf("our descriptor after put: %v", err)
	}
	r.Close()
	w.Close() // the keeper has the only ones now

	other := mustConnect(t, path, nil)
	if _, _, err := other.Take(t.Context(), "drbd0"); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("take of what another connection owns: %v, want it refused and its process named", err)
	}
	for what, err := range map[string]error{"put": other.Put("drbd0", nil), "drop": other.Drop("drbd0"), "release": other.Release("drbd0")} {
		if !errors.Is(err, ErrHeld) {
			t.Errorf("%s of what another connection owns: %v", what, err)
		}
	}
	if err := c.Release("drbd0"); err != nil {
		t.Fatal(err)
	}
	state, files, err := other.Take(t.Context(), "drbd0")
	if err != nil || string(state) != `{"n":1}` || len(files) != 2 {
		t.Fatalf("take: %q, %d files, %v", state, len(files), err)
	}
	defer files[0].Close()
	if _, err := files[1].Write([]byte("through")); err != nil {
		t.Error(err)
	}
	files[1].Close()
	if l, err := other.List(); err != nil || !slices.Equal(l, []string{"drbd0"}) {
		t.Errorf("list: %q, %v", l, err)
	}
	if err := other.Drop("drbd0"); err != nil {
		t.Fatal(err)
	}
	// With the keeper's copy gone the pipe has no writer any more.
	if b, err := io.ReadAll(files[0]); err != nil || string(b) != "through" {
		t.Errorf("read from the pipe: %q, %v", b, err)
	}
}

func TestHostileMessages(t *testing.T) {
	path := socket(t)
	c := mustConnect(t, path, inside(t))
	for _, b := range []string{"", "{", "[]", `{"Op":"fly"}`, `{"Op":"put"}`, `{"Op":"put","Name":"` + strings.Repeat("x", 300) + `"}`, strings.Repeat("x", maxMessage+1)} {
		nc, err := net.Dial("unixpacket", path)
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(5 * time.Second))
		nc.Write([]byte(b))
		got := make([]byte, 1000)
		if n, err := nc.Read(got); err == nil && n > 0 && !strings.Contains(string(got[:n]), "Error") {
			t.Errorf("%.30q was answered by %s", b, got[:n])
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.30q: no answer and no end", b)
		}
		nc.Close()
	}
	if l, err := c.List(); err != nil || len(l) != 0 {
		t.Errorf("another client after that: %q, %v", l, err)
	}
}

// daemon is a process that owns an item until it is killed.
func daemon(path, name string) int {
	os.Setenv("KEEPER_TEST", "keeper")
	c, err := Connect(path, Start(os.Args[0]))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, w, err := os.Pipe()
	if err == nil {
		err = c.Put(name, []byte("state of "+name), w)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready", c.PID())
	select {}
}

// TestKilledOwner: real processes. The keeper is nobody's child, ignores polite signals, and gives
// the item on once its owner was killed.
func TestKilledOwner(t *testing.T) {
	path := socket(t)
	cmd := exec.Command(os.Args[0], path, "drbd7")
	cmd.Env = append(os.Environ(), "KEEPER_TEST=daemon")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var pid int
	if _, e := fmt.Sscanf(line, "ready %d", &pid); e != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the daemon says %q, %v", line, err)
	}
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(handle)
	t.Cleanup(func() { unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0) })
	syscall.Kill(pid, syscall.SIGTERM)
	syscall.Kill(pid, syscall.SIGINT)

	c := mustConnect(t, path, nil)
	if _, _, err := c.Take(t.Context(), "drbd7"); !errors.Is(err, ErrHeld) {
		t.Errorf("take from a living daemon: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	state, files, err := c.Take(ctx, "drbd7")
	if err != nil || string(state) != "state of drbd7" || len(files) != 1 {
		t.Fatalf("take from a killed daemon: %q, %d files, %v", state, len(files), err)
	}
	files[0].Close()
	if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); strings.TrimSpace(string(b)) != "drbdd-keeper" {
		t.Errorf("the keeper is called %q", b)
	}
	if err := c.Drop("drbd7"); err != nil {
		t.Error(err)
	}
	c.Close()
	// Idle, it ends by itself.
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, 15000); n != 1 {
		t.Errorf("the idle keeper is still there: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("put", "drbd0", []byte("{}"))
	f.Fuzz(func(t *testing.T, op, name string, state []byte) {
		s := &server{items: map[string]*item{}, change: make(chan struct{})}
		me, other := &owner{pid: 1, handle: -1}, &owner{pid: 2, handle: -1}
		s.put(request{Name: name, State: state}, nil, me)
		if r, _ := s.put(request{Name: name}, nil, other); r.Error == "" {
			t.Errorf("two owners of %q", name)
		}
		s.giveUp(request{Op: op, Name: name}, me)
	})
}
