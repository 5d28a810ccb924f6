package world

import (
	"time"

	"classicha/heartbeatd/cluster"
)

// fence is the STONITH device: it takes the power away and gives it back. It may fail, and it
// may be late with its answer.
func (w *World) fence(m *machine, a cluster.Fence) {
	run := m.heart.run
	t := m.peer()
	answer := func(ok bool) {
		if m.heart.run == run {
			m.heart.event(cluster.FenceDone{Node: a.Node, ID: a.ID, OK: ok, Result: "bad"})
		}
	}
	if w.c.Mutation == FenceNotAwaited {
		m.after(0, func() { answer(true) })
		return
	}
	w.After(w.Between(50*time.Millisecond, 1500*time.Millisecond), func() {
		ok := w.calm || !w.Chance(w.c.StonithFail)
		w.note("%s is reset by %s: %v", t, m, ok)
		if ok {
			w.stats.Resets++
			t.off()
			w.booted(t)
			w.After(w.Between(second/2, 3*second), t.on)
		}
		late := time.Duration(0)
		if !w.calm && w.Chance(w.c.StonithLate) {
			late = w.Between(time.Second, 10*time.Second)
		}
		m.after(late, func() { answer(ok) })
	})
}
