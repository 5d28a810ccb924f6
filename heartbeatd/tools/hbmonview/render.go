package hbmonview

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/internal/screen"
)

// Options say how to lay out.
type Options struct {
	Width    int  // columns; at least 20 are assumed
	Counters bool // show the counters too
	Zone     *time.Location
}

// Render lays a view out. The first line is the summary. Lines may be longer
// than the width only where a single word is; screen cuts them.
func Render(v cluster.View, o Options) []screen.Line {
	o.Width = max(o.Width, 20)
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	sev, text := Summary(v)
	head := screen.Text(sev.String()+":", sev.style()).Pad(len(sev.String()) + 2)
	out := flow(head, indent, words(text), 1, o.Width)
	out = append(out, title(v, o))
	out = append(out, state(v, o)...)
	out = append(out, nodes(v, o)...)
	out = append(out, groups(v, o)...)
	out = append(out, warnings(v, o)...)
	if o.Counters {
		out = append(out, counters(v, o)...)
	}
	return out
}

func words(text string) []screen.Line {
	var out []screen.Line
	for _, w := range strings.Fields(text) {
		out = append(out, screen.Text(w, screen.Plain))
	}
	return out
}

// title is a bar across the screen: the node and the time.
func title(v cluster.View, o Options) screen.Line {
	l := screen.Text(" "+v.Node+" ", screen.Reverse|screen.Bold)
	program := "heartbeatd"
	if v.Version != "" {
		program += " " + v.Version
	}
	right := v.Now.In(o.Zone).Format("Mon Jan _2 15:04:05 2006") + " "
	if l.Width()+2+len(program)+2+len(right) <= o.Width {
		l = l.Add(" "+program, screen.Reverse)
	} else if l.Width()+2+len(right) > o.Width {
		right = v.Now.In(o.Zone).Format("15:04:05") + " "
	}
	if pad := o.Width - l.Width() - len(right); pad > 0 {
		l = l.Add(strings.Repeat(" ", pad), screen.Reverse).Add(right, screen.Reverse)
	}
	return l
}

// state is this node's own state as pairs, two in a row where there is room.
func state(v cluster.View, o Options) []screen.Line {
	type pair struct {
		name string
		cell
	}
	var p []pair
	add := func(name, text string, st screen.Style) { p = append(p, pair{name, cell{text, st}}) }

	st, style := v.Status, statusStyle(v.Status)
	switch {
	case v.Shutdown:
		st, style = st+", stopping", screen.Cyan
	case st == "init" || st == "up":
		st += ", waiting for the others"
	}
	add("Status", st, style)
	add("Resources", holdsText(v), holdsStyle(v))
	add("Failback", v.AutoFailback, screen.Plain)
	fencing := "none"
	if v.Fencing {
		fencing = "configured"
	}
	add("Fencing", fencing, screen.Plain)
	add("Keepalive", seconds(v.KeepaliveMS), screen.Plain)
	add("Deadtime", seconds(v.DeadtimeMS), screen.Plain)
	if !v.Started.IsZero() {
		add("Running for", age(v.Now.Sub(v.Started)), screen.Plain)
	}
	add("Generation", fmt.Sprint(v.Generation), screen.Plain)
	if v.Standby != "" {
		add("Standby", standbyText(v.Standby), screen.Cyan|screen.Bold)
	}

	const nameWidth = 13
	second := 0
	if o.Width >= 60 {
		second = o.Width/2 + 2
	}
	var out []screen.Line
	for i := 0; i < len(p); i++ {
		l := screen.Text("", screen.Plain).Add("  ", screen.Plain).Add(p[i].name, screen.Dim).Pad(indent+nameWidth).Add(p[i].text, p[i].style)
		if second > 0 && i+1 < len(p) && l.Width() < second && second+nameWidth+len(p[i+1].text) <= o.Width {
			l = l.Pad(second).Add(p[i+1].name, screen.Dim).Pad(second+nameWidth).Add(p[i+1].text, p[i+1].style)
			i++
		}
		out = append(out, l)
	}
	return out
}

func holdsText(v cluster.View) string {
	holds := v.Holds
	if holds == "" {
		holds = "unknown"
	}
	switch {
	case v.ResState == "legacy":
		return holds + ", legacy mode"
	case v.Stable:
		return holds + ", stable"
	case v.ResState == "" || v.ResState == "stable":
		return holds + ", in transition"
	}
	return holds + ", in transition (" + v.ResState + ")"
}

func holdsStyle(v cluster.View) screen.Style {
	if v.Stable {
		return screen.Plain
	}
	return screen.Cyan
}

// standbyText turns "me foreign" into a sentence.
func standbyText(s string) string {
	who, class, _ := strings.Cut(s, " ")
	what := class + " resources"
	switch who {
	case "me":
		return "this node hands over its " + what
	case "other":
		return "the other node hands over its " + what
	case "done":
		return "hand-over of " + what + " is ending"
	}
	return s
}

func section(title string) []screen.Line {
	return []screen.Line{nil, screen.Text(title, screen.Bold)}
}

