package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// fencing follows the resets of dead nodes (heartbeat-wire 13.5, heartbeat-behaviour 9).
type fencing struct {
	wait   map[*peer]*fenceState
	lastID uint64
}

type fenceState struct {
	running bool
	id      uint64 // of the running one: a slow agent may answer for an earlier death
	gen     uint64 // the run that it is for
	retry   time.Time
}

const fenceRetry = 5 * time.Second

func (f *fencing) next() time.Time {
	var t earliest
	for _, s := range f.wait {
		if !s.running {
			t.add(s.retry)
		}
	}
	return t.at
}

// recover begins what follows the death of a node: fence it if it may hold something,
// then let the policy take over.
func (n *Node) recover(p *peer) {
	if !n.commUp {
		return // goActive comes back to it
	}
	if n.shutdown.phase != running {
		n.log(Info, "Resource takeover cancelled - shutdown in progress.")
		return
	}
	if n.cfg.NoResources {
		return
	}
	// A node that was never heard may be running everything behind a broken cable.
	need := !p.proved || n.policy.mayHold(p)
	switch {
	case !need:
		n.log(Info, "Dead node %s gave up resources.", p.name)
		n.send(message.New("t", "stonith", "node", p.name, "result", "unneeded"))
		n.policy.takeOver(p)
	case !n.cfg.Fencing:
		n.log(Warn, "No STONITH device configured.")
		n.log(Warn, "Shared disks are not protected.")
		n.log(Info, "Resources being acquired from %s.", p.name)
		n.send(message.New("t", "stonith", "node", p.name, "result", "n_stnth"))
		n.policy.takeOver(p)
	case n.broken == skipFencing:
		n.policy.takeOver(p)
	case !n.policy.recoverer(p):
		n.log(Info, "node %s is to be reset: waiting for the word of the other nodes", p.name)
		n.policy.waitReset(p)
	default:
		n.startFence(p)
	}
}

func (n *Node) startFence(p *peer) {
	if n.fence.wait == nil {
		n.fence.wait = map[*peer]*fenceState{}
	}
	s := n.fence.wait[p]
	if s == nil {
		s = &fenceState{}
		n.fence.wait[p] = s
	}
	if s.running && s.gen == p.gen {
		return
	}
	s.running = true
	n.fence.lastID++
	s.id, s.gen = n.fence.lastID, p.gen
	n.do(Fence{Node: p.name, ID: s.id})
}

func (n *Node) fenceDone(ev FenceDone) {
	p := n.byName[ev.Node]
	s := n.fence.wait[p]
	if p == nil || s == nil || !s.running || s.id != ev.ID && n.broken != believeAnyFence {
		return
	}
	s.running = false
	result := ev.Result
	if ev.OK {
		result = "OK"
	} else if result == "" || result == "OK" {
		result = "bad"
	}
	n.send(message.New("t", "stonith", "node", p.name, "result", result, extension+"_gen", hex(s.gen)))
	if !ev.OK {
		n.log(Error, "STONITH of %s failed.  Retrying...", p.name)
		s.retry = n.now.Add(fenceRetry)
		return
	}
	delete(n.fence.wait, p)
	if n.shutdown.phase != running {
		n.log(Info, "Resource takeover cancelled - shutdown in progress.")
		return
	}
	if p.status != StatusDead {
		if p.gen != s.gen {
			// It is back in a new run: its own start settles who runs what.
			n.policy.wasReset(p, s.gen)
			return
		}
		// Its last packets were sent before the reset.
		n.markDead(p)
	}
	if p.gen != s.gen {
		n.startFence(p) // another node told us of a later run
		return
	}
	p.wasReset, p.resetGen, p.resetAt = true, p.gen, n.now
	n.do(WasReset{Node: p.name})
	n.policy.takeOver(p)
}

// wantReset: a reset that the resources would not need.
func (n *Node) wantReset(p *peer) {
	switch {
	case p == nil || p == n.self || p.ping || !n.cfg.Fencing || n.cfg.NoResources || !n.commUp || n.shutdown.phase != running:
	case p.status != StatusDead || !p.declared || p.res.left || n.fencePending(p):
	case n.resetInThisDeath(p):
		n.do(WasReset{Node: p.name})
	default:
		n.log(Info, "node %s is reset although it holds nothing: its copy of a mirrored disk must not be used", p.name)
		n.startFence(p)
	}
}

// resetCounts is how long a reset tells that a node does nothing. It may boot behind the same
// broken links, where we do not hear it, and have its drbd connected and lost again; hardly a machine
// does that sooner. A promotion that is tried again and again should not reset it each time.
const resetCounts = 10 * time.Second

// resetInThisDeath: p is dead, was reset since, and cannot have booted since.
func (n *Node) resetInThisDeath(p *peer) bool {
	return p.status == StatusDead && p.declared && p.wasReset && p.resetGen == p.gen && n.now.Sub(p.resetAt) < resetCounts
}

// fenceTimers tries again. A node that is alive again in the meantime is left alone.
func (n *Node) fenceTimers() {
	for _, p := range n.peers {
		s := n.fence.wait[p]
		if s == nil || s.running || !n.due(s.retry) {
			continue
		}
		if p.status != StatusDead && p.res.lost == HoldNone {
			n.log(Info, "node %s is alive again: it is not reset", p.name)
			delete(n.fence.wait, p)
			continue
		}
		if n.shutdown.phase != running {
			delete(n.fence.wait, p)
			continue
		}
		if p.status != StatusDead && !p.res.lostAt.IsZero() {
			s.retry = n.now.Add(time.Second) // its new run may still say that all is well
			continue
		}
		n.startFence(p)
	}
}

// fencePending: a reset of p runs or waits.
func (n *Node) fencePending(p *peer) bool { return n.fence.wait[p] != nil }

// returnedAfterPartition: heartbeat-wire 14. A real 3.0.6 node gives everything up and
// restarts itself; two of ours settle it group by group and the services go on.
func (n *Node) returnedAfterPartition(p *peer) {
	n.log(Crit, "Cluster node %s returning after partition.", p.name)
	n.log(Info, "For information on cluster partitions, See URL: http://linux-ha.org/wiki/Split_Brain")
	n.log(Warn, "Deadtime value may be too small.")
	n.log(Info, "See FAQ for information on tuning deadtime.")
	n.log(Info, "URL: http://linux-ha.org/wiki/FAQ#Heavy_Load")
	if n.shutdown.phase == running {
		n.policy.returned(p)
	}
}
