package replica

import (
	"time"

	"classicha/drbdd/wire"
)

// Configuration errors (drbd-cli 3.1).
const (
	errMinorInvalid    = 127
	errMinorInUse      = 161
	errMinorConfigured = 160
	errDiskConfigured  = 124
	errNetConfigured   = 125
	errDiscard         = 123
	errStonithProtA    = 154
	errPullAheadProtA  = 155
	errNoDisk          = 138
	errDataNotCurrent  = 150
	errImplicitShrink  = 170
	errMDUnusable      = 119
	errMetaIO          = 118
	errDiskTooSmall    = 111
	errNoMemory        = 140
	errNeedAPV93       = 153
	errPauseSet        = 134
	errPauseClear      = 135
	errPauseAfter      = 156
	errPausePeer       = 157
	errNotStandAlone   = 151
	errResyncRunning   = 130
	errNeedPrimary     = 131
	errInvalidRequest  = 162
	errNeedAPV100      = 163
)

// patience is how long a command waits for a transient state to pass.
const patience = 10 * time.Second

// reply ends a command with the result of a state change.
func (r *Resource) reply(id uint64, rc wire.Result, info ...string) {
	r.do(Reply{ID: id, Code: rc, Info: info})
}

// fail ends a command with a configuration error.
func (r *Resource) failed(id uint64, code int, info ...string) {
	r.do(Reply{ID: id, Error: code, Info: info})
}

// command carries out what an administrator wants.
func (r *Resource) command(c Command) {
	id := c.ID
	r.changes++
	vol := func(nr int, f func(v *volume)) {
		if v := r.volume(nr); v != nil {
			f(v)
			return
		}
		r.failed(id, errMinorInvalid, "unknown minor")
	}
	switch d := c.Do.(type) {
	case ResourceOptionsCmd:
		r.opts = d.Options
		r.reply(id, wire.Success)
	case NewMinor:
		r.newMinor(id, d)
	case DelMinor:
		vol(d.Vol, func(v *volume) { r.delMinor(id, v) })
	case Attach:
		vol(d.Vol, func(v *volume) { v.attach(id, d) })
	case DetachCmd:
		vol(d.Vol, func(v *volume) { v.detach(id, d.Force) })
	case DiskOptionsCmd:
		vol(d.Vol, func(v *volume) { v.diskOptions(id, d.Options) })
	case Connect:
		r.connect(id, d.Options)
	case NetOptionsCmd:
		r.netOptions(id, d.Options)
	case Disconnect:
		r.disconnect(d.Force, func(rc wire.Result) { r.reply(id, rc) })
	case PrimaryCmd:
		vol(d.Vol, func(v *volume) {
			if d.Force && v.st.Role == wire.Primary && r.suspFen && !r.peer.up {
				r.failed(id, errInvalidRequest, "Primary already, and I/O is frozen until the peer is fenced: resume-io lets it go on without")
				return
			}
			v.promote(d.Force, func(rc wire.Result) { r.reply(id, rc) })
		})
	case SecondaryCmd:
		vol(d.Vol, func(v *volume) { v.demoteFor(d.Waits, func(rc wire.Result) { r.reply(id, rc) }) })
	case Invalidate:
		vol(d.Vol, func(v *volume) { v.invalidate(id) })
	case InvalidateRemote:
		vol(d.Vol, func(v *volume) { v.invalidateRemote(id) })
	case PauseSync:
		vol(d.Vol, func(v *volume) { v.pauseSync(id, d.On) })
	case PauseAfter:
		vol(d.Vol, func(v *volume) { v.pauseAfter(id, d.On) })
	case SuspendIO:
		if d.On {
			r.suspendIO(id)
			return
		}
		r.resumeIO(id)
	case Probe:
		r.ping(nil)
		r.reply(id, wire.Success)
	case Outdate:
		vol(d.Vol, func(v *volume) { v.outdate(id) })
	case Verify:
		vol(d.Vol, func(v *volume) { v.verifyCmd(id, d) })
	case Resize:
		vol(d.Vol, func(v *volume) { v.resize(id, d) })
	case NewCurrentUUID:
		vol(d.Vol, func(v *volume) { v.newCurrentCmd(id, d.Clear) })
	case DownCmd:
		r.goDown(id)
	}
}

func (r *Resource) newMinor(id uint64, d NewMinor) {
	for _, v := range r.vols {
		if v.nr == d.Vol && v.minor == d.Minor {
			r.reply(id, wire.Success)
			return
		}
		if v.nr == d.Vol || v.minor == d.Minor {
			r.failed(id, errMinorInUse, "minor exists as different volume")
			return
		}
	}
	if d.Vol < 0 || d.Vol > 65535 {
		r.failed(id, errInvalidRequest, "requested volume id out of range")
		return
	}
	v := newVolume(r, d.Vol, d.Minor)
	v.kept = d.Exposed
	v.st.Conn = r.cs
	r.addVolume(v)
	if r.peer.up {
		// The peer may have told of this volume before it was here: begin again.
		r.lose(wire.NetworkFailure, "")
	}
	r.reply(id, wire.Success)
}

func (r *Resource) delMinor(id uint64, v *volume) {
	if v.dsk != nil || r.cs != wire.StandAlone || v.st.Role == wire.Primary {
		r.failed(id, errMinorConfigured)
		return
	}
	r.removeVolume(v)
	r.reply(id, wire.Success)
}

func (r *Resource) removeVolume(v *volume) {
	for i, o := range r.vols {
		if o == v {
			r.vols = append(r.vols[:i], r.vols[i+1:]...)
			return
		}
	}
}

// goDown ends everything the resource does: it is demoted, disconnected and
// detached, in this order, and stops at the first refusal.
func (r *Resource) goDown(id uint64) {
	vols := append([]*volume(nil), r.vols...)
	var demote, detach func(i int)
	stop := func(rc wire.Result, what string) { r.reply(id, rc, what) }
	detach = func(i int) {
		if i == len(vols) {
			for _, v := range vols {
				r.removeVolume(v)
			}
			r.reply(id, wire.Success)
			return
		}
		vols[i].detachThen(false, func(rc wire.Result) {
			if !rc.Ok() {
				stop(rc, "failed to detach")
				return
			}
			detach(i + 1)
		})
	}
	demote = func(i int) {
		if i == len(vols) {
			r.disconnect(false, func(rc wire.Result) {
				if !rc.Ok() {
					stop(rc, "failed to disconnect")
					return
				}
				detach(0)
			})
			return
		}
		vols[i].demote(func(rc wire.Result) {
			if !rc.Ok() {
				stop(rc, "failed to demote")
				return
			}
			demote(i + 1)
		})
	}
	demote(0)
}
