package world

import (
	"fmt"
	"strings"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/outdate"
)

// H1 to H4, seen from outside: the world knows what runs where, and asks no node.

// activate: the first start of a group begins. H1 and H3 are checked here.
func (w *World) activate(s *service) {
	if s.active {
		return
	}
	s.active = true
	o := s.m.peer().services[s.g]
	if o.active {
		w.note("group %d is active on %s and %s", s.g, s.m, o.m)
		if !w.excused() {
			w.fail("H1", "group %d is started on %s while it is active on %s", s.g, s.m, o.m)
		}
	}
	if w.c.Stonith && o.crashed {
		w.fail("H3", "group %d is taken over by %s, but %s was not reset", s.g, s.m, o.m)
	}
}

// excused: without STONITH two machines that lost each other run the same group; then the log
// of one says that the other is dead, although it is not.
func (w *World) excused() bool { return !w.c.Stonith && len(w.wrong) > 0 }

// heardLog notes which death was declared wrongly, and when such an error ended.
func (w *World) heardLog(m *machine, text string) {
	p := m.peer()
	k := [2]int{m.i, p.i}
	switch text {
	case fmt.Sprintf("node %s: is dead", p):
		if p.alive() {
			w.wrong[k] = w.Now()
			w.note("(%s is wrong: %s lives)", m, p)
		}
	case fmt.Sprintf("Heartbeat restart on node %s", p), fmt.Sprintf("Cluster node %s returning after partition.", p):
		// Settling takes as long as the scripts take.
		w.After(60*time.Second, func() {
			if at, ok := w.wrong[k]; ok && w.Now()-at >= 60*time.Second {
				delete(w.wrong, k)
			}
		})
	}
}

// alive: something of it runs, whatever the other believes.
func (m *machine) alive() bool {
	for _, s := range m.services {
		if s.active {
			return true
		}
	}
	return m.heart.core != nil || m.heart.again
}

// died: what a machine ran when its power went counts as running until somebody made sure.
func (w *World) died(m *machine) {
	for _, s := range m.services {
		s.crashed = s.crashed || s.active
		s.active = false
	}
	clear(w.wrong)
}

// booted: nothing of what it ran is left. A reset says the same.
func (w *World) booted(m *machine) {
	for _, s := range m.services {
		s.crashed = false
	}
}

// checkFrame is H4: what is sent is signed, well formed and not too large.
func (w *World) checkFrame(m *machine, frame []byte) {
	if len(frame) > message.MaxFrame {
		w.fail("H4", "%s sends %d bytes", m, len(frame))
	}
	if x, _, err := message.Parse(frame, w.keys); err != nil || x.Get("src") == "" {
		w.fail("H4", "%s sends a bad frame: %v", m, err)
	}
}

// maxSends is how many messages a node has to say in one second at most.
const maxSends = 300

// countSend notices nodes that talk without end: each answers the other's report.
func (h *heart) countSend(a cluster.Send) {
	w := h.m.w
	if s := w.Now().Truncate(time.Second); s != h.second {
		h.second, h.sends = s, 0
	}
	if h.sends++; h.sends == maxSends {
		w.fail("H4", "%s sends %d messages in a second, the last is of type %s", h.m, maxSends, a.Type)
	}
}

// forked is called when the data of a machine begins a history of its own. With fencing on
// both sides nothing may make a second one.
func (w *World) forked(g int, f fork) {
	w.clients[g].ledger.forked(f)
	if f.Parent == 0 {
		return
	}
	w.stats.Forks++
	w.note("group %d: history %d of %s comes from %d: %s (nothing missing: %v)", g, f.History, w.machines[f.Node], f.Parent, f.Why, f.Whole)
	if w.c.strict() && !w.calm && !w.loose {
		w.fail("X1", "group %d: STONITH and fencing resource-and-stonith are configured, but %s begins a second history: %s", g, w.machines[f.Node], f.Why)
	}
}

// fenced is called with what a fence-peer handler says. A living peer may be called dead
// only where nothing else was promised.
func (w *World) fenced(m *machine, g, value int) {
	if value != outdate.Unreachable || !m.peer().power {
		return
	}
	// dopd(8): a peer whose heartbeat was stopped counts as unreachable, though its drbdd may live.
	left := false
	if c := m.heart.core; c != nil {
		for _, n := range c.View().Nodes {
			left = left || n.Name == m.peer().name && n.Left
		}
	}
	if left || !w.c.strict() {
		w.loose = true
		w.pairs[g].Excuse()
	}
}

// settled is H2 without its patience: each group runs once, all of it, where it should.
// It returns what is not as it should be.
func (w *World) settled() string {
	var why []string
	for _, m := range w.machines {
		if m.heart.core == nil {
			why = append(why, "heartbeat does not run on "+m.name)
			continue
		}
		v := m.heart.core.View()
		for _, o := range v.Nodes {
			if o.Status != "active" {
				why = append(why, fmt.Sprintf("%s sees %s as %s", m, o.Name, o.Status))
			}
		}
		if !v.Stable && v.ResState != "legacy" {
			why = append(why, fmt.Sprintf("%s is not stable: %s %s", m, v.ResState, v.Standby))
		}
	}
	for g, gr := range w.base.Groups {
		var on []*machine
		for _, m := range w.machines {
			if m.services[g].active {
				on = append(on, m)
			}
		}
		switch {
		case len(on) != 1:
			why = append(why, fmt.Sprintf("group %d runs on %v", g, on))
		case !on[0].services[g].complete():
			why = append(why, fmt.Sprintf("group %d runs only in part on %s: %s", g, on[0], on[0].services[g]))
		case w.c.Failback != cluster.FailbackOff && !w.commands && on[0].name != gr.Home:
			why = append(why, fmt.Sprintf("group %d runs on %s, its home is %s", g, on[0], gr.Home))
		}
	}
	return strings.Join(why, "; ")
}

// status is everything in one line, for messages.
func (w *World) status() string {
	s := ""
	for g, p := range w.pairs {
		s += fmt.Sprintf("r%d: %s. ", g, p.Status())
	}
	for _, m := range w.machines {
		for _, x := range m.services {
			s += fmt.Sprintf("%s: %s. ", m, x)
		}
	}
	return s
}
