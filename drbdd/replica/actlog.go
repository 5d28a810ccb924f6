package replica

import (
	"classicha/drbdd/metadata"
)

// activityLog decides which extents of 4 MiB may be written to without a
// metadata update (drbd-metadata 5). A write holds its extents until both
// nodes have it for good; extents that nobody holds stay hot until their slot
// is wanted, the one that was used longest ago first.
//
// Order, for a slot that is given to another extent: what was written is made
// stable, the bits of the old extent are written, then the transaction, then
// writes to the new extent may start.
type activityLog struct {
	b      *backing
	log    *metadata.Log
	slots  map[uint32]*alSlot
	free   []int
	lru    []*alSlot // nobody holds these, oldest use first
	want   []*alWait // in order
	queued bool      // a job is in the metadata queue
	off    bool      // al-updates no: nothing is logged
}

type alSlot struct {
	extent uint32
	slot   int
	refs   int
	ready  bool // the transaction is stable
}

type alWait struct {
	first, last uint32
	run         func()
}

func newActivityLog(b *backing) (activityLog, error) {
	n := int(b.opts.ALExtents)
	ring := b.super.Ring()
	l, err := metadata.NewLog(ring, n)
	if err != nil {
		return activityLog{}, err
	}
	al := activityLog{b: b, log: l, slots: map[uint32]*alSlot{}, off: !b.opts.ALUpdates}
	for i := range n {
		al.free = append(al.free, i)
	}
	return al, nil
}

// extentsOf are the first and last extent of a range.
func extentsOf(sector uint64, size uint32) (first, last uint32) {
	return uint32(sector >> 13), uint32((sector + uint64(size+511)/512 - 1) >> 13)
}

// hold calls run when all extents of the range are hot, and keeps them so until
// drop. It does that at once if it can.
func (al *activityLog) hold(sector uint64, size uint32, run func()) {
	first, last := extentsOf(sector, size)
	if al.off || al.b.failed || len(al.want) == 0 && al.take(first, last) {
		run()
		return
	}
	al.want = append(al.want, &alWait{first, last, run})
	al.wake()
}

// take holds extents that are hot already.
func (al *activityLog) take(first, last uint32) bool {
	for e := first; ; e++ {
		if s := al.slots[e]; s == nil || !s.ready {
			return false
		}
		if e == last {
			break
		}
	}
	for e := first; ; e++ {
		al.ref(al.slots[e])
		if e == last {
			return true
		}
	}
}

func (al *activityLog) ref(s *alSlot) {
	if s.refs == 0 {
		for i, o := range al.lru {
			if o == s {
				al.lru = append(al.lru[:i], al.lru[i+1:]...)
				break
			}
		}
	}
	s.refs++
}

// drop gives the extents of a range up that hold got.
func (al *activityLog) drop(sector uint64, size uint32) {
	if al.off || al.b.failed {
		return
	}
	first, last := extentsOf(sector, size)
	for e := first; ; e++ {
		if s := al.slots[e]; s != nil && s.refs > 0 {
			if s.refs--; s.refs == 0 {
				al.lru = append(al.lru, s)
			}
		}
		if e == last {
			break
		}
	}
	if len(al.want) > 0 {
		al.wake()
	}
}

// active is the number of extents that somebody holds.
func (al *activityLog) active() int { return len(al.slots) - len(al.lru) }

// wake serves those who wait, and starts a transaction for the first of them
// that needs one.
func (al *activityLog) wake() {
	for len(al.want) > 0 && al.take(al.want[0].first, al.want[0].last) {
		w := al.want[0]
		al.want = al.want[1:]
		w.run()
	}
	if len(al.want) == 0 || al.queued || !al.canServe(al.want[0]) {
		return
	}
	al.queued = true
	al.transaction()
}

// canServe tells whether there are slots for all extents of a waiter.
func (al *activityLog) canServe(w *alWait) bool {
	need, idle := 0, len(al.free)+len(al.lru)
	for e := w.first; ; e++ {
		if s := al.slots[e]; s == nil {
			need++
		} else if s.refs == 0 {
			idle-- // must not be taken for another extent
		}
		if e == w.last {
			break
		}
	}
	return need <= idle
}

