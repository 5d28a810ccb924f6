package fuse

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
)

// readGroup is how many requests are read before others of the thread have their turn.
const readGroup = 64

// reading is the state of the reader: of a goroutine, or of the ring's thread.
type reading struct {
	watch  *uring.Watch // of the ring
	ended  bool         // the connection ended, or the session is halted
	head   []byte
	big    *blockdev.Buffer // for the payload of the next request
	short  bool             // the ring's thread waits for a buffer
	single bool             // the last time there was one request only
	second bool             // one was taken; is there another?
	iov    [2]unix.Iovec
	halted atomic.Bool
}

func (s *session) start() {
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.head = make([]byte, requestSize)
	if s.ring == nil {
		s.reader.Go(func() { s.over(s.readAll()) })
		return
	}
	s.ring.Post(func() { s.watch = s.ring.Watch(s.fd, s.drain) })
}

// over notes the end of the connection.
func (s *session) over(err error) {
	s.ended = true
	if s.big != nil {
		s.big.Release()
		s.big = nil
	}
	if s.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	s.failed = err
	s.mu.Unlock()
	s.log("requests of the kernel end: %v", err)
}

// halt stops the reader only. It waits for the thread of the ring, so it must not be called in it.
func (s *session) halt() {
	if s.cancel == nil || s.halted.Swap(true) {
		return
	}
	s.cancel()
	if s.ring == nil {
		s.f.SetReadDeadline(time.Unix(1, 0))
		s.reader.Wait()
		return
	}
	over := make(chan struct{})
	s.ring.Post(func() {
		if !s.ended {
			s.over(nil)
		}
		s.watch.Close(func() { close(over) })
	})
	<-over
	s.reader.Wait()
}

// receive reads one request without waiting; its first bytes go to head, the others to rest.
func (s *session) receive(head, rest []byte) (int, error) {
	for i, b := range [...][]byte{head, rest} {
		s.iov[i].Base = &b[0]
		s.iov[i].SetLen(len(b))
	}
	for {
		n, _, no := syscall.Syscall(unix.SYS_READV, uintptr(s.fd), uintptr(unsafe.Pointer(&s.iov)), 2)
		switch no {
		case 0:
			return int(n), nil
		case unix.EINTR, unix.ENOENT: // ENOENT: this one was interrupted meanwhile
			continue
		}
		return 0, no
	}
}

// readAll takes requests until the session is halted or the connection ends.
func (s *session) readAll() (err error) {
	if s.big, err = s.pool.Get(s.ctx, maxIO); err != nil {
		return err
	}
	e := s.rc.Read(func(uintptr) bool {
		for err == nil && s.ctx.Err() == nil {
			err = s.next()
		}
		if err != unix.EAGAIN {
			return true
		}
		err = nil
		return false
	})
	if e != nil {
		return e
	}
	return err
}

// drain takes the requests that are there. It is called in the ring's thread. Of an application that waits
// for each of its requests there is only one: that goes on its way before it is looked for a second.
func (s *session) drain() (more bool) {
	second := s.second
	s.second = false
	for i := range readGroup {
		if s.ended || s.short {
			return false
		}
		if s.big == nil {
			if err := s.wait(maxIO, func(b *blockdev.Buffer) { s.big = b }); err != nil || s.short {
				return false
			}
		}
		switch err := s.next(); err {
		case nil:
			if i == 0 && s.single && !second {
				s.second = true
				return true
			}
			s.single = false
		case unix.EAGAIN:
			s.single = s.single || i == 1 && !second
			return false
		default:
			s.over(err)
			return false
		}
	}
	return true
}

// wait passes a buffer on once there is one. In the ring's thread it does not wait itself;
// no request is read meanwhile.
func (s *session) wait(n int, then func(b *blockdev.Buffer)) error {
	if s.ring == nil {
		b, err := s.pool.Get(s.ctx, n)
		if err == nil {
			then(b)
		}
		return err
	}
	if b := s.pool.TryGet(n); b != nil {
		then(b)
		return nil
	}
	s.short = true
	s.reader.Go(func() {
		b, err := s.pool.Get(s.ctx, n)
		if err != nil {
			return
		}
		s.ring.Post(func() {
			if s.ended { // a request that waits for it stays with the kernel; a successor gets it
				b.Release()
				return
			}
			s.short = false
			then(b)
			s.watch.Again()
		})
	})
	return nil
}

// next takes one request; EAGAIN when there is none.
func (s *session) next() error {
	n, err := s.receive(s.head, s.big.B)
	if err != nil {
		return err
	}
	h, err := parseHeader(s.head, n)
	if err != nil {
		return err
	}
	arg := s.head[inHeaderSize:]
	switch h.opcode {
	case opRead:
		if n < requestSize {
			return fmt.Errorf("READ of %d bytes", n)
		}
		off, size := ioArgs(arg)
		return s.read(h.unique, off, size)
	case opWrite:
		off, size := ioArgs(arg)
		if n != requestSize+size || size > maxIO {
			return fmt.Errorf("WRITE of %d bytes says it has %d", n-requestSize, size)
		}
		return s.write(h.unique, off, size)
	case opFsync:
		s.submit(h.unique, blockdev.Flush, 0, 0, 0, nil)
	case opFallocate:
		s.fallocate(h.unique, parseFallocate(arg))
	default:
		s.rest(h, arg)
	}
	return nil
}

func (s *session) read(unique uint64, off int64, size int) error {
	// Only who reads the file itself, not the loop device, comes to its end.
	left := s.backend.Info().Size - off
	if left <= 0 || size == 0 {
		s.reply(unique, 0, nil)
		return nil
	}
	size = int(min(int64(size), left))
	if size > maxIO {
		s.fail(unique, syscall.EINVAL)
		return nil
	}
	if b := s.pool.TryGet(size); b != nil {
		s.submit(unique, blockdev.Read, 0, off, int64(size), b)
		return nil
	}
	return s.wait(size, func(b *blockdev.Buffer) { s.submit(unique, blockdev.Read, 0, off, int64(size), b) })
}

// write passes the payload in big on, by copy when it is small; otherwise another buffer takes its
// place.
func (s *session) write(unique uint64, off int64, size int) error {
	if size < copyBelow {
		if b := s.pool.TryGet(size); b != nil {
			copy(b.B, s.big.B)
			s.submit(unique, blockdev.Write, 0, off, int64(size), b)
			return nil
		}
	}
	b := s.big
	b.B = b.B[:size]
	s.big = nil
	s.submit(unique, blockdev.Write, 0, off, int64(size), b)
	if s.big = s.pool.TryGet(maxIO); s.big != nil {
		return nil
	}
	return s.wait(maxIO, func(b *blockdev.Buffer) { s.big = b })
}
