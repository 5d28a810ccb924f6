package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaults fills in what the file does not say. Fixed defaults go through the
// directive's own setter, in the original's order, and are recorded.
func (p *haParser) defaults() {
	for _, name := range defaultOrder {
		d := find(haTable, name)
		if p.given(name) || name == "pacemaker" && p.first["pacemaker value"] != (Pos{}) {
			continue
		}
		if d.Name == "auto_failback" && p.ha.AutoFailback != FailbackLegacy {
			continue // nice_failback has spoken
		}
		set := p.ha.AutoFailbackSet
		d.set(p, d, token{text: d.Default})
		p.ha.AutoFailbackSet = set
	}
	for _, name := range defaultOrder {
		if _, set := p.ha.Param(name); !set {
			p.record(name, find(haTable, name).Default)
		}
	}
}

// given reports whether the file has a directive with a value that could be used.
func (p *haParser) given(name string) bool {
	_, set := p.first[name]
	return set && !p.bad[name]
}

// crossChecks looks at the configuration as a whole; all findings are reported
// together (heartbeat-config 3, "Order of checks at start").
func (p *haParser) crossChecks() {
	whole := token{}
	if len(p.ha.Media) == 0 && !slices.ContainsFunc(mediaTable, func(d Directive) bool { return p.bad[d.Name] }) {
		p.fail(whole, "no medium for heartbeats is defined", "add a line such as bcast eth0", "ERROR: No heartbeat media defined")
	}
	p.checkNodes()
	p.checkTimes()
	if p.ha.AutoFailback == FailbackLegacy {
		why := "auto_failback is legacy"
		if !p.ha.AutoFailbackSet {
			why = "auto_failback is missing, which means legacy"
		}
		p.warn(whole, why, "write auto_failback on or auto_failback off, the same on all nodes",
			"WARN: Deprecated 'legacy' auto_failback option selected.", "WARN: Please convert to 'auto_failback on'.",
			"WARN: See documentation for conversion details.")
	}
	p.checkLogging()
	if p.ha.Autojoin != "none" {
		p.fail(p.where("autojoin"), "autojoin "+p.ha.Autojoin+" cannot be used with haresources", "remove the line or write autojoin none",
			"ERROR: R1 style resource management conflicts with  autojoin set", "ERROR: You need either unset autojoin or enable crm")
	}
	if _, ok := p.ha.Param("debug"); !ok {
		p.record("debug", "0")
	}
	if p.ha.UDPPort = p.portNow(); p.udpport == 0 {
		p.record("udpport", strconv.Itoa(p.ha.UDPPort))
	}
	for _, def := range defaultAPIAuth {
		client, _, _ := strings.Cut(def, " ")
		if !slices.ContainsFunc(p.ha.APIAuth, func(a APIAuth) bool { return a.Client == client }) {
			// A missing user (hacluster) is not this file's mistake: then nobody matches.
			if a, problem := p.apiAuth(token{text: def}); problem == nil {
				a.Default, a.Pos = true, Pos{}
				p.ha.APIAuth = append(p.ha.APIAuth, a)
			}
		}
	}
}

// where makes the finding stand at the first use of a directive.
func (p *haParser) where(name string) token {
	pos := p.first[name]
	p.line = pos.Line
	return token{col: pos.Col}
}

func (p *haParser) checkNodes() {
	defer func() { p.line = 0 }()
	ha := p.ha
	if len(ha.Nodes) == 0 {
		p.fail(token{}, "no nodes are defined", "add a line node NAME for each node, named as uname -n prints it there", "ERROR: no nodes defined")
	}
	if ha.Node == "" || slices.Contains(ha.Nodes, ha.Node) {
		return
	}
	from := "uname -n"
	if p.env.NodeinfoUsed {
		from = NodeinfoName
	}
	text := fmt.Sprintf("this machine is %q (%s), which is not among the nodes", ha.Node, from)
	remedy := "add node " + ha.Node
	at := p.where("node")
	if len(ha.Nodes) > 0 {
		text += " " + strings.Join(ha.Nodes, " ")
		short, _, _ := strings.Cut(ha.Node, ".")
		for _, n := range ha.Nodes {
			nShort, _, _ := strings.Cut(n, ".")
			switch {
			case nShort == short:
				text = fmt.Sprintf("this machine is %q (%s) and the file says %q: the names must be equal, with or without domain", ha.Node, from, n)
				remedy = fmt.Sprintf("write node %s here and in haresources on all nodes, or put %s into %s/%s of this machine", ha.Node, n, HADir, NodeinfoName)
			case nearest(ha.Node, []string{n}) != "" && remedy == "add node "+ha.Node:
				remedy = fmt.Sprintf("add node %s, or correct %q if that was meant", ha.Node, n)
			}
		}
	}
	p.fail(at, text, remedy,
		"ERROR: Current node ["+ha.Node+"] not in configuration!",
		"info: By default, cluster nodes are named by `uname -n` and must be declared with a 'node' directive in the ha.cf file.",
		"info: See also: http://linux-ha.org/wiki/Ha.cf#node_directive")
}

