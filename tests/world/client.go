package world

import "time"

// client is a client of a group's address: it changes records, one request at a time,
// and goes on when it is answered or has waited long enough.
type client struct {
	w      *World
	g      int
	ledger *ledger
	found  *machine // where its packets for the address go: who announced it last
	last   uint64   // number of the last attempt
	gone   bool
}

// clientPatience is how long it waits for an answer.
const clientPatience = 2 * time.Second

func newClient(w *World, g int) *client {
	c := &client{w: w, g: g}
	c.ledger = newLedger(c)
	return c
}

// think waits a while, and asks for something.
func (c *client) think() {
	c.w.After(c.w.Between(c.w.c.Think/4, 2*c.w.c.Think), func() {
		if !c.gone && c.w.err() == nil {
			c.ask()
		}
	})
}

func (c *client) ask() {
	w := c.w
	s := c.server()
	if s == nil {
		c.think()
		return
	}
	c.last++
	record, number, sync := w.Intn(records), c.last, w.Chance(0.7)
	over := false
	next := func() {
		if !over {
			over = true
			c.think()
		}
	}
	w.After(clientPatience, next)
	run := s.app.run
	w.After(w.Between(100*time.Microsecond, time.Millisecond), func() {
		s.m.post(func() {
			if s.app.run != run || !s.app.ready || !s.vip || !s.m.power {
				return
			}
			s.app.change(record, number, sync, func() {
				if w.reachable(s.m) {
					w.stats.Acked++
					next()
				}
			})
		})
	})
}

// server is who answers for the address now.
func (c *client) server() *service {
	w := c.w
	answers := func(m *machine) bool {
		return m != nil && w.reachable(m) && m.services[c.g].vip && m.services[c.g].app.ready
	}
	if !answers(c.found) {
		c.found = nil
		for _, m := range w.machines {
			if answers(m) {
				c.found = m
			}
		}
	}
	if c.found == nil {
		return nil
	}
	return c.found.services[c.g]
}
