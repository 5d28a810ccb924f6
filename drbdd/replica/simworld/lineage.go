package simworld

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// lineage is what the world knows of a node's data, whatever the node believes.
type lineage struct {
	br      *branch // the history it is of, nil: of none yet
	current bool    // it has all of it; else it is older
	// loss is what a power cut took back, by slot*perBlock+sector: it may be read if
	// this node goes on with its data.
	loss map[int][]uint64
	// spent tells that a command gave the data up: it may be overwritten by any.
	spent bool
}

// holdsAll tells whether a disk has what its history says in every sector, though it
// was thought to have missed something (protocols A and B: see forget).
func (v *volume) holdsAll(i int, br *branch) bool {
	d := v.w.nodes[i].vols[v.nr].disk
	for slot, b := range v.g.used {
		cs := br.at(slot)
		for k, x := range d.at(slot).cur {
			if !has(cs[k], x) && !v.underWay(br, b*perBlock+uint64(k), x) {
				return false
			}
		}
	}
	return true
}

// served is the history that a Primary's application sees: that of its own disk if
// that is good, else its peer's. A node that has neither goes on with what it had
// last: reads of a disk that has just failed may still end, and what waits may be
// given to it when it is attached again.
func (v *volume) served(n *node) *branch {
	own, other := v.lin[n.i].br, v.lin[1-n.i].br
	x := n.vol(v.nr)
	remote := x != nil && x.Disk != wire.UpToDate &&
		(x.Disk <= wire.Failed && v.remote[n.i] || x.Conn >= wire.Connected && x.Pdsk == wire.UpToDate)
	switch {
	case remote && other != nil, own == nil && other != nil:
		return other
	case own == nil:
		v.fork(n.i, "nobody knows", false)
		return v.lin[n.i].br
	}
	return own
}

// secondPrimary is why a history begins that has all of another.
const secondPrimary = "a second Primary"

// fork begins a history with what a disk holds.
func (v *volume) fork(i int, why string, forced bool) {
	w := v.w
	w.conns++
	b := &branch{id: w.conns, why: why, forced: forced, parent: v.lin[i].br, born: w.next()}
	v.lin[i] = lineage{br: b, current: true}
	v.rebase(i)
	w.note("vol %d: history %d begins on %s: %s", v.nr, b.id, w.nodes[i], why)
	if w.outside != nil {
		w.outside.forked(i, b)
	}
}

// rebase takes what a disk holds now for the truth of its history.
func (v *volume) rebase(i int) {
	b := v.lin[i].br
	d := v.w.nodes[i].vols[v.nr].disk
	for slot := range v.g.used {
		cs := b.at(slot)
		for k := range cs {
			cs[k] = []cand{{val: d.at(slot).cur[k]}}
		}
		if d.at(slot).flying > 0 {
			d.surviving(slot, func(x block) {
				for k := range cs {
					if !has(cs[k], x[k]) {
						cs[k] = append(cs[k], cand{val: x[k], since: v.w.order})
					}
				}
			})
		}
	}
	v.lin[i].loss = nil
}

// holders works out who has a write that is acknowledged.
func (v *volume) holders(n *node, r *request) {
	x := n.vol(v.nr)
	if x == nil {
		return
	}
	var h [2]bool
	h[n.i] = x.Disk == wire.UpToDate
	h[1-n.i] = x.Conn >= wire.Connected && (x.Pdsk == wire.UpToDate ||
		x.Pdsk >= wire.Inconsistent && x.Conn >= wire.WFBitMapT && x.Conn < wire.Ahead) // both get the write
	if !h[1-n.i] && r.w != nil && v.has(1-n.i, r) {
		h[1-n.i] = true // it got it before the connection broke
	}
	if !h[0] && !h[1] {
		h[1-n.i] = true // half of a disk has it: two faults at a time
	}
	for i := range h {
		if l := &v.lin[i]; !h[i] && l.current && l.br == r.br {
			l.current, l.loss = false, nil
			v.w.note("vol %d: %s falls behind", v.nr, v.w.nodes[i])
		}
	}
	if !h[1-n.i] && !r.br.forced {
		v.checkFenced(n)
	}
}

// has tells whether a disk has a write in all its sectors. With protocol B it is enough that
// the disk is about to: the core may give up the connection in the step that completes it.
func (v *volume) has(i int, r *request) bool {
	d := v.w.nodes[i].vols[v.nr].disk
	if v.w.p.net.Protocol == 'B' {
		for _, io := range d.flying {
			if io.a.Op == replica.Write && io.a.Sector == r.sector && io.a.Size == r.sectors*512 && io.data.at(0) == r.w.val(r.sector) {
				return true
			}
		}
	}
	all := true
	v.sectorsOf(r.sector, r.sectors, func(s uint64, slot, k int) {
		all = all && d.at(slot).cur[k] == r.w.val(s)
	})
	return all
}

