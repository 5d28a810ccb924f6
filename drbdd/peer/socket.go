package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is one of the connections of a session. Either goroutines wait for it, with the
// poller of the runtime; or a ring watches it, and then the poller does not have it: each
// arrival would wake one of its threads as well.
type socket struct {
	f      *os.File
	raw    syscall.RawConn
	polled bool
}

// newSocket takes nc over, also when it fails.
func newSocket(nc *net.TCPConn, polled bool) (*socket, error) {
	defer nc.Close() // the copy stays; only by that nc leaves the poller
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if e := raw.Control(func(p uintptr) { fd, err = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if !polled { // os gives the poller what does not block
		err = unix.SetNonblock(fd, false)
	}
	k := &socket{f: os.NewFile(uintptr(fd), "peer"), polled: polled}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil {
		k.raw, err = k.f.SyscallConn()
	}
	if err != nil {
		k.f.Close()
		return nil, fmt.Errorf("socket of the peer: %w", err)
	}
	return k, nil
}

// pollEvery is how often who waits for room looks whether the session has ended.
const pollEvery = 100 * time.Millisecond

// write calls f until it is true, and waits for room in between. It gives up with
// os.ErrDeadlineExceeded after patience, if that is not 0, and with net.ErrClosed
// when ctx ends.
func (k *socket) write(ctx context.Context, f func(fd uintptr) bool, patience time.Duration) error {
	if k.polled {
		var limit time.Time
		if patience > 0 {
			limit = time.Now().Add(patience)
		}
		_ = k.f.SetWriteDeadline(limit)
		if ctx.Err() != nil { // part was just before
			return net.ErrClosed
		}
		err := k.raw.Write(f)
		if ctx.Err() == nil {
			_ = k.f.SetWriteDeadline(time.Time{})
		}
		return err
	}
	began := time.Now()
	for {
		done := false
		if err := k.raw.Write(func(fd uintptr) bool { done = f(fd); return true }); err != nil || done {
			return err
		}
		wait := pollEvery
		if patience > 0 {
			if wait = min(wait, patience-time.Since(began)); wait <= 0 {
				return os.ErrDeadlineExceeded
			}
		}
		if err := k.poll(unix.POLLOUT, wait); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return net.ErrClosed
		}
	}
}

// poll waits for an event, or for d; then the error is nil, too.
func (k *socket) poll(events int16, d time.Duration) error {
	var err error
	e := k.raw.Control(func(fd uintptr) {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, max(1, int(d.Milliseconds())))
	})
	if e != nil {
		return e
	}
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("poll", err)
	}
	return nil
}

// wake ends all waiting of goroutines.
func (k *socket) wake() {
	if k.polled {
		now := time.Now()
		_ = k.f.SetReadDeadline(now)
		_ = k.f.SetWriteDeadline(now)
	}
}

// closeWrite tells the peer that nothing more comes.
func (k *socket) closeWrite() {
	k.fd(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
}

// fd lends the descriptor to f.
func (k *socket) fd(f func(fd int)) { _ = k.raw.Control(func(fd uintptr) { f(int(fd)) }) }

func (k *socket) close() { k.f.Close() }

// swallow reads what comes until the peer has closed its end, or for d. Nobody else reads.
func (k *socket) swallow(d time.Duration) {
	limit, b := time.Now().Add(d), make([]byte, 64<<10)
	for {
		left := time.Until(limit)
		if left <= 0 || k.poll(unix.POLLIN, left) != nil {
			return
		}
		var n int
		var err error
		e := k.raw.Control(func(fd uintptr) { n, err = unix.Read(int(fd), b) })
		if e != nil || err != nil && err != unix.EAGAIN && err != unix.EINTR || err == nil && n == 0 {
			return
		}
	}
}
