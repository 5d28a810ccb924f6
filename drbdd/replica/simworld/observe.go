package simworld

import (
	"time"

	"classicha/drbdd/wire"
)

// seen is what a volume looked like last.
type seen struct {
	conn       wire.ConnState
	disk, pdsk wire.DiskState
	role       wire.Role
}

// isTarget tells whether data of the peer is to replace ours.
func isTarget(c wire.ConnState) bool {
	switch c {
	case wire.WFBitMapT, wire.WFSyncUUID, wire.SyncTarget, wire.PausedSyncT, wire.StartingSyncT, wire.Behind:
		return true
	}
	return false
}

// observe looks at a node after something changed.
func (n *node) observe() {
	w := n.w
	if n.core == nil || len(w.bad) > 0 {
		return
	}
	view := n.look()
	for i := range view.Volumes {
		x := &view.Volumes[i]
		if x.Vol >= len(n.seen) {
			w.fail("contract", "%s: a volume %d is shown that was never made", n, x.Vol)
			return
		}
		v, old := w.vols[x.Vol], n.seen[x.Vol]
		now := seen{x.Conn, x.Disk, x.Pdsk, x.Role}
		n.seen[x.Vol] = now
		if x.Role == wire.Primary && x.Peer == wire.Primary {
			w.fail("D5", "%s vol %d: Primary/Primary", n, v.nr)
		}
		if x.Role == wire.Primary && x.Conn >= wire.Connected {
			p := n.peer()
			if y := p.vol(v.nr); y != nil && y.Role == wire.Primary && y.Conn >= wire.Connected && n.end != nil && p.end != nil && p.end.c == n.end.c {
				w.fail("D5", "vol %d: both nodes are Primary and %s/%s with each other", v.nr, x.Conn, y.Conn)
			}
		}
		if x.Role == wire.Primary && x.Conn < wire.Connected {
			v.alone[n.i] = true
		}
		if now == old {
			continue
		}
		w.note("%s vol %d: %s %s %s/%s (was %s %s %s/%s) oos=%d", n, v.nr, now.role, now.conn, now.disk, now.pdsk, old.role, old.conn, old.disk, old.pdsk, x.OOS)
		switch {
		case now.disk == wire.UpToDate:
			v.remote[n.i] = false
		case now.conn >= wire.Connected && now.pdsk == wire.UpToDate:
			v.remote[n.i] = true
		}
		if now.disk != wire.UpToDate {
			n.vols[v.nr].lastBad = w.Now()
		}
		if isTarget(now.conn) && !isTarget(old.conn) {
			v.becameTarget(n, now.conn, old.disk)
		}
		if now.conn == wire.Connected && isTarget(old.conn) && now.disk == wire.UpToDate && now.pdsk == wire.UpToDate {
			v.claimed(n)
		}
		if now.conn == wire.VerifyS && old.conn != wire.VerifyS {
			w.stats.Verifies++
		}
		if now.role == wire.Primary && now.disk != wire.UpToDate && now.conn >= wire.Connected && now.pdsk == wire.UpToDate {
			v.merge(1 - n.i) // it serves the peer's data
		}
		v.pairing()
	}
}

