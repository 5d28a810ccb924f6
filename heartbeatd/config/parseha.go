package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// haParser is the state while ha.cf is read.
type haParser struct {
	ha    *HA
	env   *Env
	file  string // for positions
	orig  string // for messages of the original
	stage Stage
	line  int
	found Findings

	first   map[string]Pos  // where a directive was first used
	udpport int             // 0: not given yet
	latched map[string]int  // port (serial: speed) by kind of medium
	bad     map[string]bool // directives of which a value was refused
}

// origName is name as the original's messages have it, with two slashes before
// the last part.
func origName(name string) string {
	i := strings.LastIndexByte(name, '/')
	if i < 0 || i > 0 && name[i-1] == '/' {
		return name
	}
	return FileIn(name[:i], name[i+1:])
}

// plainName is the opposite of origName, for our own positions.
func plainName(name string) string {
	i := strings.LastIndexByte(name, '/')
	if i > 0 && name[i-1] == '/' {
		return name[:i-1] + name[i:]
	}
	return name
}

// MissingHA is the finding for an ha.cf that cannot be read.
func MissingHA(name string, err error) Findings {
	o := origName(name)
	return Findings{{
		Level: Fail, Refuse: true, Stage: StageLines, Pos: Pos{File: plainName(name)},
		Text:   fmt.Sprintf("cannot be read: %v", err),
		Remedy: "write it (the sample in the documentation is a start) or copy it from the other node",
		Original: []string{
			"ERROR: Cannot open config file [" + o + "]",
			"info: An annotated sample " + o + " file is provided in the documentation.",
			"info: Please copy it to " + o + ", read it, customize it, and try again.",
		},
	}}
}

// ParseHA reads ha.cf: the lines, then the defaults, then the checks across
// lines (heartbeat-config 2 and 3). The HA is complete even when findings
// refuse it, as far as it was understood. name is used in messages only.
func ParseHA(name string, data []byte, env Env) (*HA, Findings) {
	p := &haParser{
		ha:      &HA{File: plainName(name), Node: env.node(), RTPrio: 1},
		env:     &env,
		file:    plainName(name),
		orig:    origName(name),
		first:   map[string]Pos{},
		latched: map[string]int{},
		bad:     map[string]bool{},
	}
	lines, bom := splitLines(data, maxLine)
	if bom {
		p.line = 1
		p.warn(token{col: 1}, "starts with a byte-order mark, which was ignored",
			"save it without one: the original refuses the first line")
	}
	for _, l := range lines {
		p.line = l.num
		p.statement(l.text)
	}
	p.stage, p.line = StageDefaults, 0
	p.defaults()
	p.stage = StageCross
	p.crossChecks()
	return p.ha, p.found
}

// statement handles one line.
func (p *haParser) statement(text string) {
	name, rest, ok := directiveLine(text)
	if !ok {
		return
	}
	d := find(haTable, name.text)
	if d == nil {
		if d = p.forgiveName(name); d == nil {
			return
		}
	}
	st := Statement{Name: d.Name, Pos: p.pos(name)}
	var args []token
	if d.Whole {
		args = []token{rest}
	} else {
		args = words(rest.text, " \t,", rest.col)
		if len(args) == 0 {
			p.add(Finding{Level: Warn, Pos: p.pos(name), Text: fmt.Sprintf("%q has no argument and was ignored", name.text),
				Remedy: "write " + d.Name + " " + d.Syntax + ", or remove the line"})
			return
		}
	}
	if d.Name == "logfile" || d.Name == "debugfile" {
		d, args = p.facilityInPlaceOfFile(d, args)
		st.Name = d.Name
	}
	if _, again := p.first[d.Name]; !again {
		p.first[d.Name] = st.Pos
	}
	for _, a := range args {
		st.Args = append(st.Args, a.text)
		if d.recorded {
			p.record(d.Name, a.text)
		}
		before := len(p.found)
		d.set(p, d, a)
		if p.found[before:].Refused() && !d.Once {
			p.bad[d.Name] = true
		}
	}
	p.ha.Statements = append(p.ha.Statements, st)
}

// forgiveName finds out what an unknown directive was meant to be. Known slips
// and letter case are forgiven with a warning, everything else is refused.
func (p *haParser) forgiveName(name token) *Directive {
	fold := strings.ToLower(name.text)
	if right, ok := misspelt[fold]; ok {
		p.warn(name, fmt.Sprintf("%q was taken for %q", name.text, right),
			"correct the spelling: the original refuses to start with it")
		return find(haTable, right)
	}
	if d := find(haTable, fold); d != nil {
		p.warn(name, fmt.Sprintf("%q was taken for %q", name.text, d.Name),
			"write it in lower case: the original refuses to start with it")
		return d
	}
	remedy := "remove the line"
	if why, ok := foreign[fold]; ok {
		remedy = why
	} else if find(extTable, fold) != nil {
		remedy = "it belongs into " + ExtName + ", since the original refuses it here"
	} else if near := nearest(fold, tableNames(haTable)); near != "" {
		remedy = fmt.Sprintf("did you mean %q?", near)
	}
	p.fail(name, fmt.Sprintf("unknown directive %q", name.text), remedy,
		"ERROR: Illegal directive ["+name.text+"] in "+p.orig)
	return nil
}

