package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// What an administrator does with a Pair: the first start, and when all faults are over.

// SkipSync declares both disks to be equal, and tells whether they are in sync. It is
// called until that is so.
func (p *Pair) SkipSync() bool {
	w := p.w
	if w.vols[0].paired {
		return true
	}
	n := w.nodes[0]
	a, b := p.State(0), p.State(1)
	if w.skipped == nil && n.busy == 0 && a.Configured && b.Configured &&
		a.Conn == wire.Connected && a.Disk == wire.Inconsistent && a.Pdsk == wire.Inconsistent {
		n.order(replica.NewCurrentUUID{Vol: 0, Clear: true}, func(r replica.Reply) {
			if ok(r) {
				w.skipped = n
			}
		})
	}
	return false
}

// Calm ends whatever is drawn to make life hard.
func (p *Pair) Calm() {
	p.w.calm = true
	p.w.deaf = [2]bool{}
	p.w.kick()
}

// InSync: Connected, and both disks UpToDate, seen from both sides.
func (p *Pair) InSync() bool { return p.w.vols[0].paired && p.w.vols[0].inSync() }

// Moving: a sync goes on.
func (p *Pair) Moving() bool {
	a := p.State(0)
	return a.Conn > wire.Connected
}

// Nurse does what an administrator does who sees that the nodes do not come together:
// disks are attached, connections tried again, and of two histories one is given up, but
// never that of a Primary.
func (p *Pair) Nurse() {
	w := p.w
	if len(w.bad) > 0 {
		return
	}
	for _, n := range w.nodes {
		if n.core == nil || n.busy > 0 || n.asleep() || !n.ready {
			continue
		}
		v, x := n.vols[0], n.vol(0)
		if x != nil && x.Disk == wire.Diskless && !v.attached {
			n.busy++
			boot := n.boot
			n.attach(0, func(replica.Reply) {
				if n.boot == boot {
					n.busy--
				}
			})
			continue
		}
		if p.settle(n) || n.look().Net != nil {
			continue
		}
		n.connectCmd()
		n.ready = false
	}
}

// settle resolves a split brain; it tells whether it had something to do with n.
func (p *Pair) settle(n *node) bool {
	w := p.w
	a, b := w.nodes[0], w.nodes[1]
	if !a.sawSplit && !b.sawSplit && a.connects < 6 && b.connects < 6 || a.core == nil || b.core == nil {
		return false
	}
	if x, y := a.vol(0), b.vol(0); x == nil || y == nil || x.Conn >= wire.Connected || y.Conn >= wire.Connected {
		return false // it is settled, the sync goes on
	}
	if w.victim < 0 || w.nodes[w.victim].app != nil {
		if a.app != nil && b.app != nil {
			return false // heartbeat has to decide first
		}
		w.victim = 0
		if l := w.vols[0].lin; a.app != nil || b.app == nil && l[0].current && !l[1].current {
			w.victim = 1
		}
		w.note("%s has to give its data up", w.nodes[w.victim])
		w.unruly = true
	}
	if n.i != w.victim || n.discard && n.look().Net != nil {
		return false
	}
	if n.look().Net != nil {
		n.order(replica.Disconnect{Force: true}, nil)
		return true
	}
	n.discard, n.ready = true, false
	n.connectCmd()
	return true
}

// Split tells whether a node has found a split brain that was not resolved.
func (p *Pair) Split() bool { return p.w.nodes[0].sawSplit || p.w.nodes[1].sawSplit }

// AtRest checks a pair in sync on which nothing goes on: D2, and that nothing is left over.
func (p *Pair) AtRest() { p.w.rest() }

// Status is both nodes in two lines, for messages.
func (p *Pair) Status() string { return p.w.nodes[0].status() + "; " + p.w.nodes[1].status() }

// Stats are the numbers of the run.
func (p *Pair) Stats() Stats { return p.w.stats }

// Now is the time of the world.
func (p *Pair) Now() time.Duration { return p.w.Now() }
