package config

import (
	"math"
	"time"
)

var timingTable = []Directive{
	{Name: "keepalive", Syntax: "TIME", Default: "1000ms", Doc: "time between two heartbeats", recorded: true,
		set: duration(func(h *HA) *time.Duration { return &h.Keepalive }, time.Millisecond)},
	{Name: "deadtime", Syntax: "TIME", Default: "30000ms", Doc: "silence after which a node is declared dead; more than twice keepalive", recorded: true,
		set: duration(func(h *HA) *time.Duration { return &h.Deadtime }, 0)},
	{Name: "warntime", Syntax: "TIME", Doc: "lateness of a heartbeat that is worth a warning; default half of deadtime", recorded: true, set: setWarntime},
	{Name: "initdead", Syntax: "TIME", Doc: "deadtime while the cluster starts; default deadtime, at least 12 s", recorded: true,
		set: duration(func(h *HA) *time.Duration { return &h.Initdead }, 0)},
	{Name: "deadping", Syntax: "TIME", Doc: "deadtime of ping nodes; default deadtime", recorded: true,
		set: duration(func(h *HA) *time.Duration { return &h.Deadping }, 0)},
	{Name: "hopfudge", Syntax: "NUMBER", Default: "1", Doc: "hops of a message beyond the number of nodes", recorded: true,
		set: number(func(h *HA) *int { return &h.HopFudge }, 0, 255, nil)},
	{Name: "max_rexmit_delay", Syntax: "MILLISECONDS", Default: "250", Doc: "longest wait before a lost message is asked for again", recorded: true,
		set: setMaxRexmitDelay},
}

func setWarntime(p *haParser, d *Directive, a token) {
	v, ok := parseTime(a.text)
	if !ok || v <= 0 {
		p.badTime(d, a, "Warn time ["+a.text+"] is invalid.")
		return
	}
	p.ha.Warntime = v
}

func setMaxRexmitDelay(p *haParser, d *Directive, a token) {
	var ms int
	number(func(*HA) *int { return &ms }, 1, math.MaxInt32, func(w string) []string {
		return []string{"ERROR: Invalid max_rexmit_delay time(" + w + ")"}
	})(p, d, a)
	if ms > 0 {
		p.ha.MaxRexmitDelay = time.Duration(ms) * time.Millisecond
	}
}
