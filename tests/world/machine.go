package world

import (
	"time"

	"classicha/internal/sim"
)

// machine is everything that goes dark when its power goes.
type machine struct {
	w     *World
	i     int
	name  string
	clock sim.Clock

	power   bool
	booting bool          // heartbeat is not started yet
	boot    int           // counts power-ons and power cuts
	paused  time.Duration // stands still until then
	inbox   []func()

	heart    *heart
	services []*service // by group
	killed   int        // counts kills of drbdd
	broken   bool       // its power does not come back
}

func newMachine(w *World, i int) *machine {
	m := &machine{w: w, i: i, name: []string{"serv-a", "serv-b"}[i]}
	m.clock = sim.Clock{Start: time.Unix(1700000000+int64(w.Intn(1000000)), 0), Drift: (w.Float() - 0.5) * 0.01}
	m.heart = newHeart(m)
	for g := range w.c.Groups {
		m.services = append(m.services, newService(m, g))
	}
	return m
}

func (m *machine) String() string { return m.name }

func (m *machine) peer() *machine { return m.w.machines[1-m.i] }

func (m *machine) asleep() bool { return m.paused > m.w.Now() }

// after runs f on the machine: not if it was cut off from its power meanwhile, and not
// while it stands still.
func (m *machine) after(d time.Duration, f func()) {
	boot := m.boot
	m.w.After(d, func() {
		if m.boot == boot && m.power {
			m.post(f)
		}
	})
}

// post runs f now, or when the machine goes on.
func (m *machine) post(f func()) {
	if m.asleep() {
		if len(m.inbox) < 1000 { // buffers end somewhere
			m.inbox = append(m.inbox, f)
		}
		return
	}
	f()
}

// off is a power cut.
func (m *machine) off() {
	w := m.w
	if !m.power {
		return
	}
	w.note("%s: power off", m)
	w.stats.PowerCuts++
	w.died(m)
	m.power, m.booting, m.paused, m.inbox = false, false, 0, nil
	m.boot++
	m.heart.off()
	for _, s := range m.services {
		s.off()
	}
	for _, p := range w.pairs {
		p.PowerOff(m.i)
	}
}

// bootTime is how long it takes at least until drbd is started. The answer "it was reset" counts
// for that long (cluster/fence.go).
const bootTime = 10 * time.Second

// on boots the machine as /etc/init.d does: drbd, which waits for its peer, then
// heartbeat.
func (m *machine) on() {
	w := m.w
	if m.power || m.broken {
		return
	}
	w.note("%s: power on", m)
	w.booted(m)
	m.power, m.booting = true, true
	m.boot++
	for _, p := range w.pairs {
		p.PowerOn(m.i)
	}
	m.after(w.Between(bootTime, bootTime+time.Second), func() {
		for _, p := range w.pairs {
			p.Start(m.i)
		}
		m.waitConnect(w.Now())
	})
}

// waitConnect is drbdadm wait-con-int: heartbeat starts when drbd has found its peer on
// all resources, or has waited long enough for it.
func (m *machine) waitConnect(since time.Duration) {
	w := m.w
	waiting := false
	for _, p := range w.pairs {
		s := p.State(m.i)
		limit := w.c.WFC
		if s.Degraded {
			limit = min(limit, w.c.DegrWFC)
		}
		if !s.Met && w.Now()-since < limit {
			waiting = true
		}
	}
	if !waiting {
		m.booting = false
		m.heart.start()
		return
	}
	m.after(100*time.Millisecond, func() { m.waitConnect(since) })
}

// reboot: something on the machine wants it to begin anew, at once.
func (m *machine) reboot(reason string) {
	if !m.power {
		return
	}
	m.w.note("%s: reboot: %s", m, reason)
	m.w.stats.Reboots++
	m.off()
	m.w.After(m.w.Between(time.Second, 4*time.Second), m.on)
}

// pause stops the machine: time goes on, the network fills up.
func (m *machine) pause(d time.Duration) {
	w := m.w
	if !m.power || m.asleep() {
		return
	}
	w.note("%s: stands still for %s", m, d)
	w.stats.Pauses++
	m.paused = w.Now() + d
	for _, p := range w.pairs {
		p.Pause(m.i, d)
	}
	boot := m.boot
	w.After(d, func() {
		if m.boot != boot {
			return
		}
		w.note("%s: goes on", m)
		in := m.inbox
		m.paused, m.inbox = 0, nil
		for _, f := range in {
			f()
		}
		m.heart.event(tick)
	})
}

// killDrbdd is kill -9 of drbdd; whoever watches it starts it again after a while.
func (m *machine) killDrbdd(down time.Duration) {
	if !m.power || !m.w.pairs[0].State(m.i).Running {
		return
	}
	m.w.note("%s: drbdd killed", m)
	m.w.stats.Kills++
	m.killed++
	for _, p := range m.w.pairs {
		p.Kill(m.i)
	}
	m.after(down, func() {
		for _, p := range m.w.pairs {
			p.Start(m.i)
		}
	})
}