// becameTarget: the data of n is to be replaced by its peer's. D4: the newest data
// is never replaced by older, unless somebody wanted that.
func (v *volume) becameTarget(n *node, c wire.ConnState, was wire.DiskState) {
	w := v.w
	w.stats.Resyncs++
	t, s := &v.lin[n.i], &v.lin[1-n.i]
	if s.br == t.br && s.br != nil && !s.current {
		s.current = v.holdsAll(1-n.i, s.br)
	}
	same := s.current && s.br == t.br
	if t.current && !same {
		wanted := t.spent || n.discard || n.peer().discardPeer
		for b := s.br; b != nil; b = b.parent {
			if b.parent == t.br && t.br.last < b.born {
				wanted = true // nothing was promised there since the other history began
			}
		}
		if w.outside != nil && w.unruly && w.p.net.Protocol != 'C' {
			wanted = true // it acknowledged before it noticed that it is alone, and died; the peer was Primary, too
		}
		if was == wire.Inconsistent && n.app == nil {
			wanted = true // "due to disk states": an I/O error made it so, and pass_on let it
		}
		if t.br.forced || s.br != nil && s.br.forced && s.br != t.br {
			wanted = true // somebody forced a Primary: he knew
		}
		if s.br != nil && w.p.policies() && (s.br != t.br || v.alone[0] && v.alone[1]) {
			wanted = true // an after-sb policy may decide
		}
		if !wanted {
			what := "older data of the same history"
			if s.br != t.br {
				what = "another history, and no policy says so"
			}
			w.fail("D4", "%s vol %d: becomes %s of %s, which has %s", n, v.nr, c, n.peer(), what)
			return
		}
		if s.br != nil && !s.current {
			v.fork(1-n.i, "older data that somebody wanted", s.br.forced) // it is what counts from now on
		}
	}
	if s.current {
		v.merge(1 - n.i)
	}
	t.current, t.loss = false, nil
	v.paired = false
}

// claimed: a sync target says that it has everything, perhaps before its source
// knows.
func (v *volume) claimed(n *node) {
	t, s := &v.lin[n.i], v.lin[1-n.i]
	p := n.peer()
	if !s.current {
		return
	}
	if p.end == nil || n.end == nil || p.end.c != n.end.c {
		// The source died at this moment: it may have acknowledged more.
		if v.holdsAll(n.i, s.br) {
			*t = lineage{br: s.br, current: true}
		}
		return
	}
	*t = lineage{br: s.br, current: true}
	v.compare(0)
}

// inSync tells whether both nodes say so of each other now.
func (v *volume) inSync() bool {
	w := v.w
	a, b := w.nodes[0].vol(v.nr), w.nodes[1].vol(v.nr)
	good := a != nil && b != nil && a.Conn == wire.Connected && b.Conn == wire.Connected &&
		a.Disk == wire.UpToDate && a.Pdsk == wire.UpToDate && b.Disk == wire.UpToDate && b.Pdsk == wire.UpToDate
	if good {
		x, y := w.nodes[0].end, w.nodes[1].end
		good = x != nil && y != nil && x.c == y.c && !x.c.broken
	}
	return good
}

// pairing notices that both nodes say that they are in sync, and checks it.
func (v *volume) pairing() {
	w := v.w
	if !v.inSync() {
		v.paired = false
		return
	}
	if v.paired {
		return
	}
	v.paired = true
	v.alone = [2]bool{}
	l := &v.lin
	from := 0
	switch {
	case l[0].br == nil && l[1].br == nil:
		v.fork(0, "both nodes were declared to be in sync", false)
	case l[0].current && l[1].current && l[0].br == l[1].br:
		v.merge(0)
		v.merge(1)
	case l[0].current:
	case l[1].current:
		from = 1
	default:
		// Whoever had the newest data gave it up; what is left is what one of them has.
		if w.nodes[1].app != nil || l[0].br == nil {
			from = 1
		}
		v.fork(from, "the newest data was given up", false)
	}
	v.compare(3)
	v.based = true
	br := l[from].br
	for i := range l {
		l[i] = lineage{br: br, current: true}
		n := w.nodes[i]
		n.sawSplit, n.discard, n.discardPeer, n.connects = false, false, false, 0
		n.vols[v.nr].tries = 0
	}
	w.victim = -1
	if w.outside != nil {
		w.outside.s.Paired()
	}
	w.note("vol %d: in sync, history %d", v.nr, br.id)
}

