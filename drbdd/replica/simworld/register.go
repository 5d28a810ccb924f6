package simworld

import (
	"fmt"
	"slices"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// write is something that changes data: a write, a discard, zeroes.
type write struct {
	id            uint32
	vol           int
	op            replica.Op
	sector        uint64
	sectors       uint32
	issued, ended uint64 // order; ended 0: under way
	acked         bool
	garbage       bool // content from before the world began
	protocol      byte
}

func (x *write) String() string {
	if x.garbage {
		return fmt.Sprintf("the first content of disk %d", x.id-1)
	}
	s := fmt.Sprintf("write %d (%s %d+%d, issued as %d", x.id, x.op, x.sector, x.sectors*512, x.issued)
	switch {
	case x.acked:
		s += fmt.Sprintf(", acknowledged as %d", x.ended)
	case x.ended > 0:
		s += ", never acknowledged"
	default:
		s += ", under way"
	}
	return s + ")"
}

func (w *world) newWrite(r *request) *write {
	x := &write{id: uint32(len(w.writes)), vol: r.vol, op: r.op, sector: r.sector, sectors: r.sectors, issued: r.issued, protocol: w.p.net.Protocol}
	w.writes = append(w.writes, x)
	return x
}

// val is what write x makes of a sector.
func (x *write) val(sector uint64) uint64 {
	if x.op == replica.Write {
		return value(x.id, sector)
	}
	return 0
}

// branch is a history of a volume: what each sector may hold for who reads it
// there. Two nodes that are in sync share one; a split brain makes two.
type branch struct {
	id     int
	reg    [][perBlock][]cand // by slot
	forced bool               // begun by force
	parent *branch            // what it was made of
	born   uint64             // order
	last   uint64             // order of the last acknowledged write
	why    string
}

// cand is a value that a sector may have, and since when it is known to be
// there (0: it is only possible).
type cand struct {
	val   uint64
	since uint64 // order of the acknowledgement; values are concurrent if one ended after the other began
}

func (b *branch) at(slot int) *[perBlock][]cand {
	for len(b.reg) <= slot {
		b.reg = append(b.reg, [perBlock][]cand{})
		r := &b.reg[len(b.reg)-1]
		for i := range r {
			r[i] = []cand{{}} // never used: zeroes
		}
	}
	return &b.reg[slot]
}

func has(cs []cand, val uint64) bool {
	for _, c := range cs {
		if c.val == val {
			return true
		}
	}
	return false
}

// known adds a value that a sector may have, or that it may have it again.
func known(cs []cand, val, since uint64) []cand {
	for i, c := range cs {
		if c.val == val {
			cs[i].since = max(c.since, since)
			return cs
		}
	}
	return append(cs, cand{val, since})
}

// sectorsOf calls f for each sector of a range that has a slot.
func (v *volume) sectorsOf(sector uint64, sectors uint32, f func(sector uint64, slot, i int)) {
	for s := sector; s < sector+uint64(sectors); s++ {
		if slot := v.g.slot[s/perBlock]; slot >= 0 {
			f(s, int(slot), int(s%perBlock))
		}
	}
}

// readBegins takes note of what a read may return, as things stand.
func (v *volume) readBegins(a *app, r *request) {
	r.first = make([]uint64, r.sectors)
	for i := range r.first {
		s := r.sector + uint64(i)
		slot := v.g.slot[s/perBlock]
		if slot < 0 {
			continue // zeroes
		}
		cs := r.br.at(int(slot))[s%perBlock]
		r.first[i] = cs[0].val
		for _, c := range cs[1:] {
			r.also = append(r.also, cell{uint32(i), c.val})
		}
	}
	for _, o := range a.open {
		if o.w != nil && o.vol == r.vol {
			r.mayRead(o)
		}
	}
}

// mayRead: a write was under way at the same time.
func (r *request) mayRead(o *request) {
	for s := max(r.sector, o.sector); s < min(r.end(), o.end()); s++ {
		r.also = append(r.also, cell{uint32(s - r.sector), o.w.val(s)})
	}
}

// allowed is what a read may return of its i-th sector.
func (r *request) allowed(i uint32) []uint64 {
	vals := []uint64{r.first[i]}
	for _, c := range r.also {
		if c.off == i {
			vals = append(vals, c.val)
		}
	}
	return vals
}

// writeBegins tells the reads under way.
func (v *volume) writeBegins(a *app, r *request) {
	for s := r.sector; s < r.end(); s++ {
		if r.op == replica.Write {
			v.g.add(s / perBlock)
		}
	}
	for _, o := range a.open {
		if o.op == replica.Read && o.vol == r.vol {
			o.mayRead(r)
		}
	}
}

// readEnds checks what was read: D6.
func (v *volume) readEnds(n *node, r *request, got payload) {
	w := v.w
	if r.br != v.served(n) {
		return // the data changed hands meanwhile, with the administrator's will
	}
	for i := range r.sectors {
		s := r.sector + uint64(i)
		x := got.at(i)
		if x != r.first[i] && !slices.Contains(r.allowed(i), x) {
			w.fail("D6", "%s vol %d: read of sector %d (block %d) returned %s; allowed: %s", n, v.nr, s, s/perBlock,
				w.name(x, s), w.names(r.allowed(i), s))
			return
		}
	}
	// Which of several possible values it is, is known now, if nothing else goes on there.
	v.sectorsOf(r.sector, r.sectors, func(s uint64, slot, i int) {
		cs := r.br.at(slot)
		if len(cs[i]) < 2 {
			return
		}
		x := got.at(uint32(s - r.sector))
		for _, m := range w.nodes {
			if m.vols[v.nr].disk.at(slot).flying > 0 {
				return // a write of before a crash may still reach it
			}
		}
		for _, o := range n.app.open {
			if o.w != nil && o.vol == r.vol && o.overlaps(s, 1) {
				return
			}
		}
		for _, c := range cs[i] {
			if c.since > r.issued {
				return // acknowledged while we read
			}
		}
		if has(cs[i], x) {
			cs[i] = []cand{{val: x}}
		}
	})
}

// writeEnds takes the acknowledgement of a write. A failed one changed nothing.
func (v *volume) writeEnds(n *node, r *request, done bool) {
	w := v.w
	r.w.ended = w.next()
	if !done {
		return
	}
	r.w.acked = true
	r.br = v.served(n)
	r.br.last = r.w.ended
	v.sectorsOf(r.sector, r.sectors, func(s uint64, slot, i int) {
		cs := r.br.at(slot)
		kept := cs[i][:0:0]
		for _, c := range cs[i] {
			// Older values are gone, unless the write may have come first of two; what a discard
			// leaves is up to the device.
			if c.since > r.issued || r.op == replica.Discard {
				kept = append(kept, c)
			}
		}
		cs[i] = known(kept, r.w.val(s), r.w.ended)
	})
	v.holders(n, r)
	if r.fua {
		v.durable(n, r.sector, r.sectors, "FUA", func(slot, i int) bool { return true })
	}
}

// writeUnknown: nobody knows whether the write was made.
func (v *volume) writeUnknown(r *request) {
	w := v.w
	r.w.ended = w.next()
	for s := r.sector; s < r.end(); s++ {
		slot := v.g.slot[s/perBlock]
		if slot < 0 {
			continue
		}
		cs := r.br.at(int(slot))
		cs[s%perBlock] = known(cs[s%perBlock], r.w.val(s), r.w.ended)
	}
}

// flushed checks what a flush promises: everything that was acknowledged before it was
// asked for survives a power cut of the node with the good disk, the node's own if it is.
func (v *volume) flushed(n *node, r *request) {
	for slot := range v.g.used {
		base := v.g.used[slot] * perBlock
		v.durable(n, base, perBlock, "flush", func(slot, i int) bool {
			cs := r.br.at(slot)[i]
			return len(cs) == 1 && cs[0].since < r.issued && cs[0].since > 0
		})
		if len(v.w.bad) > 0 {
			return
		}
	}
}

// durable checks that sectors survive a power cut, when a node has said so.
func (v *volume) durable(n *node, sector uint64, sectors uint32, what string, want func(slot, i int) bool) {
	w := v.w
	x := n.vol(v.nr)
	keeper := n
	if x != nil && x.Disk != wire.UpToDate {
		keeper = n.peer() // has the only good data
	}
	if x == nil || !w.p.lossy || keeper.vols[v.nr].disk.everFailed {
		return
	}
	d := keeper.vols[v.nr].disk
	br := v.served(n)
	v.sectorsOf(sector, sectors, func(s uint64, slot, i int) {
		st := d.at(slot)
		if len(st.pend) == 0 && st.flying == 0 || len(w.bad) > 0 || !want(slot, i) {
			return
		}
		cs := br.at(slot)[i]
		if len(cs) != 1 || cs[0].val == 0 {
			return // of zeroes nobody knows how old they are
		}
		have := st.stable[i]
		if have == 0 && w.p.trims > 0 {
			return // a later discard, perhaps
		}
		if have == cs[0].val || have != 0 && w.writes[writeOf(have)].issued > w.writes[writeOf(cs[0].val)].issued {
			return // that, or a later write
		}
		w.fail("D1", "%s vol %d: after a %s on %s sector %d (block %d) is %s, but a power cut would leave %s", keeper, v.nr, what, n, s, s/perBlock,
			w.name(cs[0].val, s), w.name(have, s))
	})
}

// name explains a value.
func (w *world) name(val uint64, sector uint64) string {
	if val == 0 {
		return "zeroes"
	}
	id := writeOf(val)
	if int(id) >= len(w.writes) {
		return fmt.Sprintf("nonsense %#x", val)
	}
	s := w.writes[id].String()
	if val != value(id, sector) {
		s += fmt.Sprintf(", but sector %d of it", uint32(val)-1)
	}
	return s
}

func (w *world) names(vals []uint64, sector uint64) string {
	s := ""
	for i, x := range vals {
		if i > 0 {
			s += " | "
		}
		s += w.name(x, sector)
	}
	return s
}
