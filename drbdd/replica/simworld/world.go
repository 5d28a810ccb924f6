package simworld

import (
	"io"
	"time"

	"classicha/drbdd/metadata"
	"classicha/internal/sim"
)

// world is one run.
type world struct {
	*sim.World
	seed  uint64
	make  Factory
	out   io.Writer
	p     params
	bad   []error
	stats Stats

	nodes [2]*node
	vols  []*volume

	cut     bool    // the network between the nodes
	deaf    [2]bool // one way only: nothing arrives at a node
	conns   int
	open    []*connection
	meeting *sim.Event

	calm       bool // no more faults: everything has to become good
	over       bool // everything is good: nobody interferes any more
	lastWrite  time.Duration
	hushed     bool          // applications ask for nothing new
	hopeless   time.Duration // since when nobody has good data
	lastBuf    uint64
	lastID     uint64
	order      uint64   // counts issues and ends of requests
	writes     []*write // by number
	spins      int
	spinAt     time.Duration
	skipped    *node  // where the first sync was skipped
	unruly     bool   // the manager may start both (a split-brain run)
	victim     int    // whose data the administrator gives up after a split brain, -1: not decided
	moving     bool   // a promotion is under way
	outside    *Pair  // who runs this world, nil: itself
	tenure     uint64 // order of the last takeover
	tenureNode *node
}

// volume is what two disks mirror.
type volume struct {
	w          *world
	nr         int
	g          *geometry
	backing    uint64 // sectors of the backing devices
	sectors    uint64 // usable
	extents    int
	hotspots   []uint64 // blocks that the application uses
	canDiscard [2]bool
	lin        [2]lineage
	forced     [2]bool // a promotion by force was asked for, which may have failed for another volume
	remote     [2]bool // the good data that a node had last was its peer's
	paired     bool    // both sides say Connected UpToDate/UpToDate
	alone      [2]bool // was Primary without the peer since both were in sync
	based      bool    // D3 counts: they were equal once
}

// drawn lets tests change what a seed drew.
var drawn func(w *world)

func newWorld(seed uint64, f Factory, out io.Writer) *world {
	return newWorldIn(sim.NewWorld(seed), seed, f, out, drawn)
}

// newWorldIn makes a world in the time of another. adjust, if there is one, changes
// what was drawn.
func newWorldIn(in *sim.World, seed uint64, f Factory, out io.Writer, adjust func(w *world)) *world {
	w := &world{World: in, seed: seed, make: f, out: out, victim: -1}
	w.writes = append(w.writes, nil)
	w.draw()
	if adjust != nil {
		adjust(w)
	}
	for i := range w.nodes {
		w.nodes[i] = newNode(w, i)
	}
	for nr := range w.p.volumes {
		w.addVolume(nr)
	}
	return w
}

// garbage is the number of the write that the first content of a disk counts as:
// 1 on both disks if they begin equal, else 1 and 2.
func (w *world) garbage() {
	for len(w.writes) < 3 {
		w.writes = append(w.writes, &write{id: uint32(len(w.writes)), garbage: true})
	}
}

func (w *world) addVolume(nr int) {
	w.garbage()
	v := &volume{w: w, nr: nr}
	v.extents = w.p.extents
	v.backing = uint64(v.extents)*8192 - uint64(w.Intn(3))*uint64(w.Intn(2000))
	var size int64
	index := metadata.FlexExternal
	if w.p.internal {
		index = metadata.Internal
		size = int64(v.backing) * 512
	} else {
		size = 1 << 20
	}
	w.vols = append(w.vols, v)
	for i, n := range w.nodes {
		m := &metaDev{n: n, v: v, index: index, size: size, pages: map[int64][]byte{}, slots: map[uint16]uint32{}}
		m.hot = make([]bool, v.extents)
		d := &disk{n: n, v: v, flying: map[uint64]*diskIO{}}
		d.lossy = w.p.lossy
		d.zeroes = w.p.zeroes[i]
		v.canDiscard[i] = w.p.discards[i]
		n.vols = append(n.vols, &nodeVol{meta: m, disk: d})
		l, err := metadata.NewLayout(index, size, metadata.DefaultRing)
		if err != nil {
			panic(err)
		}
		m.layout = l
	}
	v.sectors = w.nodes[0].vols[nr].meta.layout.UsableSectors(v.backing)
	v.g = newGeometry(v.backing)
	for _, n := range w.nodes {
		n.vols[nr].disk.g = v.g
		n.vols[nr].meta.create()
	}
	// Runs of blocks in every extent, so that writes of several blocks have room.
	blocks := v.sectors / perBlock
	for e := range uint64(v.extents) {
		if !w.Chance(w.p.usedExtents) {
			continue
		}
		at := e*1024 + uint64(w.Intn(1000))
		for i := range uint64(2 + w.Intn(14)) {
			if at+i < blocks {
				v.hotspots = append(v.hotspots, at+i)
			}
		}
	}
	if len(v.hotspots) == 0 {
		v.hotspots = append(v.hotspots, 0, 1, 2, 3)
	}
	for _, b := range v.hotspots {
		w.fill(v, b)
	}
}

// fill gives a block its first content.
func (w *world) fill(v *volume, b uint64) {
	slot := v.g.add(b)
	for i, n := range w.nodes {
		id := uint32(1)
		if !w.p.equal {
			id += uint32(i)
		}
		var x block
		for k := range x {
			x[k] = value(id, b*perBlock+uint64(k))
		}
		n.vols[v.nr].disk.put(slot, x, true)
	}
}

// live runs the world from its first start to its end.
func (w *world) live() {
	w.note("seed %d: %+v", w.seed, w.p)
	for _, n := range w.nodes {
		n := n
		w.After(w.Between(0, time.Second), n.start)
	}
	w.manage()
	w.scheduleFaults()
	w.scheduleAdmin()
	w.run(w.p.chaos)
	w.heal()
	w.stats.Virtual = w.Now()
}

// run lets time pass until t, or until something is wrong.
func (w *world) run(until time.Duration) {
	for w.Now() < until && len(w.bad) == 0 {
		w.RunUntil(min(until, w.Now()+50*time.Millisecond))
	}
}

// next is a number for the order of things.
func (w *world) next() uint64 { w.order++; return w.order }
