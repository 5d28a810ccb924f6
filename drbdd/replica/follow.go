package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// followed does what a change of the state demands (section 10.6), in the order
// of the section.
func (v *volume) followed(os, ns state.State) {
	r, b := v.r, v.dsk
	if b != nil && ns.Disk >= wire.Negotiating {
		if ns.Disk == wire.UpToDate && ns.PDisk == wire.UpToDate {
			b.crashed = false
		}
		if ns.Disk == wire.UpToDate {
			v.missed = false
		}
		f := state.MetaFlags(b.super.Flags, ns, b.crashed)
		if v.rs != nil && v.synced {
			f &^= metadata.PeerOutdated // see answerPing
		}
		if f != b.super.Flags {
			b.super.Flags = f
			if f.Has(metadata.PrimaryInd) && !b.recorded.Has(metadata.PrimaryInd) && ns.Role != wire.Primary && r.peer.up {
				// The activity log of this node is what tells of the peer's writes from now
				// on: they wait until a restart would look at it.
				b.syncSuper(r.block())
			} else {
				v.superSoon()
			}
		}
	}
	if os.Role != wire.Primary || os.Disk >= wire.UpToDate || os.PDisk >= wire.UpToDate {
		if ns.Role == wire.Primary && ns.Disk < wire.UpToDate && ns.PDisk < wire.UpToDate {
			r.helper("pri-on-incon-degr", v.nr, nil)
		}
	}
	if os.Disk == wire.Inconsistent && os.PDisk == wire.Inconsistent && os.Peer == wire.Secondary && ns.Peer == wire.Primary {
		v.considerResync = true // the peer was forced: its data counts now
	}
	if os.PDisk >= wire.Inconsistent && os.PDisk != wire.DUnknown && ns.PDisk <= wire.Failed {
		v.peerDiskLost()
	}
	v.followFrozen(os, ns)

	// (a) starting a resync as source sends P_SYNC_UUID: see startResync.
	known := (os.Disk == wire.Attaching || os.Disk == wire.Negotiating) && ns.Disk != wire.Attaching && ns.Disk != wire.Negotiating
	// What is too large for the peer waits for the own disk, or for another peer.
	better := os.Disk == wire.Inconsistent && ns.Disk != wire.Inconsistent || os.Conn >= wire.Connected && ns.Conn < wire.Connected
	if len(v.frozen) > 0 && (known || better) {
		r.soon(func() {
			if !r.suspended() {
				v.thaw()
			}
		})
	}
	// (b) The peer's disk is back.
	if os.PDisk == wire.Diskless && ns.PDisk > wire.Diskless && ns.PDisk != wire.DUnknown && r.peer.up {
		v.sendUUIDs(0)
		v.sendState()
	}
	// (c)
	if os.Conn != wire.WFBitMapS && ns.Conn == wire.WFBitMapS {
		v.synced, v.maySynced = false, false // the handshake saw what the peer has, and corrected the identifiers
		r.soon(v.startBitmapSource)
	}
	if os.Conn != wire.WFBitMapT && ns.Conn == wire.WFBitMapT {
		v.startBitmapTarget()
	}
	// (d) and (e)
	v.followGeneration(os, ns)
	// (f) is done by attach.
	// (g)
	if (os.AftrISP != ns.AftrISP || os.UserISP != ns.UserISP) && ns.Conn >= wire.Connected {
		v.sendState()
	}
	// (h)
	if os.Conn < wire.Connected && ns.Conn >= wire.Connected {
		v.sendState()
	}
	// (i)
	if os.Conn != wire.Ahead && ns.Conn == wire.Ahead {
		v.sendState()
		r.soon(func() {
			if r.tl.sectors == 0 { // no answer to a barrier will come
				v.leaveAhead()
			}
		})
	}
	// (j)
	if os.Conn != ns.Conn && (ns.Conn == wire.StartingSyncS || ns.Conn == wire.StartingSyncT) {
		v.startFullSync(ns.Conn)
	}
	// (k)
	if os.Disk > wire.Failed && ns.Disk == wire.Failed && b != nil {
		if u := v.p.uuids; u != nil && ns.Conn >= wire.Connected && ns.PDisk == wire.UpToDate {
			v.expose(u.Current) // from now on it is the peer's data that is seen
		}
		if ns.Conn >= wire.Connected {
			v.sendState()
		}
		if !b.failed {
			v.discardDisk(b)
		}
	}
	if os.Disk != wire.Diskless && ns.Disk == wire.Diskless {
		if ns.Conn >= wire.Connected {
			v.sendState()
		}
		if b != nil {
			// Some ways to this state do not wait for what is under way.
			b.failed = true
			b.dropJobs()
			b.whenIdle(func() {
				if v.dsk == b {
					v.closeDisk()
				}
			})
		}
	}
	// (l)
	if os.Disk == wire.UpToDate && ns.Disk == wire.Inconsistent && os.Conn == ns.Conn && ns.Conn >= wire.Connected {
		v.sendState()
	}
	// (m)
	if os.Disk < wire.UpToDate && os.Conn >= wire.SyncSource && ns.Conn == wire.Connected {
		v.sendState()
	}
	// (n)
	if d := r.peer.dialect.Version; os.Conn == wire.VerifyS && ns.Conn == wire.Connected && d >= 97 && d != 100 {
		v.sendState()
	}
	v.followSync(os, ns)
	v.followFencing(os, ns)
}

