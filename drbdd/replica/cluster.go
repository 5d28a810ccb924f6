package replica

import (
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// clusterChange is a change that waits for the peer's consent (section 10.3).
// There is one at a time.
type clusterChange struct {
	v    *volume // nil: of the whole connection
	done func(wire.Result)
	over *timer
}

// request asks for a change of a volume, of the peer too if that is needed, and
// tells the outcome.
func (v *volume) request(c state.Change, done func(wire.Result)) {
	r := v.r
	os := v.state()
	ns, rc, lines := state.Decide(os, c, r.env(v), false)
	if !rc.Ok() || ns == os {
		if !rc.Ok() {
			for _, l := range lines {
				v.logf(Warn, "%s", l)
			}
		}
		done(rc)
		return
	}
	if !state.NeedsPeer(os, ns) {
		done(v.apply(c, false))
		return
	}
	r.cluster(v, c, func(rc wire.Result) {
		if rc.Ok() {
			if rc = v.apply(c, true); rc == wire.NothingToDo {
				rc = wire.Success
			}
		}
		done(rc)
	})
}

// cluster sends a request to the peer once no other is under way.
func (r *Resource) cluster(v *volume, c state.Change, done func(wire.Result)) {
	if r.cw != nil {
		r.cwQueue = append(r.cwQueue, func() { r.cluster(v, c, done) })
		return
	}
	if !r.peer.up {
		done(wire.CWFailedByPeer)
		return
	}
	r.cw = &clusterChange{v: v, done: done}
	r.cw.over = r.after(r.net.Timeout+r.net.PingTimeout, func() {
		r.lose(wire.NetworkFailure, "the peer did not answer a state change request")
	})
	req := wire.StateReq{Mask: c.Mask, Val: c.Val}
	switch {
	case v != nil:
		v.send(wire.CmdStateChgReq, req)
	case r.peer.dialect.Version >= 100:
		r.send(wire.DataSocket, 0, wire.CmdConnStChgReq, req)
	default:
		r.send(wire.DataSocket, 0, wire.CmdStateChgReq, req)
	}
}

// nextClusterChange begins the next that waits.
func (r *Resource) nextClusterChange() {
	if r.cw == nil && len(r.cwQueue) > 0 {
		f := r.cwQueue[0]
		r.cwQueue = r.cwQueue[1:]
		r.soon(f)
	}
}

// gotStateReply is the peer's answer; v is nil for the whole connection.
func (r *Resource) gotStateReply(v *volume, rc wire.Result) {
	c := r.cw
	if c == nil || c.v != nil && c.v != v {
		return
	}
	r.cw = nil
	c.over.stop()
	if !rc.Ok() {
		r.logf(Error, "Requested state change failed by peer: %s (%d)", rc.Text(), rc)
		rc = wire.CWFailedByPeer
	}
	c.done(rc)
	r.nextClusterChange()
}

// gotStateReq is a change that the peer wants; v is nil for the whole connection.
func (r *Resource) gotStateReq(v *volume, q wire.StateReq) {
	c := state.Convert(state.Change{Mask: q.Mask, Val: q.Val})
	wide := v == nil || c.Mask&wire.ConnMask == wire.ConnMask && c.Val.Conn() == wire.TearDown
	reply := func(rc wire.Result) {
		cmd, vol := wire.CmdStateChgReply, 0
		if v == nil {
			cmd = wire.CmdConnStChgReply
		} else {
			vol = v.nr
		}
		r.send(wire.MetaSocket, vol, cmd, wire.StateReply{Result: rc})
	}
	if r.peer.resolve && r.cw != nil {
		reply(wire.ConcurrentStateChange)
		return
	}
	if v != nil && v.kept != 0 && c.Mask&wire.PeerMask == wire.PeerMask && c.Val.Peer() == wire.Primary {
		// What its predecessor served is still open here and goes on soon: with a file system that
		// knows nothing of what another Primary would write.
		v.logf(Warn, "The peer wants to become Primary, but applications wait here since the last daemon ended")
		reply(wire.TwoPrimaries)
		return
	}
	if !wide {
		reply(v.apply(c, false))
		return
	}
	if c.Mask&wire.ConnMask != wire.ConnMask || c.Val.Conn() != wire.TearDown {
		reply(wire.NotSupported)
		return
	}
	for _, o := range r.vols {
		e := r.env(o)
		e.IgnoreOutdate = true
		if _, rc, lines := state.Decide(o.state(), c, e, false); !rc.Ok() {
			for _, l := range lines {
				o.logf(Warn, "%s", l)
			}
			reply(rc)
			return
		}
	}
	reply(wire.Success)
	r.wideChange(c, true)
	// The peer closes the connection; it has some time for that.
	n := r.peer.number
	r.peer.leaving = r.after(2*r.net.PingTimeout, func() {
		if r.alive(n) {
			r.lose(wire.NetworkFailure, "")
		}
	})
}

// wideChange applies a change to the connection and all volumes as a fact.
// Changes of disks are left out where they are impossible.
func (r *Resource) wideChange(c state.Change, ignore bool) {
	var pairs []state.Pair
	if c.Mask&wire.ConnMask != 0 {
		if len(r.vols) == 0 {
			r.logf(Info, "conn( %s -> %s ) ", r.cs, c.Val.Conn())
		}
		r.cs = c.Val.Conn()
	}
	for _, v := range r.vols {
		os := v.state()
		e := r.env(v)
		e.IgnoreOutdate = ignore
		ns, rc, lines := state.Decide(os, c, e, true)
		for _, l := range lines {
			v.logf(Warn, "%s", l)
		}
		if rc.Ok() && ns != os {
			v.quiet = true
			v.set(os, ns)
			v.quiet = false
		}
		pairs = append(pairs, state.Pair{Old: os, New: v.state()})
	}
	res, each := state.DiffWide(pairs)
	for i, l := range each {
		if l != "" {
			r.vols[i].logf(Info, "%s", l)
		}
	}
	if res != "" {
		r.logf(Info, "%s", res)
	}
	r.changed()
}

// leave asks the peer for a graceful end of the connection; c has conn :=
// Disconnecting.
func (r *Resource) leave(c state.Change, done func(wire.Result)) {
	for _, v := range r.vols {
		if _, rc, _ := state.Decide(v.state(), c, r.env(v), false); !rc.Ok() {
			done(rc)
			return
		}
	}
	if r.cs != wire.WFReportParams {
		done(wire.Success)
		return
	}
	r.cluster(nil, c, done)
}
