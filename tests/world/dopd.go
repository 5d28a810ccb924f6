package world

import (
	"fmt"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/outdate"
	"classicha/internal/sim"
)

// dopd is dopd inside a heartbeatd: the machine of package outdate, with heartbeat on one
// side, drbd-peer-outdater and drbdadm on the other.
type dopd struct {
	h       *heart
	m       *outdate.Machine
	clients map[uint64]func(value int)
	last    uint64
	tick    *sim.Event
}

func newDopd(h *heart) *dopd {
	d := &dopd{h: h, m: outdate.New(h.m.name), clients: map[uint64]func(int){}}
	d.m.Fencing = h.m.w.c.Stonith
	return d
}

// event is what happens to it, a little later; to no dopd nothing happens.
func (d *dopd) event(ev outdate.Event) {
	if d == nil {
		return
	}
	d.h.m.after(0, func() {
		if d.h.dopd == d {
			d.step(ev)
		}
	})
}

func (d *dopd) step(ev outdate.Event) {
	w, m := d.h.m.w, d.h.m
	acts := append([]outdate.Action(nil), d.m.Step(m.clock.Read(w.Now()), ev)...)
	for _, a := range acts {
		switch a := a.(type) {
		case outdate.Log:
			w.note("%s: dopd: %s", m, a.Text)
		case outdate.Send:
			d.h.event(cluster.FromClient{Name: outdate.Client, Msg: a.Msg})
		case outdate.Demand:
			d.h.event(cluster.WantReset{Node: a.Node})
		case outdate.Reply:
			if f := d.clients[a.Client]; f != nil {
				delete(d.clients, a.Client)
				f(a.Value)
			}
		case outdate.Run:
			d.run(a.Resource)
		}
	}
	d.tick.Cancel()
	if next := d.m.Next(); !next.IsZero() {
		d.tick = w.After(m.clock.Until(w.Now(), next), func() { d.event(outdate.Tick{}) })
	}
}

// run is drbdadm outdate.
func (d *dopd) run(resource string) {
	w, m := d.h.m.w, d.h.m
	m.after(w.Between(5*time.Millisecond, 60*time.Millisecond), func() {
		ended := func(code int) {
			w.note("%s: drbdadm outdate %s: %d", m, resource, code)
			d.event(outdate.Ended{Resource: resource, Code: code})
		}
		if w.c.Mutation == OutdateLies {
			ended(0)
			return
		}
		for g, p := range w.pairs {
			if resource == name(g) {
				p.Outdate(m.i, ended)
			}
		}
	})
}

// name is that of a group's resource.
func name(g int) string { return fmt.Sprintf("r%d", g) }

// ask is the request of an outdater.
func (d *dopd) ask(resource string, answer func(value int)) (id uint64) {
	d.last++
	id = d.last
	d.clients[id] = answer
	peer := d.h.m.peer().name
	ev := outdate.Asked{Client: id, Request: outdate.Request{Peer: peer, Resource: resource}}
	for _, n := range d.h.core.View().Nodes {
		if n.Name == peer {
			ev.Type, ev.Status, ev.Left, ev.Reset = n.Type, n.Status, n.Left, n.Reset || d.h.m.w.c.Mutation == StonithLies
		}
	}
	for g, p := range d.h.m.w.pairs {
		if resource == name(g) {
			ev.Promotes = !p.State(d.h.m.i).Primary
		}
	}
	d.event(ev)
	return id
}

// outdater is a drbd-peer-outdater that runs: see heartbeatd/tools/peeroutdater.go.
type outdater struct {
	m        *machine
	g        int
	deadline time.Duration
	giveUp   time.Duration
	again    time.Duration // not before
	last     int
	asked    *dopd
	id       uint64
	done     func(value int)
	over     bool
}

const (
	dopdPatience = 3 * time.Second
	failedRetry  = time.Second
	pollEvery    = 100 * time.Millisecond
)

// fencePeer is the fence-peer handler of a group's resource.
func (m *machine) fencePeer(g int, done func(code int)) {
	w := m.w
	w.stats.Handlers++
	o := &outdater{m: m, g: g, deadline: w.Now() + w.c.HandlerTime, giveUp: w.Now() + dopdPatience, last: outdate.Ignorance(w.c.Stonith)}
	o.done = func(value int) {
		if o.over {
			return
		}
		o.over = true
		if o.asked != nil {
			o.asked.event(outdate.Gone{Client: o.id})
		}
		w.note("%s: fence-peer of r%d ends with %d", m, g, value)
		w.fenced(m, g, value)
		done(value)
	}
	if w.c.Mutation == HandlerLies {
		m.after(w.Between(0, 100*time.Millisecond), func() { o.done(outdate.Outdated) })
		return
	}
	m.after(w.Between(5*time.Millisecond, 50*time.Millisecond), o.poll)
}

func (o *outdater) poll() {
	now := o.m.w.Now()
	d := o.m.heart.dopd
	switch {
	case o.over:
		return
	case now >= o.deadline:
		o.done(o.last)
		return
	case o.asked != nil && o.asked != d: // it hung up
		o.asked, o.giveUp = nil, now+dopdPatience
	case o.asked == nil && d == nil && now+pollEvery >= o.giveUp:
		o.done(o.last)
		return
	case o.asked == nil && d != nil && now >= o.again:
		o.asked = d
		o.id = d.ask(name(o.g), o.answered)
	}
	o.m.after(pollEvery, o.poll)
}

func (o *outdater) answered(value int) {
	now := o.m.w.Now()
	o.asked = nil
	if value != outdate.Failed || now+failedRetry >= o.deadline {
		o.done(value)
		return
	}
	o.last, o.again, o.giveUp = value, now+failedRetry, now+failedRetry+dopdPatience
}
