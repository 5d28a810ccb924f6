package simworld

import (
	"classicha/drbdd/metadata"
)

// What the metadata on a disk promises, seen from outside: which blocks would be
// taken for out of sync after a power cut right now, whatever of the action under
// way is on the medium then.

// reload reads everything again from the stable pages.
func (m *metaDev) reload() {
	sb, err := metadata.ParseSuperblock(m.pages[m.layout.Super])
	if err != nil {
		m.n.w.fail("D3", "%s vol %d: no super block: %v", m.n, m.v.nr, err)
		return
	}
	m.flags, m.current = sb.Flags, sb.UUIDs.Current
	area := make([]byte, m.layout.ALSize)
	m.ReadAt(area, m.layout.AL)
	clear(m.slots)
	m.hot = make([]bool, m.v.extents)
	r := metadata.ReadAL(area, &sb)
	for _, e := range r.Extents {
		if int(e) < len(m.hot) {
			m.hot[e] = true
		}
	}
	m.known = r.Format == metadata.ALInitialized // else the slots are not known
}

// foresee works out what an action would change.
func (m *metaDev) foresee(io *metaIO) {
	if b := io.pages[m.layout.Super]; b != nil {
		sb, err := metadata.ParseSuperblock(b)
		if err != nil {
			m.n.w.fail("contract", "%s vol %d: writes a super block that cannot be read: %v", m.n, m.v.nr, err)
			return
		}
		io.super = &sb
	}
	for off, b := range io.pages {
		if off < m.layout.AL || off >= m.layout.AL+m.layout.ALSize {
			continue
		}
		if io.hot != nil {
			m.n.w.fail("D3", "%s vol %d: two activity log blocks in one Meta action have no order", m.n, m.v.nr)
			return
		}
		t, err := metadata.ParseTransaction(b)
		if err != nil || t.Type != metadata.ALTypeUpdate {
			m.n.w.fail("contract", "%s vol %d: writes an activity log block that is none: %v", m.n, m.v.nr, err)
			return
		}
		io.updates = t.Updates
		io.hot = make([]bool, m.v.extents)
		if !m.known || m.n.w.stats.Metas%32 == 0 {
			// What a daemon would really read.
			for _, e := range m.replayWith(off, b) {
				if int(e) < len(io.hot) {
					io.hot[e] = m.hot[e] // hot before and after
				}
			}
			continue
		}
		copy(io.hot, m.hot)
		for _, u := range t.Updates {
			if old, ok := m.slots[u.Slot]; ok && int(old) < len(io.hot) {
				io.hot[old] = false
			}
		}
		for _, u := range t.Updates {
			if int(u.Extent) < len(io.hot) {
				io.hot[u.Extent] = m.hot[u.Extent]
			}
		}
	}
}

// replayWith is what the log says with one block more: the hot extents.
func (m *metaDev) replayWith(off int64, b []byte) []uint32 {
	area := make([]byte, m.layout.ALSize)
	m.ReadAt(area, m.layout.AL)
	copy(area[off-m.layout.AL:], b)
	sb := metadata.Superblock{Magic: metadata.MagicUnclean, ALStripes: 1, ALStripeSize4k: 8}
	return metadata.ReadAL(area, &sb).Extents
}

// landed takes over what is stable now.
func (m *metaDev) landed(io *metaIO, all bool) {
	if io.super == nil && io.hot == nil {
		return
	}
	if !all || io.hot != nil && !m.known {
		m.reload()
		return
	}
	if io.super != nil {
		m.flags, m.current = io.super.Flags, io.super.UUIDs.Current
	}
	for _, u := range io.updates {
		if old, ok := m.slots[u.Slot]; ok && int(old) < len(m.hot) {
			m.hot[old] = false
		}
	}
	for _, u := range io.updates {
		m.slots[u.Slot] = u.Extent
		if int(u.Extent) < len(m.hot) {
			m.hot[u.Extent] = true
		}
	}
}

// marked tells whether a block is sure to be taken for out of sync by a daemon
// that starts on this disk.
func (m *metaDev) marked(bit uint64) bool {
	byLog := func(f metadata.Flags) bool {
		switch {
		case f.Has(metadata.FullSync):
			return true
		case f.Has(metadata.ALDisabled):
			return f.Has(metadata.PrimaryInd) || f.Has(metadata.CrashedPrimary)
		case !f.Has(metadata.PrimaryInd):
			return false
		}
		e := bit / metadata.ExtentBits
		return m.hot[e] && (m.fly == nil || m.fly.hot == nil || m.fly.hot[e])
	}
	if byLog(m.flags) && (m.fly == nil || m.fly.super == nil || byLog(m.fly.super.Flags)) {
		return true
	}
	off := m.layout.BM + int64(bit/8)&^(page-1)
	in := func(p []byte) bool { return p != nil && p[bit/8%page]>>(bit%8)&1 == 1 }
	if !in(m.pages[off]) {
		return false
	}
	if m.fly != nil {
		if p, ok := m.fly.pages[off]; ok && !in(p) {
			return false
		}
	}
	return true
}

// marks are the first blocks that are set in the bitmap on disk.
func (m *metaDev) marks(n int) (blocks []uint64) {
	for off := m.layout.BM; off < m.layout.BM+m.layout.BMSize; off += page {
		for i, x := range m.pages[off] {
			for bit := range 8 {
				if x>>bit&1 == 1 && len(blocks) < n {
					blocks = append(blocks, uint64(off-m.layout.BM+int64(i))*8+uint64(bit))
				}
			}
		}
	}
	return blocks
}