func nodes(v cluster.View, o Options) []screen.Line {
	if len(v.Nodes) == 0 {
		return nil
	}
	cols := []column{{"Node", 0, 8}, {"Status", 0, 0}, {"Holds", 2, 0}, {"Heard", 1, 0}, {"Links", 0, 0}}
	var rows [][]cell
	var links [][]screen.Line
	widest := len("Links")
	for _, n := range v.Nodes {
		rows = append(rows, []cell{
			{n.Name, screen.Plain}, {n.Status, statusStyle(n.Status)}, {nodeHolds(n), screen.Plain},
			heard(n, v), {"", screen.Plain}})
		var ls []screen.Line
		for _, l := range n.Links {
			p := screen.Text(l.Name+" ", screen.Plain).Add(l.Status, linkStyle(l.Status))
			if n.Name == v.Node && l.Status != "up" {
				// A node never hears itself on a serial line or by unicast: that is no fault.
				p = screen.Text(l.Name+" -", screen.Plain)
			}
			ls = append(ls, p)
			widest = max(widest, p.Width())
		}
		links = append(links, ls)
	}
	w := layout(cols, rows, o.Width, min(widest, o.Width/2))
	out := append(section("Nodes"), header(cols, w))
	for i, r := range rows {
		mark, style := " ", screen.Plain
		if v.Nodes[i].Name == v.Node {
			mark, style = "*", screen.Bold
			r[0].style |= screen.Bold
		}
		l := row(mark, style, r, w)
		out = append(out, flow(l, l.Width(), links[i], 2, o.Width)...)
	}
	return out
}

func nodeHolds(n cluster.NodeView) string {
	switch {
	case n.Type == "ping":
		return "-"
	case n.Holds == "":
		return "unknown"
	}
	return n.Holds
}

func heard(n cluster.NodeView, v cluster.View) cell {
	switch {
	case n.Name == v.Node:
		return cell{"this node", screen.Dim}
	case n.LastMS < 0:
		return cell{"never", screen.Dim}
	case n.LastMS < 1000:
		return cell{"just now", screen.Plain}
	}
	c := cell{age(time.Duration(n.LastMS)*time.Millisecond) + " ago", screen.Plain}
	if v.DeadtimeMS > 0 && n.LastMS > v.DeadtimeMS/2 && n.Status != "dead" {
		c.style = screen.Yellow
	}
	return c
}

func groups(v cluster.View, o Options) []screen.Line {
	if len(v.Groups) == 0 {
		return []screen.Line{nil, screen.Text("Groups", screen.Bold), screen.Text("  none in haresources", screen.Dim)}
	}
	cols := []column{{"Group", 0, 12}, {"Home", 1, 0}, {"State", 0, 0}, {"Runs on", 0, 0}}
	var rows [][]cell
	widest := len("Runs on")
	for _, g := range v.Groups {
		owner := cell{g.Owner, screen.Plain}
		switch {
		case g.Owner == "":
			owner = cell{"-", screen.Dim}
		case g.Owner != g.Home:
			owner.style = screen.Yellow
		}
		rows = append(rows, []cell{{g.Key, screen.Plain}, {g.Home, screen.Dim}, {g.State, groupStyle(g.State)}, owner})
		widest = max(widest, len(g.Owner))
	}
	w := layout(cols, rows, o.Width, min(widest, 16))
	out := append(section("Groups"), header(cols, w))
	for i, g := range v.Groups {
		out = append(out, row(" ", screen.Plain, rows[i], w).Add(rows[i][3].text, rows[i][3].style))
		if len(g.Resources) > 1 || (len(g.Resources) == 1 && g.Resources[0] != g.Key) {
			var ps []screen.Line
			for _, r := range g.Resources {
				ps = append(ps, screen.Text(r, screen.Dim))
			}
			out = append(out, flow(screen.Text("    ", screen.Plain), 4, ps, 1, o.Width)...)
		}
		if g.Reason != "" {
			first := screen.Text("    ", screen.Plain).Add("why:", groupStyle(g.State)|screen.Bold).Add(" ", screen.Plain)
			out = append(out, flow(first, 9, words(g.Reason), 1, o.Width)...)
		}
	}
	return out
}

func warnings(v cluster.View, o Options) []screen.Line {
	if len(v.Warnings) == 0 {
		return nil
	}
	out := section("Warnings")
	for _, w := range v.Warnings {
		out = append(out, flow(screen.Text("! ", screen.Yellow|screen.Bold), indent, words(w), 1, o.Width)...)
	}
	return out
}

func counters(v cluster.View, o Options) []screen.Line {
	out := section("Counters")
	var names []string
	for n, c := range v.Counters {
		if c != 0 {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return append(out, screen.Text("  all zero", screen.Dim))
	}
	slices.Sort(names)
	wide := 0
	for _, n := range names {
		wide = max(wide, len(n))
	}
	for _, n := range names {
		out = append(out, screen.Text("  ", screen.Plain).Add(n, screen.Plain).Pad(indent+wide+2).Add(fmt.Sprint(v.Counters[n]), screen.Plain))
	}
	return out
}

func statusStyle(s string) screen.Style {
	switch s {
	case "active", "ping":
		return screen.Green
	case "dead":
		return screen.Red | screen.Bold
	}
	return screen.Cyan
}

func linkStyle(s string) screen.Style {
	if s == "up" {
		return screen.Green
	}
	return screen.Red | screen.Bold
}

func groupStyle(s string) screen.Style {
	switch s {
	case "running":
		return screen.Green
	case "failed", "stuck":
		return screen.Red | screen.Bold
	case "starting", "stopping":
		return screen.Cyan
	}
	return screen.Plain
}

// seconds prints milliseconds as ha.cf has them: 1 s, 1.5 s, 200 ms.
func seconds(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%03d", ms/1000, ms%1000), "0"), ".") + " s"
}

// age prints a duration with its two largest units.
func age(d time.Duration) string {
	s := max(int64(d/time.Second), 0)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}
