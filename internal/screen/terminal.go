package screen

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Event is something that happened on the terminal.
type Event struct {
	Key    Key
	Resize bool // the size changed
	End    bool // the terminal is gone, or a signal asks us to end
}

// Terminal is a terminal that is drawn in place. Draw, Size and Close belong to
// one goroutine.
type Terminal struct {
	out    *os.File
	stdin  int // descriptor that is read and whose settings were changed
	saved  *term.State
	events chan Event
	quit   chan struct{}
	wake   [2]int // pipe that ends the reader's wait
	wg     sync.WaitGroup
}

const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[2J" // other screen, no cursor
	leave = "\x1b[?25h\x1b[?1049l"
)

// IsTerminal tells whether f is a terminal that can be drawn on.
func IsTerminal(f *os.File) bool {
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// Open takes the terminal over: raw mode, the alternate screen, no cursor. The
// caller must call Close.
func Open(stdin, stdout *os.File) (*Terminal, error) {
	t := &Terminal{out: stdout, stdin: int(stdin.Fd()), events: make(chan Event, 16), quit: make(chan struct{})}
	if err := unix.Pipe2(t.wake[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	var err error
	if t.saved, err = term.MakeRaw(t.stdin); err != nil {
		unix.Close(t.wake[0])
		unix.Close(t.wake[1])
		return nil, fmt.Errorf("terminal: %w", err)
	}
	if _, err := stdout.WriteString(enter); err != nil {
		t.Close()
		return nil, err
	}
	t.wg.Add(2)
	go t.readKeys()
	go t.readSignals()
	return t, nil
}

// Events are keys, changes of size and the end.
func (t *Terminal) Events() <-chan Event { return t.events }

// Size is the width and height in characters, 80 and 24 if unknown.
func (t *Terminal) Size() (width, height int) { return SizeOf(t.out) }

// SizeOf is the size of the terminal f, 80 by 24 if it is none.
func SizeOf(f *os.File) (width, height int) {
	if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
		return w, h
	}
	return 80, 24
}

// Draw replaces what is shown, in one write, without clearing first: nothing flickers.
func (t *Terminal) Draw(lines []Line, colour bool) error {
	w, h := t.Size()
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, l := range lines {
		if i == h {
			break
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(l.Encode(w, colour))
		b.WriteString("\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, err := t.out.WriteString(b.String())
	return err
}

// Close gives the terminal back as it was.
func (t *Terminal) Close() error {
	close(t.quit)
	unix.Close(t.wake[1])
	t.wg.Wait()
	unix.Close(t.wake[0])
	_, err := t.out.WriteString(leave)
	if rerr := term.Restore(t.stdin, t.saved); err == nil {
		err = rerr
	}
	return err
}

// readKeys waits with poll, because a read of a terminal cannot be ended, and
// making it non-blocking would change it for the shell too.
func (t *Terminal) readKeys() {
	defer t.wg.Done()
	buf := make([]byte, 256)
	fds := []unix.PollFd{{Fd: int32(t.stdin), Events: unix.POLLIN}, {Fd: int32(t.wake[0]), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil || fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(t.stdin, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n <= 0 {
			t.send(Event{End: true})
			return
		}
		for _, k := range parseKeys(buf[:n]) {
			t.send(Event{Key: k})
		}
	}
}

func (t *Terminal) readSignals() {
	defer t.wg.Done()
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGWINCH, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer signal.Stop(c)
	for {
		select {
		case s := <-c:
			t.send(Event{Resize: s == syscall.SIGWINCH, End: s != syscall.SIGWINCH})
		case <-t.quit:
			return
		}
	}
}

func (t *Terminal) send(e Event) {
	select {
	case t.events <- e:
	case <-t.quit:
	}
}
