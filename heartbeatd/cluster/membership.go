package cluster

import (
	"strconv"
	"time"

	"classicha/heartbeatd/message"
)

// begin sends the first packets: init once, up twice (heartbeat-wire 11).
func (n *Node) begin() {
	n.started = n.now
	n.dtDropAt = n.now.Add(raisedFor)
	n.keepaliveAt = n.now.Add(n.cfg.Keepalive)
	n.sendStatus()
	n.setOwnStatus(StatusUp)
	n.sendStatus()
	n.join.at = n.now
}

func (n *Node) setOwnStatus(s Status) {
	n.self.status, n.self.heard = s, true
	n.log(Info, "Local status now set to: '%s'", s)
}

// status handles a status message, ours included.
func (n *Node) status(p *peer, m *message.Message) {
	st, ok := parseStatus(m.Get("st"))
	if !ok || st == StatusPing {
		n.counters["dropped: bad status"]++
		return
	}
	if p == n.self {
		n.do(Alive{})
		return
	}
	seq, _ := hexField(m, "seq")
	if seq < p.statusSeq && n.broken != believeOldNumbers {
		return // sent again on request: older than what we know
	}
	p.statusSeq = seq
	if v, err := strconv.ParseUint(m.Get("dt"), 16, 40); err == nil && v > 0 {
		p.dt = time.Duration(v) * time.Millisecond
		if p.dt > maxAnnounced {
			p.dt = maxAnnounced
		}
	}
	n.noticeLate(p)
	wasDead := p.status == StatusDead && p.declared
	if wasDead && p.declaredGen != p.gen && p.res.lost == HoldNone {
		delete(n.fence.wait, p) // the reset was for a run that has ended
	}
	p.lastStatus, p.graces = n.now, 0
	if wasDead && p.declaredGen == p.gen {
		// Same run, declared dead, alive: there was a partition (heartbeat-wire 14).
		p.declared, p.wasReset = false, false
		n.changeStatus(p, st, m)
		n.returnedAfterPartition(p)
		return
	}
	p.declared = false
	if st != p.status || !p.announced {
		n.changeStatus(p, st, m)
	}
}

// maxAnnounced bounds a peer's announced deadtime, so that one packet cannot switch
// failure detection off for good.
const maxAnnounced = time.Hour

func (n *Node) changeStatus(p *peer, st Status, m *message.Message) {
	p.status, p.announced = st, true
	n.log(Info, "Status update for node %s: status %s", p.name, st)
	n.do(RunRC{Type: "status", Msg: m})
	n.do(Deliver{Msg: m})
	if st == StatusActive {
		n.policy.becameActive(p)
	}
}

// noticeLate logs a status that comes late (heartbeat-wire 11).
func (n *Node) noticeLate(p *peer) {
	if p.lastStatus.IsZero() || p.status == StatusDead || !p.announced {
		return
	}
	late := n.now.Sub(p.lastStatus)
	switch {
	case late > n.cfg.Deadtime && late > p.dt:
		n.log(Crit, "Late heartbeat: Node %s: interval %d ms (> deadtime)", p.name, late.Milliseconds())
	case n.cfg.Warntime > 0 && late > n.cfg.Warntime:
		n.log(Warn, "Late heartbeat: Node %s: interval %d ms", p.name, late.Milliseconds())
	}
}

// deadline is when a member will be declared dead if nothing comes; zero: never.
// Silence is measured from its last status against the dead time that it announced
// itself; until communication is up, initdead counts for all (heartbeat-wire 11).
func (n *Node) deadline(p *peer) time.Time {
	if p.status == StatusDead && (p.declared || p.ping) {
		return time.Time{}
	}
	var at time.Time
	switch {
	case p.ping:
		at = p.lastStatus.Add(n.cfg.Deadping)
	case !n.commUp && p.lastStatus.IsZero():
		at = n.started.Add(n.cfg.Initdead)
	case !n.commUp:
		at = p.lastStatus.Add(max(n.cfg.Initdead, p.dt))
	case p.lastStatus.IsZero():
		at = n.started.Add(n.cfg.Initdead)
	case p.dt > 0:
		at = p.lastStatus.Add(p.dt)
	default:
		at = p.lastStatus.Add(n.cfg.Deadtime)
	}
	if n.broken == takeoverWithoutDeadtime && n.commUp && !p.ping && !p.lastStatus.IsZero() {
		at = p.lastStatus.Add(n.cfg.Keepalive + n.cfg.Keepalive/4)
	}
	if initdead := n.started.Add(n.cfg.Initdead); !p.ping && !p.proved && at.Before(initdead) {
		at = initdead
	}
	if at.Before(p.graceUntil) {
		at = p.graceUntil
	}
	return at
}

