package replica

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/gi"
	"classicha/drbdd/replica/rate"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// resync is a resync under way, on either side (section 13).
type resync struct {
	target bool
	crash  bool // after a crashed Primary: csums-after-crash-only applies

	total, failed uint64 // bits
	same          uint64 // bits whose checksums were equal
	began         time.Time
	paused        time.Duration
	pausedAt      time.Time
	marks         []Mark
	want          uint64 // KiB/s

	// blocks are what the target has asked for.
	blocks []*rsBlock

	// The target asks for bits from next on.
	next     uint64
	skip     map[uint64]bool // failed: not asked for again
	pages    uint64          // of blocks under way, 4 KiB each
	arrived  uint64          // sectors since the last turn
	pace     *rate.Controller
	gaveWay  bool // to the application, in this turn
	turn     *timer
	saver    *timer
	ready    bool // the start is on disk
	finishes bool
	brake    rate.Brake
}

// rsBlock is a piece of storage that is being synced.
type rsBlock struct {
	sector uint64
	size   uint32
	span   *span  // of the target's request, in volume.asking
	kept   []bits // marked meanwhile: these bits stay
}

// bits is a run of bits.
type bits struct{ first, n uint64 }

func (rs *resync) find(sector uint64, size uint32) *rsBlock {
	for _, b := range rs.blocks {
		if b.sector == sector && b.size == size {
			return b
		}
	}
	return nil
}

func (rs *resync) remove(x *rsBlock) {
	for i, b := range rs.blocks {
		if b == x {
			rs.blocks = append(rs.blocks[:i], rs.blocks[i+1:]...)
			rs.pages -= uint64(x.size+4095) / 4096
			return
		}
	}
}

// taint keeps the bits of a range set even if a block of it is on its way: what
// is written or sent at the moment is older than the mark.
func (b *backing) taint(first, n uint64) {
	mark := func(x *rsBlock) {
		f, m := metadata.Covering(x.sector, x.size)
		if f < first+n && first < f+m {
			x.kept = append(x.kept, bits{first, n})
		}
	}
	if rs := b.v.rs; rs != nil {
		for _, x := range rs.blocks {
			mark(x)
		}
	}
	for _, x := range b.v.sentSync {
		mark(x)
	}
	for _, x := range b.v.clearing {
		mark(x)
	}
}

// willClear notes a write that is going to clear the bits of its blocks on both
// nodes.
func (v *volume) willClear(sector uint64, size uint32) *rsBlock {
	x := &rsBlock{sector: sector, size: size}
	v.clearing = append(v.clearing, x)
	return x
}

// cleared forgets such a write; if ok its blocks are in sync now.
func (v *volume) cleared(x *rsBlock, ok bool) {
	for i, o := range v.clearing {
		if o == x {
			v.clearing = append(v.clearing[:i], v.clearing[i+1:]...)
			break
		}
	}
	if ok && !v.dsk.gone() {
		v.syncedBlocks(v.dsk.clear(x))
	}
}

// clear clears the bits of a block that both nodes have, but for those that were
// marked since it was sent.
func (b *backing) clear(x *rsBlock) (cleared uint64) {
	first, n := metadata.Inside(x.sector, x.size, b.v.size)
	if len(x.kept) == 0 {
		return b.bm.Clear(first, n)
	}
next:
	for i := first; i < first+n; i++ {
		for _, k := range x.kept {
			if i >= k.first && i < k.first+k.n {
				continue next
			}
		}
		cleared += b.bm.Clear(i, 1)
	}
	return cleared
}

// startFullSync marks everything as different, and then begins as source or
// target (section 13.5).
func (v *volume) startFullSync(c wire.ConnState) {
	if v.dsk.gone() {
		return
	}
	unblock := func() {}
	if c == wire.StartingSyncT {
		unblock = v.r.block() // the source may be ready before us
	}
	v.dsk.setAll(func() {
		defer unblock()
		if v.st.Conn != c || v.dsk.gone() {
			return
		}
		if c == wire.StartingSyncT {
			v.apply(state.SetConn(wire.WFSyncUUID), true)
			return
		}
		v.startSource()
	})
}

