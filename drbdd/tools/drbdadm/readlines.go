package drbdadm

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// sane sets a terminal so that lines can be typed in: a splash screen may have
// left it otherwise.
func sane(stream any) {
	f, ok := stream.(*os.File)
	if !ok {
		return
	}
	fd := int(f.Fd())
	set, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return
	}
	set.Lflag |= unix.ECHO | unix.ICANON
	set.Iflag |= unix.ICRNL
	unix.IoctlSetTermios(fd, unix.TCSETS, set)
}

// readLines reads a stream line by line; an empty slice is an end of file, after
// which a terminal may say more. done ends the reading, also of a terminal that
// says nothing.
func readLines(r io.Reader) (lines <-chan []byte, done func()) {
	out := make(chan []byte)
	quit := make(chan struct{})
	stop := func() {}
	read := r.Read
	if f, ok := r.(*os.File); ok {
		if pipe, err := newWakePipe(); err == nil {
			stop = func() { pipe.wake() }
			read = func(b []byte) (int, error) { return pipe.read(int(f.Fd()), b) }
		}
	} else if c, ok := r.(io.Closer); ok {
		stop = func() { c.Close() }
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		var have []byte
		buf := make([]byte, 256)
		for ends := 0; ends < 2*endingChars; {
			n, err := read(buf)
			have = append(have, buf[:n]...)
			for {
				line, rest, ok := cutLine(have)
				if !ok {
					break
				}
				have = rest
				if !send(out, quit, bytes.Clone(line)) {
					return
				}
			}
			if n > 0 {
				ends = 0
				continue
			}
			if err != nil && err != io.EOF || !send(out, quit, nil) {
				return
			}
			ends++
		}
	}()
	return out, func() {
		close(quit)
		stop()
		<-ended
	}
}

func send(out chan<- []byte, quit <-chan struct{}, line []byte) bool {
	select {
	case out <- line:
		return true
	case <-quit:
		return false
	}
}

// wakePipe ends a wait for a descriptor that cannot be closed, because it is not
// ours.
type wakePipe [2]int

func newWakePipe() (*wakePipe, error) {
	var p wakePipe
	return &p, unix.Pipe2(p[:], unix.O_CLOEXEC)
}

// wake makes read return.
func (p *wakePipe) wake() { unix.Close(p[1]) }

// read waits for the descriptor or the end.
func (p *wakePipe) read(fd int, b []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(p[0]), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil || fds[1].Revents != 0 {
			unix.Close(p[0])
			return 0, unix.ECANCELED
		}
		n, err := unix.Read(fd, b)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n == 0 && err == nil {
			return 0, io.EOF
		}
		return max(n, 0), err
	}
}
