package cluster

import (
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// classic is the resource protocol of two nodes with auto_failback on or off
// (heartbeat-wire 13.2 to 13.6). Ownership is kept in two bits, local and foreign.
type classic struct {
	base
	n     *Node
	other *peer // nil in a cluster of one

	state   resState
	held    Class // reported; the bit is set before the scripts run
	took    Class // held because the other was dead: it is given back first
	adopted Class // found running at the start
	timer   time.Time
	again   time.Time // send starting again if nothing came of it
	standby standby

	failbackAt time.Time
	askAt      time.Time // ask the other what it holds
	orphanAt   time.Time // a class that nobody owns is looked at again then
	checkAt    time.Time // a real node that returned from a partition should have restarted by then
	before     Class     // what a real node held when we declared it dead, as it said
	told       bool      // it had said so
	alienAt    time.Time // a real node does not run its own class: then we do
	contested  bool      // both sides hold something

	giveUpAt time.Time // groups that failed here are offered to the other node then
	offered  map[int]uint64
}

// resState is the state of our own resources.
type resState uint8

const (
	resInit resState = iota
	resStarting
	resBothStarting
	resRcvd
	resStable
	resShutdown
)

func (s resState) String() string {
	return [...]string{"init", "starting", "bothstarting", "rscrcvd", "stable", "shutdown"}[s]
}

const (
	rcvdTimeout   = 10 * time.Second // a real node waits so long for somebody stable
	startingAgain = 15 * time.Second
	askEvery      = 2 * time.Second
	askUnstable   = 10 * time.Second // the word that a transition has ended may be lost for good
	offerAgain    = 30 * time.Second
	giveUpDelay   = 2 * time.Second // the original waits 30 s
	partitionWait = 6 * time.Second // a real node gives up 2 s after its return
)

func newClassic(n *Node, saved Saved) *classic {
	c := &classic{n: n, held: saved.Held, took: saved.Took, offered: map[int]uint64{}}
	for _, p := range n.peers {
		if p != n.self {
			c.other = p
		}
	}
	var runs Class
	for _, k := range saved.Groups {
		for i, g := range n.cfg.Groups {
			if g.Key == k {
				n.jobs.state[i] = GroupRunning
				if g.Home == n.cfg.Node {
					runs |= HoldLocal
				} else {
					runs |= HoldForeign
				}
			}
		}
	}
	if saved.Found {
		// Found running by a daemon that was not told of them: an earlier one was killed.
		// They are ours, but who took them over in the meantime has the better right.
		c.held, c.took, c.adopted = runs, runs, runs
	}
	return c
}

// tidy brings what runs here in line with what we hold, when communication is up:
// a group that is no longer in a held class (haresources has changed) is stopped.
func (c *classic) tidy() {
	var alien []int
	for i, s := range c.n.jobs.state {
		cl := HoldForeign
		if c.n.cfg.Groups[i].Home == c.n.cfg.Node {
			cl = HoldLocal
		}
		if s == GroupRunning && c.held&cl == 0 {
			alien = append(alien, i)
		}
	}
	if len(alien) > 0 {
		c.n.queueJob(Release, alien, false, func([]int) { c.report("") })
	}
	if c.adopted != HoldNone {
		c.n.log(Warn, "resources run here that an earlier heartbeat left behind: %s is taken as held", c.adopted)
		return // completeAdopted starts what is missing
	}
	for _, g := range c.groups(c.held) {
		if c.n.jobs.state[g] != GroupRunning {
			// It failed before, or haresources has changed: then the other node may still run
			// it by the old file, so nobody but a person can say where it belongs.
			c.n.log(Warn, "group %s does not run after the restart: hb_standby local and back starts it, once it is stopped everywhere else", c.n.cfg.Groups[g].Key)
		}
	}
}

// groups lists the groups of a class in file order.
func (c *classic) groups(cl Class) (g []int) {
	for i := range c.n.cfg.Groups {
		local := c.n.cfg.Groups[i].Home == c.n.cfg.Node
		if local && cl&HoldLocal != 0 || !local && cl&HoldForeign != 0 {
			g = append(g, i)
		}
	}
	return g
}

func (c *classic) commUp() {
	c.state = resStarting
	c.n.send(message.New("t", "starting", extension, "1"))
	c.again = c.n.now.Add(startingAgain)
	c.tidy()
	if c.other == nil {
		c.becomeStable("T_RESOURCES(us)")
	}
}

// report says what we hold.
func (c *classic) report(info string) {
	stable := "0"
	if c.state == resStable && c.standby.state == standbyNot && !c.n.jobs.releasing() {
		stable = "1"
	}
	held := c.held
	if c.standby.state == standbyNot {
		held |= c.classOf(c.n.jobs.letting()) // a node that starts just now does not know of the hand-over
	}
	if c.state == resShutdown {
		held, info = HoldNone, "shutdown"
	}
	m := message.New("t", "resource", "rsc_hold", held.String(), "rtype", "full", "isstable", stable)
	if info != "" {
		m.Set("info", info)
	}
	m.Set(extension, "1")
	m.Set("hbd_took", c.took.String())
	if f := c.failedKeys(); f != "" {
		m.Set("hbd_failed", f)
	}
	c.n.send(m)
}

// failedKeys lists the groups that could not be started here.
func (c *classic) failedKeys() string {
	var k []string
	for i, s := range c.n.jobs.state {
		if s == GroupFailed {
			k = append(k, c.n.cfg.Groups[i].Key)
		}
	}
	return strings.Join(k, " ")
}

func (c *classic) starting(p *peer, m *message.Message) {
	if p == c.n.self {
		return
	}
	if !c.n.newestReport(p, m) {
		return
	}
	if c.state == resInit {
		// It will be answered when we send our own.
		c.n.complain("starting too early", "early", Debug, "starting from %s before communication is up here", p.name)
		p.res.stable, p.res.known = false, false
		return
	}
	c.cancelStandby()
	p.res.stable, p.res.known, p.res.holds = false, false, HoldNone
	if c.state == resStarting {
		c.state = resBothStarting
	}
	c.report("")
}

func (c *classic) resource(p *peer, m *message.Message) {
	if c.state == resInit || c.state == resShutdown {
		if p != c.n.self {
			c.note(p, m)
		}
		return
	}
	if c.state == resStarting || c.state == resBothStarting {
		c.state = resRcvd
		c.timer = c.n.now.Add(rcvdTimeout)
	}
	if p == c.n.self {
		return
	}
	was := p.res.stable
	c.note(p, m)
	if m.Get("info") == "partition" {
		c.report("")
	}
	if p.res.stable && !was {
		c.n.log(Info, "remote resource transition completed.")
		if c.state == resStable {
			c.report("")
		}
	}
	if p.res.stable && c.standby.state == standbyOther && !c.standby.working {
		// It changed its mind, or what we heard was an old request.
		c.standby = standby{}
		c.report("")
	}
	if s := c.standby; p.res.stable && s.state == standbyDone && s.ours && s.asked {
		switch {
		case p.ours:
			// The end of the hand-over overtook the taker's done; or it is not taking,
			// and whose class it is takes it back.
			c.standby = standby{}
			c.report("")
		case p.res.holds.swap()&s.class == s.class && s.deadline.After(c.n.now.Add(standbyReply)):
			// A real taker reports so before or after its done, which may be lost for good.
			c.standby.deadline = c.n.now.Add(standbyReply)
		}
	}
	c.judgeLost(false)
	if c.state == resRcvd && (p.res.stable || c.bothFresh(p)) && c.doubtful()&HoldLocal == 0 {
		c.becomeStable("T_RESOURCES(them)")
	}
	if p.res.stable && !was {
		c.considerFailback()
	}
	c.audit(p)
}

// bothFresh: the other one is ours, starts too, and what it holds leaves nothing to
// wait for. Real nodes wait ten seconds here.
func (c *classic) bothFresh(p *peer) bool {
	r := &p.res
	if !p.ours || !p.active() || !r.known || r.leaving || r.left {
		return false
	}
	if c.held&HoldLocal != 0 || c.otherHas(HoldLocal) {
		return true // nothing to take
	}
	return r.holds == HoldNone && !r.mayHold
}

// note records a report of the other node.
func (c *classic) note(p *peer, m *message.Message) {
	r := &p.res
	hold, ok := ParseClass(m.Get("rsc_hold"))
	if !ok {
		return
	}
	if m.Get("rtype") == "full" {
		r.holds = hold
	} else {
		r.holds |= hold
	}
	r.known = true
	r.took, _ = ParseClass(m.Get("hbd_took"))
	r.failed = strings.Fields(m.Get("hbd_failed"))
	info := m.Get("info")
	if info == "shutdown" {
		r.leaving, r.stable = true, false
	}
	if info == "standby" && c.standby.state == standbyOther {
		c.standby.deadline = c.n.now.Add(standbyRun) // it has begun to release
	}
	if s, ok := m.Lookup("isstable"); ok && !r.leaving {
		r.stable = s == "1"
	}
	if c.n.broken == ignoreIsStable {
		r.stable = true
	}
	switch {
	case r.holds != HoldNone:
		r.mayHold = true
	case r.stable:
		r.mayHold = false
	case info == "" && !r.leaving && c.standby.state == standbyNot:
		// A starting node that never held anything.
		if !r.everHeld {
			r.mayHold = false
		}
	}
	if r.holds != HoldNone {
		r.everHeld = true
	}
	if !r.stable && p.ours && c.askAt.IsZero() {
		c.askAt = c.n.now.Add(askUnstable)
	}
}

// becomeStable takes our own groups unless the other has them.
func (c *classic) becomeStable(reason string) {
	c.timer, c.again = time.Time{}, time.Time{}
	c.state = resStable
	c.acquireOwn(reason)
	c.report("")
}

func (c *classic) otherHas(cl Class) bool {
	return c.other != nil && c.other.res.holds.swap()&cl != 0
}

func (c *classic) initialDone(reason string) {
	if !c.n.initial {
		c.n.initial = true
		c.n.log(Info, "Initial resource acquisition complete (%s)", reason)
	}
}

func (c *classic) acquireOwn(reason string) {
	if c.held&HoldLocal != 0 || c.otherHas(HoldLocal) {
		c.n.log(Info, "Local Resource acquisition completed. (none)")
		c.initialDone(reason)
		return
	}
	c.held |= HoldLocal
	c.took &^= HoldLocal
	c.n.queueJob(Acquire, c.groups(HoldLocal), false, func(failed []int) {
		c.n.log(Info, "Local Resource acquisition completed.")
		c.initialDone(reason)
		c.acquired(failed)
		if c.state == resStable {
			c.report("req_our_resources()")
		}
	})
}

// acquired looks at what could not be started: it is offered to the other node.
func (c *classic) acquired(failed []int) {
	if len(failed) == 0 {
		return
	}
	for _, g := range failed {
		c.n.log(Error, "group %s could not be started on %s", c.n.cfg.Groups[g].Key, c.n.cfg.Node)
	}
	if c.giveUpAt.IsZero() {
		c.giveUpAt = c.n.now.Add(giveUpDelay)
	}
}

// giveUp offers the classes in which groups failed to the other node, once for each
// run of it, unless it failed with them too.
func (c *classic) giveUp() {
	c.giveUpAt = time.Time{}
	if c.other == nil || c.state != resStable {
		return
	}
	var cl Class
	for i, s := range c.n.jobs.state {
		if s != GroupFailed || c.offered[i] == c.other.gen {
			continue
		}
		if !c.other.active() {
			continue // its return sets the clock again
		}
		if !c.quiet() {
			c.giveUpAt = c.n.now.Add(giveUpDelay)
			return
		}
		c.offered[i] = c.other.gen
		if c.n.cfg.Groups[i].Home == c.n.cfg.Node {
			cl |= HoldLocal
		} else {
			cl |= HoldForeign
		}
	}
	if cl &= c.held; cl != HoldNone {
		c.n.send(message.New("t", "ask_resources", "rsc_hold", cl.String(), "info", "me"))
	}
}

// quiet: both sides are stable and nothing moves here.
func (c *classic) quiet() bool {
	return c.state == resStable && c.standby.state == standbyNot && c.n.jobs.idle() &&
		c.other != nil && c.other.active() && c.other.res.known && c.other.res.stable
}

// message: requests of legacy mode mean nothing here, and must not reach rc.d scripts
// that would start and stop groups behind our back.
func (c *classic) message(p *peer, t string, m *message.Message) bool {
	return t == "ip-request" || t == "ip-request-resp" || t == overheard
}

func (c *classic) stop() {
	c.cancelStandby()
	c.giveUpAt, c.failbackAt, c.orphanAt, c.checkAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	c.state = resShutdown
	c.timer, c.again = time.Time{}, time.Time{}
	c.report("shutdown")
	c.n.queueJob(Release, c.groups(HoldAll), false, func(stuck []int) {
		c.held, c.took = HoldNone, HoldNone
		c.n.released(stuck)
	})
}

func (c *classic) idle() bool {
	return c.standby.state == standbyNot && (c.state == resStable || c.state == resRcvd)
}

func (c *classic) saved() Saved {
	// What an earlier run left behind, and was not settled yet, is no more ours for the next.
	s := Saved{Held: c.held, Took: c.took, Found: c.adopted != HoldNone}
	for _, g := range c.n.runningGroups() {
		s.Groups = append(s.Groups, c.n.cfg.Groups[g].Key)
	}
	return s
}

func (c *classic) timers() {
	n := c.n
	if n.due(c.timer) {
		if c.other != nil && !c.other.res.left && (c.doubtful()&HoldLocal != 0 || c.other.res.mayHold || c.other.res.leaving || c.other.status == StatusDead || c.other.alive() && !c.other.res.known) {
			// It holds something or is letting go of it, or is dead and not yet
			// fenced, or does not answer: what comes next decides.
			n.complain("waiting for the other node", "wait", Warn, "the resources of this node wait: what %s holds is not known yet", c.other.name)
			c.timer = n.now.Add(rcvdTimeout)
		} else {
			c.becomeStable("T_RESOURCES(us)")
			n.log(Info, "local resource transition completed.")
		}
	}
	if n.due(c.again) {
		c.again = n.now.Add(startingAgain)
		if c.other != nil && c.other.active() {
			n.send(message.New("t", "starting", extension, "1"))
		}
	}
	if n.due(c.failbackAt) {
		c.considerFailback()
	}
	if n.due(c.giveUpAt) {
		c.giveUp()
	}
	if n.due(c.askAt) {
		c.askAt = time.Time{}
		r := &c.other.res
		if c.other.active() && c.state != resInit && c.state != resShutdown && (!r.known || c.other.ours && !r.stable && !r.leaving) {
			c.report("partition")
			c.askAt = n.now.Add(askEvery)
			if r.known {
				c.askAt = n.now.Add(askUnstable)
			}
		}
	}
	if c.other != nil && n.due(c.other.res.lostAt) {
		c.judgeLost(true)
	}
	c.standbyTimers()
	c.orphanTimers()
}

func (c *classic) next() time.Time {
	var t earliest
	for _, at := range []time.Time{c.timer, c.again, c.failbackAt, c.askAt, c.giveUpAt, c.standby.deadline, c.orphanAt, c.alienAt, c.checkAt} {
		t.add(at)
	}
	if c.other != nil {
		t.add(c.other.res.lostAt)
	}
	return t.at
}
