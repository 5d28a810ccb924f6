package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
)

// Bounds of what a writer of the FIFO can make us keep.
const (
	maxFIFOLine  = 511    // bytes without the newline (heartbeat-wire 15)
	maxFIFOFrame = 262144 // as every frame (heartbeat-wire 1)
)

// MakeFIFO makes sure that path is a FIFO that only root can use. Something
// else of that name is removed. made tells the caller to log
// "Creating FIFO /var/lib/heartbeat/fifo."
func MakeFIFO(path string) (made bool, err error) {
	st, err := os.Lstat(path)
	if err == nil && st.Mode().Type() != os.ModeNamedPipe {
		if err := os.Remove(path); err != nil {
			return false, fmt.Errorf("make FIFO: %w", err)
		}
		err = os.ErrNotExist
	}
	if errors.Is(err, os.ErrNotExist) {
		if err := syscall.Mkfifo(path, 0o600); err != nil && !errors.Is(err, syscall.EEXIST) {
			return false, &os.PathError{Op: "mkfifo", Path: path, Err: err}
		}
		made = true
	} else if err != nil {
		return false, err
	}
	// The umask may have taken bits, and an old FIFO may have others.
	if err := os.Chmod(path, 0o600); err != nil {
		return made, err
	}
	if os.Getuid() == 0 {
		err = os.Chown(path, 0, 0)
	} else {
		err = nil
	}
	return made, err
}

// FIFO reads the frames that scripts write (`>>>`, name=value lines, `<<<`),
// one goroutine calling recv. Frames are unsigned text; recv owns the slice,
// which has the marker lines too.
type FIFO struct {
	f       *os.File
	done    chan struct{}
	dropped atomic.Int64
}

// OpenFIFO opens the FIFO and starts reading. It is opened for writing too, so
// that there is no end of file when the last script closes it.
func OpenFIFO(path string, recv func(frame []byte)) (*FIFO, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || st.Mode().Type() != os.ModeNamedPipe {
		f.Close()
		return nil, fmt.Errorf("open %s: not a FIFO", path)
	}
	r := &FIFO{f: f, done: make(chan struct{})}
	go r.run(recv)
	return r, nil
}

// Dropped counts lines that were too long or outside of a frame, and frames
// that were too long or began again before their end.
func (r *FIFO) Dropped() int64 { return r.dropped.Load() }

// Close ends the goroutine; recv is not called after it returns.
func (r *FIFO) Close() error {
	err := r.f.Close() // releases the read: the descriptor is in non-blocking mode
	<-r.done
	return err
}

func (r *FIFO) run(recv func([]byte)) {
	defer close(r.done)
	var s fifoSplitter
	buf := make([]byte, 4096)
	for {
		n, err := r.f.Read(buf)
		s.push(buf[:n], recv)
		r.dropped.Add(s.takeDropped())
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return // closed; a FIFO with a writer has no other end
		}
	}
}

// fifoSplitter finds frames in a byte stream. Any garbage between frames, and
// any half frame, is dropped at the next line `>>>`.
type fifoSplitter struct {
	line    []byte // the unfinished line
	tooLong bool   // the unfinished line is dropped
	frame   []byte // the unfinished frame with its first marker
	inFrame bool
	bad     bool // the unfinished frame is dropped
	dropped int64
}

func (s *fifoSplitter) takeDropped() int64 {
	n := s.dropped
	s.dropped = 0
	return n
}

func (s *fifoSplitter) push(b []byte, recv func([]byte)) {
	for len(b) > 0 {
		part, rest, ended := bytes.Cut(b, []byte{'\n'})
		b = rest
		if len(s.line)+len(part) > maxFIFOLine {
			s.tooLong = true
			s.line = s.line[:0]
		}
		if !s.tooLong {
			s.line = append(s.line, part...)
		}
		if !ended {
			return
		}
		s.endLine(recv)
		s.line, s.tooLong = s.line[:0], false
	}
}

func (s *fifoSplitter) endLine(recv func([]byte)) {
	switch {
	case s.tooLong:
		s.bad = true
		s.dropped++
	case string(s.line) == ">>>":
		if s.inFrame {
			s.dropped++
		}
		s.frame = append([]byte(nil), ">>>\n"...)
		s.inFrame, s.bad = true, false
	case !s.inFrame:
		if len(s.line) > 0 {
			s.dropped++
		}
	case string(s.line) == "<<<":
		frame, bad := append(s.frame, "<<<\n"...), s.bad
		s.frame, s.inFrame, s.bad = nil, false, false
		if !bad {
			recv(frame)
		}
	case len(s.frame)+len(s.line)+len("\n<<<\n") > maxFIFOFrame:
		if !s.bad {
			s.dropped++
		}
		s.bad = true
	case !s.bad:
		s.frame = append(append(s.frame, s.line...), '\n')
	}
}