// transaction queues a job that makes extents of the waiters hot.
func (al *activityLog) transaction() {
	b := al.b
	var held []*alSlot // hot extents of waiters, kept from being replaced
	var fresh []*alSlot
	var victims []uint32
	var marks []MetaWrite
	evict := false
	plan := func() {
		for _, w := range al.want {
			if len(fresh)+int(w.last-w.first)+1 > metadata.ALUpdates && len(fresh) > 0 || !al.canServe(w) {
				break
			}
			for e := w.first; ; e++ {
				if s := al.slots[e]; s != nil {
					al.ref(s)
					held = append(held, s)
				} else if len(fresh) < metadata.ALUpdates {
					fresh = append(fresh, nil)
					s := &alSlot{extent: e, refs: 1}
					if n := len(al.free); n > 0 {
						s.slot = al.free[n-1]
						al.free = al.free[:n-1]
					} else {
						old := al.lru[0]
						al.lru = al.lru[1:]
						delete(al.slots, old.extent)
						victims = append(victims, old.extent)
						evict = true
						s.slot = old.slot
					}
					al.slots[e] = s
					fresh[len(fresh)-1] = s
				}
				if e == w.last {
					break
				}
			}
		}
	}
	step := 0
	j := &metaJob{}
	j.stage = func(int) bool {
		for {
			step++
			switch step {
			case 1:
				plan()
				marks = al.bitmapOf(victims)
				if evict && b.flushData() {
					return true
				}
			case 2:
				if len(marks) > 0 {
					b.writeMeta(marks)
					return true
				}
			case 3:
				if len(fresh) == 0 {
					return false
				}
				ups := make([]metadata.SlotUpdate, len(fresh))
				for i, s := range fresh {
					ups[i] = metadata.SlotUpdate{Slot: uint16(s.slot), Extent: s.extent}
				}
				block, off := al.log.Next(nil, ups)
				b.v.count.ALWrites++
				b.writeMeta([]MetaWrite{{Off: b.layout.AL + off, Data: block}})
				return true
			default:
				return false
			}
		}
	}
	j.done = append(j.done, func() {
		al.queued = false
		if b.failed {
			al.release()
			return
		}
		for _, s := range fresh {
			s.ready = true
		}
		// Those who wait take their own hold; ours only kept the extents in place.
		ready := append(held, fresh...)
		for len(al.want) > 0 && al.take(al.want[0].first, al.want[0].last) {
			w := al.want[0]
			al.want = al.want[1:]
			w.run()
		}
		for _, s := range ready {
			if s.refs--; s.refs == 0 {
				al.lru = append(al.lru, s)
			}
		}
		al.wake()
	})
	b.push(j)
}

// bitmapOf is what has to be written of the bitmap before extents leave the log.
func (al *activityLog) bitmapOf(extents []uint32) (ws []MetaWrite) {
	for _, e := range extents {
		i := metadata.BlocksOfExtent(e)
		if i < al.b.bm.Blocks() && al.b.bm.Dirty(i) {
			ws = append(ws, al.b.bitmapWrite(i))
		}
	}
	return ws
}

// release lets everybody go on: the disk is gone, nothing will be written to it.
func (al *activityLog) release() {
	ws := al.want
	al.want = nil
	for _, w := range ws {
		w.run()
	}
}

// relocate begins the log anew at the place where the layout says it is now: all
// its blocks are written, those that say which extents are hot as the last.
func (al *activityLog) relocate() {
	b := al.b
	blank := metadata.InitTransaction().Append(nil)
	var ws []MetaWrite
	for off := int64(0); off < b.layout.ALSize; off += metadata.ALBlockSize {
		ws = append(ws, MetaWrite{Off: b.layout.AL + off, Data: blank})
	}
	if l, err := metadata.NewLog(b.super.Ring(), al.log.Slots()); err == nil {
		al.log = l
	}
	var ups []metadata.SlotUpdate
	for _, e := range sortedKeys(al.slots) {
		ups = append(ups, metadata.SlotUpdate{Slot: uint16(al.slots[e].slot), Extent: e})
	}
	b.push(&metaJob{stage: func(n int) bool {
		if n == 0 {
			b.writeMeta(ws)
			return true
		}
		if len(ups) == 0 {
			return false
		}
		k := min(len(ups), metadata.ALUpdates)
		block, off := al.log.Next(nil, ups[:k])
		ups = ups[k:]
		b.writeMeta([]MetaWrite{{Off: b.layout.AL + off, Data: block}})
		return true
	}})
}
