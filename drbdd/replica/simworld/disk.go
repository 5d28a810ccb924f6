package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

// disk is a backing device: a store, the I/O under way, and its faults.
type disk struct {
	store
	n      *node
	v      *volume
	flying map[uint64]*diskIO
	zeroes bool // what is discarded reads as zeroes

	slow       float64 // how likely an I/O takes long
	hang       time.Duration
	readErr    float64
	writeErr   float64
	lastErr    time.Duration // when an error was given last
	everFailed bool
}

// diskIO is a Disk action under way.
type diskIO struct {
	a     replica.Disk
	data  payload // of a write
	seq   uint64  // of the store when it began, for a flush
	done  *sim.Event
	slots []int
}

func (io *diskIO) writes() bool {
	return io.a.Op == replica.Write || io.a.Op == replica.Discard || io.a.Op == replica.Zero
}

// after is the content of a slot when the I/O has written it.
func (io *diskIO) after(g *geometry, slot int, cur block) block {
	base := g.used[slot] * perBlock
	end := io.a.Sector + uint64(io.data.sectors)
	for i := uint64(0); i < perBlock; i++ {
		if s := base + i; s >= io.a.Sector && s < end {
			cur[i] = io.data.at(uint32(s - io.a.Sector))
		}
	}
	return cur
}

// latency draws how long the device takes.
func (d *disk) latency() time.Duration {
	w := d.n.w
	t := w.Between(w.p.diskMin, w.p.diskMax)
	if w.calm {
		return t
	}
	if w.Chance(d.slow) {
		t += w.Between(0, 200*time.Millisecond)
	}
	if d.hang > w.Now() {
		t += d.hang - w.Now()
	}
	return t
}

// start begins a Disk action.
func (d *disk) start(a replica.Disk) {
	w := d.n.w
	io := &diskIO{a: a, seq: d.seq}
	io.data.sectors = a.Size / 512
	if a.Op != replica.Flush {
		if a.Size == 0 || a.Size%512 != 0 || a.Sector+uint64(a.Size/512) > d.g.sectors {
			w.fail("contract", "%s: %s at %d+%d beyond a disk of %d sectors", d.n, a.Op, a.Sector, a.Size, d.g.sectors)
			return
		}
	}
	b := d.n.bufs.use(a.Buf, "Disk "+a.Op.String())
	switch a.Op {
	case replica.Write:
		if b == nil {
			w.fail("contract", "%s: Disk WRITE %d+%d without data", d.n, a.Sector, a.Size)
			return
		}
		if uint32(b.size) < a.Size {
			w.fail("contract", "%s: Disk WRITE of %d bytes from a buffer of %d", d.n, a.Size, b.size)
			return
		}
		io.data = b.data
		io.data.sectors = a.Size / 512
	case replica.Read:
		if b != nil && uint32(b.size) < a.Size {
			w.fail("contract", "%s: Disk READ of %d bytes into a buffer of %d", d.n, a.Size, b.size)
			return
		}
	}
	if d.flying[a.ID] != nil {
		w.fail("contract", "%s: Disk action %d is under way already", d.n, a.ID)
		return
	}
	if io.writes() {
		if a.Op == replica.Discard {
			if !d.v.canDiscard[d.n.i] {
				w.fail("contract", "%s: DISCARD on a device that cannot", d.n)
			}
		}
		d.each(a.Sector, io.data, func(slot int, _, _ uint64, _ []cell) {
			io.slots = append(io.slots, slot)
			d.at(slot).flying++
		})
	}
	d.flying[a.ID] = io
	for _, s := range io.slots {
		w.checkMarked(d.v, s, "a write to it began on "+d.n.String())
	}
	boot := d.n.boot
	io.done = w.After(d.latency(), func() {
		if d.n.boot == boot {
			d.finish(io)
		}
	})
}

// finish carries the I/O out and answers it.
func (d *disk) finish(io *diskIO) {
	w := d.n.w
	delete(d.flying, io.a.ID)
	ok := true
	switch {
	case io.a.Op == replica.Read:
		ok = !w.Chance(d.readErr)
	default:
		ok = !w.Chance(d.writeErr)
	}
	if !ok {
		d.lastErr, d.everFailed = w.Now(), true
		w.stats.IOErrors++
		w.note("%s vol %d: I/O error: %s %d+%d", d.n, d.v.nr, io.a.Op, io.a.Sector, io.a.Size)
	}
	ev := replica.DiskDone{ID: io.a.ID, OK: ok}
	switch io.a.Op {
	case replica.Flush:
		if ok {
			d.flush(io.seq)
		}
	case replica.Read:
		if ok {
			p := d.read(io.a.Sector, io.a.Size/512)
			if b := d.n.bufs.use(io.a.Buf, ""); b != nil {
				b.data = p
			} else if io.a.Buf == 0 {
				ev.Buf = d.n.bufs.give(p, int(io.a.Size), 0)
			}
			if io.a.Digest != "" {
				size, known := wire.DigestSize(io.a.Digest)
				if !known {
					w.fail("contract", "%s: unknown digest %q", d.n, io.a.Digest)
				}
				ev.Digest = p.digest(size)
			}
			ev.Zeroes = io.a.WantZeroes && p.zero()
		}
	default:
		d.land(io, func() bool { return ok || w.Chance(0.5) }, ok && io.a.FUA)
	}
	d.n.event(ev)
}

// land writes the blocks of a write that lets says.
func (d *disk) land(io *diskIO, lets func() bool, fua bool) {
	w := d.n.w
	for _, slot := range io.slots {
		s := d.at(slot)
		s.flying--
		if !lets() {
			continue
		}
		if io.a.Op == replica.Discard && !d.zeroes && w.Chance(0.5) {
			continue // the device keeps what it likes
		}
		d.put(slot, io.after(d.g, slot, s.cur), fua)
	}
}

// stop ends all I/O under way because the daemon is gone: each block of each
// write was written or not.
func (d *disk) stop() {
	ids := make([]uint64, 0, len(d.flying))
	for id := range d.flying {
		ids = append(ids, id)
	}
	sortIDs(ids)
	for _, id := range ids {
		io := d.flying[id]
		io.done.Cancel()
		all, none := d.n.w.Chance(0.3), d.n.w.Chance(0.3)
		d.land(io, func() bool { return all || !none && d.n.w.Chance(0.5) }, false)
	}
	clear(d.flying)
}

// surviving calls f with every content that a power cut might leave in a slot.
func (d *disk) surviving(slot int, f func(b block)) {
	s := d.at(slot)
	f(s.stable)
	for i := range s.pend {
		f(s.pend[i].b)
	}
	if s.flying == 0 {
		return
	}
	for _, io := range d.flying {
		for _, x := range io.slots {
			if x == slot {
				f(io.after(d.g, slot, s.stable))
				for i := range s.pend {
					f(io.after(d.g, slot, s.pend[i].b))
				}
			}
		}
	}
}