// superSoon writes the super block after the present event.
func (v *volume) superSoon() {
	b := v.dsk
	if b.superDirty {
		return
	}
	b.superDirty = true
	v.r.soon(func() {
		if b.superDirty && !b.gone() {
			b.syncSuper(nil)
		}
	})
}

// followGeneration begins a new generation of the data when the peer's copy is
// lost while somebody writes.
func (v *volume) followGeneration(os, ns state.State) {
	b := v.dsk
	if b.gone() || ns.Disk != wire.UpToDate {
		return
	}
	had := os.PDisk >= wire.Inconsistent && os.PDisk != wire.Outdated && os.PDisk != wire.DUnknown
	lost := had && (ns.PDisk < wire.Inconsistent || ns.PDisk == wire.DUnknown || ns.PDisk == wire.Outdated) ||
		os.PDisk == wire.DUnknown && (ns.PDisk == wire.Diskless || ns.PDisk == wire.Failed || ns.PDisk == wire.Outdated)
	primary := ns.Role == wire.Primary || ns.Peer == wire.Primary
	served := ns.PDisk == wire.Diskless && ns.Peer == wire.Primary && os.Peer != wire.Primary
	if os.Conn < wire.Connected && ns.Role != wire.Primary && ns.PDisk <= wire.Failed {
		return // it is not known yet whether the peer goes on with this data
	}
	if lost && primary || served {
		v.nextGeneration()
	}
}

// shared tells that the current generation may be that of the peer's data, too: nobody
// writes to it alone, or two would, and neither would be found out.
func (v *volume) shared() bool { return v.dsk.super.UUIDs.Bitmap == 0 || v.synced || v.maySynced }

// nextGeneration begins a new generation, if the last one is not still that of the
// peer.
func (v *volume) nextGeneration() {
	if !v.shared() {
		return
	}
	// Suspended is our own application: a Primary without a disk goes on writing here.
	if v.r.suspended() && v.st.Role == wire.Primary {
		v.newUUID = true
		return
	}
	v.newCurrent()
	v.sendUUIDs(0)
}

