package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxNodes is the size of the original's node table.
const maxNodes = 100

var nodeTable = []Directive{
	{Name: "node", Syntax: "NAME...", Doc: "the nodes of the cluster as uname -n names them, the same on all nodes", set: setNode},
	{Name: "cluster", Syntax: "NAME", Default: "linux-ha", Doc: "name of the cluster", recorded: true,
		set: text(func(h *HA) *string { return &h.Cluster })},
	{Name: "auto_failback", Syntax: "on|off|legacy", Default: "legacy", Doc: "whether a group goes home when its node returns", recorded: true, set: setAutoFailback},
	{Name: "nice_failback", Syntax: "on|off", Doc: "obsolete; use auto_failback", set: setNiceFailback},
	{Name: "autojoin", Syntax: "none|other|any", Default: "none", Doc: "whether unknown nodes may join; only none with haresources", recorded: true, set: setAutojoin},
	{Name: "crm", Syntax: "off", Once: true, Doc: "old name of pacemaker", set: setPacemaker},
	{Name: "pacemaker", Syntax: "off", Once: true, Default: "false", Doc: "Pacemaker manages the resources; only off is supported", recorded: true, set: setPacemaker},
	{Name: "uuidfrom", Syntax: "file|nodename", Default: "file", Doc: "where the node's UUID comes from", recorded: true,
		set: choice(func(h *HA, v string) { h.UUIDFromName = v == "nodename" }, func(w string) []string {
			return []string{"ERROR: Invalid uuidfrom directive [" + w + "]"}
		}, "file", "nodename")},
	{Name: "hbgenmethod", Syntax: "file|time", Default: "file", Doc: "where the generation number comes from", recorded: true,
		set: choice(func(h *HA, v string) { h.GenerationTime = v == "time" }, func(w string) []string {
			return []string{"ERROR: Illegal hb generation method [" + w + "]"}
		}, "file", "time")},
	{Name: "quorum_server", Syntax: "HOST", Doc: "accepted, without effect", recorded: true,
		set: text(func(h *HA) *string { return &h.QuorumServer })},
}

// choice is the setter of a word out of a few. Other letter case is forgiven;
// the original takes it for autojoin only.
func choice(set func(h *HA, v string), original func(word string) []string, allowed ...string) func(*haParser, *Directive, token) {
	return func(p *haParser, d *Directive, a token) {
		if v := strings.ToLower(a.text); slices.Contains(allowed, v) {
			if v != a.text && d.Name != "autojoin" {
				p.warn(a, fmt.Sprintf("%s: %q was taken for %q", d.Name, a.text, v), "write it in lower case: the original refuses to start with it")
			}
			set(p.ha, v)
			return
		}
		var o []string
		if original != nil {
			o = original(a.text)
		}
		p.fail(a, fmt.Sprintf("%s: %q is not one of %s", d.Name, a.text, strings.Join(allowed, ", ")),
			"write "+d.Name+" "+allowed[0], o...)
	}
}

func setNode(p *haParser, _ *Directive, a token) {
	name := strings.ToLower(a.text)
	if slices.Contains(p.ha.Nodes, name) {
		p.warn(a, fmt.Sprintf("node %q is listed twice", name), "remove the second; it was counted once")
		return
	}
	if len(p.ha.Nodes) == maxNodes {
		p.fail(a, fmt.Sprintf("node %q is one too many: a cluster has at most %d", name, maxNodes), "remove nodes")
		return
	}
	p.ha.Nodes = append(p.ha.Nodes, name)
}

func setAutoFailback(p *haParser, d *Directive, a token) {
	if strings.ToLower(a.text) == "legacy" {
		p.ha.AutoFailback, p.ha.AutoFailbackSet = FailbackLegacy, true
		return
	}
	on, ok := parseBool(a.text)
	if !ok {
		p.fail(a, fmt.Sprintf("auto_failback: %q is not one of on, off, legacy", a.text), "write auto_failback on or auto_failback off")
		return
	}
	p.ha.AutoFailback, p.ha.AutoFailbackSet = FailbackOff, true
	if on {
		p.ha.AutoFailback = FailbackOn
	}
}

// setNiceFailback follows the original's strange rule (heartbeat-config 3): the
// value does not count, only whether auto_failback on or off stood before it.
func setNiceFailback(p *haParser, d *Directive, a token) {
	obsolete := "ERROR: nice_failback flag is obsolete.. Use auto_failback {on, off, legacy} instead."
	const see = "ERROR: See documentation for details."
	if _, ok := parseBool(a.text); !ok {
		p.fail(a, fmt.Sprintf("nice_failback: %q is neither on nor off, and the directive is obsolete", a.text),
			"write auto_failback on or auto_failback off", obsolete, see)
		return
	}
	if p.ha.AutoFailback != FailbackLegacy {
		p.ha.AutoFailback = FailbackOff
		p.warn(a, "nice_failback is obsolete and turns the auto_failback before it into off", "remove the line",
			obsolete, "ERROR: 'nice_failback "+a.text+"' has been changed to 'auto_failback off'", see)
	} else {
		p.warn(a, "nice_failback is obsolete and was taken for auto_failback legacy",
			"write auto_failback on or auto_failback off in its place", obsolete,
			"ERROR: nice_failback "+a.text+" has been strictly interpreted as 'auto_failback legacy'",
			"ERROR: Consider converting to 'auto_failback on'.",
			"ERROR: When you do, then you can use ipfail, and hb_standby", see)
	}
}

func setAutojoin(p *haParser, d *Directive, a token) {
	choice(func(h *HA, v string) { h.Autojoin = v }, func(w string) []string {
		return []string{"ERROR: Invalid autojoin directive [" + w + "]"}
	}, "none", "other", "any")(p, d, a)
}

// setPacemaker accepts every way of saying no. crm and pacemaker are one.
func setPacemaker(p *haParser, d *Directive, a token) {
	p.record("pacemaker", a.text)
	if _, again := p.first["pacemaker value"]; again {
		p.fail(a, d.Name+" is given a second time (crm and pacemaker are the same directive)", "remove one of them",
			"ERROR: pacemaker/crm directive used multiple times!")
		return
	}
	p.first["pacemaker value"] = p.pos(a)
	original := []string{"info: Pacemaker support: " + a.text}
	on, ok := parseBool(a.text)
	switch word := strings.ToLower(a.text); {
	case ok && !on:
		p.note(a, "Pacemaker support is off", original...)
	case ok || slices.Contains([]string{"manual", "minimal", "respawn", "ccm-only", "valgrind"}, word):
		p.fail(a, fmt.Sprintf("%s %s asks for Pacemaker, and this program manages resources by haresources only", d.Name, a.text),
			"remove the line and describe the resources in haresources, or run Pacemaker with corosync", original...)
	default:
		p.fail(a, fmt.Sprintf("%s: %q is neither on nor off", d.Name, a.text), "write "+d.Name+" off or remove the line", original...)
	}
}
