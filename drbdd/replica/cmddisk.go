package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/gi"
	"classicha/drbdd/replica/size"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// attach gives the volume its disk (drbd-metadata 6).
func (v *volume) attach(id uint64, d Attach) {
	r := v.r
	if v.dsk != nil {
		r.failed(id, errDiskConfigured)
		return
	}
	if d.Options.Fencing == ResourceAndStonith && r.net != nil && r.net.Protocol == 'A' {
		r.failed(id, errStonithProtA)
		return
	}
	if rc := v.apply(state.SetDisk(wire.Attaching), false); !rc.Ok() {
		r.reply(id, rc)
		return
	}
	refuse := func(code int, info ...string) {
		v.dsk = nil
		v.apply(state.SetDisk(wire.Diskless), true)
		r.failed(id, code, info...)
	}
	super := d.Super
	u := super.UUIDs
	if v.st.Conn < wire.Connected && v.st.Role == wire.Primary && v.exposed&^1 != u.Current&^1 {
		v.logf(Error, "Can only attach to data with current UUID=%016X", v.exposed)
		refuse(errDataNotCurrent)
		return
	}
	sectors, complaint := size.Agreed(size.Limits{Own: d.Usable, Peer: v.p.size, Last: super.LaSizeSect, User: d.Options.Size})
	if complaint != "" {
		v.logf(Error, "%s", complaint)
	}
	if super.Flags.Has(metadata.Consistent) && sectors < super.LaSizeSect && d.Options.Size == 0 {
		v.logf(Error, "Current (diskless) capacity %d, cannot attach smaller (%d) disk", super.LaSizeSect, sectors)
		refuse(errImplicitShrink)
		return
	}
	if v.st.Role == wire.Primary && v.size > sectors {
		v.logf(Error, "Current (diskless) capacity %d, cannot attach smaller (%d) disk", v.size, sectors)
		refuse(errDiskTooSmall)
		return
	}
	b := &backing{
		v: v, opts: d.Options, super: super, layout: d.Layout, bm: d.Bitmap, size: d.Backing, usable: d.Usable,
		limits: d.Limits, maxBio: max(4096, min(d.MaxBioSize, 1<<20)), discard: d.CanDiscard, zeroes: d.DiscardZeroes, name: d.Name,
	}
	// What a former process wrote may still be in the disk's cache only.
	b.dirtyWrites = 1
	v.missed = false
	// See answerPing. A target that was not answered is on record as not good.
	v.synced, v.maySynced = false, gi.OfSync(u) && !super.Flags.Has(metadata.PeerOutdated)
	b.recorded = super.Flags
	b.opts.ALExtents = min(b.opts.ALExtents, maxALExtents(super.Ring()))
	al, err := newActivityLog(b)
	if err != nil {
		refuse(errMDUnusable, err.Error())
		return
	}
	al.b = b
	b.al = al
	found := super.Find(v.st.Role == wire.Primary, r.suspNod)
	b.crashed, b.degraded = found.CrashedPrimary, found.DegradedWait
	b.super.Magic = metadata.MagicUnclean
	b.super.ALExtents = b.opts.ALExtents
	b.super.Flags &^= metadata.ALDisabled
	if b.al.off {
		b.super.Flags |= metadata.ALDisabled
	}
	b.attachPdsk = wire.DUnknown
	if found.PeerOutdated {
		b.attachPdsk = wire.Outdated
	}
	switch found.Disk {
	case "Inconsistent":
		b.attachDisk = wire.Inconsistent
	case "Outdated":
		b.attachDisk = wire.Outdated
	default:
		b.attachDisk = wire.Consistent
		if found.PeerOutdated || b.opts.Fencing == DontCare {
			b.attachDisk = wire.UpToDate
		}
	}
	v.dsk = b
	v.logf(Info, "max BIO size = %d", b.maxBio)
	if bits := metadata.Bits(sectors); bits != b.bm.Bits() {
		if err := b.bm.Resize(bits, super.LaSizeSect != 0); err != nil {
			refuse(errNoMemory, err.Error())
			return
		}
	}
	v.setSize(sectors, true)
	if super.LaSizeSect == 0 {
		v.logf(Info, "Writing the whole bitmap, size changed")
		b.setAll(nil)
	}
	v.logf(Info, "%d KB (%d bits) marked out-of-sync by on disk bit-map.", b.bm.Count()*4, b.bm.Count())
	// The bits that were only in memory are gone with the former life of the disk,
	// frozen or not.
	if found.SetAllBits || super.Find(v.st.Role == wire.Primary, false).SetAllBits {
		v.logf(Info, "Assuming that all blocks are out of sync (aka FullSync)")
		b.setAll(nil)
	}
	if v.st.Conn == wire.Connected {
		v.apply(state.SetDisk(wire.Negotiating), true)
		v.sendSizes(0)
		v.sendUUIDs(0)
		v.sendState()
	} else {
		v.apply(state.Join(state.SetDisk(b.attachDisk), state.SetPDisk(b.attachPdsk)), true)
	}
	// A disk that fails at once is closed before the command ends.
	gone := func() bool {
		switch {
		case v.dsk != b:
			r.failed(id, errMetaIO)
		case b.gone():
			v.detached = append(v.detached, func() { r.failed(id, errMetaIO) })
		default:
			return false
		}
		return true
	}
	if gone() {
		return
	}
	if v.st.Role == wire.Primary {
		b.super.UUIDs.Current |= 1
	} else {
		b.super.UUIDs.Current &^= 1
		v.expose(b.super.UUIDs.Current)
	}
	v.logUUIDs("attached to UUIDs")
	b.syncSuper(func() {
		if !gone() {
			r.reply(id, wire.Success)
		}
	})
}

