package world

import (
	"fmt"

	"classicha/drbdd/replica/simworld"
)

// service is a group on a machine: what its scripts have made there.
type service struct {
	m       *machine
	g       int
	pair    *simworld.Pair
	chain   []resource
	busy    int  // scripts that run
	active  bool // some of it is or may be running here
	crashed bool // it was active when the power went, nobody made sure that it is gone

	fs  *filesystem
	vip bool // the address is on this machine
	app *app
}

// resource is one word of the group's line in haresources, as its script treats it.
type resource interface {
	name() string
	status() bool
	// start and stop call done once, unless the power goes or the script is killed.
	start(done func(ok bool))
	stop(done func(ok bool))
	killed()
}

func newService(m *machine, g int) *service {
	s := &service{m: m, g: g, pair: m.w.pairs[g]}
	s.fs = &filesystem{s: s}
	s.app = &app{s: s}
	s.chain = []resource{&drbddisk{s: s}, s.fs, &address{s}, s.app}
	if m.w.c.Mutation == AddressFirst {
		s.chain = []resource{&drbddisk{s: s}, &address{s}, s.app, s.fs}
	}
	return s
}

// off: the power went.
func (s *service) off() {
	s.vip, s.busy = false, 0
	s.app.end()
	s.fs.forget()
}

// complete: every resource runs.
func (s *service) complete() bool {
	for _, r := range s.chain {
		if !r.status() {
			return false
		}
	}
	return true
}

// some: a resource says that it runs.
func (s *service) some() bool {
	for _, r := range s.chain {
		if r.status() {
			return true
		}
	}
	return false
}

func (s *service) String() string {
	text := fmt.Sprintf("group %d:", s.g)
	if !s.active {
		text += " not active"
	}
	for _, r := range s.chain {
		if r.status() {
			text += " " + r.name()
		}
	}
	return text
}

// drbddisk is resource.d/drbddisk.
type drbddisk struct {
	s   *service
	run int // counts scripts that were killed
}

func (d *drbddisk) killed() { d.run++ }

func (d *drbddisk) name() string { return "drbddisk" }

func (d *drbddisk) status() bool {
	x := d.s.pair.State(d.s.m.i)
	return x.Running && x.Primary
}

// diskTries is how often drbddisk tries primary, a second apart, and secondary.
const (
	diskTries    = 6
	diskTriesEnd = 3
)

func (d *drbddisk) start(done func(ok bool)) {
	force := d.s.m.w.c.Mutation == ForcedPrimary
	d.again(diskTries, done, func(then func(ok bool)) {
		d.s.pair.Promote(d.s.m.i, force, func(ok bool) {
			if w := d.s.m.w; ok {
				w.clients[d.s.g].ledger.wentOn[d.s.m.i] = w.Now()
			}
			then(ok)
		})
	})
}

func (d *drbddisk) stop(done func(ok bool)) {
	i, p := d.s.m.i, d.s.pair
	d.again(diskTriesEnd, done, func(then func(ok bool)) {
		if d.s.fs.holds() {
			then(false) // Device is held open by someone
			return
		}
		p.Demote(i, then)
	})
}

// again repeats a command that fails.
func (d *drbddisk) again(tries int, done func(ok bool), command func(then func(ok bool))) {
	run := d.run
	command(func(ok bool) {
		if d.run != run {
			return
		}
		if tries--; ok || tries == 0 {
			done(ok)
			return
		}
		d.s.m.after(second, func() {
			if d.run == run {
				d.again(tries, done, command)
			}
		})
	})
}

// address is resource.d/IPaddr. The last to announce it is where the clients find it.
type address struct{ s *service }

func (a *address) name() string { return "address" }
func (a *address) status() bool { return a.s.vip }
func (a *address) killed()      {}

func (a *address) start(done func(ok bool)) {
	a.s.vip = true
	if a.s.m.w.reachable(a.s.m) {
		a.s.m.w.clients[a.s.g].found = a.s.m
	}
	done(true)
}

func (a *address) stop(done func(ok bool)) {
	a.s.vip = false
	done(true)
}
