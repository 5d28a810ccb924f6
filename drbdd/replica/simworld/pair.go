package simworld

import (
	"io"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

// Pair is a resource on two nodes in a world that somebody else runs: it decides when
// machines lose their power, when cables break, who becomes Primary and what is
// written. The checks of this package go on inside; Err tells what they found.
type Pair struct {
	w     *world
	s     Setup
	lapse [2][]func() // what waits for the daemon of a node, and hears that it is gone
}

// Setup is what the outside world decides about a Pair.
type Setup struct {
	Factory  Factory
	Seed     uint64
	Out      io.Writer // a trace, nil: none
	Protocol byte
	Fencing  replica.Fencing
	Rate     uint32 // of a resync, KiB/s; 0: drawn
	Records  int    // blocks that Write and Read may name: 0 to Records-1

	// FencePeer is the fence-peer handler; done takes its exit code.
	FencePeer func(node int, done func(code int))
	// Emergency is a machine that its daemon wants to be restarted.
	Emergency func(node int, reason string)
	// Forked tells that the data of a node begins a history of its own.
	Forked func(f Fork)
	// Paired tells that both nodes have come in sync.
	Paired func()
	// Lost tells that a power cut took a record on a disk back to an older content.
	Lost func(node, record int)
}

// Fork is the beginning of a history of the data.
type Fork struct {
	Node    int
	History int
	Parent  int  // 0: none
	Whole   bool // everything that was acknowledged in the parent is in it
	Why     string
}

// NewPair makes two nodes whose daemons do not run yet, in the time and with the random
// numbers of another world. Their disks are equal.
func NewPair(in *sim.World, s Setup) *Pair {
	p := &Pair{s: s}
	p.w = newWorldIn(in, s.Seed, s.Factory, s.Out, func(w *world) {
		w.outside = p
		w.hushed = true // only what the outside world asks for
		q := &w.p
		q.volumes, q.extents, q.usedExtents = 1, 2, 1
		q.equal, q.skipSync, q.lossy = true, true, true
		q.version, q.features = [2]uint32{101, 101}, [2]wire.Feature{wire.AllFeatures, wire.AllFeatures}
		q.trims, q.overlap = 0, false
		q.net.Protocol = s.Protocol
		q.net.AfterSB0P, q.net.AfterSB1P, q.net.AfterSB2P, q.net.AlwaysASBP = 0, 0, 0, false
		q.net.OnCongestion, q.net.RRConflict = 0, 0
		q.net.IntegrityAlg = ""
		q.net.PingInt = min(q.net.PingInt, 3*time.Second)
		q.disk.Fencing = s.Fencing
		q.disk.OnIOError, q.disk.DiskTimeout = 0, 0
		if s.Rate > 0 {
			q.disk.ResyncRate, q.disk.PlanAhead = s.Rate, 0
		}
		q.disk.ALUpdates, q.disk.Flushes, q.disk.MDFlushes = true, true, true
		q.diskMax, q.netMax = min(q.diskMax, 5*time.Millisecond), min(q.netMax, 2*time.Millisecond)
		q.res = replica.ResourceOptions{}
	})
	v := p.w.vols[0]
	v.hotspots = nil
	for r := range s.Records {
		v.hotspots = append(v.hotspots, p.block(r))
		p.w.fill(v, p.block(r))
	}
	p.look()
	return p
}

// block is where a record is: they are spread over both extents.
func (p *Pair) block(record int) uint64 { return uint64(record/2 + record%2*1024) }

// look lets the successor of a killed daemon go on with its device.
func (p *Pair) look() {
	p.w.After(p.w.Between(200*time.Millisecond, 400*time.Millisecond), func() {
		if len(p.w.bad) == 0 {
			p.w.resume()
			p.look()
		}
	})
}

// Err is the first broken promise.
func (p *Pair) Err() error {
	if len(p.w.bad) == 0 {
		return nil
	}
	return p.w.bad[0]
}

// Clock is the clock of a machine.
func (p *Pair) Clock(i int) sim.Clock { return p.w.nodes[i].clock }

// SetClock replaces it: all daemons of a machine have one clock. No daemon may run.
func (p *Pair) SetClock(i int, c sim.Clock) { p.w.nodes[i].clock = c }

// Start starts the daemon, and its resource as drbdadm up does.
func (p *Pair) Start(i int) { p.w.nodes[i].start() }

// PowerOff takes the power away; the disk loses its cache.
func (p *Pair) PowerOff(i int) {
	p.w.nodes[i].powerOff(0)
	p.gone(i)
}

// PowerOn gives the power back. The daemon has to be started.
func (p *Pair) PowerOn(i int) { p.w.nodes[i].power = true }

// Kill is kill -9 of the daemon. The device stays, and its requests wait for a successor.
func (p *Pair) Kill(i int) {
	p.w.nodes[i].kill(-1)
	p.gone(i)
}

// Pause lets a machine stand still.
func (p *Pair) Pause(i int, d time.Duration) { p.w.nodes[i].pause(d) }

// Reset lets the network forget the connection.
func (p *Pair) Reset() {
	if e := p.w.nodes[0].end; e != nil {
		e.c.reset()
	}
}

// Cut cuts the way to a node, or repairs it.
func (p *Pair) Cut(to int, cut bool) {
	p.w.deaf[to] = cut
	p.w.note("way to %s: cut %v", p.w.nodes[to], cut)
	if !cut {
		p.w.kick()
	}
}

// Excuse tells that from now on nobody promises that there is only one history: the
// peer may have been said to be dead wrongly, or the administrator forces something.
func (p *Pair) Excuse() { p.w.unruly = true }

// GiveUp tells that the administrator gives the data of a node up.
func (p *Pair) GiveUp(i int) {
	p.Excuse()
	p.w.vols[0].lin[i].spent = true
}

// gone tells those who wait for a daemon that it is not there any more.
func (p *Pair) gone(i int) {
	fs := p.lapse[i]
	p.lapse[i] = nil
	for _, f := range fs {
		p.w.After(0, f)
	}
}

// once makes of a callback one that is called in any case: with false when the daemon
// of the node ends.
func (p *Pair) once(i int, f func(ok bool)) func(ok bool) {
	done := false
	g := func(ok bool) {
		if !done {
			done = true
			p.w.After(0, func() { f(ok) })
		}
	}
	p.lapse[i] = append(p.lapse[i], func() { g(false) })
	return g
}

func (p *Pair) emergency(n *node, reason string) {
	p.w.After(0, func() { p.s.Emergency(n.i, reason) })
}

func (p *Pair) fencePeer(n *node, done func(code int)) { p.s.FencePeer(n.i, done) }

func (p *Pair) forked(i int, b *branch) {
	f := Fork{Node: i, History: b.id, Why: b.why, Whole: b.why == secondPrimary}
	if b.parent != nil {
		f.Parent = b.parent.id
	}
	p.s.Forked(f)
}

func (p *Pair) lost(n *node, block uint64) {
	for r := range p.s.Records {
		if p.block(r) == block {
			p.s.Lost(n.i, r)
		}
	}
}
