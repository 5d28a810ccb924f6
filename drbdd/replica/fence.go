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
	w := fenceWait{session: r.sessions, done: done}
	if r.fencing {
		r.fenceWaits = append(r.fenceWaits, w)
		return
	}
	r.fencing, r.fenceWaits = true, []fenceWait{w}
	sessions, again := r.sessions, r.fenceFailed
	f := func(code int) {
		was := r.fenced(policy, code, sessions)
		r.fencing = false
		waits := r.fenceWaits
		r.fenceWaits = nil
		for _, w := range waits {
			if was == fenceIgnored && w.session == r.sessions {
				r.fence(w.done) // the handler ran already when this was wanted
				continue
			}
			w.done(was == fenceOK)
		}
		r.fenceEnded(was)
	}
	id := r.id()
	r.helpers[id] = f
	r.do(RunHandler{ID: id, Name: "fence-peer", Vol: -1, Again: again})
}

// fenceWait is somebody who waits for the handler.
type fenceWait struct {
	session uint64 // the last one before
	done    func(ok bool)
}

// fenceEnd is what became of a run of the handler.
type fenceEnd int

const (
	fenceOK      fenceEnd = iota // the peer does not go on
	fenceNot                     // it may
	fenceFailed                  // the handler could not tell
	fenceIgnored                 // nodes have talked since it was called
)

// fenced carries out what the handler found.
func (r *Resource) fenced(policy Fencing, code int, sessions uint64) fenceEnd {
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
		if !r.fenceFailed || code != r.fenceCode {
			r.logf(Error, "fence-peer helper broken, returned %d", code)
		}
		r.fenceCode = code
		return fenceFailed
	}
	r.logf(Info, "fence-peer helper returned %d (%s)", code, text)
	if r.peer.up || r.sessions != sessions {
		r.logf(Info, "Ignoring fence-peer exit code")
		return fenceIgnored
	}
	if code == 6 {
		c = r.peerActive(c)
	}
	if c.Mask != 0 {
		r.wideChange(c, false)
	}
	for _, v := range r.vols {
		if v.st.PDisk > wire.Outdated {
			return fenceNot
		}
	}
	if len(r.vols) == 0 {
		return fenceNot
	}
	return fenceOK
}

// peerActive is what c becomes of it that the peer is active: nobody outdates the disk
// under a Primary.
func (r *Resource) peerActive(c state.Change) state.Change {
	for _, v := range r.vols {
		if _, rc, _ := state.Decide(v.state(), c, r.env(v), false); !rc.Ok() {
			what := "this node goes on too"
			if r.suspFen {
				what = "I/O stays frozen"
			}
			r.logf(Warn, "Peer is primary too, or has data that this node lacks: %s", what)
			return state.Change{}
		}
	}
	r.logf(Warn, "Peer is primary, outdating myself.")
	return c
}
