package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// app is the application on a Primary, with its front end: what it asked for is
// asked again when a killed daemon has a successor.
type app struct {
	n       *node
	depth   int
	open    map[uint64]*request
	alive   bool
	serving bool   // the daemon is there and Primary
	pausing func() // to be called when nothing is open any more; no new requests
	left    int    // requests still to be issued, -1: no end
	think   bool   // a request is about to be issued
}

// request is a request of the application.
type request struct {
	id      uint64
	op      replica.Op
	vol     int
	sector  uint64
	sectors uint32
	fua     bool
	unmap   bool
	w       *write // Write, Zero, Discard
	buf     replica.Buf
	br      *branch
	first   []uint64 // Read: what it may return, by sector
	also    []cell   // and what else
	issued  uint64
	again   bool // a killed daemon had it, too
	at      time.Duration
	then    func(err replica.Errno) // of reads of the final check, and of requests from outside
	got     payload                 // of a read
}

func (r *request) end() uint64 { return r.sector + uint64(r.sectors) }

func (r *request) overlaps(sector uint64, sectors uint32) bool {
	return r.sector < sector+uint64(sectors) && sector < r.end()
}

// startApp lets an application run on a node that became Primary.
func (n *node) startApp() {
	w := n.w
	n.app = &app{n: n, depth: w.p.depth, open: map[uint64]*request{}, alive: true, serving: true, left: -1}
	if w.hushed {
		n.app.left = 0
	}
	w.note("%s: the application starts", n)
	n.app.more()
}

// more issues requests up to the depth, each after some thinking.
func (a *app) more() {
	w := a.n.w
	if a.think || !a.alive || !a.serving || a.pausing != nil || a.left == 0 || len(a.open) >= a.depth {
		return
	}
	a.think = true
	d := w.Between(0, w.p.think)
	if w.Chance(w.p.burst) {
		d = 0
	}
	w.After(d, func() {
		a.think = false
		if a.alive && a.serving && a.pausing == nil && a.left != 0 && !a.n.asleep() && len(w.bad) == 0 {
			if a.left > 0 {
				a.left--
			}
			a.issue()
		}
		if a.n.asleep() {
			return // goes on when the machine does
		}
		a.more()
	})
}

// drain stops new requests and calls f when all are answered.
func (a *app) drain(f func()) {
	a.pausing = f
	a.drained()
}

func (a *app) drained() {
	if a.pausing != nil && len(a.open) == 0 {
		f := a.pausing
		a.pausing = nil
		a.alive = false
		a.n.w.After(0, f)
	}
}

// resume lets a drained application go on.
func (a *app) resume() {
	a.alive = true
	a.pausing = nil
	a.more()
}

// issue draws a request.
func (a *app) issue() {
	w := a.n.w
	v := w.vols[w.Intn(len(w.vols))]
	r := &request{vol: v.nr}
	x := w.Intn(100)
	switch p := w.p; {
	case x < p.reads:
		r.op = replica.Read
	case x < p.reads+p.flushes:
		r.op = replica.Flush
	case x < p.reads+p.flushes+p.trims:
		r.op = replica.Discard
		if w.Chance(0.5) {
			r.op, r.unmap = replica.Zero, w.Chance(0.5)
		}
	default:
		r.op = replica.Write
		r.fua = w.Chance(w.p.fua)
	}
	if r.op != replica.Flush {
		blocks := v.sectors / perBlock
		b := v.hotspots[w.Intn(len(v.hotspots))]
		n := uint64(1 + w.Intn(8)*w.Intn(2))
		if w.Chance(0.02) {
			n = uint64(1 + w.Intn(32))
		}
		r.sector = b * perBlock
		r.sectors = uint32(min(n, blocks-b)) * perBlock
		if r.op == replica.Read || r.op == replica.Write {
			if w.Chance(w.p.small) {
				off := uint32(w.Intn(perBlock))
				r.sector += uint64(off)
				r.sectors = uint32(1 + w.Intn(int(min(r.sectors-off, 12))))
			}
		}
		for _, o := range a.open {
			if o.vol == r.vol && o.op != replica.Flush && o.overlaps(r.sector, r.sectors) && (r.op != replica.Read || o.op != replica.Read) {
				if r.op != replica.Read && o.op != replica.Read && !w.p.overlap {
					return // the application waits for its own writes
				}
			}
		}
	}
	w.lastID++
	r.id = w.lastID
	a.begin(r)
}

// begin registers a request and gives it to the daemon.
func (a *app) begin(r *request) {
	w := a.n.w
	v := w.vols[r.vol]
	r.issued, r.at = w.next(), w.Now()
	r.br = v.served(a.n)
	switch r.op {
	case replica.Read:
		w.stats.Reads++
		v.readBegins(a, r)
	case replica.Flush:
		w.stats.Flushes++
	default:
		w.stats.Writes++
		w.lastWrite = w.Now()
		r.w = w.newWrite(r)
		v.writeBegins(a, r)
	}
	a.open[r.id] = r
	if a.serving {
		a.submit(r)
	}
}

