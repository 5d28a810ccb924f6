package world

import (
	"fmt"
	"strings"
	"time"

	"classicha/heartbeatd/cluster"
)

// Fault is something that happens at a time, as a line of text: "12.5s power off serv-a 8s".
type Fault struct {
	At  time.Duration
	Do  string
	On  string        // machine, "" for what has none
	For time.Duration // 0: for ever, or until the end
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s %s", f.At, f.Do)
	if f.On != "" {
		s += " " + f.On
	}
	if f.For > 0 {
		s += " " + f.For.String()
	}
	return s
}

// faults are what can be done, by name. k is the cables, i the number of the machine.
var faults = map[string]func(w *World, m *machine, f Fault){
	"power off": func(w *World, m *machine, f Fault) {
		m.off()
		if f.For > 0 {
			w.After(f.For, m.on)
		}
	},
	"power on": func(w *World, m *machine, f Fault) { m.on() },
	"break": func(w *World, m *machine, f Fault) { // nobody gets it going before its time
		m.off()
		m.broken = true
		w.After(f.For, func() {
			m.broken = false
			m.on()
		})
	},
	"pause":           func(w *World, m *machine, f Fault) { m.pause(f.For) },
	"kill drbdd":      func(w *World, m *machine, f Fault) { m.killDrbdd(f.For) },
	"kill heartbeatd": func(w *World, m *machine, f Fault) { m.killHeart(f.For) },
	"stop heartbeatd": func(w *World, m *machine, f Fault) {
		m.heart.event(cluster.Stop{})
		m.after(f.For, m.heart.start)
	},
	"standby":  func(w *World, m *machine, f Fault) { w.order(m, "ask_resources", "\ninfo=me") },
	"takeover": func(w *World, m *machine, f Fault) { w.order(m, "hb_takeover", "") },

	"cut eth": func(w *World, m *machine, f Fault) {
		w.cut(f.For, f.String(), &w.cables.ethIn[m.i], &w.cables.ethOut[m.i])
	},
	"cut eth in":         func(w *World, m *machine, f Fault) { w.cut(f.For, f.String(), &w.cables.ethIn[m.i]) },
	"cut eth out":        func(w *World, m *machine, f Fault) { w.cut(f.For, f.String(), &w.cables.ethOut[m.i]) },
	"cut serial":         func(w *World, m *machine, f Fault) { w.cut(f.For, f.String(), w.both(&w.cables.serial)...) },
	"cut serial in":      func(w *World, m *machine, f Fault) { w.cut(f.For, f.String(), &w.cables.serial[m.i]) },
	"cut replication":    func(w *World, m *machine, f Fault) { w.cut(f.For, f.String(), w.both(&w.cables.repl)...) },
	"cut replication in": func(w *World, m *machine, f Fault) { w.cut(f.For, f.String(), &w.cables.repl[m.i]) },
	"cut heartbeat": func(w *World, m *machine, f Fault) {
		w.cut(f.For, f.String(), append(w.both(&w.cables.serial), &w.cables.ethIn[m.i], &w.cables.ethOut[m.i])...)
	},
	"cut everything": func(w *World, m *machine, f Fault) {
		w.cut(f.For, f.String(), append(append(w.both(&w.cables.serial), w.both(&w.cables.repl)...), &w.cables.ethIn[m.i], &w.cables.ethOut[m.i])...)
	},
	"reset replication": func(w *World, m *machine, f Fault) {
		for _, p := range w.pairs {
			p.Reset()
		}
	},
}

func (w *World) both(way *[2]int) []*int { return []*int{&way[0], &way[1]} }

// do lets a fault happen.
func (w *World) do(f Fault) {
	if w.err() != nil || w.calm {
		return
	}
	m := w.machines[0]
	if f.On == w.machines[1].name {
		m = w.machines[1]
	}
	w.note("--- %s", f)
	if what, ok := strings.CutPrefix(f.Do, "group "); ok {
		w.expect(what, f)
		return
	}
	faults[f.Do](w, m, f)
}

// order is hb_standby or hb_takeover for all groups.
func (w *World) order(m *machine, t, more string) {
	w.commands = true
	w.stats.Moves++
	m.heart.event(cluster.FromScript{Frame: []byte(">>>\nt=" + t + "\nrsc_hold=all" + more + "\n<<<\n")})
}

// killHeart is kill -9 of heartbeatd. What it ran goes on; somebody starts it again.
func (m *machine) killHeart(down time.Duration) {
	if m.heart.core == nil {
		return
	}
	m.w.stats.Kills++
	m.heart.kill()
	m.after(down, m.heart.start)
}

// expect checks where a group runs: "0 runs on" a machine, "0 runs nowhere"; or that its
// disks are "0 in sync".
func (w *World) expect(what string, f Fault) {
	var g int
	var how string
	_, err := fmt.Sscanf(what, "%d runs %s", &g, &how)
	if err != nil {
		_, err = fmt.Sscanf(what, "%d in %s", &g, &how)
	}
	if err != nil || g >= len(w.pairs) {
		w.fail("script", "%s: not understood", f)
		return
	}
	if how == "sync" {
		if !w.pairs[g].InSync() {
			w.fail("script", "%s: %s", f, w.status())
		}
		return
	}
	on := ""
	for _, m := range w.machines {
		if m.services[g].complete() {
			on += m.name
		}
	}
	if on != f.On {
		w.fail("script", "%s: group %d runs on %q; %s", f, g, on, w.status())
	}
}
