package cluster

import (
	"fmt"
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// The checks of DESIGN.md section 3, made from outside: the world knows what runs
// where, and asks no node.

// activate: a start call begins. H1 and H3 are checked here.
func (w *simWorld) activate(n *simNode, g int) {
	if n.active[g] {
		return
	}
	n.active[g] = true
	for _, o := range w.nodes {
		if o == n {
			continue
		}
		if o.active[g] {
			w.note("group %d active on %s and %s", g, n.name, o.name)
			if !w.excused(n, o) {
				w.fail("H1: group %d is started on %s while it is active on %s", g, n.name, o.name)
			}
		}
		if w.base.Fencing && o.crashed[g] {
			w.fail("H3: group %d is taken over by %s, but %s was not fenced", g, n.name, o.name)
		}
	}
}

func (w *simWorld) deactivate(n *simNode, g int) { n.active[g] = false }

// excused: without fencing, two nodes that lost each other run the same group; then the
// log of one of them says that the other is dead, although it is not.
func (w *simWorld) excused(a, b *simNode) bool {
	if w.base.Fencing {
		return false
	}
	for _, n := range w.nodes {
		for _, o := range []*simNode{a, b} {
			if _, ok := w.false_[[2]int{n.i, o.i}]; ok && (n == a || n == b || len(w.nodes) > 2) {
				return true
			}
		}
	}
	return false
}

// heardLog notes which death was declared wrongly, and when such an error ended.
func (w *simWorld) heardLog(n *simNode, text string) {
	for _, o := range w.nodes {
		if o == n {
			continue
		}
		switch text {
		case fmt.Sprintf("node %s: is dead", o.name):
			if o.alive() {
				w.false_[[2]int{n.i, o.i}] = w.Now()
				w.note("(%s is wrong: %s lives)", n.name, o.name)
				// What n itself went through, a pause or a slow network at its boot, is no excuse.
				since := w.Now() - max(w.trouble, o.silent, n.apart[o.i])
				if !w.lossy && o.core != nil && since > 2*w.base.Deadtime+max(w.base.Initdead, raisedFor) {
					w.fail("H1: %s declares %s dead without a cause", n.name, o.name)
				}
			}
		case fmt.Sprintf("Heartbeat restart on node %s", o.name), fmt.Sprintf("Cluster node %s returning after partition.", o.name):
			// Settling takes as long as the scripts take.
			k := [2]int{n.i, o.i}
			w.After(60*time.Second, func() {
				if at, ok := w.false_[k]; ok && w.Now()-at >= 60*time.Second {
					delete(w.false_, k)
				}
			})
		}
	}
}

// checkFrame is H4: what is sent is signed, well formed and not too large.
func (w *simWorld) checkFrame(n *simNode, frame []byte) {
	if len(frame) > message.MaxFrame {
		w.fail("H4: %s sends %d bytes", n.name, len(frame))
	}
	if m, _, err := message.Parse(frame, w.keys); err != nil || m.Get("src") == "" {
		w.fail("H4: %s sends a bad frame: %v", n.name, err)
	}
}

// maxSends is how many new messages a node has to say in one second at most.
const maxSends = 200

// countSend notices nodes that talk without end: each answers the other's report.
func (w *simWorld) countSend(n *simNode) {
	if s := w.Now().Truncate(time.Second); s != n.second || n.core.seq < n.numbers {
		n.second, n.numbers = s, n.core.seq
	}
	if n.core.seq == n.numbers+maxSends {
		n.numbers = n.core.seq
		w.fail("H4: %s sends %d messages in a second", n.name, maxSends)
	}
}

// checkRest is H2: all is well and quiet.
func (w *simWorld) checkRest() {
	for _, n := range w.nodes {
		if n.core == nil {
			w.fail("H2: %s does not run at the end", n.name)
			continue
		}
		v := n.core.View()
		for _, o := range v.Nodes {
			if o.Status != "active" && o.Status != "ping" {
				w.fail("H2: %s sees %s as %s at the end", n.name, o.Name, o.Status)
			}
		}
		if !v.Stable && v.ResState != "legacy" {
			w.fail("H2: %s is not stable at the end: %s standby %q", n.name, v.ResState, v.Standby)
		}
	}
	for g, gr := range w.base.Groups {
		var on []string
		for _, n := range w.nodes {
			if n.active[g] {
				on = append(on, n.name)
			}
		}
		if len(on) > 1 && !w.stuck[g] {
			w.fail("H2: group %d runs on %s at the end", g, strings.Join(on, " and "))
		}
		hopeless := false
		for i := range w.nodes {
			if w.broken[fmt.Sprint(i, "/", g)] {
				hopeless = true
			}
		}
		if hopeless {
			continue
		}
		if len(on) == 0 {
			w.fail("H2: group %d runs nowhere at the end", g)
			continue
		}
		home := w.base.AutoFailback == FailbackLegacy || w.base.AutoFailback == FailbackOn
		if home && !w.commands && on[0] != gr.Home {
			w.fail("H2: group %d runs on %s at the end, its home is %s", g, on[0], gr.Home)
		}
	}
}