// startSource begins a resync to the peer.
func (v *volume) startSource() {
	r, n := v.r, v.r.peer.number
	if !r.peer.up || v.dsk.gone() {
		return
	}
	v.endVerify()
	from := v.st.Conn
	r.helper("before-resync-source", v.nr, func(code int) {
		if !r.alive(n) || v.dsk.gone() || v.st.Conn != from {
			return
		}
		if code == 3 {
			v.logf(Info, "before-resync-source handler returned %d, ignoring. Old userland tools?", code)
		} else if code != 0 {
			v.logf(Info, "before-resync-source handler returned %d, dropping connection.", code)
			r.disconnected()
			return
		}
		b := v.dsk
		x := gi.StartAsSource(&b.super.UUIDs, gi.SyncUUID(b.super.UUIDs, r.rng.uuid()))
		v.logUUIDs("updated sync UUID")
		// The target takes it over at once; a source that crashed then has to know it.
		b.syncSuper(func() {
			begin := func(ok bool) {
				if ok && r.alive(n) && !b.gone() && v.st.Conn == from {
					v.beSource(x)
				}
			}
			// The target forgets marks as it goes on; what a Primary that died had sent here
			// may not be stable yet.
			if b.dirtyWrites != b.stableWrites && (b.opts.Flushes || b.opts.MDFlushes) {
				b.flush(begin)
			} else {
				begin(true)
			}
		})
	})
}

// beSource tells the target the identifier of the resync, and enters the state.
func (v *volume) beSource(x uint64) {
	v.send(wire.CmdSyncUUID, wire.SyncUUID{UUID: x})
	v.beginResync(false)
	if rc := v.apply(state.Join(state.SetConn(wire.SyncSource), state.SetPDisk(wire.Inconsistent)), true); !rc.Ok() {
		v.endResync()
		v.logf(Error, "State change failed: %s", rc.Text())
		return
	}
	v.began()
	v.checkSource()
}

// gotSyncUUID begins a resync from the peer.
func (v *volume) gotSyncUUID(x uint64) {
	r, b := v.r, v.dsk
	if b.gone() {
		return
	}
	if v.st.Conn != wire.WFSyncUUID && v.st.Conn != wire.Behind {
		v.logf(Info, "Ignoring SyncUUID packet in state %s", v.st.Conn)
		return
	}
	v.endVerify()
	n, unblock := r.peer.number, r.block()
	from := v.st.Conn
	r.helper("before-resync-target", v.nr, func(code int) {
		if !r.alive(n) || b.gone() || v.st.Conn != from {
			unblock()
			return
		}
		if code != 0 {
			v.logf(Info, "before-resync-target handler returned %d, dropping connection.", code)
			r.disconnected()
			return
		}
		gi.StartAsTarget(&b.super.UUIDs, x, v.st.Role == wire.Primary)
		v.logUUIDs("updated sync UUID")
		v.beginResync(true)
		if rc := v.apply(state.Join(state.SetConn(wire.SyncTarget), state.SetDisk(wire.Inconsistent)), true); !rc.Ok() {
			v.rs = nil
			v.logf(Error, "State change failed: %s", rc.Text())
			unblock()
			return
		}
		v.began()
		rs := v.rs
		// What differs, and that the disk is of no use alone from now on, has to be on
		// record before anything of it is overwritten: if this node crashes in the
		// middle, the source has forgotten what it sent.
		b.syncBitmap(nil)
		b.syncSuper(func() {
			unblock()
			if v.rs == rs && !b.gone() {
				rs.ready = true
				v.targetTurn()
			}
		})
	})
}

func (v *volume) beginResync(target bool) {
	v.endResync()
	v.synced, v.maySynced = false, false
	b := v.dsk
	v.rs = &resync{target: target, total: b.bm.Count(), began: v.r.now, skip: map[uint64]bool{}, crash: v.p.uuids != nil && (b.crashed || v.p.uuids.Flags&wire.UUIDCrashedPrimary != 0)}
	v.rs.marks = []Mark{{v.r.now, v.rs.total}}
	v.rs.brake.Reset(v.appSectors)
	v.newRate()
	v.saveNow()
}