// checkFenced: with fencing resource-and-stonith nothing is acknowledged alone while
// the peer could take over.
func (v *volume) checkFenced(n *node) {
	w := v.w
	if w.p.disk.Fencing != replica.ResourceAndStonith || w.p.net.Protocol == 'A' || w.unruly {
		return
	}
	// Consistent is not enough to be promoted: the peer would have to fence us first.
	p := n.peer()
	if x := p.vol(v.nr); x == nil || x.Disk != wire.UpToDate {
		return
	}
	if sb, err := metadata.ParseSuperblock(p.vols[v.nr].meta.pages[p.vols[v.nr].meta.layout.Super]); err == nil && !sb.Flags.Has(metadata.WasUpToDate) {
		return // it has agreed, and has that on record
	}
	w.fail("D1", "%s vol %d: a write was acknowledged without %s, which is %s and was not fenced", n, v.nr, p, p.vol(v.nr).Disk)
}

// lostData is called for each block that a power cut took back to an older content.
func (w *world) lostData(v *volume, n *node, slot int, before, after block) {
	if w.outside != nil {
		w.outside.lost(n, v.g.used[slot])
	}
	l := &v.lin[n.i]
	if !l.current {
		return
	}
	p := n.peer()
	if n.app == nil && p.app != nil {
		if x := p.vol(v.nr); p.core == nil || x != nil && x.Disk == wire.UpToDate {
			l.current, l.loss = false, nil
			w.note("vol %d: %s lost data that its Primary has", v.nr, n)
			return
		}
	}
	if l.loss == nil {
		l.loss = map[int][]uint64{}
	}
	for i := range before {
		if before[i] != after[i] {
			l.loss[slot*perBlock+i] = append(l.loss[slot*perBlock+i], after[i])
		}
	}
}

// merge: the losses of a node count for its history from now on.
func (v *volume) merge(i int) {
	l := &v.lin[i]
	if l.current && l.br != nil {
		for at, vals := range l.loss {
			cs := l.br.at(at / perBlock)
			for _, x := range vals {
				if !has(cs[at%perBlock], x) {
					cs[at%perBlock] = append(cs[at%perBlock], cand{val: x})
				}
			}
		}
	}
	l.loss = nil
}

// forget: with protocols A and B the memory of a daemon may be all there is of an
// acknowledged write.
func (w *world) forget(n *node) {
	for _, v := range w.vols {
		x := n.peer().vol(v.nr)
		if x != nil && x.Disk != wire.UpToDate {
			continue // it is all there is
		}
		if l := &v.lin[n.i]; w.p.net.Protocol != 'C' && l.current && n.peer().app != nil {
			l.current, l.loss = false, nil
		}
	}
}

// promoted is called when a node became Primary: what it will serve from now on
// has to be the newest there is (D1, D4, D5).
func (n *node) promoted(force bool) {
	w := n.w
	if n.app != nil && n.app.serving {
		return // it was Primary already
	}
	for _, v := range w.vols {
		v.promoted(n, force)
		if len(w.bad) > 0 {
			return
		}
	}
	if n.app != nil {
		n.app.adopt()
		return
	}
	w.stats.Takeovers++
	w.tenure, w.tenureNode = w.next(), n
	n.startApp()
}

func (v *volume) promoted(n *node, force bool) {
	w := v.w
	x := n.vol(v.nr)
	if x == nil {
		return
	}
	src := -1
	switch {
	case x.Disk == wire.UpToDate:
		src = n.i
	case x.Conn >= wire.Connected && x.Pdsk == wire.UpToDate:
		src = 1 - n.i
	default:
		if d := n.vols[v.nr].disk; n.app == nil && !(force && x.Disk == wire.Outdated) && (d.lastErr == 0 || w.Now()-d.lastErr > 10*time.Second) {
			w.fail("D5", "%s vol %d: promoted (force %v) with %s/%s data", n, v.nr, force, x.Disk, x.Pdsk)
		}
		if force && x.Disk <= wire.Failed {
			// Its disk was declared to be good, and failed before the command ended.
			v.fork(n.i, "promoted with a disk that fails", true)
			w.unruly = w.unruly || v.lin[1-n.i].br != nil
			return
		}
		if n.app != nil || x.Disk > wire.Failed || v.remote[n.i] {
			// By force it may be outdated in the same moment (fence-peer: the peer is active).
			v.merge(n.i) // it may come back with what a power cut left
			return
		}
		// Its good disk failed before the command ended. Attached again it is what the
		// application goes on with, maybe beside another Primary: two histories.
		src = n.i
	}
	l := &v.lin[src]
	switch {
	case l.br == nil && !force && w.skipped != nil && (v.lin[1-src].br == nil || w.unruly || w.p.disk.Fencing != replica.ResourceAndStonith):
		// The administrator declared both disks to be good, and they did not meet since.
		w.unruly = w.unruly || v.lin[1-src].br != nil
		v.fork(src, "declared to be good", false)
	case l.br == nil:
		if !force && !v.forced[src] {
			w.fail("D5", "%s vol %d: promoted without force though nobody's data was ever good", n, v.nr)
			return
		}
		// The very first has to be forced. Beside a peer that is there it excuses nothing
		// later; without one it may be meant against a peer that is good.
		beside := v.lin[1-src].br != nil
		v.fork(src, "the first Primary", beside || x.Conn < wire.Connected)
		if beside {
			// Forced on both nodes: each may be told that the other is fenced, and both
			// are right. This is the administrator's split brain.
			w.unruly = true
		}
	case !l.current && (force || w.unruly || src != n.i || w.p.disk.Fencing != replica.ResourceAndStonith):
		if !force && !w.unruly {
			w.note("%s vol %d: promoted with old data; nobody forbade it", n, v.nr)
		}
		v.fork(src, "promoted with older data", force)
		w.unruly = true // there may be a split brain now
	case !l.current:
		w.fail("D5", "%s vol %d: promoted without force with data that is not the newest (fencing should have outdated it)", n, v.nr)
		return
	case n.app != nil:
		v.checkContent(src, "its daemon was killed and has a successor", n.app)
	case n.peer().app != nil:
		v.checkContent(src, "promoted beside another Primary", nil)
		v.fork(src, secondPrimary, false)
		w.unruly = true
		return
	default:
		v.checkContent(src, "promoted", nil)
		v.rebase(src)
	}
	if x.Conn < wire.Connected || x.Pdsk != wire.UpToDate {
		if o := &v.lin[1-n.i]; o.br == v.lin[src].br {
			o.current, o.loss = false, nil
		}
	}
}