// suspectBefore is how long before its dead time a silent node is suspected.
const suspectBefore = 700 * time.Millisecond

// suspicion is when a silent member is suspected, once in each silence: whoever has a
// connection to it can look whether it still answers, so that this is known when it is
// declared dead. Zero: never. Nothing in the cluster depends on it.
func (n *Node) suspicion(p *peer) time.Time {
	at := n.deadline(p)
	if at.IsZero() || !n.commUp || p.lastStatus.IsZero() || p.suspected.Equal(p.lastStatus) {
		return time.Time{}
	}
	at = at.Add(-suspectBefore)
	if early := p.lastStatus.Add(2 * n.cfg.Keepalive); at.Before(early) {
		at = early
	}
	return at
}

func (n *Node) membershipTimers() {
	for _, p := range n.peers {
		if p != n.self && n.due(n.suspicion(p)) {
			p.suspected = p.lastStatus
			n.do(Suspect{Node: p.name})
		}
		if p != n.self && n.due(n.deadline(p)) {
			n.declareDead(p)
		}
		n.checkLinks(p)
	}
	for _, p := range n.pings {
		if n.due(n.deadline(p)) {
			n.pingDead(p)
		}
	}
	if n.due(n.keepaliveAt) {
		// Keep the phase; after a pause do not send a burst.
		n.keepaliveAt = n.keepaliveAt.Add(n.cfg.Keepalive)
		if n.due(n.keepaliveAt) {
			n.keepaliveAt = n.now.Add(n.cfg.Keepalive)
		}
		n.sendStatusDT(n.shutdownDT())
	}
	if n.due(n.dtDropAt) {
		n.dtDropAt = time.Time{}
		n.sendStatus()
	}
}

// declareDead: the peer was silent for its dead time.
func (n *Node) declareDead(p *peer) {
	n.markDead(p)
	p.res.recovered, p.wasReset = false, false // a reset before its last sign of life is not for this death
	n.recover(p)
}

func (n *Node) markDead(p *peer) {
	n.log(Warn, "node %s: is dead", p.name)
	p.status, p.declared, p.announced, p.declaredGen = StatusDead, true, true, p.gen
	p.ackOwed = false
	for i := range p.links {
		if p.links[i].up {
			n.linkDead(p, &p.links[i])
		}
	}
	m := message.New("t", "status", "st", "dead", "src", p.name, "seq", "1", "ts", hex(uint64(n.now.Unix())))
	n.do(RunRC{Type: "status", Msg: m})
	n.do(Deliver{Msg: m})
	p.rx.missing = nil // its last number stays: what was sent before is no sign of life
}

// peerRestarted: a status of a higher generation came. What the old run held is gone
// or, after a quick restart, reported again by the new one.
func (n *Node) peerRestarted(p *peer) {
	p.statusSeq, p.ipfailSeq = 0, 0
	p.announced = false
	p.lastStatus = time.Time{}
	p.dt = 0
	p.res.seq = 0
	n.policy.restarted(p)
}

// linkHeard stamps the link a packet came in on.
func (n *Node) linkHeard(p *peer, name string) {
	l := p.link(name)
	if l == nil {
		return
	}
	l.last = n.now
	if !l.up {
		l.up = true
		n.log(Info, "Link %s:%s up.", p.name, l.name)
		n.deliverLink(p, l)
		n.ipfailLinkChanged(p, l)
	}
}

func (n *Node) linkDead(p *peer, l *link) {
	l.up = false
	n.log(Info, "Link %s:%s dead.", p.name, l.name)
	n.deliverLink(p, l)
	n.ipfailLinkChanged(p, l)
}