// submit gives a request to the core of today.
func (a *app) submit(r *request) {
	n := a.n
	ev := replica.Request{Vol: r.vol, ID: r.id, Op: r.op, Sector: r.sector, Size: r.sectors * 512, FUA: r.fua, Unmap: r.unmap}
	switch r.op {
	case replica.Read:
		r.buf = n.bufs.give(payload{sectors: r.sectors}, int(ev.Size), r.id)
	case replica.Write:
		p := payload{sectors: r.sectors}
		for i := range r.sectors {
			p.cells = append(p.cells, cell{i, value(r.w.id, r.sector+uint64(i))})
		}
		r.buf = n.bufs.give(p, int(ev.Size), r.id)
	default:
		r.buf = 0
	}
	ev.Buf = r.buf
	n.event(ev)
}

// complete takes the answer to a request.
func (n *node) complete(c replica.Complete) {
	w := n.w
	a := n.app
	var r *request
	if a != nil {
		r = a.open[c.ID]
	}
	if r == nil || r.vol != c.Vol {
		w.fail("contract", "%s: Complete of request %d on volume %d, which is not open", n, c.ID, c.Vol)
		return
	}
	delete(a.open, c.ID)
	v := w.vols[r.vol]
	var got payload
	if r.buf != 0 {
		b := n.bufs.live[r.buf]
		if b == nil {
			w.fail("contract", "%s: the buffer of request %d is gone", n, c.ID)
			return
		}
		got = b.data
		delete(n.bufs.live, r.buf)
	}
	if c.From != 0 {
		b := n.bufs.use(c.From, "Complete")
		if len(w.bad) > 0 {
			return
		}
		if r.op != replica.Read || uint32(b.size) < r.sectors*512 {
			w.fail("contract", "%s: Complete of %s %d+%d from a buffer of %d bytes", n, r.op, r.sector, r.sectors, b.size)
			return
		}
		got = b.data
		n.bufs.free(c.From, "Complete.From")
	}
	n.judge(v, r, c.Err, got)
	r.got = got
	if r.then != nil {
		r.then(c.Err)
	}
	a.drained()
	a.more()
}

// judge decides whether an answer is right.
func (n *node) judge(v *volume, r *request, err replica.Errno, got payload) {
	w := n.w
	switch {
	case err == replica.OK:
	case err == replica.ENOTSUP && (r.op == replica.Discard || r.op == replica.Zero):
		if r.again {
			// The peer that cannot do it was met since: what the predecessor had begun is not undone.
			v.writeUnknown(r)
			return
		}
		v.writeEnds(n, r, false)
		return
	case err == replica.EIO:
		w.stats.EIOs++
		w.note("%s: EIO for %s %d+%d", n, r.op, r.sector, r.sectors)
		n.excuse(v, r)
		if r.w != nil {
			v.writeUnknown(r)
		}
		return
	default:
		w.fail("contract", "%s: %s %d+%d of a Primary answered with errno %d", n, r.op, r.sector, r.sectors*512, err)
		return
	}
	switch r.op {
	case replica.Read:
		v.readEnds(n, r, got)
	case replica.Flush:
		v.flushed(n, r)
	default:
		v.writeEnds(n, r, true)
	}
}

// excuse: an error may reach the application only if the good disks had trouble.
func (n *node) excuse(v *volume, r *request) {
	w := n.w
	x := n.vol(v.nr)
	if x == nil {
		return
	}
	nv := n.vols[v.nr]
	if x.Disk == wire.UpToDate && nv.disk.lastErr < r.at && nv.lastBad < r.at && !nv.disk.everFailed {
		w.fail("D5", "%s vol %d: %s %d+%d ended in EIO though the local disk is UpToDate and made no error", n, v.nr, r.op, r.sector, r.sectors*512)
	}
}

// orphan: the daemon is gone, the application waits.
func (a *app) orphan() { a.serving, a.alive, a.pausing = false, true, nil }

// adopt: a new daemon serves the device again; it gets the open requests.
func (a *app) adopt() {
	a.serving = true
	ids := make([]uint64, 0, len(a.open))
	for id := range a.open {
		ids = append(ids, id)
	}
	sortIDs(ids)
	for _, id := range ids {
		if a.n.core == nil || a.n.app != a {
			return
		}
		r := a.open[id]
		r.again = true
		a.submit(r)
	}
	a.drained()
	a.more()
}

// die: the machine is gone, and the application with it. What it had asked for may
// be done or not.
func (a *app) die() {
	w := a.n.w
	a.alive, a.pausing = false, nil
	a.n.app = nil
	ids := make([]uint64, 0, len(a.open))
	for id := range a.open {
		ids = append(ids, id)
	}
	sortIDs(ids)
	for _, id := range ids {
		r := a.open[id]
		if r.w != nil {
			w.vols[r.vol].writeUnknown(r)
		}
	}
	a.open = nil
	w.note("%s: the application is gone", a.n)
}
