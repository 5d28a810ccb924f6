package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// This file is what becomes of the other node: it dies, leaves, restarts, comes up.

func (c *classic) mayHold(p *peer) bool {
	r := &p.res
	if r.left {
		return false
	}
	if r.lost != HoldNone {
		return true
	}
	// Only a node that was stable without anything while we hold everything surely runs
	// nothing: a starting one, or one whose last words are missing, may have begun.
	idle := r.known && r.stable && r.holds == HoldNone && !r.mayHold && !r.leaving
	return !idle || c.held != HoldAll || c.standby.state != standbyNot || len(p.rx.missing) > 0
}

// takeOver: the other is dead and either fenced or known to hold nothing.
func (c *classic) takeOver(p *peer) {
	r := &p.res
	if r.known {
		c.before, c.told = r.holds, true
	}
	*r = peerResources{stable: true, seq: r.seq, left: r.left, recovered: true}
	if c.state == resInit || c.state == resShutdown {
		return
	}
	c.cancelStandby()
	took := HoldAll &^ c.held
	c.held = HoldAll
	c.took |= took & HoldForeign
	c.timer, c.again = time.Time{}, time.Time{}
	was := c.state
	c.state = resStable
	if took == HoldNone && was == resStable {
		return
	}
	c.n.queueJob(Acquire, c.groups(took), true, func(failed []int) {
		c.acquired(failed)
		c.initialDone("mach_down")
		if c.state == resStable && c.standby.state == standbyNot {
			c.report("req_our_resources()")
			c.n.send(message.New("t", "resource", "rsc_hold", "foreign", "info", "mach_down"))
			c.n.log(Info, "mach_down takeover complete.")
		}
		if was != resStable {
			c.n.log(Info, "local resource transition completed.")
		}
	})
	if was != resStable {
		c.report("")
	}
}

// left: the other released everything and stops.
func (c *classic) left(p *peer) {
	r := &p.res
	*r = peerResources{known: true, stable: true, left: true, seq: r.seq}
	if c.state == resInit || c.state == resShutdown || c.n.shutdown.phase != running {
		return
	}
	c.cancelStandby()
	took := HoldAll &^ c.held
	if took == HoldNone {
		c.report("")
		return
	}
	c.n.log(Info, "Resources being acquired from %s.", p.name)
	c.n.log(Info, "acquire all HA resources (standby).")
	c.held = HoldAll
	c.took |= took & HoldForeign
	c.timer, c.again = time.Time{}, time.Time{}
	c.state = resStable
	c.n.queueJob(Acquire, c.groups(took), true, func(failed []int) {
		c.acquired(failed)
		c.n.log(Info, "all HA resource acquisition completed (standby).")
		c.n.log(Info, "Standby resource acquisition done [all].")
		c.initialDone("mach_down")
		if c.state == resStable && c.standby.state == standbyNot {
			c.n.send(message.New("t", "ask_resources", "rsc_hold", "all", "info", "done"))
			c.report("")
			c.n.send(message.New("t", "resource", "rsc_hold", "foreign", "info", "mach_down"))
			c.n.log(Info, "mach_down takeover complete.")
		}
	})
}

// restarted: the other runs anew. What its old run held is gone, or it will say.
func (c *classic) restarted(p *peer) {
	lost, gen := c.lostBy(p)
	c.cancelStandby()
	r := &p.res
	*r = peerResources{mayHold: r.mayHold || r.holds != HoldNone, lost: lost, lostGen: gen}
	if lost == HoldNone {
		delete(c.n.fence.wait, p)
	} else {
		r.lostAt = c.n.now.Add(doubtWait)
	}
	c.checkAt, c.before, c.told = time.Time{}, HoldNone, false
}

// proved: it is asked for what it holds.
func (c *classic) proved(p *peer) {
	switch c.state {
	case resInit, resShutdown:
	default:
		c.askHolding()
		c.askAt = c.n.now.Add(askEvery)
	}
}

func (c *classic) becameActive(p *peer) {
	// A starting node reports by itself. One that came back from a partition, or restarted
	// behind one, must be asked.
	c.askAt = c.n.now.Add(askEvery)
	c.failbackAt = c.n.now.Add(time.Second)
	if len(c.failedKeys()) > 0 && c.giveUpAt.IsZero() {
		c.giveUpAt = c.n.now.Add(giveUpDelay)
	}
}
