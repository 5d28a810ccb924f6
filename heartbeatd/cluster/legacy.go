package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// legacy is the resource protocol of auto_failback legacy (heartbeat-wire 13.7): each
// node asks for its own groups and whoever holds one stops it and answers.
type legacy struct {
	base
	n      *Node
	other  *peer
	stops  bool
	asking map[int]time.Time // own groups asked for and not answered: when to ask again
	giving map[int]bool      // groups being stopped for the other
}

const legacyAskAgain = 10 * time.Second

func newLegacy(n *Node, saved Saved) *legacy {
	l := &legacy{n: n, asking: map[int]time.Time{}, giving: map[int]bool{}}
	for _, p := range n.peers {
		if p != n.self {
			l.other = p
		}
	}
	for _, k := range saved.Groups {
		for i, g := range n.cfg.Groups {
			if g.Key == k {
				n.jobs.state[i] = GroupRunning
			}
		}
	}
	return l
}

// alone: there is no other, or it is dead and cannot run anything.
func (l *legacy) alone() bool {
	return l.other == nil || l.other.status == StatusDead && l.other.res.recovered || l.other.res.left
}

func (l *legacy) commUp() {
	if l.other != nil && l.other.status == StatusDead {
		return // recovery takes everything
	}
	for _, g := range l.n.cfg.groupsOf(l.n.cfg.Node) {
		l.askFor(g)
	}
}

// becameActive: the other may have been dead when we looked, and alive again before it
// was fenced.
func (l *legacy) becameActive(*peer) {
	if !l.n.commUp || l.stops {
		return
	}
	for _, g := range l.n.cfg.groupsOf(l.n.cfg.Node) {
		if _, asked := l.asking[g]; !asked {
			l.askFor(g)
		}
	}
}

func (l *legacy) askFor(g int) {
	// Asked for also if it runs here already: after a restart in place the other may
	// have started it in the meantime.
	if l.alone() {
		l.start(g)
		return
	}
	l.asking[g] = l.n.now.Add(legacyAskAgain)
	if l.other.status == StatusDead {
		return // not fenced yet
	}
	l.n.send(message.New("t", "ip-request", "ipaddr", l.n.cfg.Groups[g].Key))
}

func (l *legacy) start(g int) {
	delete(l.asking, g)
	if l.stops {
		return
	}
	l.n.queueJob(Acquire, []int{g}, false, func(failed []int) {
		for _, g := range failed {
			l.n.log(Error, "group %s could not be started on %s", l.n.cfg.Groups[g].Key, l.n.cfg.Node)
		}
	})
}

func (l *legacy) find(key string) int {
	for i, g := range l.n.cfg.Groups {
		if g.Key == key {
			return i
		}
	}
	return -1
}

func (l *legacy) message(p *peer, t string, m *message.Message) bool {
	switch t {
	case overheard:
		// A real node that became active before it heard us starts its groups unasked.
		if g := l.find(m.Get("ipaddr")); g >= 0 && l.n.jobs.state[g] != GroupStopped {
			l.n.log(Warn, "%s starts group %s without asking: it is stopped here", p.name, m.Get("ipaddr"))
			l.requested(p, m.Get("ipaddr"))
		}
		return true
	case "ip-request":
		if p != l.n.self {
			l.requested(p, m.Get("ipaddr"))
		}
		return true
	case "ip-request-resp":
		if run, ok := m.Lookup("hbd_for"); ok && run != hex(l.n.cfg.Generation) {
			return true
		}
		if g := l.find(m.Get("ipaddr")); g >= 0 && m.Get("ok") == "OK" && l.n.cfg.Groups[g].Home == l.n.cfg.Node {
			if _, waiting := l.asking[g]; waiting || p == l.n.self {
				l.start(g)
			}
		}
		return true
	}
	return false
}

// requested: the other asks for a group of its own. Held here, it is stopped first.
func (l *legacy) requested(p *peer, key string) {
	g := l.find(key)
	if g < 0 || l.n.cfg.Groups[g].Home != p.name {
		return
	}
	gen := p.gen // an answer to a run that has ended must not start anything in the next
	answer := func(own string) {
		l.n.send(message.New("t", "ip-request-resp", "dest", p.name, "ipaddr", key, "weown", own, "ok", "OK", "hbd_for", hex(gen)))
	}
	if l.n.jobs.state[g] == GroupStopped && l.n.jobs.idle() {
		answer("no")
		return
	}
	if l.giving[g] {
		return
	}
	l.giving[g] = true
	l.n.queueJob(Release, []int{g}, false, func(stuck []int) {
		l.giving[g] = false
		if len(stuck) > 0 {
			l.n.log(Crit, "group %s could not be stopped: %s is not told that it is free", key, p.name)
			return
		}
		answer("yes")
	})
}

func (l *legacy) mayHold(p *peer) bool { return !p.res.left }

func (l *legacy) takeAll(p *peer) {
	if l.stops || l.n.shutdown.phase != running {
		return
	}
	var groups []int
	for i, s := range l.n.jobs.state {
		if s != GroupRunning {
			groups = append(groups, i)
		}
	}
	l.asking = map[int]time.Time{}
	p.res.recovered = true
	j := l.n.queueJob(Acquire, groups, true, func(failed []int) {
		for _, g := range failed {
			l.n.log(Error, "group %s could not be started on %s", l.n.cfg.Groups[g].Key, l.n.cfg.Node)
		}
		l.n.log(Info, "mach_down takeover complete.")
	})
	j.still = l.alone
}

func (l *legacy) takeOver(p *peer) { l.takeAll(p) }

func (l *legacy) left(p *peer) {
	l.n.log(Info, "Resources being acquired from %s.", p.name)
	l.takeAll(p)
}

func (l *legacy) restarted(p *peer) {
	p.res = peerResources{seq: p.res.seq}
	delete(l.n.fence.wait, p)
}

// returned: both may run everything. Each keeps its own groups and stops the other's.
func (l *legacy) returned(p *peer) {
	p.res = peerResources{seq: p.res.seq}
	foreign := l.n.cfg.groupsNotOf(l.n.cfg.Node)
	l.n.log(Crit, "both nodes may run the same resources: %s gives up those of %s", l.n.cfg.Node, p.name)
	l.n.queueJob(Release, foreign, false, func([]int) {
		l.n.do(Announce{Groups: l.n.runningGroups()})
	})
}

func (l *legacy) ask(p *peer, m *message.Message) {
	if m.Get("info") == "me" {
		l.n.log(Error, "Standby mode only implemented when nice_failback on")
	}
}

func (l *legacy) stop() {
	l.stops = true
	l.asking = map[int]time.Time{}
	all := make([]int, len(l.n.cfg.Groups))
	for i := range all {
		all[i] = i
	}
	l.n.queueJob(Release, all, false, l.n.released)
}

func (l *legacy) saved() Saved {
	var s Saved
	for _, g := range l.n.runningGroups() {
		s.Groups = append(s.Groups, l.n.cfg.Groups[g].Key)
	}
	return s
}

func (l *legacy) timers() {
	for g := range l.n.cfg.Groups { // in order: maps decide nothing
		at, ok := l.asking[g]
		if ok && l.n.due(at) {
			l.askFor(g)
		}
	}
}

func (l *legacy) next() time.Time {
	var t earliest
	for _, at := range l.asking {
		t.add(at)
	}
	return t.at
}
