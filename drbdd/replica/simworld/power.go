package simworld

import (
	"time"

	"classicha/drbdd/replica"
)

// Machines and daemons that start, end and stand still.

// start starts the daemon: a new core, configured as it was.
func (n *node) start() {
	w := n.w
	if n.core != nil || !n.power {
		return
	}
	n.boot++
	n.inbox = nil
	n.paused = 0
	n.bufs = buffers{n: n, live: map[replica.Buf]*buffer{}}
	n.cmds = map[uint64]*command{}
	n.helpers = map[uint64]string{}
	n.seen = make([]seen, len(n.vols))
	n.dial, n.end = nil, nil
	n.viewGood, n.ready = false, false
	n.busy, n.forcing = 0, 0
	n.core = w.make(replica.Config{Name: "r0", Options: w.p.res, Features: n.features}, w.Uint64())
	w.note("%s: daemon starts (%d)", n, n.boot)
	n.configure()
}

// stop ends the daemon. power tells that the machine goes with it.
func (n *node) stop(power bool) {
	if n.core == nil {
		return
	}
	n.core = nil
	n.boot++
	for _, v := range n.w.vols {
		v.paired = false
	}
	n.tick.Cancel()
	n.inbox, n.paused = nil, 0
	n.dial = nil
	if n.end != nil {
		n.end.die(power)
	}
	for _, v := range n.vols {
		v.disk.stop()
		v.meta.stop()
		v.attached = false
	}
	for _, c := range n.cmds {
		c.gone()
	}
	n.cmds, n.helpers = nil, nil
	n.busy = 0
}

// kill is kill -9 of the daemon: its successor comes after a while. The front end
// keeps the requests of the application.
func (n *node) kill(down time.Duration) {
	w := n.w
	if n.core == nil {
		return
	}
	w.stats.Kills++
	w.note("%s: daemon killed", n)
	n.exposed = make([]uint64, len(n.vols)) // the shell keeps that for the successor
	if n.app != nil {
		for nr := range n.vols {
			if x := n.vol(nr); x != nil {
				n.exposed[nr] = x.Exposed
			}
		}
	}
	n.stop(false)
	if n.app != nil {
		n.app.orphan()
	} else {
		w.forget(n)
	}
	w.kick()
	if down >= 0 {
		w.After(down, n.start)
	}
}

// powerOff is a power cut; the machine comes back after a while.
func (n *node) powerOff(down time.Duration) {
	w := n.w
	if !n.power {
		return
	}
	w.stats.PowerCuts++
	w.note("%s: power off", n)
	n.exposed = nil
	n.power = false
	n.stop(true)
	keep := []float64{0, 0.5, 0.9, 1}[w.Intn(4)]
	for nr, v := range n.vols {
		v.disk.stop() // nothing if the daemon ran
		v.disk.powerCut(&w.Rand, keep, func(slot int, before, after block) { w.lostData(w.vols[nr], n, slot, before, after) })
	}
	if n.app != nil {
		n.app.die()
	} else {
		w.forget(n)
	}
	w.kick()
	if down > 0 {
		w.After(down, n.powerOn)
	}
}

func (n *node) powerOn() {
	if n.power {
		return
	}
	n.w.note("%s: power on", n)
	n.power = true
	n.w.After(n.w.Between(10*time.Millisecond, 2*time.Second), n.start)
}

// pause stops the machine: time goes on, the network fills up.
func (n *node) pause(d time.Duration) {
	w := n.w
	if n.core == nil || n.asleep() {
		return
	}
	w.stats.Pauses++
	w.note("%s: stands still for %s", n, d)
	n.paused = w.Now() + d
	boot := n.boot
	w.After(d, func() {
		if n.boot != boot {
			return
		}
		w.note("%s: goes on", n)
		n.paused = 0
		in := n.inbox
		n.inbox = nil
		for _, f := range in {
			f()
		}
		n.event(replica.Tick{})
		w.kick()
	})
}
