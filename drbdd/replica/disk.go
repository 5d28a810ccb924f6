package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// backing is an attached disk.
type backing struct {
	v       *volume
	opts    DiskOptions
	super   metadata.Superblock
	layout  metadata.Layout
	bm      *metadata.Bitmap
	al      activityLog
	meta    metaQueue
	size    uint64 // sectors of the backing device
	usable  uint64 // sectors that could be mirrored
	limits  wire.QueueLimits
	maxBio  uint32
	discard bool // discards work
	zeroes  bool // what was discarded reads as zeroes
	name    string

	grown   *metadata.Layout // where the metadata belongs on the disk that has grown
	pending int              // Disk and Meta actions under way
	failed  bool             // no I/O is begun any more
	ioError bool             // the data could not be read or written
	metaBad bool             // metadata cannot be written
	closed  bool
	// dirtyWrites counts completed writes, stableWrites those of them that a flush
	// covered.
	dirtyWrites, stableWrites uint64
	early                     *earlyFlush // under way
	superDirty                bool
	recorded                  metadata.Flags // as written last
	degraded                  bool           // at attach: was a Primary without its peer
	crashed                   bool           // CRASHED_PRIMARY, until the nodes are in sync
	attachDisk, attachPdsk    wire.DiskState
	drained                   []func() // when nothing is under way
}

// gone tells that the disk takes no I/O any more.
func (b *backing) gone() bool { return b == nil || b.failed }

// submit starts I/O on the data. f runs in any case, also for a disk that has
// failed meanwhile.
func (b *backing) submit(d Disk, f func(DiskDone)) {
	v, r := b.v, b.v.r
	d.Vol, d.ID = v.nr, r.id()
	b.pending++
	v.count.Local++
	var late *timer
	if t := b.opts.DiskTimeout; t > 0 {
		late = r.after(t, func() {
			v.logf(Error, "Local backing device failed to meet the disk-timeout")
			v.forceDetach(b)
		})
	}
	r.disks[d.ID] = func(done DiskDone) {
		late.stop()
		b.pending--
		v.count.Local--
		switch d.Op {
		case Read:
			if done.OK {
				v.count.ReadKiB += uint64(d.Size) / 1024
			}
		case Write, Discard, Zero:
			if done.OK {
				v.count.WrittenKiB += uint64(d.Size) / 1024
			}
			if !d.FUA || !done.OK { // of a failed write a part may be in the cache
				b.dirtyWrites++
			}
		}
		f(done)
		b.idle()
	}
	r.do(d)
}

// idle ends what waits for the disk to be quiet.
func (b *backing) idle() {
	if b.pending > 0 {
		return
	}
	for len(b.drained) > 0 && b.pending == 0 {
		f := b.drained[0]
		b.drained = b.drained[1:]
		f()
	}
}

// whenIdle runs f when no I/O is under way.
func (b *backing) whenIdle(f func()) {
	b.drained = append(b.drained, f)
	b.idle()
}

// diskFailed is an error of the data of the disk: on-io-error says what it means
// (section 16).
func (v *volume) diskFailed(b *backing, what string, sector uint64, size uint32) {
	if b.failed {
		return
	}
	if size > 0 {
		v.logf(Error, "local %s IO error sector %d+%d on %s", what, sector, size/512, b.name)
	}
	switch b.opts.OnIOError {
	case PassOn:
		v.logf(Error, "Local IO failed in %s.", what)
		if v.st.Disk > wire.Inconsistent {
			v.apply(state.SetDisk(wire.Inconsistent), true)
		}
		if v.st.Disk <= wire.Inconsistent || b.failed {
			return
		}
		// The source of a resync cannot be less than good: it gives up being one.
	case Panic:
		v.r.do(Emergency{Reason: "drbd: local IO error on " + b.name})
	}
	v.logf(Error, "Local IO failed in %s. Detaching...", what)
	b.ioError = true
	v.fail(b)
}

// metaFailed is an error of the metadata: it always ends in a detach.
func (v *volume) metaFailed(b *backing) {
	if b.failed {
		return
	}
	v.logf(Error, "meta data update failed! Detaching...")
	b.metaBad = true
	v.fail(b)
}

// forceDetach gives the disk up without waiting for it.
func (v *volume) forceDetach(b *backing) {
	if v.dsk == b && !b.failed {
		v.fail(b)
	}
}

// fail takes the disk out of use; when its I/O has ended it is Diskless.
func (v *volume) fail(b *backing) {
	v.apply(state.SetDisk(wire.Failed), true)
	if !b.failed {
		v.discardDisk(b)
	}
}

// discardDisk stops new I/O on a disk that is Failed and leaves it once it is
// quiet. It is called from the change of the state.
func (v *volume) discardDisk(b *backing) {
	b.failed = true
	r := v.r
	if b.ioError && b.opts.OnIOError == CallLocalIOError {
		r.helper("local-io-error", v.nr, nil)
	}
	// What is marked only this disk had: the peer's copy has the same identifier and
	// is not what the application saw.
	v.missed = v.missed || v.st.Role == wire.Primary && b.bm.Count() > 0 && b.super.Flags.Has(metadata.WasUpToDate)
	b.dropJobs()
	// While the peer goes on alone this copy gets old, and has to know that if the
	// peer is not there the next time. Until it is on record, nothing is promised
	// that only the peer has.
	old := !b.metaBad && v.st.Conn >= wire.Connected && v.st.PDisk == wire.UpToDate && b.super.Flags.Has(metadata.WasUpToDate)
	if old {
		v.gate++
	}
	leave := func() {
		if v.dsk == b {
			v.apply(state.SetDisk(wire.Diskless), true)
		}
	}
	r.soon(func() {
		b.al.release()
		b.whenIdle(func() {
			if !old {
				leave()
				return
			}
			b.super.Flags &^= metadata.WasUpToDate
			b.writeMeta([]MetaWrite{b.superWrite()})
			b.whenIdle(func() {
				v.openGate()
				leave()
			})
		})
	})
}

// closeDisk is the end of a disk that nothing uses any more.
func (v *volume) closeDisk() {
	b := v.dsk
	if b == nil {
		return
	}
	b.failed, b.closed = true, true
	v.dsk = nil
	v.rs = nil
	v.ov = nil
	v.r.do(CloseDisk{Vol: v.nr})
	for _, f := range v.detached {
		f()
	}
	v.detached = nil
}

// readable tells whether the range can be read here: the disk is good, or the
// blocks are.
func (b *backing) readable(sector uint64, size uint32) bool {
	if b.gone() {
		return false
	}
	switch d := b.v.st.Disk; {
	case d == wire.UpToDate:
		return true
	case d == wire.Inconsistent:
		// Blocks without a mark are good from the moment that both bitmaps were merged.
		switch b.v.st.Conn {
		case wire.WFSyncUUID, wire.SyncTarget, wire.PausedSyncT:
			first, n := metadata.Covering(sector, size)
			return b.bm.CountRange(first, n) == 0 && b.v.st.PDisk == wire.UpToDate
		}
	}
	return false
}

// oos marks a range as out of sync.
func (b *backing) oos(sector uint64, size uint32) {
	first, n := metadata.Covering(sector, size)
	b.bm.Set(first, n)
	b.taint(first, n)
}
