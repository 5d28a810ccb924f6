package media

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"classicha/heartbeatd/message"
	tarm "github.com/tarm/serial"
	"golang.org/x/sys/unix"
)

const (
	// serialPiece is how much is written at once (heartbeat-wire 1). Between
	// pieces the writer pauses for as long as the line takes to send one.
	serialPiece = 512
	// serialWriteTimeout is how long one piece may wait for the line.
	serialWriteTimeout = 500 * time.Millisecond
)

// NewSerial is a serial line, usually a null modem cable to the one other node.
// It carries the classic text form without a final NUL (heartbeat-wire 3.3).
func NewSerial(s Spec) (Medium, error) {
	s = s.complete(KindSerial)
	if !strings.HasPrefix(s.TTY, "/") {
		return nil, fmt.Errorf("glib: Serial port not full pathname [%s] in config file", s.TTY)
	}
	r := newRunner(s, s.TTY)
	// What takes longer than a second to send is old when it arrives: the queue
	// holds that much, and four frames in any case.
	r.q = newQueue(64, max(s.Baud/10, 4*serialPiece))
	r.text = true
	r.lines = []string{fmt.Sprintf("glib: Starting serial heartbeat on tty %s (%d baud)", s.TTY, s.Baud)}
	r.open = func() (conn, error) {
		c, err := openSerial(s)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	r.sendText = func(_ int, err error) string {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Sprintf("glib: TTY write timeout on [%s] (no connection or bad cable? [see documentation])", s.TTY)
		}
		return fmt.Sprintf("glib: TTY write failure on [%s]: %s", s.TTY, osText(err))
	}
	return r, nil
}

// serialConn is an open line. tarm/serial opens the device and sets speed and
// format; its port can neither be released from a blocked read nor tell a hang-up
// from a timeout, so a second descriptor of ours does the I/O.
type serialConn struct {
	path   string
	port   *tarm.Port
	f      *os.File
	lock   *uucpLock
	pause  time.Duration
	framer message.Framer
	buf    []byte
	closed chan struct{}
}

func openSerial(s Spec) (*serialConn, error) {
	lock, err := lockTTY(s.LockDir, s.TTY, os.Getpid())
	if err != nil {
		return nil, err
	}
	c := &serialConn{
		path: s.TTY, lock: lock, buf: make([]byte, 4096), closed: make(chan struct{}),
		pause: serialPiece * time.Second / time.Duration(s.Baud/8),
	}
	if err := c.open(s.Baud); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// open opens both descriptors. After an error close still has work to do.
func (c *serialConn) open(baud int) (err error) {
	// The read timeout only matters in that tarm asks for one; nobody reads there.
	c.port, err = tarm.OpenPort(&tarm.Config{Name: c.path, Baud: baud, ReadTimeout: 100 * time.Millisecond})
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", c.path, pathless(err))
	}
	c.f, err = os.OpenFile(c.path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", c.path, pathless(err))
	}
	if err := c.f.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%s cannot be waited for: %w", c.path, err)
	}
	if err := c.control(setLine); err != nil {
		return fmt.Errorf("cannot set tty attributes: %s: %w", c.path, err)
	}
	return nil
}

// setLine completes the settings of the line (heartbeat-wire 3.3), empties it
// and sends a break, at which a reader on the other side empties its own.
func setLine(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag = unix.BRKINT | unix.INPCK | unix.ISTRIP | unix.IGNCR
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG
	t.Cflag |= unix.CLOCAL | unix.CRTSCTS | unix.CREAD
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, t); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, unix.TCSBRK, 0)
}

func (c *serialConn) control(f func(fd int) error) error {
	rc, err := c.f.SyscallConn()
	if err != nil {
		return err
	}
	cerr := rc.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(cerr, err)
}

func (c *serialConn) close() {
	select {
	case <-c.closed:
		return
	default:
		close(c.closed)
	}
	if c.f != nil {
		c.f.Close()
	}
	if c.port != nil {
		c.port.Close()
	}
	c.lock.release()
}

// check finds out whether the path leads to another device now, as after an
// adapter was unplugged and plugged in again.
func (c *serialConn) check() error {
	path, err := os.Stat(c.path)
	if err != nil {
		return nil // without a path there is nothing to open instead
	}
	open, err := c.f.Stat()
	if err != nil || !os.SameFile(path, open) {
		return lost("the device is another one now")
	}
	return nil
}

// read waits for bytes. A hang-up shows as end of file or as EIO, again and again
// as often as one asks: the conn is lost then.
func (c *serialConn) read(deliver func([]byte)) (garbage int, err error) {
	n, err := c.f.Read(c.buf)
	switch {
	case errors.Is(err, os.ErrClosed):
		return 0, errClosed
	case errors.Is(err, io.EOF), errors.Is(err, unix.EIO), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return 0, lost("the line was hung up")
	case err != nil:
		return 0, err
	}
	before := c.framer.Dropped
	for _, frame := range c.framer.Push(c.buf[:n]) {
		deliver(frame)
	}
	return c.framer.Dropped - before, nil
}

// write sends a frame piece by piece. When a piece does not get out in time both
// directions are emptied and the rest of the frame is lost, so that the other
// side does not get old news from the buffers once it reads again.
func (c *serialConn) write(frame []byte) error {
	for first := true; len(frame) > 0; first = false {
		if !first && !c.sleep(c.pause) {
			return errClosed
		}
		piece := frame[:min(serialPiece, len(frame))]
		frame = frame[len(piece):]
		c.f.SetWriteDeadline(time.Now().Add(serialWriteTimeout))
		if _, err := c.f.Write(piece); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH) })
			}
			return pathless(err)
		}
	}
	return nil
}

// sleep returns false if the conn was closed meanwhile.
func (c *serialConn) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-c.closed:
		return false
	}
}

// pathless takes the reason out of an error that names the path, too.
func pathless(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
