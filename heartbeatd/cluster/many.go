package cluster

import (
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// many is the policy of three nodes or more, which the original cannot do (there every
// survivor takes a dead node's groups). Ownership is kept for each group; before a node
// starts one, every other living node of ours must grant it:
//
//	unowned group, we are its first candidate --hbd_claim--> all
//	all --hbd_grant yes/no--> claimant; all yes: start it and report; one no: try later
//
// A node grants a group to one claimant at a time, and not while it knows, or cannot
// exclude, another owner; so two nodes that have a living node in common never both
// start it. Reports (type resource) carry the lists, with rsc_hold as the original's
// summary. auto_failback legacy counts as on.
type many struct {
	base
	n     *Node
	names []string // names of the groups in messages: home/key

	state    resState
	startsAt time.Time // when we stop waiting for reports of the others
	evalAt   time.Time
	groups   []manyGroup
	claimID  uint64
	askAt    time.Time // nobody is asked again before
}

// manyGroup is what we do with one group.
type manyGroup struct {
	held    bool // ours: from the last grant until its scripts have stopped
	took    bool // its owner was declared dead
	away    bool // we handed it over by command: others first
	lost    bool // its owner was declared dead and nobody has it yet
	busy    bool // a job for it is queued or runs
	offered *peer
	offerAt time.Time

	claim   uint64 // number of our pending claim, 0 none
	waiting map[*peer]bool
	claimAt time.Time
	retryAt time.Time

	grantee *peer // to whom we granted it

	last    *peer  // who had it last, as far as we know, this node included
	lastGen uint64 // its run then
}

// manyView is what a peer said of each group.
type manyView struct {
	held, took, away, failed, claims []bool
	offers                           []string  // to which node the group is reserved
	fencedAt                         time.Time // another node said that it was reset, before we saw it die
}

const (
	manyEval     = time.Second
	manySettle   = 10 * time.Second
	manyRetry    = 200 * time.Millisecond
	offerTimeout = 10 * time.Second
)

func newMany(n *Node, saved Saved) *many {
	k := &many{n: n, groups: make([]manyGroup, len(n.cfg.Groups))}
	seen := map[string]int{}
	for i, g := range n.cfg.Groups {
		name := g.Home + "/" + g.Key
		for seen[name]++; seen[name] > 1; seen[name]++ {
			name += "+"
		}
		k.names = append(k.names, name)
		for _, s := range saved.Groups {
			if s == g.Key {
				k.groups[i].held, k.groups[i].took = true, saved.Found
				k.had(n.self, i)
				n.jobs.state[i] = GroupRunning
			}
		}
	}
	return k
}

func (k *many) list(pick func(i int) bool) string {
	var s []string
	for i := range k.groups {
		if pick(i) {
			s = append(s, k.names[i])
		}
	}
	return strings.Join(s, " ")
}

func (k *many) parse(s string) []bool {
	b := make([]bool, len(k.names))
	for _, w := range strings.Fields(s) {
		for i, name := range k.names {
			if name == w {
				b[i] = true
			}
		}
	}
	return b
}

// report tells everything: our reports are absolute.
func (k *many) report(info string) {
	stable := "0"
	if k.state == resStable {
		stable = "1"
	}
	held := k.class()
	if k.state == resShutdown {
		held, info = HoldNone, "shutdown"
	}
	m := message.New("t", "resource", "rsc_hold", held.String(), "rtype", "full", "isstable", stable)
	if info != "" {
		m.Set("info", info)
	}
	m.Set(extension, "1")
	m.Set("hbd_groups", k.list(func(i int) bool { return k.groups[i].held }))
	m.Set("hbd_took", k.list(func(i int) bool { return k.groups[i].held && k.groups[i].took }))
	m.Set("hbd_away", k.list(func(i int) bool { return k.groups[i].away }))
	m.Set("hbd_failed", k.list(func(i int) bool { return k.n.jobs.state[i] == GroupFailed }))
	m.Set("hbd_claims", k.list(func(i int) bool { return k.groups[i].claim != 0 }))
	var offers []string
	for i := range k.groups {
		if p := k.groups[i].offered; p != nil {
			offers = append(offers, k.names[i]+">"+p.name)
		}
	}
	m.Set("hbd_offers", strings.Join(offers, " "))
	k.tellResets(m)
	k.n.send(m)
}

// class is the summary in the original's words.
func (k *many) class() Class {
	var c Class
	own, ownHeld := 0, 0
	for i, g := range k.n.cfg.Groups {
		if g.Home == k.n.cfg.Node {
			own++
			if k.groups[i].held {
				ownHeld++
			}
		} else if k.groups[i].held {
			c |= HoldForeign
		}
	}
	if own == ownHeld && (own > 0 || k.state == resStable) {
		c |= HoldLocal
	}
	return c
}

func (k *many) commUp() {
	k.state = resStarting
	k.n.send(message.New("t", "starting", extension, "1"))
	k.report("")
	k.startsAt = k.n.now.Add(manySettle)
	k.evalAt = k.n.now.Add(manyRetry)
}

func (k *many) starting(p *peer, m *message.Message) {
	if p == k.n.self || k.state == resInit {
		return
	}
	if k.n.newestReport(p, m) { // its report may have overtaken it
		p.res.stable = false
	}
	k.report("")
}

func (k *many) resource(p *peer, m *message.Message) {
	if p == k.n.self {
		return
	}
	r := &p.res
	r.known = true
	r.holds, _ = ParseClass(m.Get("rsc_hold"))
	info := m.Get("info")
	if info == "shutdown" {
		r.leaving = true
	}
	if s, ok := m.Lookup("isstable"); ok {
		r.stable = s == "1" && !r.leaving
	}
	if _, ours := m.Lookup("hbd_groups"); ours {
		v := &r.many
		v.held, v.took = k.parse(m.Get("hbd_groups")), k.parse(m.Get("hbd_took"))
		v.away, v.failed, v.claims = k.parse(m.Get("hbd_away")), k.parse(m.Get("hbd_failed")), k.parse(m.Get("hbd_claims"))
		v.offers = make([]string, len(k.names))
		for _, w := range strings.Fields(m.Get("hbd_offers")) {
			if name, node, ok := strings.Cut(w, ">"); ok {
				for i := range k.names {
					if k.names[i] == name {
						v.offers[i] = node
					}
				}
			}
		}
	} else {
		k.guess(p)
	}
	k.hearResets(m)
	placed := false
	for i := range k.groups {
		g := &k.groups[i]
		if g.grantee == p && !k.has(p, i) && !(r.many.claims != nil && r.many.claims[i]) {
			g.grantee = nil
		}
		if k.has(p, i) {
			k.had(p, i)
			g.lost = false
			if g.offered == p {
				g.offered, placed = nil, true
			}
		}
	}
	if (info == "partition" || placed) && k.state != resInit {
		k.report("")
	}
	k.settle(p, true)
	k.soon()
}

// guess makes group lists from the class of a real node.
func (k *many) guess(p *peer) {
	v := &p.res.many
	*v = manyView{held: make([]bool, len(k.names)), took: make([]bool, len(k.names))}
	for i, g := range k.n.cfg.Groups {
		if g.Home == p.name {
			v.held[i] = p.res.holds&HoldLocal != 0
		} else if home := k.n.byName[g.Home]; home == nil || !home.alive() {
			v.held[i] = p.res.holds&HoldForeign != 0
		}
	}
}

func (k *many) has(p *peer, i int) bool { return p.res.many.held != nil && p.res.many.held[i] }

func (k *many) soon() {
	if k.evalAt.IsZero() || k.evalAt.After(k.n.now) {
		k.evalAt = k.n.now
	}
}

// settle: both have a group, after a partition or a long pause. Who took it because
// the owner seemed dead gives way; else the better candidate keeps it, and says so once a
// second at most: the other says the same until its scripts have ended.
func (k *many) settle(p *peer, tell bool) {
	if k.state != resStable || p.res.leaving || !p.ours || !p.res.known {
		return
	}
	var kept []int
	for i := range k.groups {
		g := &k.groups[i]
		if !g.held || g.busy || !k.has(p, i) {
			continue
		}
		theyTook := p.res.many.took[i]
		lose := g.took && !theyTook || g.took == theyTook && k.rank(p, i) < k.rank(k.n.self, i)
		switch {
		case lose && k.n.jobs.state[i] == GroupStuck: // it was tried
		case lose:
			k.n.log(Crit, "both %s and %s run group %s: %s gives it up", k.n.cfg.Node, p.name, k.n.cfg.Groups[i].Key, k.n.cfg.Node)
			k.release([]int{i}, nil)
		case tell:
			k.n.complain("both own a group", "both "+k.names[i], Crit, "both %s and %s run group %s: %s keeps it", k.n.cfg.Node, p.name, k.n.cfg.Groups[i].Key, k.n.cfg.Node)
			kept = append(kept, i)
		}
	}
	if len(kept) > 0 && !k.n.now.Before(p.told) {
		p.told = k.n.now.Add(time.Second)
		k.n.do(Announce{Groups: kept})
		k.report("")
	}
}

// rank is the place of a node among the candidates of a group: its home first, then
// the nodes that follow in ha.cf, round the circle.
func (k *many) rank(p *peer, i int) int {
	home := k.n.byName[k.n.cfg.Groups[i].Home]
	if home == nil {
		return p.index
	}
	return (p.index - home.index + len(k.n.peers)) % len(k.n.peers)
}

func (k *many) returned(p *peer) {
	p.res.known, p.res.stable = false, false
	p.res.recovered, p.res.many.fencedAt = false, time.Time{}
	k.report("partition")
	k.soon()
}

func (k *many) proved(p *peer) {
	if k.state != resInit && k.state != resShutdown {
		k.report("partition")
	}
}

func (k *many) restarted(p *peer) {
	held := p.res.many.held
	p.res = peerResources{many: manyView{held: held}}
	delete(k.n.fence.wait, p)
	k.soon()
}

// mayHold: a node that did not take its leave may run anything by now. It may hold
// nothing as we lose it, and take over later what it believes us to have lost.
func (k *many) mayHold(p *peer) bool { return !p.res.left }

func (k *many) takeOver(p *peer) {
	for i := range k.groups {
		g := &k.groups[i]
		if k.has(p, i) {
			g.lost = true
		}
		if g.grantee == p {
			g.grantee = nil
			g.lost = true
		}
		if g.offered == p {
			g.offered = nil
		}
		delete(g.waiting, p)
	}
	p.res = peerResources{left: p.res.left, seq: p.res.seq, recovered: true}
	if k.n.cfg.Fencing && k.state != resInit && k.state != resShutdown {
		k.report("") // who missed the word of the reset hears of it
	}
	k.won()
	k.soon()
}

func (k *many) left(p *peer) {
	p.res = peerResources{left: true, known: true, seq: p.res.seq, recovered: true}
	for i := range k.groups {
		g := &k.groups[i]
		if g.grantee == p {
			g.grantee = nil
		}
		if g.offered == p {
			g.offered = nil
		}
		delete(g.waiting, p)
	}
	k.won()
	k.soon()
}

// wasFenced: the word of its reset still holds, nothing was heard from it since.
func (p *peer) wasFenced() bool {
	at := p.res.many.fencedAt
	return !at.IsZero() && !p.lastStatus.After(at)
}
