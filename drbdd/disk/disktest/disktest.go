// Package disktest is the crashing twin of package disk: a device in memory with a write
// cache that a power cut empties at random, and with faults on order.
//
// What is promised is what a real device promises: a completed write is readable at once, but it
// survives a power cut for certain only when a flush that was submitted after its completion, or
// its own FUA, was completed. Of everything else each block (Atomic bytes) keeps, by the seed, the
// stable content or any later version, independently of its neighbours: writes are lost, torn and
// reordered. Requests under way at the cut may have done all, a part or nothing.
package disktest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"classicha/drbdd/blockdev"
)

// Options of New.
type Options struct {
	BlockSize      int           // logical; 512 by default
	Atomic         int           // bytes that are never torn; BlockSize by default
	Workers        int           // goroutines; 0: Submit carries out at once, and all is decided by the seed
	Latency        time.Duration // each request takes up to this long (with Workers)
	DiscardGarbage bool          // discarded blocks read as anything, and Info says so
	Seed           uint64
}

// Faults are probabilities of failure, from 0 to 1. A write that fails may have stored a part.
type Faults struct{ Read, Write, Flush float64 }

// Disk is the device. It has the methods of disk.Disk.
type Disk struct {
	opt  Options
	q    blockdev.Queue
	wg   sync.WaitGroup
	gate blockdev.Gate

	mu     sync.Mutex
	info   blockdev.Info
	now    []byte           // what reads see
	stable []byte           // what certainly survives
	cache  map[int][][]byte // block -> versions later than stable, oldest first
	rng    *rand.Rand
	faults Faults
	bad    []badRange
	off    bool
	cuts   int
}

type badRange struct {
	from, to    int64
	read, write bool
	err         error
}

// New makes a device of zeroes.
func New(size int64, opt Options) *Disk {
	if opt.BlockSize == 0 {
		opt.BlockSize = 512
	}
	if opt.Atomic == 0 {
		opt.Atomic = opt.BlockSize
	}
	d := &Disk{
		opt: opt, now: make([]byte, size), stable: make([]byte, size), cache: map[int][][]byte{},
		rng:  rand.New(rand.NewPCG(opt.Seed, 0xd15c)),
		info: blockdev.Info{Size: size, BlockSize: opt.BlockSize, MaxIO: blockdev.DefaultMaxIO, Discard: true, DiscardZeroes: !opt.DiscardGarbage},
	}
	for range opt.Workers {
		d.wg.Go(func() {
			for r := d.q.Pop(); r != nil; r = d.q.Pop() {
				d.nap()
				d.finish(r)
			}
		})
	}
	return d
}

func (d *Disk) nap() {
	if d.opt.Latency <= 0 {
		return
	}
	d.mu.Lock()
	n := time.Duration(d.rng.Int64N(int64(d.opt.Latency)))
	d.mu.Unlock()
	time.Sleep(n)
}

// Info implements blockdev.Backend.
func (d *Disk) Info() blockdev.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.info
}

// Submit implements blockdev.Backend.
func (d *Disk) Submit(r *blockdev.Request) {
	switch {
	case !d.gate.Enter():
		r.Complete(blockdev.ErrShutdown)
	case d.opt.Workers == 0:
		d.finish(r)
	case !d.q.Push(r):
		r.Complete(blockdev.ErrShutdown)
		d.gate.Leave()
	}
}

func (d *Disk) finish(r *blockdev.Request) {
	d.mu.Lock()
	err := d.info.Check(r)
	if err == nil {
		err = d.carryOut(r)
	}
	d.mu.Unlock()
	r.Complete(err)
	d.gate.Leave()
}

// carryOut does one checked request, with d.mu held.
func (d *Disk) carryOut(r *blockdev.Request) error {
	if d.off {
		return blockdev.ErrIO
	}
	if err := d.fault(r); err != nil {
		if r.Op.Changes() {
			d.tear(r)
		}
		return err
	}
	switch r.Op {
	case blockdev.Read:
		copy(r.Data, d.now[r.Off:])
	case blockdev.Flush:
		d.flush()
	default:
		d.store(r.Off, d.payload(r), func() bool { return true })
		if r.Flags&blockdev.FUA != 0 {
			d.settle(r.Off, r.Len)
		}
	}
	return nil
}

// payload is what a changing request stores.
func (d *Disk) payload(r *blockdev.Request) []byte {
	if r.Op == blockdev.Write {
		return r.Data
	}
	b := make([]byte, r.Len)
	if r.Op == blockdev.Discard && d.opt.DiscardGarbage {
		for i := range b {
			b[i] = byte(d.rng.Uint32())
		}
	}
	return b
}

// store puts those blocks of p into the cache that choose picks.
func (d *Disk) store(off int64, p []byte, choose func() bool) {
	a := d.opt.Atomic
	for len(p) > 0 {
		b := int(off) / a
		n := min(len(p), (b+1)*a-int(off))
		if choose() {
			copy(d.now[off:], p[:n])
			d.cache[b] = append(d.cache[b], slices.Clone(d.block(d.now, b)))
		}
		p, off = p[n:], off+int64(n)
	}
}

func (d *Disk) block(of []byte, b int) []byte {
	return of[b*d.opt.Atomic : min((b+1)*d.opt.Atomic, len(of))]
}

func (d *Disk) tear(r *blockdev.Request) {
	d.store(r.Off, d.payload(r), func() bool { return d.rng.IntN(2) == 0 })
}

// settle makes a range stable, and only that.
func (d *Disk) settle(off, n int64) {
	for b := int(off) / d.opt.Atomic; int64(b*d.opt.Atomic) < off+n; b++ {
		copy(d.block(d.stable, b), d.block(d.now, b))
		delete(d.cache, b)
	}
}

func (d *Disk) flush() {
	for b := range d.cache {
		copy(d.block(d.stable, b), d.block(d.now, b))
	}
	clear(d.cache)
}

func (d *Disk) fault(r *blockdev.Request) error {
	p := d.faults.Write
	switch r.Op {
	case blockdev.Read:
		p = d.faults.Read
	case blockdev.Flush:
		p = d.faults.Flush
	}
	if p > 0 && d.rng.Float64() < p {
		return blockdev.ErrIO
	}
	for _, b := range d.bad {
		if r.Off < b.to && b.from < r.End() && (r.Op == blockdev.Read && b.read || r.Op.Changes() && b.write) {
			return b.err
		}
	}
	return nil
}

// Close waits for the requests under way. The content stays readable by Content and Stable.
func (d *Disk) Close() error {
	d.gate.Close()
	if err := d.gate.Drain(noContext); err != nil {
		return err
	}
	d.q.Close()
	d.wg.Wait()
	return nil
}