func (v *volume) began() {
	as := wire.SyncSource
	if v.rs.target {
		as = wire.SyncTarget
	}
	v.logf(Info, "Began resync as %s (will sync %d KB [%d bits set]).", as, v.rs.total*4, v.rs.total)
	if v.st.Paused() {
		v.rs.pausedAt = v.r.now
	}
	v.markSoon()
}

// saveNow writes the bitmap every now and then, so that a crash does not begin
// from the start.
func (v *volume) saveNow() {
	rs := v.rs
	rs.saver = v.r.after(10*time.Second, func() {
		if v.rs == rs && !v.dsk.gone() {
			v.dsk.syncBitmap(nil)
			v.saveNow()
		}
	})
}

// markSoon remembers the progress every 3 s.
func (v *volume) markSoon() {
	rs := v.rs
	v.r.after(3*time.Second, func() {
		if v.rs != rs || v.dsk.gone() {
			return
		}
		// Without progress the last mark gets old: that is how it shows (stalled).
		if left := v.dsk.bm.Count(); left != rs.marks[len(rs.marks)-1].Left {
			rs.marks = append(rs.marks, Mark{v.r.now, left})
		}
		if len(rs.marks) > 8 {
			rs.marks = rs.marks[1:]
		}
		v.markSoon()
	})
}

// endResync forgets a resync that ended or was broken off.
func (v *volume) endResync() {
	rs := v.rs
	if rs == nil {
		return
	}
	v.rs = nil
	rs.turn.stop()
	rs.saver.stop()
	v.count.Pending -= len(rs.blocks)
	blocks := rs.blocks
	v.r.soon(func() {
		for _, x := range blocks {
			if x.span != nil {
				v.leaveAsking(x.span)
			}
		}
	})
}

// newRate takes over new parameters of the speed.
func (v *volume) newRate() {
	if rs := v.rs; rs != nil && v.dsk != nil {
		o := v.dsk.opts
		rs.pace = rate.New(rate.Params{
			ResyncRate: o.ResyncRate, PlanAhead: o.PlanAhead, DelayTarget: o.DelayTarget,
			FillTarget: o.FillTarget, MaxRate: o.MaxRate, MaxBuffers: v.r.net.MaxBuffers,
		})
	}
}

// finishSoon ends the resync after a ping: then all acknowledgements that were on
// their way have been seen.
func (v *volume) finishSoon() {
	rs := v.rs
	rs.finishes = true
	v.r.ping(func(ok bool) {
		if ok && v.rs == rs {
			v.finishResync()
		}
	})
}

// followSync begins and ends what depends on the state of a resync.
func (v *volume) followSync(os, ns state.State) {
	syncing := func(c wire.ConnState) bool {
		return c == wire.SyncSource || c == wire.SyncTarget || c == wire.PausedSyncS || c == wire.PausedSyncT
	}
	if syncing(os.Conn) && !syncing(ns.Conn) {
		v.endResync()
	}
	if (os.Conn == wire.VerifyS || os.Conn == wire.VerifyT) && os.Conn != ns.Conn {
		v.endVerify()
	}
	rs := v.rs
	if rs == nil || os.Conn == ns.Conn {
		return
	}
	switch ns.Conn {
	case wire.PausedSyncS, wire.PausedSyncT:
		if rs.pausedAt.IsZero() {
			v.logf(Info, "Resync suspended")
			rs.pausedAt = v.r.now
		}
	case wire.SyncSource, wire.SyncTarget:
		if !rs.pausedAt.IsZero() {
			v.logf(Info, "Syncer continues.")
			rs.paused += v.r.now.Sub(rs.pausedAt)
			rs.pausedAt = time.Time{}
		}
		if rs.target {
			v.r.soon(func() {
				if v.rs == rs {
					v.targetTurn()
				}
			})
		}
	}
}
