package simworld

import (
	"time"

	"classicha/drbdd/replica"
)

// scheduleFaults lets faults happen at random times until the world becomes calm.
func (w *world) scheduleFaults() {
	w.After(w.Between(0, 2*w.p.pace), func() {
		if w.calm || len(w.bad) > 0 {
			return
		}
		w.fault()
		w.scheduleFaults()
	})
}

// scheduleAdmin lets an administrator come now and then.
func (w *world) scheduleAdmin() {
	if w.p.admin == 0 {
		return
	}
	w.After(w.Between(time.Second, time.Duration(20/w.p.admin+2)*time.Second), func() {
		if w.calm || len(w.bad) > 0 {
			return
		}
		w.nodes[w.Intn(2)].administrate()
		w.scheduleAdmin()
	})
}

// fault draws one fault.
func (w *world) fault() {
	p := &w.p
	kinds := []struct {
		weight int
		f      func(n *node)
	}{
		{p.power, func(n *node) { n.powerOff(w.Between(time.Second, 20*time.Second)) }},
		{p.kill, func(n *node) { n.kill(w.Between(10*time.Millisecond, 3*time.Second)) }},
		{p.reset, func(n *node) {
			if n.end != nil {
				n.end.c.reset()
			}
		}},
		{p.netcut, func(*node) {
			d := w.Between(100*time.Millisecond, 3*time.Second)
			if w.Chance(0.5) {
				d = w.Between(3*time.Second, 25*time.Second)
			}
			w.cutNet(d)
		}},
		{p.pause, func(n *node) {
			d := w.Between(50*time.Millisecond, 2*time.Second)
			if w.Chance(0.3) {
				d = w.Between(2*time.Second, 20*time.Second)
			}
			n.pause(d)
		}},
		{p.ioerr, (*node).badDisk},
		{p.slow, (*node).slowDisk},
		{p.both, func(n *node) {
			n.powerOff(w.Between(time.Second, 20*time.Second))
			d := time.Duration(0)
			if w.Chance(0.5) {
				d = w.Between(0, 5*time.Second)
			}
			w.After(d, func() {
				if !w.calm {
					n.peer().powerOff(w.Between(time.Second, 20*time.Second))
				}
			})
		}},
		{p.split, (*node).splitBrain},
	}
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	if sum == 0 {
		return
	}
	x := w.Intn(sum)
	n := w.nodes[w.Intn(2)]
	for _, k := range kinds {
		if x -= k.weight; x < 0 {
			k.f(n)
			return
		}
	}
}

// badDisk makes a disk fail for a while.
func (n *node) badDisk() {
	w := n.w
	v := n.vols[w.Intn(len(n.vols))]
	rate := []float64{0.05, 0.3, 1}[w.Intn(3)]
	what := w.Intn(4)
	w.note("%s: disk errors (%d, %g)", n, what, rate)
	switch what {
	case 0:
		v.disk.readErr = rate
	case 1:
		v.disk.writeErr = rate
	case 2:
		v.meta.fail = rate
	case 3:
		v.disk.readErr, v.disk.writeErr, v.meta.fail = rate, rate, rate
	}
	w.After(w.Between(100*time.Millisecond, 10*time.Second), func() {
		v.disk.readErr, v.disk.writeErr, v.meta.fail = 0, 0, 0
	})
}

// slowDisk makes a disk slow, or stuck.
func (n *node) slowDisk() {
	w := n.w
	v := n.vols[w.Intn(len(n.vols))]
	if w.Chance(0.3) {
		v.disk.hang = w.Now() + w.Between(time.Second, 15*time.Second)
		w.note("%s: disk hangs until %s", n, v.disk.hang)
		return
	}
	v.disk.slow = 0.3
	w.note("%s: slow disk", n)
	w.After(w.Between(time.Second, 20*time.Second), func() { v.disk.slow = 0 })
}