// maxALExtents is how many slots the ring can describe (drbd-metadata 5).
func maxALExtents(ring metadata.Ring) uint32 {
	return uint32(ring.MaxExtents())
}

// detach takes the disk away.
func (v *volume) detach(id uint64, force bool) {
	v.detachThen(force, func(rc wire.Result) { v.r.reply(id, rc) })
}

// detachThen calls done when the disk is closed.
func (v *volume) detachThen(force bool, done func(wire.Result)) {
	b := v.dsk
	if b == nil {
		done(wire.NothingToDo)
		return
	}
	ended := func() { done(wire.Success) }
	if force || b.failed {
		v.detached = append(v.detached, ended)
		v.forceDetach(b)
		return
	}
	c := state.SetDisk(wire.Failed)
	if _, rc, lines := state.Decide(v.state(), c, v.r.env(v), false); !rc.Ok() {
		for _, l := range lines {
			v.logf(Warn, "%s", l)
		}
		done(rc)
		return
	}
	// What differs is on record before the disk is let go.
	b.syncBitmap(func() {
		if v.dsk != b || b.failed {
			done(wire.Success)
			return
		}
		ask := func() {
			v.request(c, func(rc wire.Result) {
				if !rc.Ok() {
					v.r.notOutdated()
					done(rc)
					return
				}
				if v.dsk != b {
					done(wire.Success)
					return
				}
				v.detached = append(v.detached, ended)
				if !b.failed {
					v.discardDisk(b)
				}
			})
		}
		if v.st.Conn >= wire.Connected && v.st.PDisk == wire.UpToDate && b.super.Flags.Has(metadata.WasUpToDate) {
			// The peer goes on alone as soon as it hears of it, and its answer may get lost.
			b.super.Flags &^= metadata.WasUpToDate
			b.syncSuper(func() {
				if v.dsk != b || b.failed {
					done(wire.Success)
					return
				}
				ask()
			})
			return
		}
		ask()
	})
}

// diskOptions replaces the options of the disk; size and al-extents are not
// changed this way.
func (v *volume) diskOptions(id uint64, o DiskOptions) {
	r, b := v.r, v.dsk
	if b.gone() {
		r.failed(id, errNoDisk)
		return
	}
	if o.Fencing == ResourceAndStonith && r.net != nil && r.net.Protocol == 'A' {
		r.failed(id, errStonithProtA)
		return
	}
	o.Size, o.ALExtents = b.opts.Size, b.opts.ALExtents
	o.ALUpdates = b.opts.ALUpdates
	b.opts = o
	v.newRate()
	if r.peer.up {
		v.sendSyncParam()
	}
	r.reply(id, wire.Success)
}

// resize takes over a new size of the disk, and agrees with the peer on it.
func (v *volume) resize(id uint64, d Resize) {
	r, b := v.r, v.dsk
	switch {
	case b.gone():
		r.failed(id, errNoDisk)
		return
	case v.st.Conn > wire.Connected:
		r.failed(id, errResyncRunning)
		return
	case v.st.Conn == wire.Connected && v.st.Role == wire.Secondary && v.st.Peer == wire.Secondary:
		r.failed(id, errNeedPrimary)
		return
	case d.AssumeClean && r.peer.up && r.peer.dialect.Version < 93:
		r.failed(id, errNeedAPV93)
		return
	}
	l := size.Limits{Own: d.Usable, Peer: v.p.size, Last: b.super.LaSizeSect, User: d.Size}
	if d.AssumePeer && v.st.Conn < wire.Connected {
		l = l.Forced()
	}
	sectors, complaint := size.Agreed(l)
	if complaint != "" {
		v.logf(Error, "%s", complaint)
	}
	if sectors < v.size && d.Size == 0 {
		r.failed(id, errImplicitShrink)
		return
	}
	b.size, b.usable = d.Backing, d.Usable
	b.opts.Size = d.Size
	moved := b.layout != d.Layout
	apply := func() {
		if b.gone() {
			r.failed(id, errMetaIO)
			return
		}
		v.setSize(sectors, !d.AssumeClean)
		if v.st.Conn == wire.Connected {
			v.resizePending = true
			flags := uint16(0)
			if d.AssumePeer {
				flags |= wire.DDSForced
			}
			if d.AssumeClean {
				flags |= wire.DDSNoResync
			}
			v.sentSize = b.usable
			v.sendSizesAs(flags, 0)
		}
		b.syncSuper(func() { r.reply(id, wire.Success) })
	}
	if !moved {
		apply()
		return
	}
	v.moveMeta(b, d.Layout, apply)
}

// moveMeta writes all metadata at another place. Until the last write the old
// place is what a restart finds; there the super block says that nothing in the
// bitmap counts any more.
func (v *volume) moveMeta(b *backing, l metadata.Layout, then func()) {
	b.super.Flags |= metadata.FullSync | metadata.ALDisabled
	b.syncSuper(func() {
		b.layout = l
		b.super.MdSizeSect, b.super.ALOffset, b.super.BMOffset = l.MdSizeSect, l.ALOffset, l.BMOffset
		b.al.relocate()
		b.bm.MarkAllDirty()
		b.syncBitmap(nil)
		b.syncSuper(func() {
			b.super.Flags &^= metadata.FullSync
			if !b.al.off {
				b.super.Flags &^= metadata.ALDisabled
			}
			b.syncSuper(then)
		})
	})
}
