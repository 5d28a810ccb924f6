package daemon

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waker wakes the loop at a time. The runtime's own timers wait in whole milliseconds, round
// them down and wait once more for the rest: a daemon that wakes a few times a second spends
// a third of its processor time on that, and is late by up to a millisecond. The kernel's
// timer does it in one go.
type waker struct {
	C    chan struct{} // has a token after the time has come; it may be an old one
	f    *os.File
	rc   syscall.RawConn
	done chan struct{}
	at   time.Time // the loop's: set to; zero: not set, or gone off
}

func newWaker() (*waker, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	w := &waker{C: make(chan struct{}, 1), f: os.NewFile(uintptr(fd), "timer"), done: make(chan struct{})}
	if w.rc, err = w.f.SyscallConn(); err != nil {
		w.f.Close()
		return nil, err
	}
	go w.watch()
	return w, nil
}

// watch passes the kernel's word on.
func (w *waker) watch() {
	defer close(w.done)
	var buf [8]byte
	for {
		if n, err := w.f.Read(buf[:]); err != nil || n != len(buf) || binary.NativeEndian.Uint64(buf[:]) == 0 {
			return // closed
		}
		select {
		case w.C <- struct{}{}:
		default:
		}
	}
}

// set lets the waker go off after d, once. It is the loop's. A time that is already set is
// left if it comes earlier: the loop looks at the clock itself.
func (w *waker) set(now time.Time, d time.Duration) {
	at := now.Add(d)
	if !w.at.IsZero() && w.at.After(now) && !w.at.After(at) {
		return
	}
	w.at = at
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))} // 0 would switch it off
	_ = w.rc.Control(func(fd uintptr) { _ = unix.TimerfdSettime(int(fd), 0, &spec, nil) })
}

// rang is to be called after a token was taken.
func (w *waker) rang() { w.at = time.Time{} }

func (w *waker) close() {
	w.f.Close()
	<-w.done
}
