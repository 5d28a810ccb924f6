package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/gi"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// gotProtocol compares what the peer was configured with (section 6).
func (r *Resource) gotProtocol(cmd wire.Command, p wire.Protocol) {
	if cmd == wire.CmdProtocolUpdate {
		r.adoptProtocol(p)
		return
	}
	o := r.net
	own := uint32(o.Protocol-'A') + 1
	two := o.TwoPrimaries
	bad := ""
	switch {
	case p.Protocol != own:
		bad = "protocol"
	case p.AfterSB0P.Converted() != o.AfterSB0P:
		bad = "after-sb-0pri"
	case p.AfterSB1P.Converted() != o.AfterSB1P:
		bad = "after-sb-1pri"
	case p.AfterSB2P.Converted() != o.AfterSB2P:
		bad = "after-sb-2pri"
	case p.Flags&wire.DiscardMyData != 0 && o.DiscardMyData:
		bad = "discard-my-data"
	case (p.TwoPrimaries != 0) != two:
		bad = "allow-two-primaries"
	case !p.NoIntegrity && p.Integrity != o.IntegrityAlg:
		bad = "data-integrity-alg"
	}
	if bad != "" {
		r.logf(Error, "incompatible %s settings", bad)
		r.disconnected()
		return
	}
	r.peer.protocol = true
	r.peer.tentative = p.Flags&wire.DryRun != 0
	r.peer.integrity[1] = p.Integrity
	if r.peer.dialect.Version >= 87 && p.Integrity != "" {
		r.do(Integrity{Send: r.peer.integrity[0], Recv: p.Integrity})
		r.logf(Info, "peer data-integrity-alg: %s", p.Integrity)
	}
}

// adoptProtocol takes options over that the peer changed on a running
// connection.
func (r *Resource) adoptProtocol(p wire.Protocol) {
	if p.Protocol < 1 || p.Protocol > 3 || p.TwoPrimaries != 0 {
		r.protocolError("unusable P_PROTOCOL_UPDATE: protocol %d, allow-two-primaries %d", p.Protocol, p.TwoPrimaries)
		return
	}
	n := *r.net
	n.Protocol = byte(p.Protocol-1) + 'A'
	n.AfterSB0P, n.AfterSB1P, n.AfterSB2P = p.AfterSB0P.Converted(), p.AfterSB1P.Converted(), p.AfterSB2P.Converted()
	r.net = &n
	if !p.NoIntegrity {
		r.peer.integrity[1] = p.Integrity
		r.do(Integrity{Send: r.peer.integrity[0], Recv: p.Integrity})
	}
}

// gotSyncParam takes over how the peer wants to be synced (section 7).
func (v *volume) gotSyncParam(p wire.SyncParam) {
	r := v.r
	n := *r.net
	if r.peer.dialect.Version >= 88 {
		for _, a := range []struct{ name, peer, own string }{{"verify-alg", p.VerifyAlg, n.VerifyAlg}, {"csums-alg", p.CsumsAlg, n.CsumsAlg}} {
			if a.name == "csums-alg" && r.peer.dialect.Version < 89 {
				continue
			}
			if a.peer == a.own {
				continue
			}
			if v.st.Conn == wire.WFReportParams {
				v.logf(Error, "Different %s settings. me=%q peer=%q", a.name, a.own, a.peer)
				r.disconnected()
				return
			}
			if _, ok := wire.DigestSize(a.peer); !ok {
				v.logf(Error, "unsupported %s: %q", a.name, a.peer)
				r.disconnected()
				return
			}
			v.logf(Info, "using %s: %q", a.name, a.peer)
		}
		n.VerifyAlg = p.VerifyAlg
		if r.peer.dialect.Version >= 89 {
			n.CsumsAlg = p.CsumsAlg
		}
		r.net = &n
	}
	if b := v.dsk; b != nil {
		b.opts.ResyncRate = max(1, min(p.Rate, 4<<20))
		if p.HasController() {
			b.opts.PlanAhead, b.opts.DelayTarget = min(p.PlanAhead, 300), min(p.DelayTarget, 100)
			b.opts.FillTarget, b.opts.MaxRate = min(p.FillTarget, 1<<20), min(p.MaxRate, 4<<20)
		}
		v.newRate()
	}
}

