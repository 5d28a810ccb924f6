package disktest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"

	"classicha/drbdd/blockdev"
)

var noContext = context.Background()

// SetFaults sets the probabilities of failure from now on.
func (d *Disk) SetFaults(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
}

// Bad makes reads, writes or both of a range fail with err; nil stands for EIO.
func (d *Disk) Bad(off, n int64, read, write bool, err error) {
	if err == nil {
		err = blockdev.ErrIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bad = append(d.bad, badRange{off, off + n, read, write, err})
}

// Mend takes back every Bad.
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bad = nil
}

// Cut tells what a power cut did.
type Cut struct {
	Cached int // blocks that were not stable
	Lost   int // of them, how many do not have their last version
}

// PowerCut switches the device off. Each block that was not stable keeps a version by the seed.
// Requests under way and later ones fail with EIO until PowerOn.
func (d *Disk) PowerCut(seed uint64) Cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, uint64(d.cuts)))
	d.cuts++
	d.off = true
	// What waits in the queue may have reached the medium in part. Those requests are
	// answered by their worker, with an error since the device is off.
	var waiting []*blockdev.Request
	for r := d.q.TryPop(); r != nil; r = d.q.TryPop() {
		waiting = append(waiting, r)
	}
	for _, r := range waiting {
		if r.Op.Changes() && d.info.Check(r) == nil && rng.IntN(2) == 0 {
			d.store(r.Off, d.payload(r), func() bool { return rng.IntN(2) == 0 })
		}
		d.q.Push(r)
	}
	c := Cut{Cached: len(d.cache)}
	// Each cut also draws how much the cache had written by itself: none to all.
	keep := rng.Float64()
	for _, b := range slices.Sorted(maps.Keys(d.cache)) {
		v := d.cache[b]
		switch last := len(v) - 1; {
		case rng.Float64() < keep:
			copy(d.block(d.stable, b), v[last])
		default:
			c.Lost++
			if i := rng.IntN(len(v)) - 1; i >= 0 { // an earlier version, or the stable one
				copy(d.block(d.stable, b), v[i])
			}
		}
	}
	clear(d.cache)
	copy(d.now, d.stable)
	return c
}

// PowerOn switches the device on again.
func (d *Disk) PowerOn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = false
}

// Unstable is the number of blocks that a power cut could take now.
func (d *Disk) Unstable() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.cache)
}

// Content is a copy of what reads see; it works while the device is off, too.
func (d *Disk) Content() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.now)
}

// Resize changes the size, keeping the content.
func (d *Disk) Resize(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fit := func(b []byte) []byte {
		n := make([]byte, size)
		copy(n, b)
		return n
	}
	d.flush()
	d.now, d.stable, d.info.Size = fit(d.now), fit(d.stable), size
}
