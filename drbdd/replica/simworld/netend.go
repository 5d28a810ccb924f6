package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// How connections end.

// lost tells the core that its connection is gone.
func (e *end) lost(cause wire.ConnState, line string) {
	if e.closed || e.n.boot != e.boot {
		return
	}
	if !e.up {
		// The shell found out before its core knew anything: it looks on.
		e.hangUp()
		e.c.w.tryConnect()
		return
	}
	e.n.post(func() {
		if e.closed || e.n.boot != e.boot {
			return
		}
		e.closed = true
		e.n.end = nil
		e.n.step(replica.Down{Cause: cause, Line: line})
	})
}

// hangUp closes a side; what was queued is still sent.
func (e *end) hangUp() {
	e.closed = true
	if e.n.end == e {
		e.n.end = nil
	}
	for _, s := range sockets {
		l := e.out[s]
		l.queue = append(l.queue, &parcel{fin: true})
		l.pump()
	}
}

// die closes a side whose process is gone: what it had not handed to the network
// is lost, and perhaps more.
func (e *end) die(power bool) {
	e.closed = true
	if e.n.end == e {
		e.n.end = nil
	}
	for _, s := range sockets {
		l := e.out[s]
		l.queue = nil
		if power || e.c.w.Chance(0.4) {
			l.truncate(e.c.w.Intn(len(l.net) + 1))
		}
		if !power {
			l.net = append(l.net, &parcel{fin: true, at: max(l.last, e.c.w.Now())})
			if l.wake == nil {
				l.arm()
			}
		}
	}
}

// truncate loses all but the first n packets under way.
func (l *link) truncate(n int) {
	l.net = l.net[:n:n]
	l.bytes = 0
	for _, x := range l.net {
		l.bytes += x.bytes()
	}
	if n == 0 {
		l.wake.Cancel()
		l.wake = nil
	}
}

// reset is a connection that the network forgets: what is near still arrives, and
// each side finds out in its own time.
func (c *connection) reset() {
	w := c.w
	w.stats.Resets++
	w.note("connection %d is reset", c.nr)
	c.broken = true
	for _, e := range c.ends {
		for _, s := range sockets {
			l := e.out[s]
			l.truncate(w.Intn(len(l.net) + 1))
			l.room = 1 << 30 // what comes now goes nowhere
		}
	}
	for _, e := range c.ends {
		e := e
		cause, line := wire.BrokenPipe, "sock_recvmsg returned -104"
		if w.Chance(0.5) {
			cause, line = wire.NetworkFailure, "meta connection reset"
		}
		w.After(w.Between(0, w.p.noticeMax), func() { e.lost(cause, line) })
	}
}

// kick lets everything go on that waited for the network or for a node.
func (w *world) kick() {
	kept := w.open[:0]
	for _, c := range w.open {
		busy := false
		for _, e := range c.ends {
			if !e.closed {
				busy = true
			}
			for _, s := range sockets {
				l := e.out[s]
				l.deliver()
				busy = busy || len(l.net) > 0 && !l.to.closed
			}
		}
		if busy {
			kept = append(kept, c)
		}
	}
	w.open = kept
	w.tryConnect()
}

// cutNet takes the network away for a while.
func (w *world) cutNet(d time.Duration) {
	if w.cut {
		return
	}
	w.stats.Cuts++
	w.note("network cut for %s", d)
	w.cut = true
	w.After(d, func() { w.healNet() })
}

func (w *world) healNet() {
	if !w.cut {
		return
	}
	w.note("network healed")
	w.cut = false
	w.kick()
}
