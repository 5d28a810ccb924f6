package uring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Numbers of linux/io_uring.h.
const (
	opFsync      = 3
	opPollAdd    = 6
	opPollRemove = 7
	opFallocate  = 17
	opRead       = 22
	opWrite      = 23

	fsyncDatasync = 1
	pollMulti     = 1 << 0

	setupCQSize       = 1 << 3
	setupCoopTaskrun  = 1 << 8  // Linux 5.19: completions do not interrupt the thread
	setupSingleIssuer = 1 << 12 // Linux 6.0
	setupDeferTaskrun = 1 << 13 // Linux 6.1: they wait until the thread asks for them

	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1

	enterGetEvents = 1 << 0
	cqeMore        = 1 << 1 // the operation goes on

	registerProbe = 8
	probeOps      = 64
	opSupported   = 1 << 0

	offSQRing = 0
	offSQEs   = 0x10000000
)

// sqe is an operation as the kernel wants it (struct io_uring_sqe).
type sqe struct {
	opcode uint8
	flags  uint8
	ioprio uint16
	fd     int32
	off    uint64
	addr   uint64
	length uint32
	rw     uint32 // flags of the operation
	user   uint64
	_      [3]uint64
}

type cqe struct {
	user  uint64
	res   int32
	flags uint32
}

type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

type cqOffsets struct {
	head, tail, mask, entries, overflow, cqes, flags, _ uint32
	_                                                   uint64
}

type params struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wq uint32
	_                                                                [3]uint32
	sq                                                               sqOffsets
	cq                                                               cqOffsets
}

// ring is one pair of queues. It belongs to one thread.
type ring struct {
	fd      int
	mem     []byte // both queues
	entries []byte // of sqes
	sqes    []sqe
	sqHead  *uint32
	sqTail  *uint32
	sqMask  uint32
	tail    uint32 // of sqes that were filled
	cqHead  *uint32
	cqTail  *uint32
	cqMask  uint32
	cqes    []cqe
}

// newRing makes a ring of n entries for submission, a power of two, and cq for completion. The
// error is ENOSYS where the kernel has none, or one that lacks something, and EPERM where it is
// forbidden.
func newRing(n, cq uint32) (*ring, error) {
	r := &ring{}
	var p params
	var err error
	for _, flags := range []uint32{setupSingleIssuer | setupDeferTaskrun, setupCoopTaskrun, 0} {
		p = params{flags: setupCQSize | flags, cqEntries: cq}
		fd, _, no := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
		if no == 0 {
			r.fd, err = CloseEarly(int(fd)), nil
			break
		}
		if err = no; no != unix.EINVAL { // EINVAL: the flags are not known
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if err := r.mapQueues(&p); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *ring) mapQueues(p *params) error {
	if p.features&featSingleMmap == 0 || p.features&featNoDrop == 0 {
		return unix.ENOSYS
	}
	if err := r.probe(); err != nil {
		return err
	}
	size := max(p.sq.array+p.sqEntries*4, p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{})))
	var err error
	prot, flags := unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE
	if r.mem, err = unix.Mmap(r.fd, offSQRing, int(size), prot, flags); err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}
	if r.entries, err = unix.Mmap(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), prot, flags); err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.mem[off])) }
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.sqHead, r.sqTail, r.sqMask = word(p.sq.head), word(p.sq.tail), *word(p.sq.mask)
	r.tail = *r.sqTail
	array := unsafe.Slice(word(p.sq.array), p.sqEntries)
	for i := range array {
		array[i] = uint32(i)
	}
	r.cqHead, r.cqTail, r.cqMask = word(p.cq.head), word(p.cq.tail), *word(p.cq.mask)
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&r.mem[p.cq.cqes])), p.cqEntries)
	return nil
}

// probe asks whether the kernel has the operations (Linux 5.6).
func (r *ring) probe() error {
	var b [16 + 8*probeOps]byte
	_, _, no := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerProbe, uintptr(unsafe.Pointer(&b)), probeOps, 0, 0)
	if no != 0 {
		return unix.ENOSYS
	}
	for _, op := range []int{opFsync, opPollAdd, opPollRemove, opFallocate, opRead, opWrite} {
		if op > int(b[0]) || b[16+8*op+2]&opSupported == 0 { // b[0] is the last operation
			return unix.ENOSYS
		}
	}
	return nil
}

func (r *ring) close() {
	for _, m := range [][]byte{r.mem, r.entries} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	_ = unix.Close(r.fd)
}

// next is an entry to be filled as a whole; nil while the queue is full.
func (r *ring) next() *sqe {
	if r.tail-atomic.LoadUint32(r.sqHead) >= uint32(len(r.sqes)) {
		return nil
	}
	e := &r.sqes[r.tail&r.sqMask]
	r.tail++
	return e
}

// enter hands the entries to the kernel, and waits for a completion if wait is set. Entries may be
// left: they stay in the queue.
func (r *ring) enter(wait bool) error {
	atomic.StoreUint32(r.sqTail, r.tail)
	n := r.tail - atomic.LoadUint32(r.sqHead)
	least := uintptr(0)
	if wait {
		least = 1
	}
	// Not a raw system call: a garbage collection would wait for it.
	_, _, no := syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), least, enterGetEvents, 0, 0)
	if no != 0 {
		return no
	}
	return nil
}

// withdraw takes the entries back that the kernel did not take, and tells whose they are.
func (r *ring) withdraw(f func(user uint64)) {
	head := atomic.LoadUint32(r.sqHead)
	for i := head; i != r.tail; i++ {
		f(r.sqes[i&r.sqMask].user)
	}
	r.tail = head
	atomic.StoreUint32(r.sqTail, head)
}

// ready tells whether there is a completion.
func (r *ring) ready() bool { return *r.cqHead != atomic.LoadUint32(r.cqTail) }

// reap takes the oldest completion.
func (r *ring) reap() (c cqe, ok bool) {
	head := *r.cqHead
	if head == atomic.LoadUint32(r.cqTail) {
		return cqe{}, false
	}
	c = r.cqes[head&r.cqMask]
	atomic.StoreUint32(r.cqHead, head+1)
	return c, true
}
