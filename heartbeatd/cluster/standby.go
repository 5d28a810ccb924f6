package cluster

import (
	"slices"
	"time"

	"classicha/heartbeatd/message"
)

// standby is the hand-over in three phases (heartbeat-wire 13.6): the one that goes
// says "me", the taker "other"; the one that goes releases and says "done"; the taker
// starts and says "done".
type standby struct {
	state    standbyState
	ours     bool   // we go standby; false: we take
	class    Class  // seen from the node that goes, as on the wire
	working  bool   // scripts run, or have run, for it: the other side's turn has not come
	asked    bool   // we said done and wait for the taker's
	since    uint64 // number of the other's message that began it: an older done belongs to an older hand-over
	deadline time.Time
}

type standbyState uint8

const (
	standbyNot standbyState = iota
	standbyMe
	standbyOther
	standbyDone
)

func (s standbyState) String() string { return [...]string{"", "me", "other", "done"}[s] }

const (
	standbyReply = 10 * time.Second
	standbyRun   = time.Hour
)

func (c *classic) ask(p *peer, m *message.Message) {
	class, ok := ParseClass(m.Get("rsc_hold"))
	info := m.Get("info")
	if c.state == resShutdown {
		return // the taker's word for what we have released
	}
	if !ok || c.state == resInit {
		c.ignored(info, p)
		return
	}
	s := &c.standby
	own := p == c.n.self
	seq, _ := hexField(m, "seq")
	if !own && info == "done" && s.state != standbyNot && seq <= s.since {
		return
	}
	switch {
	case info == "me":
		if !own && !c.n.newestReport(p, m) {
			return // sent again on request; the other has gone on since
		}
		c.askMe(p, own, class, seq)
	case info == "other" && own:
	case info == "other" && !own && s.state == standbyMe && !s.working && class == s.class:
		c.n.newestReport(p, m)
		s.since = seq
		c.release()
	case info == "done" && own && s.state == standbyMe:
		s.state, s.asked = standbyDone, true
		c.n.log(Info, "Local standby process completed [%s].", s.class)
	case info == "done" && own && s.state == standbyDone && !s.ours:
		c.held |= s.class.swap()
		*s = standby{}
		c.report("")
	case info == "done" && !own && s.state == standbyOther && !s.working:
		s.class = class // what it released, whatever it asked for first
		c.take(p)
	case info == "done" && !own && s.state == standbyDone && s.ours:
		c.n.log(Info, "Other node completed standby takeover of %s resources.", s.class)
		p.res.holds |= s.class.swap()
		p.res.mayHold, p.res.everHeld = true, true
		*s = standby{}
		c.report("")
	case info == "done" && own && s.state == standbyNot:
		// The end of an acquisition after the other's graceful stop.
	case info == "done" && p.res.left:
	case info == "other" && !own && s.state == standbyMe && !s.working:
		// An answer to another request of ours: ours is still to be answered.
	default:
		c.ignored(info, p)
		if !own && s.state == standbyNot {
			c.report("") // tells the other that no hand-over is under way here
		}
	}
}

// mayAsk: a standby request of our own makes sense now; else it is not even sent, so
// that the other node never answers a request that this node has dropped.
func (c *classic) mayAsk() bool {
	return !c.refused(c.n.self, true)
}

// refused: a standby request of p cannot be served now; the log says why.
func (c *classic) refused(p *peer, own bool) bool {
	n, s := c.n, &c.standby
	switch {
	case own && (c.other == nil || !c.other.active()):
		n.log(Warn, "No other node is active.  Standby request cancelled.")
	case s.state != standbyNot:
		n.log(Warn, "Standby in progress- new request from %s ignored [%d seconds left]", p.name, int(s.deadline.Sub(n.now).Seconds()))
	case c.state != resStable || !n.jobs.idle():
		n.log(Warn, "standby message [me] from %s ignored.  Local resources are in flux.", p.name)
	case own && !c.other.res.stable:
		n.log(Warn, "standby message [me] from %s ignored.  Other side is in flux.", p.name)
	default:
		return false
	}
	return true
}

func (c *classic) ignored(info string, p *peer) {
	l := Error
	if info == "done" && c.standby.state == standbyNot {
		l = Debug // the end of an acquisition of its own
	}
	c.n.log(l, "Ignored standby message '%.20s' from %s in state %d", info, p.name, c.standby.state)
}

func (c *classic) askMe(p *peer, own bool, class Class, seq uint64) {
	n, s := c.n, &c.standby
	if class == HoldNone || c.refused(p, own) {
		return
	}
	n.log(Info, "%s wants to go standby [%s]", p.name, class)
	if own {
		*s = standby{state: standbyMe, ours: true, class: class, deadline: n.now.Add(standbyReply)}
		return
	}
	*s = standby{state: standbyOther, class: class, since: seq, deadline: n.now.Add(2 * standbyReply)}
	n.send(message.New("t", "ask_resources", "rsc_hold", class.String(), "info", "other"))
}