// facilityInPlaceOfFile turns "logfile local0" into "logfacility local0": a
// path is never the name of a facility (seed article).
func (p *haParser) facilityInPlaceOfFile(d *Directive, args []token) (*Directive, []token) {
	for _, a := range args {
		if _, ok := facilities[a.text]; !ok {
			return d, args
		}
	}
	p.warn(args[0], fmt.Sprintf("\"%s %s\" names a syslog facility, not a file; it was taken for \"logfacility %s\"", d.Name, args[0].text, args[0].text),
		"write logfacility "+args[0].text+": the original would log into a file of that name in its current directory")
	return find(haTable, "logfacility"), args
}

func (p *haParser) pos(t token) Pos { return Pos{File: p.file, Line: p.line, Col: t.col} }

func (p *haParser) add(f Finding) {
	f.Stage = p.stage
	p.found = append(p.found, f)
}

// fail refuses the start. original are the lines that the original prints.
func (p *haParser) fail(t token, text, remedy string, original ...string) {
	p.add(Finding{Level: Fail, Refuse: true, Pos: p.pos(t), Text: text, Remedy: remedy, Original: original})
}

func (p *haParser) warn(t token, text, remedy string, original ...string) {
	p.add(Finding{Level: Warn, Pos: p.pos(t), Text: text, Remedy: remedy, Original: original})
}

func (p *haParser) note(t token, text string, original ...string) {
	p.add(Finding{Level: Info, Pos: p.pos(t), Text: text, Original: original})
}

// record remembers a directive for HA_<name> and getparm; the last value wins.
func (p *haParser) record(name, value string) {
	for i := range p.ha.Recorded {
		if p.ha.Recorded[i].Name == name {
			p.ha.Recorded[i].Value = value
			return
		}
	}
	p.ha.Recorded = append(p.ha.Recorded, KV{name, value})
}

// Param is the recorded value of a directive, as getparm answers it. crm is the
// old name of pacemaker.
func (h *HA) Param(name string) (string, bool) {
	if name == "crm" {
		name = "pacemaker"
	}
	for _, kv := range h.Recorded {
		if kv.Name == name {
			return kv.Value, true
		}
	}
	return "", false
}

// duration is the setter of a time; least is the smallest value allowed.
func duration(field func(*HA) *time.Duration, least time.Duration) func(*haParser, *Directive, token) {
	return func(p *haParser, d *Directive, a token) {
		v, ok := parseTime(a.text)
		if !ok || v < least {
			p.badTime(d, a)
			return
		}
		*field(p.ha) = v
	}
}

// badTime explains a time that cannot be read. The original has no message of
// its own for most.
func (p *haParser) badTime(d *Directive, a token, original ...string) {
	text := fmt.Sprintf("%s: %q is not a time", d.Name, a.text)
	remedy := "write a number of seconds (2, 1.5) or a number followed by ms (500ms)"
	low := strings.ToLower(a.text)
	num := strings.TrimRight(low, "abcdefghijklmnopqrstuvwxyz")
	if ms, ok := parseTime(low); ok {
		text = fmt.Sprintf("%s: %s is too short", d.Name, formatTime(ms))
		remedy = "write at least 1ms"
	} else if v, ok := parseTime(num); ok && num != low {
		switch unit := low[len(num):]; unit {
		case "s", "sec", "secs", "seconds", "second":
			text = fmt.Sprintf("%s: %q has a unit that ha.cf does not know; seconds are written without one", d.Name, a.text)
			remedy = fmt.Sprintf("write %s %s or %s %s", d.Name, num, d.Name, formatTime(v))
		case "m", "min", "minutes", "minute":
			text = fmt.Sprintf("%s: %q has a unit that ha.cf does not know", d.Name, a.text)
			remedy = fmt.Sprintf("write %s %d (seconds)", d.Name, int64(v/time.Second)*60)
		}
	} else if low == "ms" || low == "msec" || low == "us" || low == "s" {
		text = fmt.Sprintf("%s: %q stands alone; each word is a value of its own", d.Name, a.text)
		remedy = "write the unit directly behind the number, as in 500ms"
	}
	p.fail(a, text, remedy, original...)
}

// boolean is the setter of a switch; original makes the original's lines for a
// word that is none.
func boolean(field func(*HA) *bool, original func(word string) []string) func(*haParser, *Directive, token) {
	return func(p *haParser, d *Directive, a token) {
		v, ok := parseBool(a.text)
		if !ok {
			var o []string
			if original != nil {
				o = original(a.text)
			}
			p.fail(a, fmt.Sprintf("%s: %q is neither on nor off", d.Name, a.text), "write on or off", o...)
			return
		}
		if field != nil {
			*field(p.ha) = v
		}
	}
}

// number is the setter of a number between least and most, read as atoi does.
func number(field func(*HA) *int, least, most int, original func(word string) []string) func(*haParser, *Directive, token) {
	return func(p *haParser, d *Directive, a token) {
		v, whole := atoi(a.text)
		if v < least || v > most {
			var o []string
			if original != nil {
				o = original(a.text)
			}
			p.fail(a, fmt.Sprintf("%s: %q is not a number from %d to %d", d.Name, a.text, least, most), "correct the number", o...)
			return
		}
		if !whole {
			p.warn(a, fmt.Sprintf("%s: %q was taken for %d", d.Name, a.text, v), "write "+d.Name+" "+strconv.Itoa(v))
		}
		*field(p.ha) = v
	}
}

// text is the setter of a free word.
func text(field func(*HA) *string) func(*haParser, *Directive, token) {
	return func(p *haParser, _ *Directive, a token) { *field(p.ha) = a.text }
}