// gotUUIDs takes the peer's generation identifiers.
func (v *volume) gotUUIDs(u wire.UUIDs) {
	r := v.r
	// The application goes on with the data that it knows, or not at all. The
	// original asks that of a Primary without a disk only.
	alone := v.st.Disk <= wire.Failed || v.st.Disk == wire.Inconsistent
	if alone && v.st.Role == wire.Primary && v.exposed&^1 != u.Current&^1 && (v.st.Conn < wire.Connected || v.st.PDisk == wire.Diskless) {
		v.logf(Error, "Can only connect to data with current UUID=%016X", v.exposed)
		r.disconnected()
		return
	}
	if v.missed && v.st.Disk <= wire.Failed && v.st.Role == wire.Primary && v.st.Conn < wire.Connected {
		v.logf(Error, "The peer lacks data that only the failed disk has. Attach it again, or become Secondary and give it up.")
		r.disconnected()
		return
	}
	v.p.uuids = &u
	b := v.dsk
	if !b.gone() {
		if v.st.Conn == wire.Connected && gi.MaySkipInitialSync(b.super.UUIDs, r.peer.dialect.Version, u.Flags) {
			v.logf(Info, "Accepted new current UUID, preparing to skip initial sync")
			gi.SkipInitialSync(&b.super.UUIDs, u.Current, v.st.Role == wire.Primary)
			v.setPeerUUIDs(b.super.UUIDs) // it cleared the rest behind what it sent
			v.expose(b.super.UUIDs.Current)
			b.bm.ClearAll()
			b.syncBitmap(nil)
			v.apply(state.Join(state.SetDisk(wire.UpToDate), state.SetPDisk(wire.UpToDate)), true)
			b.syncSuper(nil)
			v.sendState()
		}
	}
	if alone && v.st.Conn >= wire.Connected && v.st.PDisk == wire.UpToDate {
		v.expose(u.Current)
	}
}

// gotState takes the peer's state (section 10.5).
func (v *volume) gotState(w wire.State) {
	r := v.r
	ps := state.FromWord(w)
	if !ps.Legal() {
		r.protocolError("illegal state word %#x", uint32(w))
		return
	}
	disk := ps.Disk
	if disk == wire.Negotiating {
		disk = wire.Consistent
		if v.p.uuids != nil && v.p.uuids.Flags&wire.UUIDInconsistent != 0 {
			disk = wire.Inconsistent
		}
		v.logf(Info, "real peer disk state = %s", disk)
	}
	os := v.state()
	if os.Conn <= wire.TearDown {
		return
	}
	if (os.PDisk == wire.Inconsistent || os.PDisk == wire.Consistent) && disk == wire.UpToDate && os.Conn > wire.Connected && os.Disk == wire.UpToDate {
		if ps.Conn > wire.Connected && ps.Conn < wire.SyncSource {
			disk = wire.Inconsistent // it began a resync and its state is on the way
		} else if os.Conn >= wire.SyncSource && ps.Conn == wire.Connected {
			v.finishedByPeer(disk)
			return
		}
	}
	if os.Conn == wire.SyncSource && ps.Conn == wire.Connected && disk == wire.Inconsistent && v.rs != nil && v.synced {
		if b := v.dsk; !b.gone() {
			v.rs.failed = max(v.rs.failed, b.bm.Count())
		}
		if v.rs.failed > 0 && v.finishedByPeer(disk) {
			v.synced = false
			return // it could not get everything
		}
	}
	if os.Conn == wire.WFBitMapS && ps.Conn == wire.WFBitMapS && ps.Disk == wire.UpToDate {
		// A policy for split brain that only one of them could follow.
		v.logf(Error, "Both nodes want to be the source of the resync")
		r.disconnected()
		return
	}
	if os.Conn == wire.VerifyT && os.Disk == wire.UpToDate && ps.Conn == wire.Connected && disk == wire.UpToDate {
		v.verifyDone()
		return
	}
	if os.PDisk == wire.UpToDate && disk == wire.Inconsistent && os.Conn == wire.Connected && ps.Conn > wire.SyncSource {
		disk = wire.UpToDate // old news of a resync that just ended
	}
	conn := os.Conn
	if conn == wire.WFReportParams {
		conn = wire.Connected
	}
	if ps.Conn == wire.Ahead {
		conn = wire.Behind
	}
	if v.p.uuids != nil && ps.Disk >= wire.Negotiating && os.Disk >= wire.Negotiating && !v.dsk.gone() {
		consider := os.Conn < wire.Connected ||
			os.Conn == wire.Connected && (ps.Disk == wire.Negotiating || os.Disk == wire.Negotiating) ||
			v.considerResync ||
			os.Conn == wire.Connected && ps.Conn >= wire.StartingSyncS && ps.Conn <= wire.WFBitMapT
		if consider {
			v.handshake(ps, disk, os)
			return
		}
	}
	v.gotStateConn(ps, disk, conn)
}