// release is our side of "other": give the class up and say so when it has ended.
func (c *classic) release() {
	n, s := c.n, &c.standby
	n.log(Info, "standby: %s can take our %s resources", c.other.name, s.class)
	before, beforeTook := c.held&s.class, c.took&s.class
	c.held &^= s.class
	c.took &^= s.class
	s.working = true
	s.deadline = n.now.Add(standbyRun)
	c.report("standby")
	n.log(Info, "give up %s HA resources (standby).", s.class)
	class := s.class
	n.queueJob(Release, c.groups(class), false, func(stuck []int) {
		if len(stuck) > 0 {
			n.log(Crit, "standby cancelled: not all resources could be stopped here")
			c.held, c.took = c.held|before, c.took|beforeTook // and what was taken over meanwhile
			c.standby = standby{}
			if c.other.alive() {
				before &^= c.other.res.holds.swap()
			}
			again := slices.DeleteFunc(c.groups(before), func(g int) bool { return slices.Contains(stuck, g) })
			n.queueJob(Acquire, again, false, func(failed []int) { c.acquired(failed) }) // what was ours and did stop
			c.report("")
			return
		}
		n.log(Info, "%s HA resource release completed (standby).", class)
		if c.standby.state != standbyMe || !c.standby.ours {
			if c.state == resStable {
				c.report("") // cancelled in the meantime
			}
			return
		}
		n.send(message.New("t", "ask_resources", "rsc_hold", class.String(), "info", "done"))
	})
}

// take is our side of the other's "done": start the class and say so when it has ended.
func (c *classic) take(p *peer) {
	n, s := c.n, &c.standby
	n.log(Info, "standby: acquire [%s] resources from %s", s.class, p.name)
	s.state, s.working = standbyDone, true
	s.deadline = n.now.Add(standbyRun)
	p.res.holds &^= s.class
	p.res.lost &^= s.class // it called stop for all of it
	class := s.class
	j := n.queueJob(Acquire, c.groups(class.swap()), false, func(failed []int) {
		n.log(Info, "Standby resource acquisition done [%s].", class)
		if c.standby.state != standbyDone || c.standby.ours {
			// Cancelled: the other died or restarted meanwhile; what runs here is ours.
			c.held |= class.swap()
			c.report("")
		} else {
			n.send(message.New("t", "ask_resources", "rsc_hold", class.String(), "info", "done"))
		}
		c.acquired(failed)
	})
	j.direct = true
}

// cancelStandby ends a hand-over because the other is gone or starts anew.
func (c *classic) cancelStandby() {
	s := &c.standby
	if s.state == standbyNot {
		return
	}
	c.n.log(Info, "Cancelling pending standby operation")
	if !s.ours && s.state == standbyDone {
		c.held |= s.class.swap() // it was released to us, and is being started here
	}
	if s.ours && len(c.failedKeys()) > 0 {
		c.offerAgain()
	}
	*s = standby{}
}

// offerAgain: a hand-over of what could not be started here came to nothing.
func (c *classic) offerAgain() {
	c.offered = map[int]uint64{}
	c.giveUpAt = c.n.now.Add(offerAgain)
}

func (c *classic) standbyTimers() {
	s := &c.standby
	if s.state == standbyNot || !c.n.due(s.deadline) {
		return
	}
	if s.state == standbyMe && !s.working {
		c.n.log(Warn, "No reply to standby request.  Standby request cancelled.")
	} else if s.state == standbyDone && s.ours && c.other.res.holds.swap()&s.class == s.class {
		c.n.log(Info, "Other node completed standby takeover of %s resources.", s.class)
	} else {
		c.n.log(Error, "standby of %s resources timed out", s.class)
	}
	c.cancelStandby()
	c.report("")
	c.failbackAt = c.n.now.Add(time.Second)
}

// considerFailback returns what we took over, when the other has become stable
// (auto_failback on).
func (c *classic) considerFailback() {
	c.failbackAt = time.Time{}
	if c.n.cfg.AutoFailback != FailbackOn || c.held&c.took&HoldForeign == 0 || c.other == nil || !c.other.alive() || c.state != resStable {
		return
	}
	// After a partition both hold everything: that is settled elsewhere, not by a hand-over.
	if !c.quiet() || c.contested || c.other.res.holds&HoldLocal != 0 {
		c.n.log(Debug, "Auto failback delayed.")
		c.failbackAt = c.n.now.Add(time.Second)
		return
	}
	c.n.send(message.New("t", "ask_resources", "rsc_hold", "foreign", "info", "me"))
}

// retry: hb_takeover was run here, of groups that are ours and could not be started: now they may.
func (c *classic) retry(class Class) {
	var again []int
	for _, g := range c.groups(class & c.held) {
		if c.n.jobs.state[g] == GroupFailed {
			again = append(again, g)
		}
	}
	if len(again) == 0 || !c.quiet() {
		return
	}
	c.n.log(Info, "hb_takeover: starting again what failed here")
	c.offered = map[int]uint64{}
	c.n.queueJob(Acquire, again, false, func(failed []int) {
		c.acquired(failed)
		c.report("")
	})
}

// takeoverRequest: hb_takeover was run on the other node; it is a standby of ours. As
// in the original, failback becomes all.
func (c *classic) takeoverRequest(p *peer, m *message.Message) {
	word := m.Get("rsc_hold")
	class, ok := ParseClass(word)
	if !ok || class == HoldNone {
		return
	}
	if p == c.n.self {
		c.retry(class)
		return
	}
	class = class.swap()
	if word == "failback" {
		class = HoldAll
	}
	if c.held&class == 0 {
		c.n.log(Info, "hb_takeover of %s: nothing of that runs here", p.name)
		return
	}
	if !c.mayAsk() {
		return
	}
	c.n.send(message.New("t", "ask_resources", "rsc_hold", class.String(), "info", "me"))
}
