package simworld

import "classicha/internal/sim"

// geometry is what the two disks of a volume have in common: which blocks were
// ever used. Only those have a slot in the stores; all others are zero.
type geometry struct {
	blocks  uint64   // of 4 KiB
	slot    []int32  // by block, -1: none
	used    []uint64 // by slot: the block
	sectors uint64
}

func newGeometry(sectors uint64) *geometry {
	g := &geometry{sectors: sectors, blocks: (sectors + perBlock - 1) / perBlock}
	g.slot = make([]int32, g.blocks)
	for i := range g.slot {
		g.slot[i] = -1
	}
	return g
}

func (g *geometry) add(b uint64) int {
	if s := g.slot[b]; s >= 0 {
		return int(s)
	}
	g.slot[b] = int32(len(g.used))
	g.used = append(g.used, b)
	return len(g.used) - 1
}

// version is a content of a block that is in the cache only.
type version struct {
	seq uint64
	b   block
}

// slotState is a block on a disk: what is on the medium, what is in the cache.
type slotState struct {
	cur    block // what is read
	stable block // what a power cut leaves at least
	pend   []version
	flying int // writes under way that touch it
}

// store is the content of a disk with its volatile cache.
type store struct {
	g     *geometry
	s     []slotState
	dirty []int // slots with pend
	seq   uint64
	lossy bool // false: the cache survives a power cut
}

func (d *store) at(slot int) *slotState {
	for len(d.s) <= slot {
		d.s = append(d.s, slotState{})
	}
	return &d.s[slot]
}

// each calls f for the slots that sectors touch: those that are used, and those
// that p would make used. lo and hi are the sectors of the range in the block.
func (d *store) each(sector uint64, p payload, f func(slot int, lo, hi uint64, cells []cell)) {
	end := sector + uint64(p.sectors)
	ci := 0
	for b := sector / perBlock; b*perBlock < end; b++ {
		lo, hi := max(sector, b*perBlock), min(end, b*perBlock+perBlock)
		from := ci
		for ci < len(p.cells) && sector+uint64(p.cells[ci].off) < hi {
			ci++
		}
		s := int(d.g.slot[b])
		if s < 0 {
			if ci == from {
				continue
			}
			s = d.g.add(b)
		}
		f(s, lo-b*perBlock, hi-b*perBlock, p.cells[from:ci])
	}
}

// over is a block with a part of a payload written over it.
func over(b block, sector uint64, base, lo, hi uint64, cells []cell) block {
	for i := lo; i < hi; i++ {
		b[i] = 0
	}
	for _, c := range cells {
		b[sector+uint64(c.off)-base] = c.val
	}
	return b
}

// put makes a slot read as b.
func (d *store) put(slot int, b block, stable bool) {
	s := d.at(slot)
	d.seq++
	s.cur = b
	if stable || !d.lossy {
		s.stable, s.pend = b, s.pend[:0]
		return
	}
	if len(s.pend) == 0 {
		d.dirty = append(d.dirty, slot)
	}
	s.pend = append(s.pend, version{d.seq, b})
}

// flush makes stable what was written up to seq.
func (d *store) flush(seq uint64) {
	kept := d.dirty[:0]
	for _, i := range d.dirty {
		s := &d.s[i]
		n := 0
		for n < len(s.pend) && s.pend[n].seq <= seq {
			n++
		}
		if n > 0 {
			s.stable = s.pend[n-1].b
			s.pend = s.pend[:copy(s.pend, s.pend[n:])]
		}
		if len(s.pend) > 0 {
			kept = append(kept, i)
		}
	}
	d.dirty = kept
}

// powerCut leaves of each block one of the contents that it had since the last
// flush; keep is how likely the latest survives. lost is called for what went
// back.
func (d *store) powerCut(r *sim.Rand, keep float64, lost func(slot int, before, after block)) {
	for _, i := range d.dirty {
		s := &d.s[i]
		if n := len(s.pend); n > 0 {
			before := s.cur
			switch {
			case r.Chance(keep):
				s.stable = s.pend[n-1].b
			default:
				if k := r.Intn(n + 1); k < n {
					s.stable = s.pend[k].b
				}
			}
			s.pend = s.pend[:0]
			s.cur = s.stable
			if s.cur != before {
				lost(i, before, s.cur)
			}
		}
	}
	d.dirty = d.dirty[:0]
}

// read is the content of a range.
func (d *store) read(sector uint64, sectors uint32) payload {
	p := payload{sectors: sectors}
	d.each(sector, p, func(slot int, lo, hi uint64, _ []cell) {
		s := d.at(slot)
		base := d.g.used[slot] * perBlock
		for i := lo; i < hi; i++ {
			if v := s.cur[i]; v != 0 {
				p.cells = append(p.cells, cell{uint32(base + i - sector), v})
			}
		}
	})
	return p
}
