package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// command is a command that the core has not answered.
type command struct {
	do   replica.Verb
	at   time.Duration
	then func(r replica.Reply)
	gone func() // the daemon ended first
}

func ok(r replica.Reply) bool { return r.Error == 0 && r.Code >= wire.Success }

// command gives the core a command.
func (n *node) command(do replica.Verb, then func(r replica.Reply)) {
	w := n.w
	if n.core == nil {
		return
	}
	w.lastID++
	id := w.lastID
	n.cmds[id] = &command{do: do, at: w.Now(), then: then, gone: func() {}}
	n.event(replica.Command{ID: id, Do: do})
}

// order is a command of the administrator: one at a time for each node.
func (n *node) order(do replica.Verb, then func(r replica.Reply)) {
	if n.core == nil {
		return
	}
	n.busy++
	n.command(do, func(r replica.Reply) {
		n.busy--
		if then != nil {
			then(r)
		}
	})
}

// replied takes the answer to a command.
func (n *node) replied(a replica.Reply) {
	w := n.w
	c := n.cmds[a.ID]
	if c == nil {
		w.fail("contract", "%s: Reply to command %d, which is not open", n, a.ID)
		return
	}
	delete(n.cmds, a.ID)
	boot := n.boot
	if c.then != nil {
		// The tool hears of it after everything that the same Step wanted.
		w.After(0, func() {
			if n.boot == boot && n.core != nil {
				c.then(a)
			}
		})
	}
}

// configure brings the resource up as drbdadm does.
func (n *node) configure() {
	w := n.w
	if w.p.res != (replica.ResourceOptions{}) {
		n.command(replica.ResourceOptionsCmd{Options: w.p.res}, nil)
	}
	left := len(n.vols)
	attached := func() {
		if left--; left > 0 {
			return
		}
		if n.app != nil && n.mayGoOn() && w.Chance(0.5) {
			// The successor of a killed daemon: its device is in use.
			n.promote(false, func(bool) { n.connectCmd() })
			return
		}
		n.connectCmd()
	}
	for nr := range n.vols {
		nr := nr
		c := replica.NewMinor{Vol: nr, Minor: nr}
		if n.app != nil && nr < len(n.exposed) {
			c.Exposed = n.exposed[nr]
		}
		n.command(c, func(r replica.Reply) {
			if !ok(r) {
				w.fail("live", "%s: new-minor: %+v", n, r)
				return
			}
			n.attach(nr, func(replica.Reply) { attached() })
		})
	}
}

// attach opens the disk, reads its metadata and hands it to the core.
func (n *node) attach(nr int, then func(r replica.Reply)) {
	w, v := n.w, n.vols[nr]
	if v.attached || v.meta.fly != nil || len(v.disk.flying) > 0 {
		return
	}
	s, bm, err := v.meta.attach()
	if err != nil {
		w.fail("D3", "%s vol %d: the metadata cannot be used any more: %v", n, nr, err)
		return
	}
	w.checkAllMarked(w.vols[nr], "the log was applied on "+n.String())
	v.attached = true
	o := w.p.disk
	o.ALExtents = min(o.ALExtents, 919)
	g := w.vols[nr]
	n.command(replica.Attach{
		Vol: nr, Options: o, Super: s.Super, Layout: s.Layout, Bitmap: bm, Backing: g.backing, Usable: g.sectors,
		Limits:     wire.QueueLimits{PhysicalBlock: 4096, LogicalBlock: 512, IOMin: 4096},
		MaxBioSize: w.p.maxBio[n.i], CanDiscard: g.canDiscard[n.i], DiscardZeroes: v.disk.zeroes, Name: "sda1",
	}, func(r replica.Reply) {
		if !ok(r) {
			w.note("%s vol %d: attach failed: %+v", n, nr, r)
			if x := n.vol(nr); x == nil || x.Disk == wire.Diskless {
				v.attached = false // else CloseDisk comes when it has let it go
			}
			if v.refused++; v.refused > 20 && w.calm && n.app != nil {
				w.note("%s: its Primary waits for data that is gone", n)
				v.refused = 0
				w.After(0, func() { n.powerOff(time.Second) })
				return
			}
		}
		if ok(r) {
			v.refused = 0
		}
		if then != nil {
			then(r)
		}
	})
}

// connectCmd lets the core look for its peer.
func (n *node) connectCmd() {
	o := n.net
	o.DiscardMyData = n.discard
	n.connects++
	n.command(replica.Connect{Options: o}, func(r replica.Reply) {
		n.ready = true
	})
}

// promote makes the node Primary, one volume after the other as drbdadm does, and
// tells whether that worked.
func (n *node) promote(force bool, then func(ok bool)) {
	n.busy++
	if force {
		n.forcing++
	}
	n.roles(0, func(nr int) replica.Verb {
		v := n.w.vols[nr]
		v.forced[n.i] = v.forced[n.i] || force
		return replica.PrimaryCmd{Vol: nr, Force: force}
	}, func(good bool) {
		n.busy--
		n.w.note("%s: primary (force %v): %v", n, force, good)
		if good {
			// Of two commands the other may have been the one that did it.
			n.promoted(force || n.forcing > 0)
		}
		if force {
			n.forcing--
		}
		if then != nil {
			then(good)
		}
	})
}

// roles gives a command for each volume from nr on, and stops at the first that
// fails.
func (n *node) roles(nr int, do func(nr int) replica.Verb, then func(ok bool)) {
	if nr == len(n.vols) {
		then(true)
		return
	}
	n.command(do(nr), func(r replica.Reply) {
		n.w.note("%s: %T of volume %d: %+v", n, do(nr), nr, r)
		if !ok(r) {
			then(false)
			return
		}
		n.roles(nr+1, do, then)
	})
}
