package cluster

import (
	"fmt"
	"strings"
)

// View returns a copy of what the node knows, for every status output.
func (n *Node) View() View {
	v := View{
		Node: n.cfg.Node, Generation: n.cfg.Generation, Started: n.now.Add(n.started.Sub(n.now)), Now: n.now, // by the clock as it is set now
		Status: n.self.status.String(), CommUp: n.commUp, Shutdown: n.shutdown.phase != running,
		AutoFailback: n.cfg.AutoFailback.String(), Fencing: n.cfg.Fencing,
		DeadtimeMS: n.cfg.Deadtime.Milliseconds(), KeepaliveMS: n.cfg.Keepalive.Milliseconds(),
		Counters: make(map[string]int64, len(n.counters)),
	}
	for k, c := range n.counters {
		v.Counters[k] = c
	}
	for _, p := range n.peers {
		v.Nodes = append(v.Nodes, n.nodeView(p))
	}
	for _, p := range n.pings {
		v.Nodes = append(v.Nodes, n.nodeView(p))
	}
	for i, g := range n.cfg.Groups {
		gv := GroupView{Key: g.Key, Home: g.Home, Resources: g.Resources, State: n.jobs.state[i].String(), Reason: n.jobs.reason[i]}
		if s := n.jobs.state[i]; s == GroupRunning || s == GroupStarting || s == GroupStopping || s == GroupStuck {
			gv.Owner = n.cfg.Node
		}
		v.Groups = append(v.Groups, gv)
	}
	n.policy.view(&v)
	n.warn(&v)
	return v
}

func (n *Node) nodeView(p *peer) NodeView {
	nv := NodeView{Name: p.name, Type: "normal", Status: p.status.String(), Ours: p.ours, Weight: 100,
		Holds: "unknown", LastMS: -1, Stable: p.res.stable, Left: p.res.left, Reset: n.resetInThisDeath(p)}
	if p.ping {
		nv.Type = "ping"
		nv.Holds = ""
	}
	if p.hasUUID {
		nv.UUID = fmt.Sprintf("%x", p.uuid)
	}
	if !p.lastStatus.IsZero() {
		nv.LastMS = n.now.Sub(p.lastStatus).Milliseconds()
	}
	if p == n.self {
		nv.LastMS = 0
	}
	for i := range p.links {
		st := "dead"
		if p.links[i].up {
			st = "up"
		}
		nv.Links = append(nv.Links, LinkView{Name: p.links[i].name, Status: st})
	}
	return nv
}

func (n *Node) warn(v *View) {
	add := func(format string, args ...any) { v.Warnings = append(v.Warnings, fmt.Sprintf(format, args...)) }
	for _, p := range n.peers {
		if p == n.self {
			continue
		}
		if p.status == StatusDead {
			add("node %s is dead", p.name)
		} else if !p.proved && p.proofs >= 5 {
			add("node %s is heard but does not answer: what it says is not believed", p.name)
		} else if p.heard {
			var down []string
			for i := range p.links {
				if !p.links[i].up {
					down = append(down, p.links[i].name)
				}
			}
			if len(down) > 0 {
				add("nothing is heard from node %s on %s", p.name, strings.Join(down, ", "))
			}
		}
		if n.fencePending(p) {
			add("node %s is being reset (STONITH): its resources wait", p.name)
		}
	}
	for _, p := range n.pings {
		if p.status == StatusDead {
			add("ping node %s does not answer", p.name)
		}
	}
	for i, s := range n.jobs.state {
		switch s {
		case GroupFailed:
			add("group %s could not be started here", n.cfg.Groups[i].Key)
		case GroupStuck:
			add("group %s could not be stopped here", n.cfg.Groups[i].Key)
		}
	}
}

func (c *classic) view(v *View) {
	v.ResState, v.Holds = c.state.String(), c.held.String()
	v.Stable = c.state == resStable && c.standby.state == standbyNot
	if s := c.standby; s.state != standbyNot {
		v.Standby = s.state.String() + " " + s.class.String()
	}
	if c.doubtful() != HoldNone {
		v.Warnings = append(v.Warnings, "node "+c.other.name+" was started again without having stopped: its earlier resources may still run there")
	}
	if c.contested {
		v.Warnings = append(v.Warnings, "both nodes may run the same resources")
	}
	for i := range v.Nodes {
		nv := &v.Nodes[i]
		switch {
		case nv.Name == c.n.cfg.Node:
			nv.Holds, nv.Stable = c.held.String(), v.Stable
		case c.other != nil && nv.Name == c.other.name && (c.other.res.known || c.other.status == StatusDead):
			nv.Holds = c.other.res.holds.String()
		}
	}
	if c.other == nil || !c.other.alive() {
		return
	}
	for i := range v.Groups {
		g := &v.Groups[i]
		if g.Owner != "" {
			continue
		}
		cl := HoldForeign
		if g.Home == c.other.name {
			cl = HoldLocal
		}
		if c.other.res.holds&cl != 0 {
			g.Owner = c.other.name
			if g.State == GroupStopped.String() {
				g.State = "running"
			}
		}
	}
}

func (l *legacy) view(v *View) {
	v.ResState, v.Holds, v.Stable = "legacy", "none", true
	if l.stops {
		v.Stable = false
	}
}