// followFrozen ends the suspension of I/O when its reason is gone.
func (v *volume) followFrozen(os, ns state.State) {
	r := v.r
	has := func(s state.State) bool {
		return s.Disk == wire.UpToDate || s.Conn >= wire.Connected && s.PDisk == wire.UpToDate
	}
	if has(ns) && !has(os) {
		r.noDataFails = false
	}
	if ns.SuspNod && r.suspNod && has(ns) {
		r.soon(func() {
			if r.suspNod {
				r.resume(wire.SuspNod)
			}
		})
	}
	if !ns.SuspFen {
		return
	}
	if os.Conn > wire.Connected && ns.Conn == wire.Connected {
		r.soon(r.peerIsBack)
	}
	if os.PDisk > wire.Outdated && ns.PDisk <= wire.Outdated {
		r.soon(func() { // fenced: this is the only data, in all volumes
			if r.suspFen && !r.peer.up && !r.unfenced() {
				r.resume(wire.SuspFen)
			}
		})
	}
}

// syncMarked begins a resync to a peer that came back while I/O was frozen, if
// anything is marked: writes that it had acknowledged and may have lost since.
// The generation identifiers were left alone meanwhile, so the handshake found
// nothing to do.
func (v *volume) syncMarked() {
	if v.st.Conn != wire.Connected || !v.unequal() {
		return
	}
	v.newCurrent()
	v.sendUUIDs(0)
	if v.apply(state.SetConn(wire.WFBitMapS), true).Ok() {
		v.p.disk = wire.UpToDate // so it thinks, until it has heard of this
		v.sendState()
	}
}

// unequal tells that blocks are marked that no resync is going to mend.
func (v *volume) unequal() bool {
	b := v.dsk
	return !b.gone() && v.st.Disk == wire.UpToDate && v.st.PDisk == wire.UpToDate && b.bm.Count() > 0 && b.super.UUIDs.Bitmap == 0
}

// peerIsBack lets I/O go on that was frozen because the peer was lost: once each
// volume is connected, and either both disks are equal or the peer knows that
// its own is old.
func (r *Resource) peerIsBack() {
	if !r.suspFen || !r.peer.up {
		return
	}
	for _, v := range r.vols {
		old := v.st.Conn > wire.Connected && v.st.Disk == wire.UpToDate && v.p.disk > wire.Outdated // and does not know it
		if v.st.Conn < wire.Connected || v.st.Conn == wire.Connected && v.unequal() || old {
			return
		}
	}
	for _, v := range r.vols {
		v.newUUID = v.newUUID && v.st.PDisk <= wire.Failed // it came back without its disk
	}
	r.resume(wire.SuspFen)
}

// resume clears reasons of suspension; what is due happens before I/O goes on.
func (r *Resource) resume(flags wire.State) {
	left := 0
	for _, on := range []bool{r.susp && !flags.Has(wire.SuspUser), r.suspNod && !flags.Has(wire.SuspNod), r.suspFen && !flags.Has(wire.SuspFen)} {
		if on {
			left++
		}
	}
	if left == 0 {
		for _, v := range r.vols {
			if v.newUUID {
				v.newUUID = false
				if v.dsk != nil && v.shared() && v.st.Disk == wire.UpToDate {
					v.newCurrent()
					v.sendUUIDs(0)
				}
			}
		}
	}
	if len(r.vols) > 0 {
		r.vols[0].apply(state.SetFlag(flags, false), true)
		return
	}
	r.susp = r.susp && !flags.Has(wire.SuspUser)
	r.suspNod = r.suspNod && !flags.Has(wire.SuspNod)
	r.suspFen = r.suspFen && !flags.Has(wire.SuspFen)
}

// followFencing calls for the peer's fencing when a Primary loses it (section 15).
func (v *volume) followFencing(os, ns state.State) {
	b := v.dsk
	if b == nil || b.opts.Fencing == DontCare || ns.Role != wire.Primary {
		return
	}
	if os.Conn >= wire.Connected && ns.Conn < wire.Connected && ns.PDisk >= wire.DUnknown {
		v.r.soon(v.r.lostUnfenced)
	}
}
