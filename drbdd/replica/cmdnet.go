package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// checkNet are the refusals of connect and net-options.
func (r *Resource) checkNet(o NetOptions) (code int, info []string) {
	switch {
	case o.TwoPrimaries:
		return errInvalidRequest, []string{"allow-two-primaries is not supported: two nodes that write at a time need a cluster file system and a resolution of conflicts that drbdd does not promise; leave the option out"}
	case o.DiscardMyData && r.role() == wire.Primary:
		return errDiscard, nil
	case r.fencePolicy() == ResourceAndStonith && o.Protocol == 'A':
		return errStonithProtA, nil
	case o.OnCongestion == PullAhead && o.Protocol != 'A':
		return errPullAheadProtA, nil
	}
	return 0, nil
}

// connect begins to look for the peer.
func (r *Resource) connect(id uint64, o NetOptions) {
	if r.net != nil {
		r.failed(id, errNetConfigured)
		return
	}
	if code, info := r.checkNet(o); code != 0 {
		r.failed(id, code, info...)
		return
	}
	r.net = &o
	r.setConn(wire.Unconnected)
	r.dial()
	r.reply(id, wire.Success)
}

// netOptions changes the options; on a running connection the peer is told where
// it matters.
func (r *Resource) netOptions(id uint64, o NetOptions) {
	if r.net == nil {
		r.failed(id, errInvalidRequest, "unknown connection")
		return
	}
	if code, info := r.checkNet(o); code != 0 {
		r.failed(id, code, info...)
		return
	}
	old := *r.net
	o.DiscardMyData, o.Tentative = old.DiscardMyData, old.Tentative
	told := o.Protocol != old.Protocol || o.IntegrityAlg != old.IntegrityAlg || o.AfterSB0P != old.AfterSB0P ||
		o.AfterSB1P != old.AfterSB1P || o.AfterSB2P != old.AfterSB2P
	if r.peer.up && told && r.peer.dialect.Version < 100 {
		r.failed(id, errNeedAPV100)
		return
	}
	r.net = &o
	if r.peer.up {
		if told {
			r.tl.next()
			r.send(wire.DataSocket, 0, wire.CmdProtocolUpdate, r.ownProtocol(0))
			if o.IntegrityAlg != old.IntegrityAlg {
				r.peer.integrity[0] = o.IntegrityAlg
				r.do(Integrity{Send: r.peer.integrity[0], Recv: r.peer.integrity[1]})
			}
		}
		for _, v := range r.vols {
			v.sendSyncParam()
		}
	}
	r.reply(id, wire.Success)
}

// disconnect ends the connection, with the peer's consent if it is there.
func (r *Resource) disconnect(force bool, done func(wire.Result)) {
	if r.cs == wire.StandAlone {
		done(wire.Success)
		return
	}
	conn := state.SetConn(wire.Disconnecting)
	end := func(c state.Change) {
		if r.cs == wire.StandAlone {
			done(wire.Success)
			return
		}
		r.onStandAlone = append(r.onStandAlone, func() { done(wire.Success) })
		if c.Mask != conn.Mask {
			r.wideChange(c, true) // a disk may have failed meanwhile
		}
		r.disconnected()
	}
	if force {
		end(conn)
		return
	}
	r.graceful(conn, end, done, 0)
}

// outdated puts on record that the own disks are going to be old, before the peer
// is told to go on alone. A state that does not follow sets it right again.
func (r *Resource) outdated(f func()) {
	wait := 1
	over := func() {
		if wait--; wait == 0 {
			f()
		}
	}
	for _, v := range r.vols {
		if b := v.dsk; !b.gone() && b.super.Flags.Has(metadata.WasUpToDate) {
			wait++
			b.super.Flags &^= metadata.WasUpToDate
			b.syncSuper(over)
		}
	}
	over()
}

// notOutdated takes that back.
func (r *Resource) notOutdated() {
	for _, v := range r.vols {
		if b := v.dsk; !b.gone() {
			b.super.Flags = state.MetaFlags(b.super.Flags, v.state(), b.crashed)
			v.superSoon()
		}
	}
}

// graceful tries the ways to leave in order: plainly; with the peer outdating
// itself, if fencing asks for it; outdating ourselves, if the peer does.
func (r *Resource) graceful(c state.Change, end func(state.Change), done func(wire.Result), tries int) {
	conn := state.SetConn(wire.Disconnecting)
	r.leave(c, func(rc wire.Result) {
		switch {
		case rc.Ok(), rc == wire.AlreadyStandAlone, r.cs == wire.StandAlone:
			end(c)
		case rc == wire.PrimaryNop && tries == 0:
			r.graceful(state.Join(conn, state.SetPDisk(wire.Outdated)), end, done, 1)
		case rc == wire.OutdateWoConn:
			r.graceful(conn, end, done, 2)
		case rc == wire.CWFailedByPeer && tries == 0 && r.peer.up:
			r.outdated(func() { r.graceful(state.Join(conn, state.SetDisk(wire.Outdated)), end, done, 3) })
		case rc == wire.CWFailedByPeer && !r.peer.up && tries == 3:
			end(c) // the peer may have heard it, and go on alone
		case rc == wire.CWFailedByPeer && !r.peer.up: // it was lost meanwhile
			r.graceful(conn, end, done, 2)
		case tries == 3 && (rc == wire.IsDiskless || rc == wire.LowerThanOutdated):
			end(conn)
		case rc == wire.InTransientState && tries < 4:
			over := false
			r.retry(patience, func() bool {
				if over {
					return true
				}
				for _, v := range r.vols {
					if _, rc, _ := state.Decide(v.state(), c, r.env(v), false); rc == wire.InTransientState {
						return false
					}
				}
				over = true
				r.graceful(c, end, done, 4)
				return true
			}, func() {
				if r.cs == wire.WFReportParams && r.peer.stateSent {
					end(conn) // a peer that does not end the handshake is not asked
					return
				}
				done(rc)
			})
		default:
			if tries == 3 {
				r.notOutdated()
			}
			done(rc)
		}
	})
}