func (n *Node) deliverLink(p *peer, l *link) {
	st := "dead"
	if l.up {
		st = "up"
	}
	n.do(Deliver{Msg: message.New("t", "ifstat", "node", p.name, "ifname", l.name, "st", st)})
}

// linkTimeout: a link is dead when nothing came in on it for the dead time of its node.
func (n *Node) linkTimeout(p *peer) time.Duration {
	switch {
	case p.ping:
		return n.cfg.Deadping
	case p.dt > 0:
		return p.dt
	}
	return n.cfg.Deadtime
}

func (n *Node) checkLinks(p *peer) {
	for i := range p.links {
		l := &p.links[i]
		if l.up && n.due(n.linkDeadline(p, l)) {
			n.linkDead(p, l)
		}
	}
}

func (n *Node) linkDeadline(p *peer, l *link) time.Time {
	at := l.last.Add(n.linkTimeout(p))
	if at.Before(p.graceUntil) {
		at = p.graceUntil
	}
	return at
}

func (n *Node) linkDeadlines(p *peer, t *earliest) {
	for i := range p.links {
		if l := &p.links[i]; l.up {
			t.add(n.linkDeadline(p, l))
		}
	}
}

// pingReply: an echo came back with a status that we signed in the name of the ping
// node (heartbeat-wire 12.3). It counts only on the ping node's own link.
func (n *Node) pingReply(p *peer, linkName, t string, m *message.Message) {
	if t != "NS_st" || m.Get("st") != "ping" || linkName != p.name {
		n.counters["dropped: false ping reply"]++
		return
	}
	p.heard, p.lastStatus = true, n.now
	if p.status != StatusPing {
		p.status = StatusPing
		n.log(Info, "Status update for node %s: status %s", p.name, p.status)
		m := message.New("t", "status", "st", "ping", "src", p.name, "info", m.Get("info"))
		n.do(RunRC{Type: "status", Msg: m})
		n.do(Deliver{Msg: m})
		n.linkHeard(p, p.name)
		n.ipfailPingChanged()
		return
	}
	n.linkHeard(p, p.name)
}

func (n *Node) pingDead(p *peer) {
	n.log(Warn, "node %s: is dead", p.name)
	p.status = StatusDead
	for i := range p.links {
		if p.links[i].up {
			n.linkDead(p, &p.links[i])
		}
	}
	info := n.cfg.Ping[p.index-len(n.peers)].info()
	m := message.New("t", "status", "st", "dead", "src", p.name, "seq", "1", "info", info, "ts", hex(uint64(n.now.Unix())))
	n.do(RunRC{Type: "status", Msg: m})
	n.do(Deliver{Msg: m})
	n.ipfailPingChanged()
}

// maxGraces bounds how often our own pauses excuse the same silence: a loop that is
// always late reads its packets all the same.
const maxGraces = 3

// noticePause: if this Step comes much later than Next promised, it was we who stood
// still (a stopped virtual machine, a stalled disk). The silence of the others is then
// no evidence: every member gets time to be heard anew.
func (n *Node) noticePause() {
	if n.promised.IsZero() || n.broken == ignoreOwnPauses {
		return
	}
	gap := n.now.Sub(n.promised)
	slack := n.cfg.Deadtime / 4
	for _, p := range n.peers {
		if p.dt > 0 && p.dt/4 < slack {
			slack = p.dt / 4
		}
	}
	slack = max(slack, 20*time.Millisecond)
	if gap <= slack {
		return
	}
	n.counters["own pauses"]++
	n.complain("own pauses logged", "pause", Warn,
		"this node stood still for %d ms: the other nodes are judged by fresh packets only", gap.Milliseconds())
	for _, p := range n.peers {
		if p == n.self || p.status == StatusDead || p.graces >= maxGraces {
			continue
		}
		p.graces++
		dt := p.dt
		if dt == 0 {
			dt = n.cfg.Deadtime
		}
		p.graceUntil = n.now.Add(dt/2 + 50*time.Millisecond)
	}
	for _, p := range n.pings {
		p.graceUntil = n.now.Add(n.cfg.Deadping / 2)
	}
}