// compare compares both disks: D2. Blocks that are written at this moment do not
// count; with protocols A and B a peer's memory may hold acknowledged writes: it waits
// until nothing was under way for a while.
func (v *volume) compare(tries int) {
	w := v.w
	if w.p.net.Protocol != 'C' && (!w.quiet() || w.Now()-w.lastWrite < 3*time.Second) {
		if tries > 0 {
			w.After(3*time.Second, func() {
				if v.paired && v.inSync() {
					v.compare(tries - 1)
				}
			})
		}
		return
	}
	a, b := w.nodes[0].vols[v.nr].disk, w.nodes[1].vols[v.nr].disk
	for slot, bl := range v.g.used {
		x, y := a.at(slot), b.at(slot)
		if x.cur == y.cur || x.flying > 0 || y.flying > 0 {
			continue
		}
		busy := false
		for _, n := range w.nodes {
			if n.app == nil {
				continue
			}
			for _, r := range n.app.open {
				busy = busy || r.w != nil && r.vol == v.nr && r.overlaps(bl*perBlock, perBlock)
			}
		}
		if busy {
			continue
		}
		for k := range x.cur {
			if x.cur[k] != y.cur[k] {
				s := bl*perBlock + uint64(k)
				w.fail("D2", "vol %d: Connected and UpToDate on both sides, but sector %d (block %d) is %s on alpha and %s on bravo", v.nr, s, bl, w.name(x.cur[k], s), w.name(y.cur[k], s))
				return
			}
		}
	}
}

// quiet tells that nothing is under way. While a handler runs, packets may wait in
// the core.
func (w *world) quiet() bool {
	for _, n := range w.nodes {
		if len(n.helpers) > 0 {
			return false
		}
		if n.app != nil && len(n.app.open) > 0 {
			return false
		}
		for _, v := range n.vols {
			if len(v.disk.flying) > 0 || v.meta.fly != nil {
				return false
			}
		}
		if n.end != nil {
			for _, s := range sockets {
				if l := n.end.out[s]; len(l.queue)+len(l.net) > 0 {
					return false
				}
			}
		}
	}
	return true
}

// checkMarked is D3 for one block: if a power cut could leave it different on the
// two disks, it is marked on one of them, whatever of the metadata under way
// survives.
func (w *world) checkMarked(v *volume, slot int, why string) {
	if !v.based || len(w.bad) > 0 {
		return
	}
	a, b := w.nodes[0].vols[v.nr], w.nodes[1].vols[v.nr]
	x, y := a.disk.at(slot), b.disk.at(slot)
	if x.flying == 0 && y.flying == 0 && len(x.pend) == 0 && len(y.pend) == 0 && x.stable == y.stable {
		return
	}
	one := x.stable
	same := true
	both := func(z block) { same = same && z == one }
	a.disk.surviving(slot, both)
	b.disk.surviving(slot, both)
	if same {
		return
	}
	bit := v.g.used[slot]
	if a.meta.marked(bit) || b.meta.marked(bit) {
		return
	}
	w.fail("D3", "vol %d: block %d (extent %d) may differ after a power cut and is marked nowhere, when %s; alpha: %s; bravo: %s; flags %s, %s",
		v.nr, bit, bit/1024, why, a.disk.describe(slot), b.disk.describe(slot), a.meta.flags, b.meta.flags)
}

func (w *world) checkAllMarked(v *volume, why string) {
	if !v.based {
		return
	}
	for slot := range v.g.used {
		w.checkMarked(v, slot, why)
		if len(w.bad) > 0 {
			return
		}
	}
}

// describe tells what a power cut could leave in a block.
func (d *disk) describe(slot int) string {
	s := ""
	d.surviving(slot, func(b block) {
		if s != "" {
			s += " or "
		}
		s += "["
		for k, x := range b {
			if k > 0 && writeOf(x) == writeOf(b[k-1]) {
				continue
			}
			if k > 0 {
				s += ", "
			}
			s += d.n.w.name(x, d.g.used[slot]*perBlock+uint64(k))
		}
		s += "]"
	})
	return s
}
