package fuse

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
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
	fd      int // of f
	backend blockdev.Backend
	pool    *blockdev.Pool
	ring    *uring.Thread // reads requests; nil: a goroutine does
	log     func(format string, args ...any)
	gate    blockdev.Gate
	calls   sync.Pool
	resend  bool // the kernel can repeat unanswered requests

	reading
	ctx    context.Context // ends when the reader shall stop
	cancel context.CancelFunc
	reader sync.WaitGroup

	use    sync.RWMutex // of fd: held for reading by who answers, for writing by who closes it
	closed bool
	mu     sync.Mutex
	failed error // why the reader ended by itself
}

// call is one request of the kernel.
type call struct {
	s      *session
	req    blockdev.Request
	unique uint64
	head   [outHeaderSize + 8]byte
	iov    [2]unix.Iovec
}

// newSession takes fd over. It must be mounted already: an unconnected descriptor cannot be polled.
func newSession(fd int, b blockdev.Backend, pool *blockdev.Pool, ring *uring.Thread, log func(string, ...any)) (*session, error) {
	s := &session{fd: fd, backend: blockdev.Split(b), pool: pool, ring: ring, log: log}
	s.calls.New = func() any { return &call{s: s} }
	if ring != nil {
		// While it blocks, os leaves it out of the runtime's poller, which each request would
		// wake as well.
		if err := unix.SetNonblock(fd, false); err != nil {
			return nil, fmt.Errorf("/dev/fuse: %w", err)
		}
		s.f = os.NewFile(uintptr(fd), "/dev/fuse")
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("/dev/fuse: %w", err)
	}
	if ring == nil {
		s.f = os.NewFile(uintptr(fd), "/dev/fuse")
	}
	rc, err := s.f.SyscallConn()
	if err != nil {
		return nil, err
	}
	s.rc = rc
	return s, nil
}

// handshake answers INIT, the first request of a new mount.
func (s *session) handshake() error {
	limit := time.Now().Add(10 * time.Second)
	buf, rest := make([]byte, 64<<10), make([]byte, maxIO)
	n, err := s.receive(buf, rest)
	for err == unix.EAGAIN {
		left := time.Until(limit).Milliseconds()
		if left <= 0 {
			return fmt.Errorf("wait for INIT: %w", os.ErrDeadlineExceeded)
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, int(left)); err != nil && err != unix.EINTR {
			return fmt.Errorf("/dev/fuse cannot be polled: %w", err)
		}
		n, err = s.receive(buf, rest)
	}
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

// pause stops reading requests and waits until those that were read are answered. The kernel keeps
// the others.
func (s *session) pause(ctx context.Context) error {
	s.halt()
	return s.gate.Drain(ctx)
}

// close ends the session's use of the descriptor. When nobody else holds it the
// connection is aborted: every waiting and later request of applications fails with EIO.
func (s *session) close() error {
	s.halt()
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.f.Close()
}

// err is why the session ended by itself: the kernel's end of the connection.
func (s *session) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// send writes one message. It is safe against close, and several may send at a time.
func (s *session) send(parts ...[]byte) error {
	var iov [2]unix.Iovec
	return s.writev(&iov, parts...)
}

// writev needs room for as many parts.
func (s *session) writev(iov *[2]unix.Iovec, parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		if len(p) > 0 {
			iov[n].Base = &p[0]
			iov[n].SetLen(len(p))
			n++
		}
	}
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	for {
		_, _, no := syscall.Syscall(unix.SYS_WRITEV, uintptr(s.fd), uintptr(unsafe.Pointer(iov)), uintptr(n))
		switch no {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return no
	}
}

// answer sends a reply. A request that the kernel gave up meanwhile (ENOENT) and the end
// of the connection need no further notice.
func (s *session) answer(iov *[2]unix.Iovec, head []byte, data []byte) {
	err := s.writev(iov, head, data)
	if err == nil || err == os.ErrClosed || err == unix.ENOENT || err == unix.ENODEV {
		return
	}
	s.log("answer to request %#x: %v", ne.Uint64(head[8:]), err)
}

// reply is the answer to a request that carries no I/O.
func (s *session) reply(unique uint64, errno syscall.Errno, out []byte) {
	var iov [2]unix.Iovec
	s.answer(&iov, putHeader(make([]byte, outHeaderSize), unique, errno, len(out)), out)
}

// fallocate: the loop device sends PUNCH_HOLE for discards, but also for those write-zeroes
// that may unmap. So a hole must read as zeroes, and only zeroes may be asked for. Where there is
// no short way the kernel writes the zeroes itself, and a discard, which has no need of them, ends.
func (s *session) fallocate(unique uint64, a fallocArgs) {
	switch a.mode {
	case fallocKeepSize | fallocPunchHole:
		s.submit(unique, blockdev.WriteZeroes, blockdev.Unmap|blockdev.Fast, a.off, a.length, nil)
	case fallocKeepSize | fallocZeroRange:
		s.submit(unique, blockdev.WriteZeroes, blockdev.Fast, a.off, a.length, nil)
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
	s.reply(h.unique, 0, out)
}

func (s *session) fail(unique uint64, errno syscall.Errno) { s.reply(unique, errno, nil) }

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
		s.answer(&c.iov, putHeader(c.head[:], c.unique, errno, 0), nil)
	case r.Op == blockdev.Read:
		s.answer(&c.iov, putHeader(c.head[:], c.unique, 0, len(r.Data)), r.Data)
	case r.Op == blockdev.Write:
		putHeader(c.head[:], c.unique, 0, 8)
		ne.PutUint32(c.head[outHeaderSize:], uint32(r.Len))
		s.answer(&c.iov, c.head[:], nil)
	default:
		s.answer(&c.iov, putHeader(c.head[:], c.unique, 0, 0), nil)
	}
	if r.Buf != nil {
		r.Buf.Release()
	}
	r.Buf, r.Data, c.iov = nil, nil, [2]unix.Iovec{}
	s.calls.Put(c)
	s.gate.Leave()
}