// checkContent compares what a disk holds with what it has to hold: D1 when a node
// takes over.
func (v *volume) checkContent(i int, why string, a *app) {
	w := v.w
	n := w.nodes[i]
	d := n.vols[v.nr].disk
	l := &v.lin[i]
	weak := false
	for slot, b := range v.g.used {
		cs := l.br.at(slot)
		cur := d.at(slot).cur
		for k := range cs {
			s := b*perBlock + uint64(k)
			good := has(cs[k], cur[k])
			for _, x := range l.loss[slot*perBlock+k] {
				good = good || x == cur[k]
			}
			if !good {
				good = v.underWay(l.br, s, cur[k])
			}
			if !good && d.at(slot).flying > 0 {
				d.surviving(slot, func(x block) { good = good || has(cs[k], x[k]) })
			}
			if good {
				continue
			}
			if w.p.net.Protocol != 'C' && a == nil && w.tenureNode != n {
				weak = true
				continue
			}
			vals := []uint64{}
			for _, c := range cs[k] {
				vals = append(vals, c.val)
			}
			w.fail("D1", "%s vol %d: %s, but sector %d (block %d) holds %s; it should be %s", n, v.nr, why, s, s/perBlock, w.name(cur[k], s), w.names(vals, s))
			return
		}
	}
	if weak {
		v.checkPrefix(i, why)
	}
}

// underWay tells whether a value may be there because of a write that is not
// answered.
func (v *volume) underWay(br *branch, s uint64, val uint64) bool {
	for _, n := range v.w.nodes {
		if n.app == nil {
			continue
		}
		for _, o := range n.app.open {
			if o.w != nil && o.vol == v.nr && o.br == br && o.overlaps(s, 1) && o.w.val(s) == val {
				return true
			}
		}
	}
	return false
}

// checkPrefix is the weaker promise of protocols A and B: a takeover may miss the
// last writes, but none that was acknowledged before another one that is there
// was issued.
func (v *volume) checkPrefix(i int, why string) {
	w := v.w
	d := w.nodes[i].vols[v.nr].disk
	newest := &write{}
	for slot, b := range v.g.used {
		for k, val := range d.at(slot).cur {
			if val == 0 || val != value(writeOf(val), b*perBlock+uint64(k)) {
				continue
			}
			if x := w.writes[writeOf(val)]; x.issued > newest.issued {
				newest = x
			}
		}
	}
	for _, m := range w.writes[1:] {
		if m.vol != v.nr || m.op != replica.Write || !m.acked || m.ended >= newest.issued || m.garbage || m.issued < w.tenure {
			continue
		}
		for s := m.sector; s < m.sector+uint64(m.sectors); s++ {
			slot := v.g.slot[s/perBlock]
			have := d.at(int(slot)).cur[s%perBlock]
			if have == 0 {
				continue // perhaps discarded later
			}
			if h := w.writes[writeOf(have)]; h.issued < m.issued && h != m {
				if !has(v.lin[i].br.at(int(slot))[s%perBlock], have) {
					w.fail("D1", "%s vol %d: %s with protocol %c; sector %d (block %d) holds %s, so %s is missing, though the later %s is there",
						w.nodes[i], v.nr, why, w.p.net.Protocol, s, s/perBlock, h, m, newest)
					return
				}
			}
		}
	}
}
