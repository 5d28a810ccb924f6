package cluster

import (
	"strconv"
	"strings"

	"classicha/heartbeatd/message"
)

// This file is what three nodes or more have to agree on about a dead one: who resets it,
// which of its runs that was for, and what it may run as long as nobody could.
//
// A dead node that was not reset may be alive behind a cut, with nodes that we do not hear,
// and they all follow the same rules. So a group may be started in spite of it if
//   - it is not the one that had it last, asked for it, or was promised it, and
//   - the nodes that are asked are more than half of all, and this one heard from it in this
//     run what it had (then its side is the smaller one, and starts nothing that it did not
//     have), or the node that had the group last is among those asked (then its side
//     lacks that node, and waits for it).

// recoverer: the first living node of ours resets the dead one, the others wait for word.
func (k *many) recoverer(p *peer) bool {
	if p.wasFenced() {
		return true
	}
	if k.state == resInit || k.state == resStarting {
		return false // the others may still say which run of it was the last
	}
	for _, q := range k.n.peers {
		if q == p || q.res.left || q.res.leaving {
			continue
		}
		if q == k.n.self {
			return true
		}
		if q.active() && q.ours {
			return false
		}
	}
	return true
}

// fencedBy: another node reset p.
func (k *many) fencedBy(from *peer, m *message.Message) {
	p := k.n.byName[m.Get("node")]
	if from == k.n.self || p == nil || p.ping || p == k.n.self || m.Get("result") != "OK" {
		return
	}
	gen, err := hexField(m, extension+"_gen")
	if err != nil || gen != p.gen {
		return // it was for another run
	}
	if _, ok := m.Lookup(extension + "_gen"); !ok {
		return
	}
	if p.status == StatusDead && p.declared {
		if !p.res.recovered {
			delete(k.n.fence.wait, p)
			k.takeOver(p)
		}
		return
	}
	p.res.many.fencedAt = k.n.now
}

// had notes that p has group i.
func (k *many) had(p *peer, i int) {
	k.groups[i].last, k.groups[i].lastGen = p, p.gen
}

// unreset: p is dead, and may run something all the same.
func (p *peer) unreset() bool {
	return p.status == StatusDead && p.declared && !p.res.recovered && !p.res.left
}

// involved: p had group i last, asked for it, or was promised it.
func (k *many) involved(p *peer, i int) bool {
	g := &k.groups[i]
	if k.has(p, i) || p.res.many.claims != nil && p.res.many.claims[i] || g.grantee == p || g.offered == p || g.last == p {
		return true
	}
	for _, q := range k.n.peers {
		if o := q.res.many.offers; o != nil && o[i] == p.name {
			return true
		}
	}
	return false
}

// frozen: group i waits until a dead node is reset, whoever would start it.
func (k *many) frozen(i int) bool {
	for _, p := range k.n.peers {
		if p != k.n.self && p.unreset() && k.involved(p, i) {
			return true
		}
	}
	return false
}

// blocked: a dead node that is not reset keeps the claimant from group i; asked are the nodes
// that have to grant it, the claimant included.
func (k *many) blocked(i int, asked []*peer) bool {
	g := &k.groups[i]
	in := func(p *peer) bool {
		for _, q := range asked {
			if q == p {
				return true
			}
		}
		return false
	}
	knows := g.last != nil && g.last.gen == g.lastGen && in(g.last) && (g.last == k.n.self || g.last.alive())
	for _, p := range k.n.peers {
		switch {
		case p == k.n.self || !p.unreset():
		case k.involved(p, i):
			return true
		case knows:
		case g.last != nil && !in(g.last) && !g.last.res.recovered:
			return true // who had it last knows more
		case 2*len(asked) <= len(k.n.peers) || !p.res.known:
			return true
		}
	}
	return false
}

// asked is the nodes that a claim of ours would need now, this one included.
func (k *many) asked() []*peer {
	a := []*peer{k.n.self}
	for _, p := range k.n.peers {
		if p != k.n.self && p.alive() && !p.res.left && p.ours {
			a = append(a, p)
		}
	}
	return a
}

func names(ps []*peer) string {
	var s []string
	for _, p := range ps {
		s = append(s, p.name)
	}
	return strings.Join(s, " ")
}

func (k *many) peersOf(s string) (ps []*peer) {
	for _, name := range strings.Fields(s) {
		if p := k.n.byName[name]; p != nil && !p.ping {
			ps = append(ps, p)
		}
	}
	return ps
}

// tellResets adds to a report which dead nodes wait for a reset, and which were reset, with
// the run that this is about: a node that never heard them does not know it.
func (k *many) tellResets(m *message.Message) {
	var dead, reset []string
	for _, p := range k.n.peers {
		switch {
		case p == k.n.self || !k.n.cfg.Fencing || p.status != StatusDead || !p.declared || p.res.left:
		case p.res.recovered:
			reset = append(reset, p.name+">"+hex(p.gen))
		case p.hasGen:
			dead = append(dead, p.name+">"+hex(p.gen))
		}
	}
	m.Set("hbd_dead", strings.Join(dead, " "))
	m.Set("hbd_reset", strings.Join(reset, " "))
}

func (k *many) hearResets(m *message.Message) {
	if !k.n.cfg.Fencing {
		return
	}
	each := func(field string, f func(p *peer, gen uint64)) {
		for _, w := range strings.Fields(m.Get(field)) {
			name, run, _ := strings.Cut(w, ">")
			p, gen := k.n.byName[name], uint64(0)
			gen, err := strconv.ParseUint(run, 16, 63)
			if err == nil && p != nil && !p.ping && p != k.n.self && p.status == StatusDead && p.declared && !p.res.left {
				f(p, gen)
			}
		}
	}
	each("hbd_dead", func(p *peer, gen uint64) {
		if gen <= p.gen {
			return
		}
		// It had a run that we never heard. A reset that we know of was not for that one.
		p.gen, p.hasGen, p.declaredGen = gen, true, gen
		p.rx.reset()
		if p.res.recovered {
			p.res.recovered = false
			k.soon()
		}
	})
	each("hbd_reset", func(p *peer, gen uint64) {
		if gen >= p.gen && !p.res.recovered {
			delete(k.n.fence.wait, p)
			k.takeOver(p)
		}
	})
}

// waitReset: the node that resets p may not know which run of it we heard last.
func (k *many) waitReset(p *peer) {
	if k.state == resStable {
		k.report("")
	}
}
