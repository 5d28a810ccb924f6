package disk

import (
	"sync"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
)

// ringWorkers carry out the little that a ring has no operation for.
const ringWorkers = 2

// ring is the engine of an io_uring: no thread waits for a disk, and what is submitted
// together reaches the kernel in one system call. Completions are called in the ring's thread.
type ring struct {
	d    *Disk
	t    *uring.Thread
	slow *threads

	mu       sync.Mutex // of what follows
	spare    []*ringOp
	flushing bool
	flushOp  uring.Op
	flushes  [2][]*blockdev.Request // under way, waiting
}

// ringOp is an operation under way. It holds the request, and the request its memory.
type ringOp struct {
	uring.Op
	e    *ring
	r    *blockdev.Request
	done int // bytes of r.Data that were transferred before
}

func newRing(d *Disk, t *uring.Thread) *ring {
	e := &ring{d: d, t: t, slow: newThreads(d, ringWorkers)}
	e.flushOp.Done = e.flushed
	return e
}

func (e *ring) submit(r *blockdev.Request) {
	switch r.Op {
	case blockdev.Flush:
		e.flush(r)
		return
	case blockdev.Read, blockdev.Write:
		if e.d.aligned(r.Data) {
			e.begin(r)
			return
		}
	default:
		if _, ok := e.d.fallocMode(r); ok {
			e.begin(r)
			return
		}
	}
	e.slow.submit(r)
}

func (e *ring) begin(r *blockdev.Request) {
	var o *ringOp
	e.mu.Lock()
	if n := len(e.spare); n > 0 {
		o = e.spare[n-1]
		e.spare = e.spare[:n-1]
	}
	e.mu.Unlock()
	if o == nil {
		o = &ringOp{e: e}
		o.Done = o.ended
	}
	o.r, o.done = r, 0
	o.start()
}

func (o *ringOp) start() {
	fd, r, off := o.e.d.fd, o.r, o.r.Off+int64(o.done)
	switch r.Op {
	case blockdev.Read:
		o.Read(fd, r.Data[o.done:], off)
	case blockdev.Write:
		flags := uint32(0)
		if r.Flags&blockdev.FUA != 0 {
			flags = rwfDsync
		}
		o.Write(fd, r.Data[o.done:], off, flags)
	default:
		mode, _ := o.e.d.fallocMode(r)
		o.Fallocate(fd, mode|unix.FALLOC_FL_KEEP_SIZE, off, r.Len)
	}
	o.e.t.Do(&o.Op)
}

// ended is the end of one operation.
func (o *ringOp) ended(_ *uring.Op, res int32) {
	e, r := o.e, o.r
	if res >= 0 && r.Op.HasData() {
		n, left := int(res), len(r.Data)-o.done-int(res)
		if n > 0 && left > 0 && n%e.d.align == 0 {
			o.done += n
			o.start()
			return
		}
		if left > 0 {
			res = -int32(unix.EIO) // the device ends here, though it said otherwise
		}
	}
	o.r = nil
	e.mu.Lock()
	e.spare = append(e.spare, o)
	e.mu.Unlock()
	if res >= 0 {
		e.d.finish(r, nil)
		return
	}
	switch no := unix.Errno(-res); {
	case no == unix.EINTR || no == unix.EAGAIN || !r.Op.HasData() && refused(no):
		e.slow.submit(r) // has other means, and patience
	default:
		e.d.finish(r, no)
	}
}

// flush: a flush that comes while one is under way waits for the next, as in threads.
func (e *ring) flush(r *blockdev.Request) {
	e.mu.Lock()
	e.flushes[1] = append(e.flushes[1], r)
	begin := !e.flushing
	if begin {
		e.nextFlush()
	}
	e.mu.Unlock()
	if begin {
		e.sync()
	}
}

// nextFlush makes those that wait the ones under way. Called with mu.
func (e *ring) nextFlush() {
	e.flushing = true
	e.flushes[0], e.flushes[1] = e.flushes[1], e.flushes[0]
}

func (e *ring) sync() {
	e.d.stats.Syncs.Add(1)
	e.flushOp.Datasync(e.d.fd)
	e.t.Do(&e.flushOp)
}

// flushed ends the flushes that one fdatasync covered, and begins the next.
func (e *ring) flushed(_ *uring.Op, res int32) {
	var err error
	if res < 0 {
		no := unix.Errno(-res)
		if no == unix.EINTR || no == unix.EAGAIN {
			e.sync()
			return
		}
		err = no
	}
	e.mu.Lock()
	over := e.flushes[0]
	e.mu.Unlock()
	for i, r := range over { // flushes that come out of this wait for the next
		over[i] = nil
		e.d.finish(r, err)
	}
	e.mu.Lock()
	e.flushes[0] = over[:0]
	e.flushing = false
	begin := len(e.flushes[1]) > 0
	if begin {
		e.nextFlush()
	}
	e.mu.Unlock()
	if begin {
		e.sync()
	}
}

// close is called when nothing is under way. The thread is its owner's.
func (e *ring) close() { e.slow.close() }

// fallocMode is how a Discard or WriteZeroes begins. What comes after it, if the device refuses,
// or a flush for FUA, is for the workers.
func (d *Disk) fallocMode(r *blockdev.Request) (mode uint32, ok bool) {
	switch {
	case r.Flags&blockdev.FUA != 0 || r.Op == blockdev.Discard && !d.Info().DiscardZeroes:
		return 0, false
	case r.Op == blockdev.Discard || r.Flags&blockdev.Unmap != 0:
		return unix.FALLOC_FL_PUNCH_HOLE, true
	}
	return unix.FALLOC_FL_ZERO_RANGE, true
}
