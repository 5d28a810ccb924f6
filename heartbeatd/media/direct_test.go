package media

import (
	"errors"
	"os"
	"testing"
	"time"

	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// A socket whose buffer is full refuses a frame at once: the loop sends by itself and must
// never wait for a network.
func TestSendNeverWaits(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	f := os.NewFile(uintptr(fds[0]), "socket")
	rc, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	s := &sock{f: f, rc: rc}
	defer s.close()
	begin, sent := time.Now(), 0
	for err == nil && sent < 1e6 {
		err = s.send(make([]byte, 1000), nil)
		sent++
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Errorf("after %d frames that nobody read: %v, want EAGAIN", sent, err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

type refusing struct{ err error }

func (r *refusing) read(func([]byte)) (int, error) { return 0, errClosed }
func (r *refusing) write([]byte) error             { return r.err }
func (r *refusing) check() error                   { return nil }
func (r *refusing) close()                         {}

// What does not fit into the buffer is dropped, counted, and logged once.
func TestFullBufferDrops(t *testing.T) {
	var lines []string
	r := newRunner(Spec{Kind: KindBcast, Log: func(_ hlog.Level, text string) { lines = append(lines, text) }}, "eth0")
	r.sendText = func(int, error) string { return "full" }
	c := &refusing{err: unix.EAGAIN}
	r.current = c
	for range 5 {
		r.Send([]byte("x"))
	}
	c.err = unix.ENETDOWN
	r.Send([]byte("x"))
	c.err = nil
	r.Send([]byte("x"))
	s := r.Stats()
	if s.QueueDrops != 5 || s.SendErrors != 1 || s.Sent != 1 || s.LastError != "" {
		t.Errorf("%+v", s)
	}
	if len(lines) != 2 {
		t.Errorf("logged %q, want one line for each reason", lines)
	}
}
