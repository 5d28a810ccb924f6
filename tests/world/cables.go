package world

import "time"

// cables are the ways between the machines. eth is each machine's own cable to a switch,
// with the clients behind it; the others are direct.
type cables struct {
	ethIn, ethOut [2]int // how many cuts of this way there are
	serial, repl  [2]int // by the machine that hears nothing
}

const (
	eth    = "eth0"
	serial = "/dev/ttyS0"
)

// cut cuts a way or several for a while; ways are counters of cables.
func (w *World) cut(d time.Duration, what string, ways ...*int) {
	w.note("cut: %s for %s", what, d)
	w.stats.Cuts++
	for _, p := range ways {
		*p++
	}
	w.wire()
	w.After(d, func() {
		if w.calm {
			return // everything was repaired
		}
		w.note("repaired: %s", what)
		for _, p := range ways {
			*p--
		}
		w.wire()
	})
}

// repair ends all cuts.
func (w *World) repair() {
	w.cables = cables{}
	w.wire()
}

// wire tells the networks what the cables are like.
func (w *World) wire() {
	k := &w.cables
	for to := range 2 {
		noEth := k.ethIn[to] > 0 || k.ethOut[1-to] > 0
		w.net.Path(eth, 1-to, to).Cut = noEth
		w.net.Path(serial, 1-to, to).Cut = k.serial[to] > 0
		cut := k.repl[to] > 0
		if w.c.Shared {
			cut = noEth
		}
		for _, p := range w.pairs {
			p.Cut(to, cut)
		}
	}
}

// reachable: a client can talk to a machine.
func (w *World) reachable(m *machine) bool {
	return m.power && w.cables.ethIn[m.i] == 0 && w.cables.ethOut[m.i] == 0
}