// splitBrain cuts the network and lets the application run on both nodes: what a
// manager must not do.
func (n *node) splitBrain() {
	w := n.w
	if w.nodes[0].app == nil && w.nodes[1].app == nil {
		return
	}
	if n.app != nil {
		n = n.peer()
	}
	if n.core == nil || n.app != nil || n.busy > 0 {
		return
	}
	w.unruly = true
	d := w.Between(15*time.Second, 30*time.Second)
	w.note("both nodes are to be Primary")
	w.cutNet(d)
	boot := n.boot
	w.After(w.Between(time.Second, 14*time.Second), func() {
		if n.boot == boot && n.core != nil && n.app == nil && w.cut {
			n.promote(w.Chance(0.3), nil)
		}
	})
}

// administrate gives some command that an administrator might give.
func (n *node) administrate() {
	w := n.w
	if n.core == nil || n.busy > 0 || n.asleep() {
		return
	}
	nr := w.Intn(len(n.vols))
	x := n.vol(nr)
	if x == nil {
		return
	}
	v := w.vols[nr]
	p := n.peer()
	w.note("%s: the administrator comes", n)
	switch w.Intn(13) {
	case 0, 1: // switch over
		if n.app != nil {
			n.demote(func(ok bool) {
				if ok && p.core != nil && p.busy == 0 && v.paired && w.Chance(0.8) {
					w.moving = true
					p.promote(false, func(bool) { w.moving = false })
					w.After(60*time.Second, func() { w.moving = false })
				}
			})
		}
	case 2, 3:
		n.order(replica.Disconnect{Force: w.Chance(0.2)}, func(replica.Reply) {
			boot := n.boot
			w.After(w.Between(0, 5*time.Second), func() {
				if n.boot == boot && n.core != nil && n.look().Net == nil && !w.over {
					n.connectCmd()
				}
			})
		})
	case 4:
		if w.p.detach == 0 {
			return
		}
		n.order(replica.DetachCmd{Vol: nr, Force: w.Chance(0.2)}, func(replica.Reply) {
			boot := n.boot
			w.After(w.Between(0, 5*time.Second), func() {
				if n.boot == boot && n.core != nil {
					n.attach(nr, nil)
				}
			})
		})
	case 5:
		if n.app == nil && v.paired && p.core != nil {
			v.lin[n.i].spent = true
			n.order(replica.Invalidate{Vol: nr}, nil)
		} else if n.app != nil && v.paired {
			v.lin[p.i].spent = true
			n.discardPeer = true
			n.order(replica.InvalidateRemote{Vol: nr}, nil)
		}
	case 6, 7:
		if w.p.verify > 0 {
			start := uint64(0)
			if w.Chance(0.5) {
				start = uint64(w.Intn(int(v.sectors)))
			}
			stop := uint64(0)
			if w.Chance(0.2) {
				stop = start + uint64(w.Intn(100000))
			}
			n.order(replica.Verify{Vol: nr, Start: start, Stop: stop}, nil)
		}
	case 8:
		n.order(replica.PauseSync{Vol: nr, On: true}, nil)
		w.After(w.Between(0, 10*time.Second), func() {
			if n.core != nil {
				n.order(replica.PauseSync{Vol: nr}, nil)
			}
		})
	case 9:
		if n.app == nil {
			n.order(replica.Outdate{Vol: nr}, nil)
		}
	case 10:
		n.order(replica.SuspendIO{Vol: nr, On: true}, nil)
		w.After(w.Between(0, 5*time.Second), func() {
			if n.core != nil && !n.frozen() {
				n.order(replica.SuspendIO{Vol: nr}, nil)
			}
		})
	case 12:
		o := n.net
		o.Timeout = time.Duration(10+w.Intn(50)) * 100 * time.Millisecond
		o.MaxEpochSize = uint32(1 + w.Intn(100))
		o.UseRLE = w.Chance(0.5)
		n.order(replica.NetOptionsCmd{Options: o}, nil)
	case 11:
		o := w.p.disk
		o.ResyncRate = uint32(1000 + w.Intn(100000))
		o.PlanAhead = uint32(w.Intn(2) * 20)
		n.order(replica.DiskOptionsCmd{Vol: nr, Options: o}, nil)
	}
}
