package cluster

import (
	"slices"
	"time"

	"classicha/heartbeatd/message"
)

// This file settles what should not be: a class that both nodes hold, or none.

// audit compares the two reports (heartbeat-wire 13.2, 6).
func (c *classic) audit(p *peer) {
	if c.state != resStable || c.standby.state != standbyNot || !p.res.known || !p.res.stable || p.res.leaving {
		return
	}
	if both := c.held & p.res.holds.swap(); both == HoldNone {
		c.uncontested()
	} else {
		c.contest(p, both)
	}
}

// uncontested: no class is held by both any more.
func (c *classic) uncontested() {
	if c.contested {
		c.contested = false
		c.n.do(Announce{Groups: c.n.runningGroups()})
	}
}

// contest: both hold something, after a partition or a long pause. The one that could
// not start all of it gives way, or that took it over because it believed the other dead; else the group's home keeps it.
// Both sides see the same reports, so exactly one of them gives way.
func (c *classic) contest(p *peer, both Class) {
	n := c.n
	if both&HoldLocal != 0 {
		n.complain("both own a class", "both local", Error, "Both machines own our resources!")
	}
	if both&HoldForeign != 0 {
		n.complain("both own a class", "both foreign", Error, "Both machines own foreign resources!")
	}
	c.contested = true
	if !p.ours {
		if lose := both & c.adopted &^ c.fixed(); lose != HoldNone {
			c.adopted &^= lose
			c.drop(lose)
		}
		return // it restarts itself, or checkAt sees that it did not
	}
	var lose Class
	for _, cl := range []Class{HoldLocal, HoldForeign} {
		if both&cl == 0 {
			continue
		}
		weTook, theyTook := c.took&cl != 0, p.res.took.swap()&cl != 0
		if weFailed, theyFailed := c.failedHere(cl), c.failedThere(cl); weFailed != theyFailed {
			if weFailed {
				lose |= cl
			}
			continue
		}
		if weTook && !theyTook || weTook == theyTook && cl == HoldForeign {
			lose |= cl
		}
	}
	if lose &^= c.fixed(); lose != HoldNone {
		n.log(Crit, "both nodes run the %s resources: %s gives them up, %s keeps them", lose, n.cfg.Node, p.name)
		c.drop(lose)
	}
}

// failedHere: a group of the class could not be started here; failedThere: on the other node.
func (c *classic) failedHere(cl Class) bool {
	for _, g := range c.groups(cl) {
		if c.n.jobs.state[g] == GroupFailed {
			return true
		}
	}
	return false
}

func (c *classic) failedThere(cl Class) bool {
	for _, g := range c.groups(cl) {
		if slices.Contains(c.other.res.failed, c.n.cfg.Groups[g].Key) {
			return true
		}
	}
	return false
}

// drop releases classes that the other node keeps.
func (c *classic) drop(cl Class) {
	c.held &^= cl
	c.took &^= cl
	c.standby = standby{state: standbyDone, ours: true, working: true, class: cl, deadline: c.n.now.Add(standbyRun)}
	c.report("standby")
	groups := slices.DeleteFunc(c.groups(cl), func(g int) bool { return c.n.jobs.state[g] == GroupStuck }) // that was tried
	c.n.queueJob(Release, groups, false, func(stuck []int) {
		if len(stuck) > 0 {
			c.n.log(Crit, "not all resources could be stopped: they may run on both nodes")
		}
		c.held |= cl & c.stuck() // the other must know it when it starts anew
		if c.standby.working && c.standby.ours && c.standby.state == standbyDone {
			c.standby = standby{}
		}
		if c.state == resStable {
			c.report("")
		}
	})
}

// stuck is the classes of which something could not be stopped.
func (c *classic) stuck() Class {
	var g []int
	for i, s := range c.n.jobs.state {
		if s == GroupStuck {
			g = append(g, i)
		}
	}
	return c.classOf(g)
}

// fixed is the classes that cannot be given up: all that runs of them was tried to stop.
func (c *classic) fixed() Class {
	var free []int
	for i, s := range c.n.jobs.state {
		if s != GroupStuck && s != GroupStopped {
			free = append(free, i)
		}
	}
	return c.stuck() &^ c.classOf(free)
}

// classOf is the classes that groups belong to.
func (c *classic) classOf(groups []int) (cl Class) {
	for _, g := range groups {
		if c.n.cfg.Groups[g].Home == c.n.cfg.Node {
			cl |= HoldLocal
		} else {
			cl |= HoldForeign
		}
	}
	return cl
}

// nobodys is the classes that no node holds although both are stable.
func (c *classic) nobodys() Class {
	if c.other == nil || !c.quiet() {
		return HoldNone
	}
	return HoldAll &^ c.held &^ c.other.res.holds.swap() &^ c.doubtful()
}

