package world

import (
	"time"

	"classicha/drbdd/wire"
	"classicha/heartbeatd/cluster"
)

const (
	// patience is how long a repaired world may take to become good.
	patience = 4 * time.Minute
	// stillness is how long it has to stay so.
	stillness = 2 * time.Second
)

// heal ends all faults and waits until everything is good. Then H2, D2, and X1 for the
// last time.
func (w *World) heal() {
	if w.err() != nil {
		return
	}
	w.note("----- no more faults -----")
	w.calm = true
	w.helped = w.Now()
	w.repair()
	for _, m := range w.media {
		for a := range 2 {
			w.net.Path(m, a, 1-a).Loss = 0
		}
	}
	for _, p := range w.pairs {
		p.Calm()
	}
	for _, m := range w.machines {
		m.broken = false
	}
	w.apart = make([]time.Duration, len(w.pairs))
	for g := range w.apart {
		w.apart[g] = w.Now()
	}
	w.administrate()
	since := w.Now()
	if !w.until(patience, func() bool {
		if !w.good() {
			since = w.Now()
		}
		return w.Now()-since >= stillness
	}) {
		if w.err() == nil {
			w.fail("H2", "nothing is broken for %s, but: %s; %s", patience, w.settled(), w.status())
		}
		return
	}
	w.finish()
}

// good: every group runs once, and both disks are in sync.
func (w *World) good() bool {
	for _, p := range w.pairs {
		if !p.InSync() {
			return false
		}
	}
	return w.settled() == ""
}

// finish stops the clients and looks at what is left.
func (w *World) finish() {
	for _, c := range w.clients {
		c.gone = true
	}
	w.quiet = true
	w.run(w.Now() + clientPatience + 4*time.Second) // the cache is written back by itself
	if why := w.settled(); why != "" && w.err() == nil {
		w.fail("H2", "it does not stay good: %s; %s", why, w.status())
	}
	left := 0
	for _, m := range w.machines {
		for _, s := range m.services {
			if s.app.alive {
				left++
				s.app.verify(func() { left-- })
			}
		}
	}
	if !w.until(10*time.Second, func() bool { return left == 0 }) && w.err() == nil {
		w.fail("live", "the last reads have no end: %s", w.status())
	}
	for _, p := range w.pairs {
		if w.err() == nil {
			p.AtRest()
		}
	}
}

// administrate is the administrator, who comes every second until everything is good:
// he turns machines on, starts what does not run, settles split brains, and has groups
// taken over that heartbeat has given up.
func (w *World) administrate() {
	if w.quiet || w.err() != nil {
		return
	}
	for _, m := range w.machines {
		switch {
		case !m.power:
			m.on()
		case m.heart.core == nil && !m.heart.again && !m.booting:
			m.heart.start()
		}
		for _, p := range w.pairs {
			if m.power && !m.booting && !p.State(m.i).Running {
				p.Start(m.i)
			}
		}
	}
	for _, p := range w.pairs {
		p.Nurse()
	}
	w.help()
	w.part()
	w.After(second, w.administrate)
}

// help has a group taken over that runs nowhere, on a machine whose disk is good.
func (w *World) help() {
	if w.good() {
		w.helped = w.Now()
	}
	if w.Now()-w.helped < 15*time.Second {
		return
	}
	for g, p := range w.pairs {
		a, b := w.machines[0], w.machines[1]
		if a.services[g].active || b.services[g].active || !a.idle() || !b.idle() {
			continue
		}
		m := a
		if x, y := p.State(0), p.State(1); y.Disk > x.Disk {
			m = b
		}
		w.helped, w.commands = w.Now(), true
		if s := p.State(m.i); s.Disk < wire.UpToDate && s.Pdsk < wire.UpToDate {
			if s.Conn == wire.WFConnection || s.Conn >= wire.Connected {
				w.note("%s: nobody has good data: drbdadm primary --force", m)
				p.Excuse()
				p.Promote(m.i, true, func(bool) { p.Demote(m.i, func(bool) {}) })
			}
			continue
		}
		if w.c.Failback == cluster.FailbackLegacy { // it knows neither hb_standby nor hb_takeover
			m = w.machines[g%2]
			w.note("%s: heartbeat is restarted", m)
			m.heart.event(cluster.Stop{})
			return
		}
		class := "foreign"
		if w.base.Groups[g].Home == m.name {
			class = "local"
		}
		w.note("%s: hb_takeover %s", m, class)
		m.heart.event(cluster.FromScript{Frame: []byte(">>>\nt=hb_takeover\nrsc_hold=" + class + "\n<<<\n")})
		return
	}
}

// part ends a Primary that cannot come together with its peer, which has newer data: the
// services have to go there.
func (w *World) part() {
	for g, p := range w.pairs {
		if p.InSync() || p.Moving() {
			w.apart[g] = w.Now()
		}
		if w.Now()-w.apart[g] < 40*time.Second {
			continue
		}
		for _, m := range w.machines {
			if p.State(m.i).Primary {
				w.apart[g] = w.Now()
				w.commands = true
				p.GiveUp(m.i)
				m.reboot("the administrator gives its data up")
				break
			}
		}
	}
}

// idle: its heartbeat runs and does nothing.
func (m *machine) idle() bool {
	if m.heart.core == nil {
		return false
	}
	v := m.heart.core.View()
	return v.Stable
}
