package replica

import (
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// fencePolicy is the strictest policy of the disks.
func (r *Resource) fencePolicy() (f Fencing) {
	for _, v := range r.vols {
		if v.dsk != nil {
			f = max(f, v.dsk.opts.Fencing)
		}
	}
	return f
}

// fence has the handler fence-peer make sure that the peer does not go on by
// itself (section 15), and tells whether it is fenced.
func (r *Resource) fence(done func(ok bool)) {
	if done == nil {
		done = func(bool) {}
	}
	if r.peer.up {
		done(false)
		return
	}
	policy := r.fencePolicy()
	if policy == DontCare {
		done(true)
		return
	}
	if r.fencing {
		r.fenceWaits = append(r.fenceWaits, done)
		return
	}
	r.fencing = true
	sessions := r.sessions
	r.helper("fence-peer", -1, func(code int) {
		ok := r.fenced(policy, code, sessions)
		r.fencing = false
		waits := r.fenceWaits
		r.fenceWaits = nil
		done(ok)
		for _, f := range waits {
			f(ok)
		}
	})
}

// fenced carries out what the handler found.
func (r *Resource) fenced(policy Fencing, code int, sessions uint64) bool {
	best := wire.Diskless // the best disk of ours
	for _, v := range r.vols {
		best = max(best, v.st.Disk)
	}
	var c state.Change
	text := ""
	switch code {
	case 3:
		text, c = "peer is inconsistent or worse", state.SetPDisk(wire.Inconsistent)
	case 4:
		text, c = "peer was fenced", state.SetPDisk(wire.Outdated)
	case 5:
		if best == wire.UpToDate {
			text, c = "peer is unreachable, assumed to be dead", state.SetPDisk(wire.Outdated)
		} else {
			text = "peer unreachable, doing nothing since disk != UpToDate"
		}
	case 6:
		r.logf(Warn, "Peer is primary, outdating myself.")
		text, c = "peer is active", state.SetDisk(wire.Outdated)
	case 7:
		if policy != ResourceAndStonith {
			r.logf(Error, "fence-peer() = 7 && fencing != Stonith !!!")
		}
		text, c = "peer was stonithed", state.SetPDisk(wire.Outdated)
		if best == wire.Consistent {
			// This node met nobody since it has its disk: the peer may have written after
			// it. That it is off now makes none of that undone.
			r.logf(Error, "the peer is off, but may have had newer data: not going on without it; --force takes the data of this node")
			c = state.Change{}
		}
	default:
		r.logf(Error, "fence-peer helper broken, returned %d", code)
		return false
	}
	r.logf(Info, "fence-peer helper returned %d (%s)", code, text)
	if r.peer.up || r.sessions != sessions {
		r.logf(Info, "Ignoring fence-peer exit code")
		return false
	}
	for _, v := range r.vols {
		// Nobody outdates the disk under a Primary.
		if _, rc, _ := state.Decide(v.state(), c, r.env(v), false); code == 6 && !rc.Ok() {
			c = state.Change{}
		}
	}
	if c.Mask != 0 {
		r.wideChange(c, false)
	}
	for _, v := range r.vols {
		if v.st.PDisk > wire.Outdated {
			return false
		}
	}
	return len(r.vols) > 0
}
