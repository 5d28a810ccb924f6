package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// finish is the end of a good world: the application does a little more, all data
// is read on both nodes, nothing may be left over.
func (w *world) finish() {
	w.note("----- everything is good again -----")
	var last *app
	if !w.until(w.Now()+5*time.Minute, func() bool {
		if now := w.primary().app; now != nil && now != last { // the last move may not be over
			last, now.left = now, 10
		}
		return last != nil && last == w.primary().app && last.left == 0 && len(last.open) == 0
	}) {
		w.failOpen(w.primary(), "the last requests")
		return
	}
	a := last.n
	w.hush()
	if !w.until(w.Now()+5*time.Minute, w.good) {
		w.failOpen(a, "in sync again")
		return
	}
	w.over = true
	a = w.primary()
	b := a.peer()
	w.readAll(a)
	done := false
	a.demote(func(ok bool) {
		if !ok {
			w.fail("live", "%s cannot be demoted in peace", a)
		}
		done = true
	})
	w.moving = true // the manager has nothing to do with it
	if !w.until(w.Now()+time.Minute, func() bool { return done }) {
		w.failOpen(a, "secondary")
		return
	}
	done = false
	b.promote(false, func(ok bool) {
		if !ok {
			w.fail("live", "%s cannot be promoted in peace: %s", b, b.status())
		}
		done = true
	})
	if !w.until(w.Now()+time.Minute, func() bool { return done }) {
		w.failOpen(b, "primary")
		return
	}
	if len(w.bad) > 0 {
		return
	}
	if b.app == nil {
		w.fail("live", "%s ends while nothing is broken: %s", b, b.status())
		return
	}
	b.app.left = 0
	w.readAll(b)
	w.rest()
	w.takeDown()
}

func (w *world) primary() *node {
	if w.nodes[0].app != nil {
		return w.nodes[0]
	}
	return w.nodes[1]
}

// failOpen tells what is not answered.
func (w *world) failOpen(n *node, what string) {
	if len(w.bad) > 0 {
		return
	}
	s := ""
	if n.app != nil {
		for _, r := range n.app.open {
			s += " request " + r.op.String()
		}
	}
	w.fail("live", "%s: %s: no end of it;%s; %s; %s", n, what, s, w.nodes[0].status(), w.nodes[1].status())
}

// readAll reads every block that was ever used.
func (w *world) readAll(n *node) {
	left := 0
	for _, v := range w.vols {
		for _, b := range v.g.used {
			if b*perBlock >= v.sectors || len(w.bad) > 0 || n.app == nil {
				continue
			}
			w.lastID++
			r := &request{id: w.lastID, op: replica.Read, vol: v.nr, sector: b * perBlock, sectors: uint32(min(perBlock, v.sectors-b*perBlock))}
			left++
			r.then = func(err replica.Errno) {
				if left--; err != replica.OK {
					w.fail("live", "%s: a read in peace ended with %d", n, err)
				}
			}
			n.app.begin(r)
		}
	}
	if !w.until(w.Now()+5*time.Minute, func() bool { return left == 0 }) && len(w.bad) == 0 {
		w.failOpen(n, "reading everything")
	}
}

// rest checks a world in which nothing goes on.
func (w *world) rest() {
	if len(w.bad) > 0 {
		return
	}
	if !w.until(w.Now()+time.Minute, w.quiet) {
		w.fail("live", "there is no rest: %s; %s", w.nodes[0].status(), w.nodes[1].status())
		return
	}
	w.until(w.Now()+20*time.Second, func() bool { return len(w.nodes[0].helpers)+len(w.nodes[1].helpers) == 0 })
	w.run(w.Now() + 3*time.Second)
	for _, v := range w.vols {
		v.compare(0)
		for _, n := range w.nodes {
			if x := n.vol(v.nr); x.OOS != 0 {
				w.fail("D2", "%s vol %d: at rest %d blocks are out of sync", n, v.nr, x.OOS)
			}
			if x := n.vol(v.nr); x.Disk != wire.UpToDate || x.Conn != wire.Connected {
				w.fail("live", "%s does not stay in sync: %s", n, n.status())
			}
		}
	}
	for _, n := range w.nodes {
		if ids := n.bufs.leaked(); len(ids) > 0 {
			w.fail("contract", "%s: %d buffers were never given back, the first is %d", n, len(ids), ids[0])
		}
		if ids := n.openCommands(); len(ids) > 0 {
			w.fail("live", "%s: commands are not answered: %s", n, n.status())
		}
		if len(n.helpers) > 0 {
			w.fail("live", "%s: handlers that never end: %v", n, n.helpers)
		}
	}
}

// takeDown ends the resource on both nodes; the disks stay equal.
func (w *world) takeDown() {
	for _, n := range w.nodes {
		if len(w.bad) > 0 {
			return
		}
		n := n
		n.app = nil
		done := false
		n.command(replica.DownCmd{}, func(r replica.Reply) {
			done = true
			if !ok(r) {
				w.fail("live", "%s: down: %+v", n, r)
			}
		})
		if !w.until(w.Now()+2*time.Minute, func() bool { return done }) {
			w.failOpen(n, "down")
			return
		}
	}
	w.run(w.Now() + time.Second)
	for _, n := range w.nodes {
		for nr, v := range n.vols {
			if v.attached && len(w.bad) == 0 {
				w.fail("contract", "%s: down left the disk of volume %d open", n, nr)
			}
		}
	}
	for _, v := range w.vols {
		v.compare(0)
		w.checkAllMarked(v, "both nodes are down")
	}
}
