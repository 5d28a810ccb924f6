package cluster

import (
	"strconv"
	"time"

	"classicha/heartbeatd/message"
)

// This file decides which group we want, and asks for it (see many).

// eligible: p could run group i. away nodes are asked only when nobody else is left.
func (k *many) eligible(p *peer, i int, awayToo bool) bool {
	if p == k.n.self {
		return k.state == resStable && k.n.jobs.state[i] != GroupFailed && (awayToo || !k.groups[i].away)
	}
	r := &p.res
	if !p.active() || !p.ours || !r.known || !r.stable || r.leaving || r.left || r.many.failed == nil {
		return false
	}
	return !r.many.failed[i] && (awayToo || !r.many.away[i])
}

// first is the node that ought to run group i.
func (k *many) first(i int) *peer {
	for _, awayToo := range []bool{false, true} {
		var best *peer
		for _, p := range k.n.peers {
			if k.eligible(p, i, awayToo) && (best == nil || k.rank(p, i) < k.rank(best, i)) {
				best = p
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// unowned: nobody has group i, and nobody who may have it is unaccounted for.
func (k *many) unowned(i int, claimant *peer, asked []*peer) bool {
	g := &k.groups[i]
	if g.held || g.busy || k.n.jobs.state[i] == GroupStuck {
		return false
	}
	if g.grantee != nil && g.grantee != claimant {
		return false
	}
	for _, p := range k.n.peers {
		if p == k.n.self || p == claimant {
			continue
		}
		if k.has(p, i) || !p.proved && p.alive() {
			return false
		}
	}
	return !k.blocked(i, asked)
}

// reserved: somebody released group i for a certain living node.
func (k *many) reserved(i int) *peer {
	if p := k.groups[i].offered; p != nil && p.active() {
		return p
	}
	for _, p := range k.n.peers {
		if p != k.n.self && p.active() && p.res.many.offers != nil && p.res.many.offers[i] != "" {
			if to := k.n.byName[p.res.many.offers[i]]; to == k.n.self || to != nil && to.active() {
				return to
			}
		}
	}
	return nil
}

func (k *many) timers() {
	n := k.n
	if k.state == resStarting {
		k.maybeStable()
	}
	if !n.due(k.evalAt) {
		return
	}
	k.evalAt = n.now.Add(manyEval)
	if k.state == resStarting {
		k.evalAt = n.now.Add(manyRetry)
	}
	if k.state != resStable {
		return
	}
	k.retryFences()
	k.expire()
	k.askUnknown()
	for _, p := range k.n.peers {
		if p != k.n.self && p.alive() {
			k.settle(p, false) // its word may have come while scripts ran here
		}
	}
	var want []int
	asked := k.asked()
	for i := range k.groups {
		g := &k.groups[i]
		switch {
		case g.held && !g.busy:
			k.considerFailback(i)
		case g.claim != 0 || g.busy || !k.unowned(i, nil, asked) || n.now.Before(g.retryAt):
		default:
			if to := k.reserved(i); to != nil {
				if to == n.self {
					want = append(want, i)
				}
			} else if k.first(i) == n.self {
				want = append(want, i)
			}
		}
	}
	if len(want) > 0 {
		k.claim(want)
	}
}

// maybeStable: a starting node waits for the word of every living one.
func (k *many) maybeStable() {
	if !k.n.due(k.startsAt) {
		for _, p := range k.n.peers {
			if p != k.n.self && p.alive() && !p.res.left && !p.res.known {
				return
			}
		}
	}
	k.state = resStable
	k.n.log(Info, "local resource transition completed.")
	k.n.log(Info, "Initial resource acquisition complete (%s)", "all nodes reported")
	k.n.initial = true
	k.report("")
	k.soon()
}

// retryFences: the node that was to reset a dead one died itself.
func (k *many) retryFences() {
	for _, p := range k.n.peers {
		if p == k.n.self || p.status != StatusDead || !p.declared || p.res.recovered {
			continue
		}
		switch {
		case p.wasFenced():
			k.takeOver(p)
		case k.n.cfg.Fencing && !k.n.fencePending(p) && k.recoverer(p):
			k.n.startFence(p)
		}
	}
}

func (k *many) expire() {
	dead := 2 * k.n.cfg.Deadtime
	changed := false
	for i := range k.groups {
		g := &k.groups[i]
		if g.claim != 0 && k.n.now.Sub(g.claimAt) > dead {
			k.n.complain("claims without answer", "claim "+k.names[i], Warn,
				"group %s is not started: not every living node has granted it", k.n.cfg.Groups[i].Key)
			k.dropClaim(g)
			changed = true
		}
		if g.offered != nil && k.n.now.Sub(g.offerAt) > offerTimeout {
			g.offered = nil
			changed = true
		}
	}
	if changed {
		k.report("")
	}
}

// askUnknown asks living nodes that have not told what they hold: their report was lost
// in a partition, or they never noticed that there was one.
func (k *many) askUnknown() {
	if k.n.now.Before(k.askAt) {
		return // every report that comes in leads here
	}
	for _, p := range k.n.peers {
		if p != k.n.self && p.active() && p.ours && !p.res.known && !p.res.left {
			k.askAt = k.n.now.Add(askEvery)
			k.report("partition")
			return
		}
	}
}

func (k *many) dropClaim(g *manyGroup) {
	g.claim, g.waiting = 0, nil
	g.retryAt = k.n.now.Add(manyRetry + time.Duration(k.n.rng.below(200))*time.Millisecond)
	if k.evalAt.After(g.retryAt) {
		k.evalAt = g.retryAt
	}
}

// claim asks every living node of ours for the groups.
func (k *many) claim(want []int) {
	k.claimID++
	asked := k.asked()
	for _, i := range want {
		g := &k.groups[i]
		g.claim, g.claimAt, g.waiting = k.claimID, k.n.now, map[*peer]bool{}
		for _, p := range asked[1:] {
			g.waiting[p] = true
		}
	}
	if len(asked) > 1 {
		id := k.claimID
		k.n.send(message.New("t", "hbd_claim", "claim", hex(id), "hbd_asked", names(asked),
			"hbd_groups", k.list(func(i int) bool { return k.groups[i].claim == id })))
	}
	k.won()
}

// won starts the groups that everybody granted.
func (k *many) won() {
	var got []int
	asked := k.asked()
	for i := range k.groups {
		g := &k.groups[i]
		if g.claim != 0 && len(g.waiting) == 0 {
			g.claim, g.waiting = 0, nil
			if k.state == resStable && k.unowned(i, nil, asked) {
				k.had(k.n.self, i)
				g.held, g.took, g.lost, g.away = true, g.lost, false, false
				got = append(got, i)
			}
		}
	}
	if len(got) == 0 {
		return
	}
	k.report("")
	for _, i := range got {
		k.acquire(i)
	}
}

func (k *many) acquire(i int) {
	g := &k.groups[i]
	g.busy = true
	k.n.queueJob(Acquire, []int{i}, g.took, func(failed []int) {
		g.busy = false
		if len(failed) > 0 {
			k.n.log(Error, "group %s could not be started on %s", k.n.cfg.Groups[i].Key, k.n.cfg.Node)
			g.held, g.took = false, false
		}
		if k.state != resShutdown {
			k.report("")
			k.soon()
		}
	})
}

// release stops groups; they stay ours on the wire until the scripts have ended.
func (k *many) release(groups []int, to *peer) {
	for _, i := range groups {
		k.groups[i].busy = true
	}
	k.n.queueJob(Release, groups, false, func(stuck []int) {
		for _, i := range groups {
			g := &k.groups[i]
			g.busy, g.held, g.took = false, false, false
			if to != nil {
				g.offered, g.offerAt = to, k.n.now
			}
		}
		for _, i := range stuck {
			k.groups[i].held, k.groups[i].offered = true, nil
			k.n.log(Crit, "group %s could not be stopped: it stays with %s", k.n.cfg.Groups[i].Key, k.n.cfg.Node)
		}
		if k.state != resShutdown {
			k.report("")
			k.soon()
		}
	})
}

func (k *many) considerFailback(i int) {
	home := k.n.byName[k.n.cfg.Groups[i].Home]
	if k.n.cfg.AutoFailback == FailbackOff || k.frozen(i) || home == nil || home == k.n.self || !k.n.jobs.idle() || !k.eligible(home, i, false) {
		return
	}
	k.n.log(Info, "group %s goes back to %s", k.n.cfg.Groups[i].Key, home.name)
	k.release([]int{i}, home)
}

func (k *many) message(p *peer, t string, m *message.Message) bool {
	switch t {
	case "hbd_claim":
		if p != k.n.self {
			k.judge(p, m)
		}
		return true
	case "hbd_grant":
		if p != k.n.self {
			k.granted(p, m)
		}
		return true
	case "ip-request", "ip-request-resp":
		return true
	}
	return false
}

// judge answers a claim.
func (k *many) judge(p *peer, m *message.Message) {
	wanted := k.parse(m.Get("hbd_groups"))
	if !p.proved || !k.n.newestReport(p, m) {
		wanted = nil // it has gone on since; and an older report would say nothing about a claim
	}
	yes := make([]bool, len(k.groups))
	yielded := false
	asked := k.peersOf(m.Get("hbd_asked"))
	for i, w := range wanted {
		if !w || k.state == resInit || !k.unowned(i, p, asked) {
			continue
		}
		g := &k.groups[i]
		if to := k.reserved(i); to != nil && to != p {
			continue
		}
		if g.claim != 0 {
			if k.rank(k.n.self, i) < k.rank(p, i) && k.reserved(i) != p {
				continue
			}
			k.dropClaim(g)
			yielded = true
		}
		g.grantee = p
		yes[i] = true
	}
	k.n.send(message.New("t", "hbd_grant", "dest", p.name, "claim", m.Get("claim"),
		"hbd_yes", k.list(func(i int) bool { return yes[i] })))
	if yielded {
		k.report("")
	}
}

func (k *many) granted(p *peer, m *message.Message) {
	id, err := strconv.ParseUint(m.Get("claim"), 16, 64)
	if err != nil || id == 0 {
		return
	}
	yes := k.parse(m.Get("hbd_yes"))
	refused := false
	for i := range k.groups {
		g := &k.groups[i]
		if g.claim != id {
			continue
		}
		if yes[i] {
			delete(g.waiting, p)
		} else {
			k.dropClaim(g)
			refused = true
		}
	}
	if refused {
		k.report("") // frees what others granted us
	}
	k.won()
}

// ask: hb_standby here. The groups go to whoever is next.
func (k *many) ask(p *peer, m *message.Message) {
	class, ok := ParseClass(m.Get("rsc_hold"))
	if p != k.n.self || !ok || m.Get("info") != "me" || k.state != resStable {
		return
	}
	var give []int
	for i := range k.groups {
		g := &k.groups[i]
		local := k.n.cfg.Groups[i].Home == k.n.cfg.Node
		if g.held && k.stays(i) {
			continue
		}
		if g.held && !g.busy && (local && class&HoldLocal != 0 || !local && class&HoldForeign != 0) {
			g.away = true
			give = append(give, i)
		}
	}
	k.n.log(Info, "%s wants to go standby [%s]", p.name, class)
	if len(give) > 0 {
		k.release(give, nil)
	}
}

// takeoverRequest: hb_takeover on p. Whoever has the groups hands them to it; p itself
// forgets what kept it from running them.
func (k *many) takeoverRequest(p *peer, m *message.Message) {
	class, ok := ParseClass(m.Get("rsc_hold"))
	if !ok || k.state != resStable {
		return
	}
	var give []int
	for i := range k.groups {
		g := &k.groups[i]
		local := k.n.cfg.Groups[i].Home == p.name
		if !(local && class&HoldLocal != 0 || !local && class&HoldForeign != 0) {
			continue
		}
		if p == k.n.self {
			g.away = false
			if k.n.jobs.state[i] == GroupFailed {
				k.n.jobs.state[i] = GroupStopped
			}
		} else if g.held && !g.busy && p.active() && !k.stays(i) {
			g.away = true
			give = append(give, i)
		}
	}
	if p == k.n.self {
		k.report("")
		k.soon()
	} else if len(give) > 0 {
		k.release(give, p)
	}
}

// stays: group i cannot move since a dead node that is not reset had to do with it.
func (k *many) stays(i int) bool {
	if !k.frozen(i) {
		return false
	}
	k.n.log(Warn, "group %s stays: a dead node that may know of it is not reset yet, nobody could take it", k.n.cfg.Groups[i].Key)
	return true
}

func (k *many) stop() {
	k.state = resShutdown
	for i := range k.groups {
		k.groups[i].claim, k.groups[i].waiting, k.groups[i].offered = 0, nil, nil
	}
	k.report("shutdown")
	all := make([]int, len(k.groups))
	for i := range all {
		all[i] = i
	}
	k.n.queueJob(Release, all, false, func(stuck []int) {
		for i := range k.groups {
			k.groups[i].held = false
		}
		k.n.released(stuck)
	})
}

func (k *many) idle() bool { return k.state == resStable }

func (k *many) saved() Saved {
	var s Saved
	for i := range k.groups {
		if k.groups[i].held {
			s.Groups = append(s.Groups, k.n.cfg.Groups[i].Key)
		}
	}
	return s
}

func (k *many) next() time.Time {
	var t earliest
	t.add(k.evalAt)
	if k.state == resStarting {
		t.add(k.startsAt)
	}
	return t.at
}

func (k *many) view(v *View) {
	v.ResState, v.Holds, v.Stable = k.state.String(), k.class().String(), k.state == resStable
	for i := range v.Nodes {
		nv := &v.Nodes[i]
		if p := k.n.byName[nv.Name]; p == k.n.self {
			nv.Holds, nv.Stable = v.Holds, v.Stable
		} else if p != nil && p.res.known {
			nv.Holds = p.res.holds.String()
		}
	}
	for i := range v.Groups {
		for _, p := range k.n.peers {
			if p != k.n.self && p.alive() && k.has(p, i) && v.Groups[i].Owner == "" {
				v.Groups[i].Owner, v.Groups[i].State = p.name, "running"
			}
		}
	}
}
