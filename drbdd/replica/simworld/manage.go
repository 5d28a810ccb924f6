package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// manage is the cluster manager: it lets the application run on one node. Unless
// the run is meant to have a split brain, it starts it elsewhere only when the old
// Primary is dead or demoted, and on a node that has the newest data.
func (w *world) manage() {
	w.After(w.Between(50*time.Millisecond, 700*time.Millisecond), func() {
		if len(w.bad) > 0 {
			return
		}
		w.managed()
		w.manage()
	})
}

func (w *world) managed() {
	w.resume()
	if w.nodes[0].app != nil || w.nodes[1].app != nil || w.moving || w.over {
		return
	}
	if w.first() {
		return
	}
	i := w.Intn(2)
	for k := range 2 {
		n := w.nodes[(i+k)%2]
		if n.core == nil || n.busy > 0 || !n.ready || n.asleep() {
			continue
		}
		newest := true
		for _, v := range w.vols {
			newest = newest && v.lin[n.i].current
		}
		// With fencing the node itself has to know; one that was down may believe whom it fences.
		try := w.p.disk.Fencing == replica.ResourceAndStonith && !w.calm && w.Chance(0.1)
		for nr := range w.vols {
			x := n.vol(nr)
			try = try && x != nil && x.Disk == wire.UpToDate
			if w.hopeless > 0 && (x == nil || x.Disk != wire.UpToDate) {
				newest = false // others are at it
			}
		}
		if newest || try {
			w.moving = true
			boot := n.boot
			n.promote(false, func(bool) { w.moving = false })
			w.After(60*time.Second, func() {
				if n.boot != boot {
					w.moving = false
				}
			})
			return
		}
	}
}

// resume makes the successor of a killed daemon Primary again if its device is in use.
func (w *world) resume() {
	for _, n := range w.nodes {
		if a := n.app; a != nil {
			if !a.serving && n.core != nil && n.busy == 0 && !n.asleep() && n.mayGoOn() {
				n.promote(false, nil)
			}
			if n.core != nil && a.serving {
				a.more()
			}
		}
	}
}

// mayGoOn tells whether the successor of a killed daemon may be Primary again: its
// own disk is the newest, or it sees the peer's. (A disk that was lost before the
// daemon was killed does not know that it is old.)
func (n *node) mayGoOn() bool {
	for nr := range n.vols {
		x := n.vol(nr)
		if x == nil || !(x.Disk >= wire.Inconsistent && n.w.vols[nr].lin[n.i].current || x.Conn >= wire.Connected && x.Pdsk == wire.UpToDate) {
			return false
		}
	}
	return true
}

// first is the first start of the resource; it tells whether that is not over.
func (w *world) first() bool {
	fresh := true
	for _, v := range w.vols {
		fresh = fresh && v.lin[0].br == nil && v.lin[1].br == nil
	}
	if !fresh {
		return false
	}
	n := w.nodes[w.Intn(2)]
	if w.skipped != nil {
		n = w.skipped // its data was declared to be good: no other may be the first Primary
	}
	if n.core == nil || !n.ready || n.busy > 0 || n.asleep() {
		return true
	}
	connected := true
	for _, v := range w.vols {
		x := n.vol(v.nr)
		connected = connected && x != nil && x.Conn == wire.Connected && x.Disk == wire.Inconsistent && x.Pdsk == wire.Inconsistent
	}
	if connected && w.p.skipSync {
		for _, v := range w.vols {
			n.order(replica.NewCurrentUUID{Vol: v.nr, Clear: true}, func(r replica.Reply) {
				if ok(r) {
					w.skipped = n
				} else {
					w.p.skipSync = false
				}
			})
		}
		return true
	}
	if connected || w.Now() > 8*time.Second && w.Chance(0.3) {
		if !connected && w.p.skipSync {
			w.p.skipSync = false
		}
		n.promote(true, nil)
	}
	return true
}

// demote stops the application and makes the node Secondary. An application whose
// requests are not answered does not stop.
func (n *node) demote(then func(ok bool)) {
	a := n.app
	if a == nil || !a.serving || n.core == nil || a.pausing != nil {
		then(false)
		return
	}
	boot := n.boot
	over := false
	n.w.After(time.Minute, func() {
		if !over && n.boot == boot && n.app == a {
			over = true
			a.resume()
			then(false)
		}
	})
	a.drain(func() {
		if n.boot != boot || n.core == nil || over {
			return
		}
		over = true
		n.busy++
		n.roles(0, func(nr int) replica.Verb { return replica.SecondaryCmd{Vol: nr} }, func(good bool) {
			n.busy--
			if good {
				n.app = nil
			} else {
				a.resume()
				a.serving = len(n.vols) == 1 // some volumes may be Secondary
			}
			then(good)
		})
	})
}
