package simworld

import (
	"fmt"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// patience is how long a healed world may take to become good.
const patience = 15 * time.Minute

// heal ends all faults and waits until everything is good; then the data is read
// on both nodes, and everything is taken down.
func (w *world) heal() {
	if len(w.bad) > 0 {
		return
	}
	w.note("----- no more faults -----")
	w.calm = true
	for _, n := range w.nodes {
		for _, v := range n.vols {
			v.disk.readErr, v.disk.writeErr, v.meta.fail, v.disk.slow, v.disk.hang = 0, 0, 0, 0, 0
		}
	}
	w.healNet()
	end := w.Now() + patience
	var nurse func()
	nurse = func() {
		if len(w.bad) > 0 || w.over {
			return
		}
		for _, n := range w.nodes {
			w.treat(n)
		}
		w.lastResort()
		w.After(time.Second, nurse)
	}
	nurse()
	// With congestion policies there may be no end of it while the application writes.
	if !w.until(w.Now()+20*time.Second, w.good) {
		w.hush()
	}
	if !w.until(end, w.good) && len(w.bad) == 0 {
		w.fail("live", "nothing is broken for %s, but: %s; %s", patience, w.nodes[0].status(), w.nodes[1].status())
	}
	if len(w.bad) == 0 {
		w.finish()
	}
}

// hush lets the application stop asking for anything new.
func (w *world) hush() {
	w.hushed = true
	for _, n := range w.nodes {
		if n.app != nil {
			n.app.left = 0
		}
	}
}

// until lets time pass until f holds.
func (w *world) until(end time.Duration, f func() bool) bool {
	for len(w.bad) == 0 && w.Now() < end {
		if f() {
			return true
		}
		w.run(w.Now() + 100*time.Millisecond)
	}
	return len(w.bad) == 0 && f()
}

// good: one Primary with its application, both in sync, nothing special going on. A
// machine that stands still, or has not noticed that its connection is gone, shows
// what was: the application must not be moved to it.
func (w *world) good() bool {
	apps := 0
	for _, n := range w.nodes {
		if n.core == nil || n.busy > 0 || n.asleep() || n.end != nil && n.end.c.broken {
			return false
		}
		if n.app != nil && n.app.serving {
			apps++
		}
		v := n.look()
		if v.Susp || v.SuspFen || v.SuspNod {
			return false
		}
	}
	for _, v := range w.vols {
		if !v.paired || !v.inSync() {
			return false
		}
	}
	return apps == 1 && !w.moving
}

// frozen tells that I/O must not go on: resume-io would let it.
func (n *node) frozen() bool {
	v := n.look()
	return v.SuspFen || v.SuspNod
}

// treat does what an administrator would do who looks at a node.
func (w *world) treat(n *node) {
	if !n.power {
		return // it is on its way
	}
	if n.core == nil || n.busy > 0 || n.asleep() {
		return
	}
	view := n.look()
	if view.Susp && !n.frozen() {
		n.order(replica.SuspendIO{Vol: 0}, nil)
		return
	}
	for nr, v := range n.vols {
		x := n.vol(nr)
		if x == nil {
			return // still being configured
		}
		if x.UserISP {
			n.order(replica.PauseSync{Vol: nr}, nil)
			return
		}
		if x.Disk == wire.Diskless && !v.attached && n.ready {
			if v.tries++; v.tries > 20 && n.app == nil && x.Role == wire.Primary {
				// It asks for data that nobody has, and nobody uses it: a promotion that lost
				// the disk under its new generation, or got no further than this volume.
				v.tries = 0
				n.order(replica.SecondaryCmd{Vol: nr}, nil)
				return
			}
			if v.tries > 20 && view.Net != nil {
				// The two do not agree about their data: it is settled with both disks attached.
				v.tries = 0
				if n.app != nil {
					w.note("%s: its disk is not accepted, the machine is restarted", n)
					n.powerOff(time.Second)
					return
				}
				n.connects += 3
				n.order(replica.Disconnect{Force: true}, nil)
				return
			}
			n.busy++
			boot := n.boot
			n.attach(nr, func(replica.Reply) {
				if n.boot == boot {
					n.busy--
				}
			})
			return
		}
	}
	if !n.ready {
		return
	}
	if w.mend(n) {
		return
	}
	if view.Net == nil {
		if n.connects > 30 && n.app != nil && n.vol(0).Disk != wire.UpToDate {
			// It may only connect to what its application has seen, and that is gone.
			w.note("%s: no good data for its application, the machine is restarted", n)
			n.connects = 0
			n.powerOff(time.Second)
			return
		}
		n.connectCmd()
		n.ready = false
		return
	}
	if n.app != nil && !n.app.serving {
		n.resign()
		return
	}
	for nr := range n.vols {
		// A resync that ended with failed blocks is tried again only after a new start.
		x := n.vol(nr)
		if x.Conn != wire.Connected || x.Disk != wire.Inconsistent || x.Pdsk != wire.UpToDate {
			n.vols[nr].halfSince = 0
		} else if n.vols[nr].halfSince == 0 {
			n.vols[nr].halfSince = w.Now()
		} else if w.Now()-n.vols[nr].halfSince > 20*time.Second {
			n.vols[nr].halfSince = 0
			if n.app != nil {
				n.stopApp() // it would lose its data
				return
			}
			n.order(replica.Disconnect{}, nil)
			return
		}
	}
}

// lastResort: nobody has good data, and nobody is about to get it. What one node has
// is declared to be good.
func (w *world) lastResort() {
	bad, fresh := false, true
	for _, v := range w.vols {
		fresh = fresh && v.lin[0].br == nil && v.lin[1].br == nil
	}
	if fresh {
		return // the first start is yet to come
	}
	for _, v := range w.vols {
		a, b := w.nodes[0].vol(v.nr), w.nodes[1].vol(v.nr)
		if a == nil || b == nil {
			return
		}
		if a.Disk != wire.UpToDate && b.Disk != wire.UpToDate {
			bad = true
		}
	}
	if !bad {
		w.hopeless = 0
		return
	}
	if w.hopeless == 0 {
		w.hopeless = w.Now()
	}
	if w.Now()-w.hopeless < time.Minute {
		return
	}
	best := w.nodes[0]
	better := func(n *node) (score int) {
		for _, v := range w.vols {
			score += int(n.vol(v.nr).Disk)
			if v.lin[n.i].current {
				score += 100
			}
		}
		return score
	}
	if better(w.nodes[1]) > better(best) {
		best = w.nodes[1]
	}
	if w.nodes[0].busy+w.nodes[1].busy > 0 {
		return // next time
	}
	w.hopeless = 0
	for _, n := range w.nodes {
		if n.app != nil {
			w.note("%s: hopeless, the machine is restarted", n)
			n.powerOff(time.Second)
			return
		}
		if n != best && n.look().Role == wire.Primary {
			for nr := range n.vols {
				n.order(replica.SecondaryCmd{Vol: nr}, nil)
			}
		}
	}
	w.note("%s: nobody has good data", best)
	best.promote(true, nil)
}

// mend resolves a split brain: one node gives its data up. It tells whether it had
// something to do with n.
func (w *world) mend(n *node) bool {
	split := w.nodes[0].sawSplit || w.nodes[1].sawSplit || w.nodes[0].app != nil && w.nodes[1].app != nil ||
		w.nodes[0].connects > 6 || w.nodes[1].connects > 6
	if !split {
		return false
	}
	if w.victim < 0 {
		w.victim = w.Intn(2)
		a, b := true, true
		for _, v := range w.vols {
			a, b = a && v.lin[0].current, b && v.lin[1].current
		}
		if a != b {
			w.victim = 0
			if a {
				w.victim = 1
			}
		}
		for i, m := range w.nodes {
			if x := m.vol(0); x != nil && m.app != nil && x.Disk == wire.Diskless && x.Conn < wire.Connected {
				w.victim = i // it has nothing at all
			}
		}
		w.note("%s has to give its data up", w.nodes[w.victim])
	}
	if n.i != w.victim {
		return false
	}
	view := n.look()
	tries := max(n.connects, n.peer().connects/2) // one that is refused for ever need not connect again itself
	if tries > 12 && n.app == nil && view.Role != wire.Primary && w.hopeless == 0 {
		// Not everything can be resolved: uuid_compare -1091 of old versions, data that is
		// not related any more after forced promotions.
		w.stats.Renewals++
		n.connects, n.peer().connects = 0, 0
		n.renew()
		return true
	}
	switch {
	case n.app != nil && !n.app.serving:
		n.resign()
		return true
	case n.app != nil && n.peer().app == nil && w.Now()-n.gaveUp > time.Minute:
		// Its application cannot move before the other node is Primary.
		n.gaveUp = w.Now()
		return false
	case n.app != nil && n.app.serving:
		n.stopApp()
		return true
	case n.app == nil && view.Role == wire.Primary:
		n.order(replica.SecondaryCmd{Vol: 0}, nil)
		return true
	case n.discard && view.Net != nil:
		return false
	case view.Net != nil:
		n.order(replica.Disconnect{Force: true}, nil)
		return true
	}
	n.discard = true
	n.ready = false
	n.connectCmd()
	return true
}

// renew makes new metadata, so that all data comes from the peer.
func (n *node) renew() {
	w := n.w
	w.note("%s: create-md", n)
	for nr := range n.vols {
		n.order(replica.SecondaryCmd{Vol: nr}, nil) // no application waits for what was there
	}
	n.order(replica.Disconnect{Force: true}, func(replica.Reply) {
		for nr := range n.vols {
			nr := nr
			n.order(replica.DetachCmd{Vol: nr, Force: true}, func(replica.Reply) {
				v := n.vols[nr]
				if v.attached || v.meta.fly != nil || len(v.disk.flying) > 0 {
					return
				}
				clear(v.meta.pages)
				v.meta.create()
				w.vols[nr].lin[n.i] = lineage{}
				w.vols[nr].based = false
			})
		}
	})
}

// resign: the application waits for a daemon that may not be Primary again. It is
// ended, after some patience.
func (n *node) resign() {
	w := n.w
	if n.waits == 0 {
		n.waits = w.Now()
	}
	if w.Now()-n.waits < 2*time.Minute {
		return
	}
	n.waits = 0
	w.note("%s: the application gives up", n)
	n.app.die()
	for _, v := range w.vols {
		n.order(replica.SecondaryCmd{Vol: v.nr}, nil)
	}
}

// stopApp ends the application; what it waits for may be stuck for ever.
func (n *node) stopApp() {
	n.demote(func(ok bool) {
		if n.stuck++; !ok && n.stuck > 2 && n.w.calm {
			n.w.note("%s: the application cannot be stopped, the machine is restarted", n)
			n.powerOff(time.Second)
		}
		if ok {
			n.stuck = 0
		}
	})
}

// status is a node in one line.
func (n *node) status() string {
	if n.core == nil {
		return n.String() + " is down"
	}
	s := n.String() + ":"
	v := n.look()
	for i := range v.Volumes {
		x := &v.Volumes[i]
		s += " " + x.Role.String() + "/" + x.Peer.String() + " " + x.Conn.String() + " " + x.Disk.String() + "/" + x.Pdsk.String()
		if x.OOS > 0 {
			s += fmt.Sprintf(" oos=%d (on disk %v)", x.OOS, n.vols[x.Vol].meta.marks(5))
		}
		if x.UserISP || x.PeerISP || x.AftrISP {
			s += " paused"
		}
	}
	if v.Susp || v.SuspFen || v.SuspNod {
		s += " suspended"
	}
	if n.app != nil && n.app.serving {
		s += ", application"
	} else if n.app != nil {
		s += ", application waits"
	}
	for _, id := range n.openCommands() {
		s += ", " + show(replica.Command{ID: id, Do: n.cmds[id].do})
	}
	return s
}

func (n *node) openCommands() (ids []uint64) {
	for id := range n.cmds {
		ids = append(ids, id)
	}
	sortIDs(ids)
	return ids
}
