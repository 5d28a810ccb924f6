package simworld

import (
	"fmt"
	"io"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
	"classicha/drbdd/replica"
	"classicha/internal/sim"
)

const page = 4096

// metaDev is a metadata device: real bytes. Between a Meta action and its answer
// each of its pages may be on the medium or not.
type metaDev struct {
	n      *node
	v      *volume
	index  metadata.Index
	size   int64
	layout metadata.Layout
	pages  map[int64][]byte // by offset; what is stable
	fly    *metaIO
	fail   float64 // how likely a Meta action fails

	// What the pages say, kept up to date: marks.go.
	flags   metadata.Flags
	current uint64
	slots   map[uint16]uint32 // of the activity log, what was written since it was empty
	known   bool              // slots is all there is in the log
	hot     []bool            // by extent
}

// metaIO is a Meta action under way.
type metaIO struct {
	a       replica.Meta
	done    *sim.Event
	pages   map[int64][]byte
	super   *metadata.Superblock  // if it writes one
	updates []metadata.SlotUpdate // of its transaction
	hot     []bool                // extents hot with and without its transaction, nil: it has none
}

// ReadAt reads whole pages.
func (m *metaDev) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > m.size {
		return 0, io.ErrUnexpectedEOF
	}
	for i := 0; i < len(p); {
		at := off + int64(i)
		base := at &^ (page - 1)
		n := min(len(p)-i, int(base+page-at))
		if b := m.pages[base]; b != nil {
			copy(p[i:i+n], b[at-base:])
		} else {
			clear(p[i : i+n])
		}
		i += n
	}
	return len(p), nil
}

// WriteAt is how tools write: stable at once.
func (m *metaDev) WriteAt(p []byte, off int64) (int, error) {
	for i := 0; i < len(p); {
		at := off + int64(i)
		base := at &^ (page - 1)
		n := min(len(p)-i, int(base+page-at))
		b := make([]byte, page)
		copy(b, m.pages[base])
		copy(b[at-base:], p[i:i+n])
		m.pages[base] = b
		i += n
	}
	return len(p), nil
}

// create makes metadata as create-md does.
func (m *metaDev) create() {
	l, err := metadata.NewLayout(m.index, m.size, metadata.DefaultRing)
	if err != nil {
		panic(err)
	}
	s, err := mdio.Create(m, l, m.size, metadata.CreateOptions{DeviceUUID: m.n.w.Uint64()})
	if err != nil {
		panic(err)
	}
	m.layout = s.Layout
	m.reload()
}

// attach reads the metadata as a daemon that starts: apply the log, read the
// bitmap.
func (m *metaDev) attach() (*mdio.Store, *metadata.Bitmap, error) {
	s, err := mdio.Attach(m, m.index, m.size)
	if err != nil {
		return nil, nil, err
	}
	if s.Super.NeedApplyAL() {
		if _, err := s.ApplyAL(); err != nil {
			return nil, nil, fmt.Errorf("apply activity log: %w", err)
		}
	}
	bm, err := s.ReadBitmap(s.Layout.UsableSectors(m.v.backing))
	if err != nil {
		return nil, nil, err
	}
	m.layout = s.Layout
	m.reload()
	return s, bm, nil
}

// start begins a Meta action.
func (m *metaDev) start(a replica.Meta) {
	w := m.n.w
	w.stats.Metas++
	if m.fly != nil {
		w.fail("contract", "%s: a second Meta action %d while %d is under way", m.n, a.ID, m.fly.a.ID)
		return
	}
	io := &metaIO{a: a, pages: map[int64][]byte{}}
	for _, x := range a.Writes {
		if x.Off%page != 0 || len(x.Data)%page != 0 || len(x.Data) == 0 || !m.inside(x.Off, int64(len(x.Data))) {
			w.fail("contract", "%s: metadata write of %d bytes at %d", m.n, len(x.Data), x.Off)
			return
		}
		for i := int64(0); i < int64(len(x.Data)); i += page {
			io.pages[x.Off+i] = x.Data[i : i+page]
		}
	}
	if len(io.pages) == 0 {
		w.fail("contract", "%s: a Meta action that writes nothing", m.n)
	}
	m.foresee(io)
	m.fly = io
	w.checkAllMarked(m.v, "metadata was written on "+m.n.String())
	boot := m.n.boot
	d := w.Between(w.p.diskMin, w.p.diskMax)
	if !w.calm && w.Chance(m.n.vols[m.v.nr].disk.slow) {
		d *= 20
	}
	io.done = w.After(d, func() {
		if m.n.boot == boot {
			m.finish(io)
		}
	})
}

// inside tells whether a write stays in the metadata.
func (m *metaDev) inside(off, n int64) bool {
	in := func(at, size int64) bool { return off >= at && off+n <= at+size }
	return in(m.layout.Super, page) || in(m.layout.AL, m.layout.ALSize) || in(m.layout.BM, m.layout.BMSize)
}

// finish carries a Meta action out and answers it.
func (m *metaDev) finish(io *metaIO) {
	w := m.n.w
	ok := !w.Chance(m.fail)
	if !ok {
		d := m.n.vols[m.v.nr].disk
		d.lastErr, d.everFailed = w.Now(), true
		w.stats.IOErrors++
		w.note("%s vol %d: metadata I/O error", m.n, m.v.nr)
	}
	m.land(func() bool { return ok || w.Chance(0.5) })
	m.n.event(replica.MetaDone{ID: io.a.ID, OK: ok})
}

// land makes stable what lets says of the action under way.
func (m *metaDev) land(lets func() bool) {
	io := m.fly
	m.fly = nil
	io.done.Cancel()
	offs := make([]uint64, 0, len(io.pages))
	for off := range io.pages {
		offs = append(offs, uint64(off))
	}
	sortIDs(offs)
	all := true
	for _, off := range offs {
		if lets() {
			m.pages[int64(off)] = io.pages[int64(off)]
		} else {
			all = false
		}
	}
	m.landed(io, all)
}

// stop ends the action under way because the daemon or the power is gone.
func (m *metaDev) stop() {
	if m.fly == nil {
		return
	}
	w := m.n.w
	all, none := w.Chance(0.3), w.Chance(0.3)
	m.land(func() bool { return all || !none && w.Chance(0.5) })
}