// checkTimes fills in the times that depend on deadtime and compares them.
func (p *haParser) checkTimes() {
	defer func() { p.line = 0 }()
	ha := p.ha
	haveInit := p.given("initdead")
	derive := func(name string, field *time.Duration, v time.Duration) {
		if p.given(name) {
			return
		}
		*field = v
		p.record(name, formatTime(v))
	}
	derive("warntime", &ha.Warntime, ha.Deadtime/2)
	init := ha.Deadtime
	switch {
	case ha.Deadtime < 6*time.Second:
		init = 12 * time.Second
	case ha.Deadtime <= 10*time.Second:
		init = 2 * ha.Deadtime
	}
	derive("initdead", &ha.Initdead, init)
	derive("deadping", &ha.Deadping, ha.Deadtime)
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	if ha.Deadtime <= 2*ha.Keepalive {
		p.fail(p.where("deadtime"), fmt.Sprintf("deadtime %s is too small: it must be more than twice keepalive (%s)", formatTime(ha.Deadtime), formatTime(ha.Keepalive)),
			fmt.Sprintf("write deadtime %s or more", formatTime(4*ha.Keepalive)),
			"ERROR: Dead time ["+ms(ha.Deadtime)+"] is too small compared to keeplive ["+ms(ha.Keepalive)+"]")
	}
	switch {
	case ha.Initdead < ha.Deadtime:
		p.fail(p.where("initdead"), fmt.Sprintf("initdead %s is smaller than deadtime %s", formatTime(ha.Initdead), formatTime(ha.Deadtime)),
			"write at least twice deadtime", "ERROR: Initial dead time ["+ms(ha.Initdead)+"] is smaller than deadtime ["+ms(ha.Deadtime)+"]")
	case ha.Initdead < 10*time.Second && haveInit:
		p.warn(p.where("initdead"), fmt.Sprintf("initdead %s may be too small: networks take time to start", formatTime(ha.Initdead)), "write 10 s or more",
			"WARN: Initial dead time ["+ms(ha.Initdead)+" ms] may be too small!",
			"info: Initial dead time accounts for slow network startup time", "info: It should be >= deadtime and >= 10 seconds")
	}
	// The original compares deadping only where it is given.
	if ha.Deadping <= 2*ha.Keepalive && p.given("deadping") {
		p.fail(p.where("deadping"), fmt.Sprintf("deadping %s is too small: it must be more than twice keepalive (%s)", formatTime(ha.Deadping), formatTime(ha.Keepalive)),
			fmt.Sprintf("write deadping %s or more", formatTime(4*ha.Keepalive)),
			"ERROR: Ping dead time ["+ms(ha.Deadping)+"] is too small compared to keeplive ["+ms(ha.Keepalive)+"]")
	}
}

// checkLogging settles where log lines go.
func (p *haParser) checkLogging() {
	defer func() { p.line = 0 }()
	log := &p.ha.Log
	facility, _ := p.ha.Param("logfacility")
	_, haveFile := p.ha.Param("logfile")
	_, haveDebug := p.ha.Param("debugfile")
	haveFacility := facility != "" && facility != "none"
	_, logdSet := p.first["use_logd"]
	switch {
	case !haveFile && !haveDebug && !haveFacility && !logdSet:
		log.UseLogd = true
		p.warn(token{}, "no logfile, debugfile or logfacility: log lines go to syslog (daemon)", "write logfacility daemon or logfile /var/log/ha-log",
			"info: No log entry found in ha.cf -- use logd", logdMissing, logdOn, logdFiles)
	case !haveFile && !haveDebug && !haveFacility && !log.UseLogd:
		p.fail(p.where("use_logd"), "use_logd is off and there is no logfile, debugfile or logfacility: nothing would be logged",
			"write logfacility daemon", "ERROR: No log entry found in ha.cf and use_logd is set to off", logdMissing)
	case log.UseLogd && (haveFile || haveDebug || haveFacility):
		also := "logfile/debugfile"
		if haveFacility {
			also += "/logfacility"
		}
		p.warn(p.where("use_logd"), "use_logd is on and "+also+" are given as well", "remove use_logd",
			"WARN: logd is enabled but "+also+" is still configured in ha.cf")
	case !log.UseLogd:
		p.note(token{}, "the logging daemon is not used", logdOff)
	}
	if haveFacility {
		if !haveFile {
			p.record("logfile", nullDevice)
		}
		if !haveDebug {
			p.record("debugfile", nullDevice)
		}
	}
	if log.UseLogd && log.Facility == "" {
		log.Facility, log.FacilityCode = "daemon", facilities["daemon"]
	}
}