// gotStateConn is the end of 10.5, steps 8 and 9.
func (v *volume) gotStateConn(ps state.State, disk wire.DiskState, conn wire.ConnState) {
	r := v.r
	v.considerResync = false
	v.p.disk = ps.Disk
	os := v.state()
	c := state.Join(state.SetPeer(ps.Role), state.SetPDisk(disk), state.SetPeerISP(ps.AftrISP || ps.UserISP), state.SetConn(conn))
	own := os.Disk
	if own == wire.Negotiating && (conn == wire.Connected || conn == wire.WFBitMapS) {
		own = v.dsk.attachDisk
		c = state.Join(c, state.SetDisk(own))
	}
	// A Primary without a disk goes on with ours.
	serves := ps.Role == wire.Primary && ps.Disk <= wire.Failed && ps.PDisk == wire.UpToDate && ps.Conn >= wire.Connected
	if serves && own == wire.Consistent {
		c = state.Join(c, state.SetDisk(wire.UpToDate))
	}
	if r.suspended() && v.newUUID && disk == wire.Consistent && os.Conn < wire.Connected && conn >= wire.Connected {
		r.logf(Error, "Aborting Connect, can not thaw IO with an only Consistent peer")
		r.tlLost()
		r.lose(wire.ProtocolError, "")
		return
	}
	soft := os.Conn < wire.Connected && conn >= wire.Connected
	r.peer.stateSent = false
	rc := v.apply(c, !soft)
	if !rc.Ok() {
		v.logf(Error, "State change failed: %s", rc.Text())
		r.disconnected()
		return
	}
	if serves && v.st.Disk == wire.UpToDate && v.st.Role != wire.Primary && !v.dsk.gone() {
		v.nextGeneration()
	}
	if os.Conn > wire.WFReportParams && conn > wire.Connected && ps.Conn <= wire.Connected && ps.Disk != wire.Negotiating && conn != os.Conn {
		// We want a resync, and the peer does not know it yet.
		v.sendUUIDs(0)
		v.sendState()
	}
	if os.Conn == wire.Connected && v.st.Conn == wire.Connected && os.PDisk == wire.Inconsistent {
		v.syncMarked() // what was written while it seemed to be of no use
	}
	if os.Conn < wire.Connected && v.st.Role == wire.Primary {
		v.syncMarked()
	}
	r.peerIsBack()
}

