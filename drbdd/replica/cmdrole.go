package replica

import (
	"time"

	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

func newVolume(r *Resource, nr, minor int) *volume {
	return &volume{r: r, nr: nr, minor: minor, st: state.Unconfigured, reads: map[uint64]*appReq{}}
}

// promote makes the node Primary (section 10.7).
func (v *volume) promote(force bool, done func(wire.Result)) {
	if v.st.Role == wire.Primary {
		done(wire.Success)
		return
	}
	p := &promotion{v: v, force: force, done: done, demotions: v.demotions}
	v.r.ping(func(bool) {
		v.whenArrived(func() { p.try(state.SetRole(wire.Primary)) })
	})
}

// lacksKept tells that a promotion by c would go on with other data than what
// applications have open since the last daemon ended: this disk may be good, but
// it was the peer's that they saw. This disk may be a generation ahead of what is
// known of it, which began from that.
func (v *volume) lacksKept(c state.Change) bool {
	switch b := v.dsk; {
	case v.kept == 0:
		return false
	case b.gone():
		return v.p.uuids == nil || !v.awaits(v.p.uuids.Current)
	case v.kept == onlyHere:
		return false
	case v.st.Disk >= wire.Consistent || c.Mask&wire.DiskMask != 0:
		u := b.super.UUIDs
		return !v.awaits(u.Current) && !v.awaits(u.Bitmap)
	}
	return false
}

// promotion is a promotion under way.
type promotion struct {
	v      *volume
	force  bool
	forced bool // the data was declared to be good
	tries  int
	waited bool
	done   func(wire.Result)

	demotions uint64 // wanted before
}

// withdrawn tells that somebody wanted the node to be Secondary meanwhile.
func (p *promotion) withdrawn() bool { return p.demotions != p.v.demotions }

// maxTries bounds the tries of a promotion.
const maxTries = 4

func (p *promotion) try(c state.Change) {
	v, r := p.v, p.v.r
	if p.withdrawn() {
		p.done(wire.InTransientState)
		return
	}
	if v.lacksKept(c) {
		v.logf(Error, "Applications wait for %s, which is not there", v.awaited())
		p.done(wire.NoUpToDateDisk)
		return
	}
	p.tries++
	v.request(c, func(rc wire.Result) {
		has := func(m wire.State) bool { return c.Mask&m != 0 }
		again := func(c state.Change) {
			if p.tries >= maxTries {
				p.done(rc)
				return
			}
			p.try(c)
		}
		switch {
		case rc.Ok() && p.withdrawn():
			done := p.done
			p.done = func(wire.Result) { v.demote(func(wire.Result) { done(wire.InTransientState) }) }
			p.promoted()
		case rc.Ok():
			p.promoted()
		case rc == wire.CWFailedByPeer && has(wire.PdskMask):
			c.Mask &^= wire.PdskMask
			c.Val &^= wire.PdskMask
			again(c)
		case rc == wire.NoUpToDateDisk && p.force && v.st.Disk >= wire.Inconsistent && v.st.Disk < wire.UpToDate:
			p.forced = true
			v.logf(Warn, "Forced to consider local data as UpToDate!")
			again(state.Join(c, state.SetDisk(wire.UpToDate)))
		case rc == wire.NoUpToDateDisk && v.st.Disk == wire.Consistent && !has(wire.DiskMask):
			r.fence(func(ok bool) {
				if !ok {
					p.done(rc)
					return
				}
				again(state.Join(c, state.SetDisk(wire.UpToDate)))
			})
		case rc == wire.PrimaryNop && !has(wire.PdskMask):
			r.fence(func(ok bool) {
				if !ok && p.force {
					r.logf(Warn, "Forced into split brain situation!")
					again(state.Join(c, state.SetPDisk(wire.Outdated)))
					return
				}
				again(c)
			})
		case rc == wire.TwoPrimaries && !p.waited && r.net != nil:
			p.waited = true
			r.after(r.net.PingTimeout+100*time.Millisecond, func() { again(c) })
		case rc == wire.InTransientState:
			r.retry(patience, func() bool {
				if _, rc, _ := state.Decide(v.state(), c, r.env(v), false); rc == wire.InTransientState {
					return false
				}
				p.tries--
				p.try(c)
				return true
			}, func() { p.done(rc) })
		default:
			p.done(rc)
		}
	})
}

// promoted records the new role. Writes come only when it is on disk.
func (p *promotion) promoted() {
	v, r, b := p.v, p.v.r, p.v.dsk
	if r.net != nil {
		n := *r.net
		n.DiscardMyData = false
		r.net = &n
	}
	v.kept = 0
	if b.gone() {
		v.missed = false // it goes on with what the peer has
		if v.p.uuids != nil {
			v.expose(v.p.uuids.Current)
		}
		v.sendState()
		p.done(wire.Success)
		return
	}
	u := &b.super.UUIDs
	if p.forced || (v.st.Conn < wire.Connected || v.st.PDisk <= wire.Failed) && v.shared() {
		v.newCurrent()
	}
	u.Current |= 1
	v.expose(u.Current)
	if v.st.Disk == wire.Inconsistent && v.p.uuids != nil {
		v.expose(v.p.uuids.Current) // a sync target shows its peer's data, and has to find that again
	}
	if p.forced {
		v.sendUUIDs(0)
	}
	v.sendState()
	if !p.forced {
		v.syncMarked()
	}
	b.syncSuper(func() { p.done(wire.Success) })
}

// demote makes the node Secondary. What it wrote is on both disks for good, and
// what differs is on record, before it forgets that it was Primary. A promotion under way
// is withdrawn: who wanted it may not even be there any more.
func (v *volume) demote(done func(wire.Result)) { v.demoteFor(false, done) }

// demoteFor is demote; with waits applications wait for a successor.
func (v *volume) demoteFor(waits bool, done func(wire.Result)) {
	r := v.r
	v.demotions++
	if v.st.Role == wire.Secondary {
		if v.count.Application > 0 { // of a predecessor's applications
			done(wire.DeviceInUse)
			return
		}
		v.kept = 0 // nobody has the device open any more
		done(wire.Success)
		return
	}
	c := state.SetRole(wire.Secondary)
	if _, rc, lines := state.Decide(v.state(), c, r.env(v), false); !rc.Ok() {
		for _, l := range lines {
			v.logf(Warn, "%s", l)
		}
		done(rc)
		return
	}
	if v.count.Application > 0 {
		done(wire.DeviceInUse)
		return
	}
	finish := func() {
		if v.count.Application > 0 {
			done(wire.DeviceInUse)
			return
		}
		seen := v.seen() // as a Primary
		rc := v.apply(c, false)
		if !rc.Ok() {
			done(rc)
			return
		}
		if waits {
			v.kept = seen
		}
		b := v.dsk
		if b.gone() {
			v.sendState()
			done(wire.Success)
			return
		}
		b.super.UUIDs.Current &^= 1
		v.sendState()
		b.syncSuper(func() { done(wire.Success) })
	}
	r.tl.next()
	r.whenAnswered(func() {
		b := v.dsk
		if b.gone() {
			finish()
			return
		}
		b.syncBitmap(finish)
	})
}

// whenAnswered runs f when the peer has everything for good, or is gone.
func (r *Resource) whenAnswered(f func()) {
	if len(r.tl.reqs) == 0 {
		f()
		return
	}
	last := r.tl.reqs[len(r.tl.reqs)-1].epoch
	r.tl.flushes = append(r.tl.flushes, flushWait{epoch: last, f: func(bool) { f() }})
}

// outdate marks the own data as old. Data that the peer lacks, as far as this node knows,
// is not old: it was written without the peer, and who wants it outdated met nobody since
// it has its disk. The original lets itself be outdated, and the older data is promoted.
func (v *volume) outdate(id uint64) {
	if why := v.newer(); why != "" {
		v.logf(Warn, "Not outdating the only good data: %s", why)
		v.r.reply(id, wire.NoUpToDateDisk)
		return
	}
	v.request(state.SetDisk(wire.Outdated), func(rc wire.Result) {
		if b := v.dsk; rc.Ok() && !b.gone() {
			b.syncSuper(func() { v.r.reply(id, rc) })
			return
		}
		v.r.reply(id, rc)
	})
}

// newer says why this disk has what the peer's lacks, as far as this node knows. The state
// of the peer's disk is forgotten when it is met; the identifier of what it has lasts until
// it has everything.
func (v *volume) newer() string {
	switch b := v.dsk; {
	case b.gone() || v.st.Conn >= wire.Connected || v.st.Disk != wire.UpToDate && v.st.Disk != wire.Consistent:
		return ""
	case v.st.PDisk == wire.Outdated || v.st.PDisk == wire.Inconsistent:
		return "the peer's is " + v.st.PDisk.String()
	case b.super.UUIDs.Bitmap != 0 && !v.synced:
		return "the peer's lacks blocks"
	}
	return ""
}

// invalidate gives the own data up: all of it is synced from the peer, now or
// when it is there.
func (v *volume) invalidate(id uint64) {
	r := v.r
	b := v.dsk
	if b.gone() {
		r.failed(id, errNoDisk)
		return
	}
	v.request(state.SetConn(wire.StartingSyncT), func(rc wire.Result) {
		if rc != wire.NeedConnection {
			r.reply(id, rc)
			return
		}
		rc = v.apply(state.SetDisk(wire.Inconsistent), false)
		if !rc.Ok() || b.gone() {
			r.reply(id, rc)
			return
		}
		b.setAll(func() { r.reply(id, rc) })
	})
}

// invalidateRemote gives the peer's data up.
func (v *volume) invalidateRemote(id uint64) {
	r, b := v.r, v.dsk
	if b.gone() {
		r.failed(id, errNoDisk)
		return
	}
	v.request(state.SetConn(wire.StartingSyncS), func(rc wire.Result) {
		if rc != wire.NeedConnection || v.st.Role != wire.Primary {
			r.reply(id, rc)
			return
		}
		rc = v.apply(state.SetPDisk(wire.Inconsistent), false)
		if !rc.Ok() || b.gone() {
			r.reply(id, rc)
			return
		}
		b.setAll(func() { r.reply(id, rc) })
	})
}

// pauseSync sets or clears the user's pause.
func (v *volume) pauseSync(id uint64, on bool) {
	rc := v.apply(state.SetUserISP(on), false)
	switch {
	case rc != wire.NothingToDo:
		v.r.reply(id, rc)
	case on:
		v.r.failed(id, errPauseSet)
	case v.st.AftrISP:
		v.r.failed(id, errPauseAfter)
	case v.st.PeerISP:
		v.r.failed(id, errPausePeer)
	default:
		v.r.failed(id, errPauseClear)
	}
}

func (v *volume) pauseAfter(id uint64, on bool) {
	v.apply(state.SetAftrISP(on), true)
	v.r.reply(id, wire.Success)
}

// suspendIO freezes the application's I/O.
func (r *Resource) suspendIO(id uint64) {
	if len(r.vols) == 0 {
		r.susp = true
		r.reply(id, wire.Success)
		return
	}
	r.reply(id, r.vols[0].apply(state.SetSusp(true), false))
}

// resumeIO lets it go on, whatever froze it.
func (r *Resource) resumeIO(id uint64) {
	if r.suspFen && !r.peer.up {
		r.logf(Warn, "I/O goes on by command, and the peer was not fenced")
	}
	if r.suspNod {
		r.logf(Warn, "I/O goes on by command: without data it fails")
		r.noDataFails = true
	}
	r.resume(wire.SuspUser | wire.SuspNod | wire.SuspFen)
	r.reply(id, wire.Success)
}

// verifyCmd starts an online verify.
func (v *volume) verifyCmd(id uint64, d Verify) {
	r := v.r
	if v.dsk.gone() {
		r.failed(id, errNoDisk)
		return
	}
	v.request(state.SetConn(wire.VerifyS), func(rc wire.Result) {
		if rc.Ok() && v.st.Conn == wire.VerifyS && v.ov == nil {
			v.startVerify(verifyPos{d.Start, d.Stop})
		}
		r.reply(id, rc)
	})
}

// newCurrentCmd begins a new generation by hand. With clear on freshly created
// disks both are declared to be equal.
func (v *volume) newCurrentCmd(id uint64, clear bool) {
	r, b := v.r, v.dsk
	if b.gone() {
		r.failed(id, errNoDisk)
		return
	}
	skip := false
	if v.st.Conn == wire.Connected && r.peer.dialect.Version >= 90 && b.super.UUIDs.Current&^1 == 4 && clear {
		v.logf(Info, "Preparing to skip initial sync")
		skip = true
	} else if v.st.Conn != wire.StandAlone {
		r.failed(id, errNotStandAlone)
		return
	}
	b.super.UUIDs.SetBitmap(0)
	v.newCurrent()
	if !clear {
		b.syncSuper(func() { r.reply(id, wire.Success) })
		return
	}
	b.bm.ClearAll()
	b.syncBitmap(nil)
	if skip {
		v.sendUUIDs(wire.UUIDSkipInitialSync)
		b.super.UUIDs.SetBitmap(0)
		b.super.UUIDs.History0 = 0
		if v.p.uuids != nil { // the peer takes them over, and does not say so
			v.setPeerUUIDs(b.super.UUIDs)
		}
		v.logUUIDs("cleared bitmap UUID")
		v.apply(state.Join(state.SetDisk(wire.UpToDate), state.SetPDisk(wire.UpToDate)), true)
	}
	b.syncSuper(func() { r.reply(id, wire.Success) })
}
