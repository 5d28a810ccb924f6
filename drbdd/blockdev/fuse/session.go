package fuse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

const (
	// maxIO is the largest read or write; the loop device sends at most half of it.
	maxIO = blockdev.MaxBuffer
	// copyBelow: smaller writes are copied into a buffer of their size, so that a queue
	// of small ones does not hold 1 MiB each.
	copyBelow = 64 << 10
)

// session serves one connection to the kernel.
type session struct {
	f       *os.File // /dev/fuse, not blocking
	rc      syscall.RawConn
	backend blockdev.Backend
	pool    *blockdev.Pool
	log     func(format string, args ...any)
	gate    blockdev.Gate
	calls   sync.Pool
	resend  bool // the kernel can repeat unanswered requests

	ctx    context.Context // ends when the reader shall stop
	cancel context.CancelFunc
	reader sync.WaitGroup
	closed atomic.Bool
	mu     sync.Mutex
	failed error // why the reader ended by itself
}

// call is one request of the kernel.
type call struct {
	s      *session
	req    blockdev.Request
	unique uint64
	head   [outHeaderSize + 8]byte
}

// newSession takes f over. It must be mounted already: an unconnected descriptor cannot be polled.
func newSession(fd int, b blockdev.Backend, pool *blockdev.Pool, log func(string, ...any)) (*session, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("/dev/fuse: %w", err)
	}
	s := &session{f: os.NewFile(uintptr(fd), "/dev/fuse"), backend: blockdev.Split(b), pool: pool, log: log}
	s.calls.New = func() any { return &call{s: s} }
	rc, err := s.f.SyscallConn()
	if err != nil {
		return nil, err
	}
	s.rc = rc
	return s, nil
}

// handshake answers INIT, the first request of a new mount.
func (s *session) handshake() error {
	if err := s.f.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("/dev/fuse cannot be polled: %w", err)
	}
	defer s.f.SetReadDeadline(time.Time{})
	buf := make([]byte, 64<<10)
	n, err := s.receive(buf, make([]byte, maxIO))
	if err != nil {
		return fmt.Errorf("wait for INIT: %w", err)
	}
	h, err := parseHeader(buf, n)
	if err != nil {
		return err
	}
	if h.opcode != opInit {
		return fmt.Errorf("the first request has number %d, not INIT", h.opcode)
	}
	out, flags, err := answerInit(buf[inHeaderSize:n], maxIO)
	if err != nil {
		return err
	}
	if flags&initAsyncDIO == 0 || flags&initMaxPages == 0 {
		return fmt.Errorf("the kernel lacks FUSE features: it has %#x of %#x", flags, uint64(wantFlags))
	}
	s.resend = flags&initResend != 0
	return s.send(putHeader(make([]byte, outHeaderSize), h.unique, 0, len(out)), out)
}

// repeat makes the kernel send all unanswered requests again. It comes before start, for it
// would repeat our own requests as well.
func (s *session) repeat() error {
	if err := s.send(notification(notifyResend, nil)); err != nil {
		return fmt.Errorf("ask for the unanswered requests: %w", err)
	}
	return nil
}

func (s *session) start() {
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.reader.Go(func() {
		err := s.readAll()
		if s.ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
		s.log("requests of the kernel end: %v", err)
	})
}

// pause stops reading requests and waits until those that were read are answered. The kernel keeps
// the others.
func (s *session) pause(ctx context.Context) error {
	s.halt()
	return s.gate.Drain(ctx)
}

// halt stops the reader only.
func (s *session) halt() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.f.SetReadDeadline(time.Unix(1, 0))
	s.reader.Wait()
}

// close ends the session's use of the descriptor. When nobody else holds it the
// connection is aborted: every waiting and later request of applications fails with EIO.
func (s *session) close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.halt()
	return s.f.Close()
}

// err is why the session ended by itself: the kernel's end of the connection.
func (s *session) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// receive reads one request; its first bytes go to head, the others to rest.
func (s *session) receive(head, rest []byte) (n int, err error) {
	vec := [2][]byte{head, rest}
	e := s.rc.Read(func(fd uintptr) bool {
		for {
			n, err = unix.Readv(int(fd), vec[:])
			switch err {
			case unix.EINTR, unix.ENOENT: // ENOENT: this one was interrupted meanwhile
				continue
			case unix.EAGAIN:
				return false
			}
			return true
		}
	})
	if e != nil {
		return 0, e
	}
	return n, err
}

// send writes one message. It is safe against close, and several may send at a time.
func (s *session) send(parts ...[]byte) (err error) {
	e := s.rc.Control(func(fd uintptr) {
		for {
			if _, err = unix.Writev(int(fd), parts); err != unix.EINTR {
				return
			}
		}
	})
	if e != nil {
		return e
	}
	return err
}

// answer sends a reply. A request that the kernel gave up meanwhile (ENOENT) and the end
// of the connection need no further notice.
func (s *session) answer(head []byte, data []byte) {
	err := s.send(head, data)
	if err == nil || s.closed.Load() || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return
	}
	s.log("answer to request %#x: %v", ne.Uint64(head[8:]), err)
}