// handshake finds out who has the newer data (section 11.2), and then goes on
// with the peer's state. Handlers run meanwhile; the data socket waits for them.
func (v *volume) handshake(ps state.State, disk wire.DiskState, os state.State) {
	r, b := v.r, v.dsk
	in := gi.Input{
		Self: b.super.UUIDs, Peer: *v.p.uuids, SelfCrashed: b.crashed,
		SelfPrimary: os.Role == wire.Primary, PeerPrimary: ps.Role == wire.Primary,
		Dialect: r.peer.dialect, Resolve: r.peer.resolve,
		Disk: os.Disk, AttachDisk: b.attachDisk, PeerDisk: disk,
		CommBits: v.p.commBits, Bits: b.bm.Count(),
		AfterSB:    [3]wire.Policy{r.net.AfterSB0P, r.net.AfterSB1P, r.net.AfterSB2P},
		AlwaysASBP: r.net.AlwaysASBP, RRConflict: gi.RRConflict(r.net.RRConflict),
		DiscardMyData: r.net.DiscardMyData, DryRun: r.net.Tentative || r.peer.tentative,
	}
	unblock := r.block()
	session := r.peer.number
	var decide func()
	decide = func() {
		d := gi.Decide(in)
		v.steps(session, d.Steps, func() {
			if d.NeedDemotion {
				// A Primary has its device in use: only its shell knows for what, and nobody
				// takes it away from here. The handler is called for that.
				in.TriedDemote, in.Demoted = true, false
				decide()
				return
			}
			v.handshaken(d, ps, disk)
			unblock()
		})
	}
	decide()
}

// steps logs and runs handlers, one after the other, and then calls f if the
// session is still there.
func (v *volume) steps(session uint64, steps []gi.Step, f func()) {
	for i, s := range steps {
		if s.Handler == "" {
			v.logf(Level(s.Level), "%s", s.Text)
			continue
		}
		v.r.helper(s.Handler, v.nr, func(int) {
			if v.r.alive(session) {
				v.steps(session, steps[i+1:], f)
			}
		})
		return
	}
	f()
}

// handshaken carries a decision out.
func (v *volume) handshaken(d gi.Decision, ps state.State, disk wire.DiskState) {
	r, b := v.r, v.dsk
	if b.gone() {
		v.gotStateConn(ps, disk, wire.Connected)
		return
	}
	if f := d.Compare.FixSelf; f != nil {
		fix := func() {
			if !b.gone() {
				b.super.UUIDs = *f
				b.syncSuper(nil)
			}
		}
		if ps.Disk == wire.Negotiating {
			// The peer attached: it compares with what it is sent next, and would see no
			// difference any more.
			defer fix()
		} else {
			fix()
		}
	}
	if f := d.Compare.FixPeer; f != nil {
		v.p.uuids.Current, v.p.uuids.Bitmap, v.p.uuids.History0, v.p.uuids.History1 = f.Current, f.Bitmap, f.History0, f.History1
	}
	if d.OK && d.Conn == wire.WFBitMapT && v.kept != 0 && !v.awaits(v.p.uuids.Current) {
		v.logf(Error, "Applications wait for %s: not replacing it until they are ended and the resource is made secondary", v.awaited())
		r.disconnected()
		return
	}
	if d.OK && d.Conn == wire.WFBitMapT && d.Compare.Result > 0 && v.st.Role == wire.Primary && v.st.Disk == wire.Inconsistent {
		// By the states of the disks the peer is the source; by the identifiers it has
		// older data than the application here.
		v.logf(Error, "The application has newer data than the peer, though this disk is inconsistent: not going on with the older")
		r.disconnected()
		return
	}
	if !d.OK {
		switch {
		case v.st.Disk == wire.Negotiating:
			v.apply(state.SetDisk(wire.Failed), true)
			v.gotStateConn(ps, disk, v.st.Conn)
		case ps.Disk == wire.Negotiating:
			v.logf(Error, "Disk attach process on the peer node was aborted.")
			conn := v.st.Conn
			if conn == wire.WFReportParams {
				conn = wire.Connected
			}
			ps.Disk = wire.Diskless
			v.gotStateConn(ps, wire.Diskless, conn)
			v.sendUUIDs(0) // it waits to hear what its disk is worth
			v.sendState()
		case r.peer.tentative && !r.net.Tentative:
			r.lose(wire.ProtocolError, "")
		default:
			r.disconnected()
		}
		return
	}
	if d.FullSync {
		b.setAll(nil)
	}
	v.gotStateConn(ps, disk, d.Conn)
}

// peerUUIDs are those the peer told, as a set.
func (v *volume) peerUUIDs() metadata.UUIDs {
	u := v.p.uuids
	return metadata.UUIDs{Current: u.Current, Bitmap: u.Bitmap, History0: u.History0, History1: u.History1}
}
