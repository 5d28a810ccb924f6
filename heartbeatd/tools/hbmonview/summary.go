package hbmonview

import (
	"fmt"
	"strings"

	"classicha/heartbeatd/cluster"
	"classicha/internal/screen"
)

// Severity is how bad things are.
type Severity int

// Severities in rising order.
const (
	OK Severity = iota
	Busy
	Warning
	Critical
)

// String is the first word of the summary.
func (s Severity) String() string { return [...]string{"OK", "BUSY", "WARNING", "CRITICAL"}[s] }

func (s Severity) style() screen.Style {
	return [...]screen.Style{screen.Green, screen.Cyan, screen.Yellow, screen.Red}[s] | screen.Bold
}

// Summary says in one sentence how the cluster is, the worst first:
//
//	OK: 2 of 2 nodes active, 2 of 2 groups running
//	CRITICAL: group b failed on node1; 1 of 2 nodes active (node2 is dead), 1 of 2 groups running
func Summary(v cluster.View) (Severity, string) {
	sev := OK
	worse := func(s Severity) { sev = max(sev, s) }
	var troubles []string

	nodes, active, links := 0, 0, 0
	var away []string
	for _, n := range v.Nodes {
		for _, l := range n.Links {
			if l.Status != "up" && n.Status != "dead" && n.Type != "ping" && n.Name != v.Node {
				links++
			}
		}
		if n.Type == "ping" {
			if n.Status == "dead" {
				troubles = append(troubles, fmt.Sprintf("ping node %s does not answer", n.Name))
				worse(Warning)
			}
			continue
		}
		nodes++
		if n.Status == "active" {
			active++
			continue
		}
		away = append(away, n.Name+" is "+n.Status)
		if n.Status == "dead" {
			worse(Warning)
		} else {
			worse(Busy)
		}
	}

	running := 0
	for _, g := range v.Groups {
		switch {
		case g.State == "running":
			running++
		case g.State == "failed" || g.State == "stuck":
			troubles = append(troubles, strings.TrimSpace(fmt.Sprintf("group %s %s %s", g.Key, stateWord(g.State), on(g.Owner, v.Node))))
			worse(Critical)
		case g.State == "starting" || g.State == "stopping" || !v.Stable || v.Shutdown:
			worse(Busy)
		default:
			troubles = append(troubles, fmt.Sprintf("group %s runs nowhere", g.Key))
			worse(Critical)
		}
	}
	if links > 0 {
		troubles = append(troubles, fmt.Sprintf("%s dead", count(links, "link is", "links are")))
		worse(Warning)
	}
	if v.Shutdown {
		troubles = append(troubles, v.Node+" is stopping")
		worse(Busy)
	}
	if !v.Stable || v.Standby != "" {
		worse(Busy)
	}
	if len(v.Warnings) > 0 {
		worse(Warning)
	}

	text := fmt.Sprintf("%d of %s active", active, count(nodes, "node", "nodes"))
	if len(away) > 0 {
		text += " (" + strings.Join(away, ", ") + ")"
	}
	if len(v.Groups) > 0 {
		text += fmt.Sprintf(", %d of %s running", running, count(len(v.Groups), "group", "groups"))
	}
	if len(troubles) > 0 {
		text = strings.Join(troubles, "; ") + "; " + text
	}
	return sev, text
}

func on(owner, us string) string {
	if owner == "" {
		owner = us
	}
	return "on " + owner
}

func stateWord(state string) string {
	if state == "stuck" {
		return "cannot be stopped"
	}
	return state
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