// readAll takes requests until the session is halted or the connection ends.
func (s *session) readAll() error {
	big, err := s.pool.Get(s.ctx, maxIO)
	if err != nil {
		return err
	}
	defer func() {
		if big != nil {
			big.Release()
		}
	}()
	head := make([]byte, requestSize)
	for {
		n, err := s.receive(head, big.B)
		if err != nil {
			return err
		}
		h, err := parseHeader(head, n)
		if err != nil {
			return err
		}
		arg := head[inHeaderSize:]
		switch h.opcode {
		case opRead:
			if n < requestSize {
				return fmt.Errorf("READ of %d bytes", n)
			}
			off, size := ioArgs(arg)
			err = s.read(h.unique, off, size)
		case opWrite:
			off, size := ioArgs(arg)
			if n != requestSize+size || size > maxIO {
				return fmt.Errorf("WRITE of %d bytes says it has %d", n-requestSize, size)
			}
			big, err = s.write(h.unique, off, size, big)
		case opFsync:
			s.submit(h.unique, blockdev.Flush, 0, 0, 0, nil)
		case opFallocate:
			s.fallocate(h.unique, parseFallocate(arg))
		default:
			s.rest(h, arg)
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) read(unique uint64, off int64, size int) error {
	// Only who reads the file itself, not the loop device, comes to its end.
	left := s.backend.Info().Size - off
	if left <= 0 || size == 0 {
		s.answer(putHeader(make([]byte, outHeaderSize), unique, 0, 0), nil)
		return nil
	}
	size = int(min(int64(size), left))
	if size > maxIO {
		s.fail(unique, syscall.EINVAL)
		return nil
	}
	b, err := s.pool.Get(s.ctx, size)
	if err != nil {
		return err // the request stays with the kernel; a successor gets it
	}
	s.submit(unique, blockdev.Read, 0, off, int64(size), b)
	return nil
}

// write passes the payload in big on, by copy when it is small, and returns the buffer for the
// next request.
func (s *session) write(unique uint64, off int64, size int, big *blockdev.Buffer) (*blockdev.Buffer, error) {
	if size < copyBelow {
		if b := s.pool.TryGet(size); b != nil {
			copy(b.B, big.B)
			s.submit(unique, blockdev.Write, 0, off, int64(size), b)
			return big, nil
		}
	}
	all := big.B
	big.B = all[:size]
	s.submit(unique, blockdev.Write, 0, off, int64(size), big)
	return s.pool.Get(s.ctx, maxIO)
}

// fallocate: the loop device sends PUNCH_HOLE for discards, but also for those write-zeroes
// that may unmap. So a hole must read as zeroes, and only zeroes may be asked for.
func (s *session) fallocate(unique uint64, a fallocArgs) {
	switch a.mode {
	case fallocKeepSize | fallocPunchHole:
		s.submit(unique, blockdev.WriteZeroes, blockdev.Unmap, a.off, a.length, nil)
	case fallocKeepSize | fallocZeroRange:
		s.submit(unique, blockdev.WriteZeroes, 0, a.off, a.length, nil)
	default:
		s.fail(unique, syscall.EOPNOTSUPP)
	}
}

// rest answers what carries no I/O.
func (s *session) rest(h inHeader, arg []byte) {
	var out []byte
	switch h.opcode {
	case opForget, opBatchForget:
		return // these have no answer
	case opGetattr:
		out = attrOut(s.backend.Info().Size)
	case opOpen:
		if s.backend.Info().ReadOnly && ne.Uint32(arg)&syscall.O_ACCMODE != syscall.O_RDONLY {
			s.fail(h.unique, syscall.EROFS)
			return
		}
		out = openOut()
	case opStatfs:
		out = statfsOut(s.backend.Info().Size)
	case opRelease, opFlush, opDestroy:
	case opSetattr:
		s.fail(h.unique, syscall.EPERM)
		return
	default:
		s.fail(h.unique, syscall.ENOSYS) // the kernel remembers it and does not ask again
		return
	}
	s.answer(putHeader(make([]byte, outHeaderSize), h.unique, 0, len(out)), out)
}

func (s *session) fail(unique uint64, errno syscall.Errno) {
	s.answer(putHeader(make([]byte, outHeaderSize), unique, errno, 0), nil)
}

// submit gives a request to the backend. b holds the data of reads and writes.
func (s *session) submit(unique uint64, op blockdev.Op, flags blockdev.Flags, off, n int64, b *blockdev.Buffer) {
	c := s.calls.Get().(*call)
	c.unique = unique
	c.req.ID, c.req.Op, c.req.Flags, c.req.Off, c.req.Len = unique, op, flags, off, n
	c.req.Buf, c.req.Data, c.req.Done, c.req.Ctx = b, nil, completed, c
	if b != nil {
		c.req.Data = b.B
	}
	if !s.gate.Enter() {
		panic("fuse: the gate of a session is never closed")
	}
	c.req.Start()
	s.backend.Submit(&c.req)
}

// completed answers the kernel and takes everything back.
func completed(r *blockdev.Request, err error) {
	c := r.Ctx.(*call)
	s := c.s
	errno := blockdev.Errno(err)
	switch {
	case errno != 0:
		s.answer(putHeader(c.head[:], c.unique, errno, 0), nil)
	case r.Op == blockdev.Read:
		s.answer(putHeader(c.head[:], c.unique, 0, len(r.Data)), r.Data)
	case r.Op == blockdev.Write:
		putHeader(c.head[:], c.unique, 0, 8)
		ne.PutUint32(c.head[outHeaderSize:], uint32(r.Len))
		s.answer(c.head[:], nil)
	default:
		s.answer(putHeader(c.head[:], c.unique, 0, 0), nil)
	}
	if r.Buf != nil {
		r.Buf.Release()
	}
	r.Buf, r.Data = nil, nil
	s.calls.Put(c)
	s.gate.Leave()
}
