package lab

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Line is a null modem cable: two pseudo-terminals and two goroutines that
// carry bytes from one to the other.
type Line struct {
	ends    [2]lineEnd
	cut     atomic.Bool
	carried [2]atomic.Uint64 // bytes that came out at end i
	wg      sync.WaitGroup
}

// lineEnd is one plug. The lab holds the terminal side open too, so that a node
// that closes its port does not hang up the line.
type lineEnd struct {
	node string
	pty  *os.File
	tty  *os.File
	mu   sync.Mutex // a write and its deadline belong together
}

func newLine(a, b string) (*Line, error) {
	l := &Line{}
	for i, node := range []string{a, b} {
		p, t, err := pty.Open()
		if err != nil {
			l.Close()
			return nil, err
		}
		if err := rawLine(t); err != nil {
			l.Close()
			return nil, err
		}
		// A second descriptor in non-blocking mode has deadlines; a full
		// terminal must lose bytes, not stop the line.
		fd, err := unix.FcntlInt(p.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			err = unix.SetNonblock(fd, true)
		}
		if err != nil {
			l.Close()
			return nil, err
		}
		_ = p.Close()
		l.ends[i].node, l.ends[i].pty, l.ends[i].tty = node, os.NewFile(uintptr(fd), p.Name()), t
	}
	l.wg.Add(2)
	go l.carry(0, 1)
	go l.carry(1, 0)
	return l, nil
}

// rawLine is 8 bits, no echo, no translation: what is written comes out.
func rawLine(t *os.File) error {
	tio, err := unix.IoctlGetTermios(int(t.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
	tio.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B19200
	tio.Cc[unix.VMIN], tio.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(int(t.Fd()), unix.TCSETS, tio)
}

func (l *Line) carry(from, to int) {
	defer l.wg.Done()
	buf := make([]byte, 4096)
	for {
		n, err := l.ends[from].pty.Read(buf)
		if err != nil {
			return
		}
		if l.cut.Load() {
			continue
		}
		if err := l.Inject(to, buf[:n]); err != nil {
			return
		}
	}
}

// Cut makes the line lose every byte until Join.
func (l *Line) Cut() { l.cut.Store(true) }

// Join undoes Cut.
func (l *Line) Join() { l.cut.Store(false) }

// Inject makes bytes arrive at one end (0 or 1), which nobody need have sent:
// noise. What finds no room for 50 ms is lost.
func (l *Line) Inject(end int, b []byte) error {
	e := &l.ends[end]
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.pty.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := e.pty.Write(b)
	l.carried[end].Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Carried is the number of bytes that came out at an end so far.
func (l *Line) Carried(end int) uint64 { return l.carried[end].Load() }

// flush forgets what waits at an end, as a port without power does.
func (l *Line) flush(end int) {
	_ = unix.IoctlSetInt(int(l.ends[end].tty.Fd()), unix.TCFLSH, unix.TCIOFLUSH)
}

// Close removes the line.
func (l *Line) Close() {
	for i := range l.ends {
		e := &l.ends[i]
		if e.pty != nil {
			_ = e.pty.Close()
		}
		if e.tty != nil {
			_ = e.tty.Close()
		}
	}
	l.wg.Wait()
}
