package cluster

import "time"

// This file is about a run of the other node that ended without saying goodbye and was
// followed by another one within the dead time. A machine that crashed and booted runs
// nothing. A daemon that was killed and started again leaves its scripts' services behind,
// and a node of 3.0.6 then reports that it holds nothing. From outside both look the same.
// Two runs of ours need no doubt: the second one asks the scripts.

// doubtWait is how long the new run may take to say what it holds.
const doubtWait = 30 * time.Second

// lostBy is what the run of p that has just ended may have left running, in p's own words.
func (c *classic) lostBy(p *peer) (cl Class, gen uint64) {
	r := &p.res
	cl, gen = r.lost, r.lostGen
	if r.left || r.recovered {
		return HoldNone, 0
	}
	if p.prev.ours && p.ours {
		return cl, gen
	}
	ended := r.holds
	switch {
	case p.status == StatusDead, !r.known && p.status == StatusActive:
		ended = HoldAll // it may have taken over what it believed lost; or it never told
	case ended == HoldNone && r.mayHold && cl == HoldNone:
		ended = HoldAll // it was releasing
	}
	if ended != HoldNone {
		cl, gen = cl|ended, p.prev.gen
	}
	return cl, gen
}

// doubtful is the classes, seen from here, that may run on the other node although it
// reports none of them. Without fencing nothing can be done about that.
func (c *classic) doubtful() Class {
	if c.other == nil || !c.n.cfg.Fencing {
		return HoldNone
	}
	return c.other.res.lost.swap()
}

// judgeLost compares what the new run reports with what the old one held, when the new
// one is stable or has had its time. What it reports it has found; the rest is in doubt.
func (c *classic) judgeLost(late bool) {
	n, p := c.n, c.other
	if late {
		p.res.lostAt = time.Time{}
	}
	if p.res.lost == HoldNone || p.status == StatusDead || c.state == resInit || c.state == resShutdown {
		return // the dead are reset anyway
	}
	r := &p.res
	if r.known {
		r.lost &^= r.holds
	}
	if r.lost == HoldNone {
		c.trusted()
		return
	}
	if !r.known || !r.stable {
		if !late {
			return
		}
	}
	r.lostAt = time.Time{}
	if !n.cfg.Fencing {
		n.log(Crit, "node %s was started again without having stopped: what it held (%s) may still run there, and on %s too from now on; only STONITH could make sure",
			p.name, r.lost, n.cfg.Node)
		r.lost = HoldNone
		return
	}
	if s := n.fence.wait[p]; s != nil && s.gen >= r.lostGen {
		return // its reset is under way
	}
	n.log(Crit, "node %s was started again without having stopped: what it held (%s) may still run there, so it is reset", p.name, r.lost)
	n.startFence(p)
}

// trusted: the other node runs nothing but what it says.
func (c *classic) trusted() {
	c.other.res.lost, c.other.res.lostAt = HoldNone, time.Time{}
	delete(c.n.fence.wait, c.other)
	if c.state == resRcvd && c.other.res.stable {
		c.becomeStable("T_RESOURCES(them)")
	}
}

// wasReset: what runs up to gen left behind is gone.
func (c *classic) wasReset(p *peer, gen uint64) {
	switch {
	case p.res.lost == HoldNone:
	case gen >= p.res.lostGen:
		c.trusted()
	default:
		c.judgeLost(false)
	}
}