// completeAdopted starts what is missing of a class that was found running at the start, or
// that could not be given up, once it is clear that the other node has nothing of it.
func (c *classic) completeAdopted() {
	again := (c.adopted | c.stuck()) & c.held
	if again == HoldNone || c.state != resStable || c.standby.state != standbyNot || !c.n.jobs.idle() || c.contested {
		return
	}
	alone := c.other == nil || c.other.status == StatusDead && c.other.res.recovered
	if !alone && !c.quiet() || c.otherHas(again) || c.doubtful()&again != 0 {
		return
	}
	c.took |= c.stuck() & c.held & HoldForeign // the other gets it back when it can
	c.adopted = HoldNone
	c.n.queueJob(Acquire, c.groups(again), false, func(failed []int) { c.acquired(failed) })
}

// orphanTimers takes back what nobody runs: our own class is ours to run. The other's
// own class is its own task.
func (c *classic) orphanTimers() {
	n := c.n
	if c.contested && c.quiet() && c.held&c.other.res.holds.swap() == HoldNone {
		c.uncontested() // it was we who gave up last: the other has nothing to report
	}
	c.completeAdopted()
	if c.nobodys() == HoldNone {
		c.orphanAt = time.Time{}
	} else if c.orphanAt.IsZero() {
		// Reports may cross: look again when the next ones have come.
		c.orphanAt = n.now.Add(2*n.cfg.Keepalive + 500*time.Millisecond)
	}
	if n.due(c.orphanAt) {
		c.orphanAt = time.Time{}
		none := c.nobodys()
		if none&HoldForeign != 0 {
			n.complain("nobody owns a class", "none foreign", Error, "No one owns foreign resources!")
		}
		if none&HoldLocal != 0 {
			n.log(Error, "No one owns our local resources!")
			c.acquireOwn("no one owns them")
			c.report("")
		}
	}
	// A real node never takes back its own class by itself.
	if c.other == nil || c.other.ours || c.nobodys()&HoldForeign == 0 {
		c.alienAt = time.Time{}
	} else if c.alienAt.IsZero() {
		c.alienAt = n.now.Add(rcvdTimeout)
	} else if n.due(c.alienAt) {
		c.alienAt = time.Time{}
		n.log(Warn, "%s does not run its own resources: they are started here", c.other.name)
		c.held |= HoldForeign
		c.took |= HoldForeign
		n.queueJob(Acquire, c.groups(HoldForeign), true, func(failed []int) {
			c.acquired(failed)
			c.report("")
		})
		c.report("")
	}
	if n.due(c.checkAt) {
		c.checkAt = time.Time{}
		c.settleWithReal()
	}
}

// returned: the other is alive in the same run after we declared it dead.
func (c *classic) returned(p *peer) {
	if p.res.known {
		c.before, c.told = p.res.holds, true // it was not taken over
	}
	p.res.known, p.res.stable, p.res.mayHold = false, false, true
	p.res.holds = HoldNone
	c.cancelStandby()
	c.contested = true
	if p.ours {
		c.report("partition")
		return
	}
	c.n.log(Info, "node %s is expected to give up its resources and to restart itself; those of this node go on", p.name)
	c.checkAt = c.n.now.Add(partitionWait + 2*c.n.cfg.Keepalive)
	c.report("")
}

// settleWithReal: a real node that saw the partition restarts itself within seconds. One
// that did not see it (the cut was in one direction) keeps what it has; then we are the
// one that must let go.
func (c *classic) settleWithReal() {
	p := c.other
	if p == nil || !p.active() || p.res.leaving || p.res.left {
		return
	}
	// It goes on as if nothing had been, so it holds what it held, and says so only when asked
	// in its own way.
	if !p.res.known && !c.told {
		c.askHolding()
		c.checkAt = c.n.now.Add(rcvdTimeout)
		return
	}
	if !p.res.known {
		p.res.known, p.res.stable, p.res.holds = true, true, c.before
		p.res.mayHold = c.before != HoldNone
	}
	c.contested = false
	if lose := c.took & c.held & p.res.holds.swap(); lose != HoldNone && c.state == resStable {
		c.n.log(Crit, "node %s did not notice the partition: %s gives up what it took over", p.name, c.n.cfg.Node)
		c.drop(lose)
	}
}

// askHolding makes the other say what it holds. A node of 3.0.6 answers a start, and who
// becomes stable.
func (c *classic) askHolding() {
	switch {
	case c.state != resStable:
		c.n.send(message.New("t", "starting", extension, "1"))
		return
	case c.other.ours:
		c.report("partition")
		return
	}
	c.n.send(message.New("t", "resource", "rsc_hold", c.held.String(), "rtype", "full", "isstable", "0", extension, "1"))
	c.report("")
}
