package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ext is haext.cf: what this program does beyond the original. The classic
// files stay readable for a real peer (DESIGN.md section 4). The zero times
// are never left after ParseExt.
type Ext struct {
	File         string
	LogJSON      bool          // logformat json
	StartTimeout time.Duration // limit for one start of a resource
	StopTimeout  time.Duration // limit for one stop of a resource
	StonithTime  time.Duration // limit for one run of a STONITH device
	ARPRepeat    time.Duration // announce our addresses again this often; 0 never
	// Emergency is what happens where the original reboots the machine:
	// reboot, exit or log. The environment variable HA_EMERGENCY wins over it.
	Emergency string

	Statements []Statement
}

// extTable is the directives of haext.cf. Their setters get the parser of the
// file through extSet; the fields of Directive are shared with ha.cf.
var extTable = []Directive{
	{Name: "logformat", Once: true, Syntax: "classic|json", Default: "classic", Doc: "form of the lines in logfile and debugfile"},
	{Name: "start_timeout", Once: true, Syntax: "TIME", Default: "900", Doc: "a start of a resource that takes longer is killed and counts as failed"},
	{Name: "stop_timeout", Once: true, Syntax: "TIME", Default: "900", Doc: "a stop of a resource that takes longer is killed and counts as failed"},
	{Name: "stonith_timeout", Once: true, Syntax: "TIME", Default: "60", Doc: "a STONITH device that takes longer is killed and counts as failed"},
	{Name: "arp_repeat", Once: true, Syntax: "TIME", Default: "60", Doc: "announce the addresses that we serve again this often; 0 never"},
	{Name: "emergency", Once: true, Syntax: "reboot|exit|log", Default: "reboot", Doc: "what to do where Heartbeat reboots the machine"},
}

// extSet applies one directive; it returns what is wrong with the value, empty if nothing.
var extSet = map[string]func(e *Ext, v string) string{
	"logformat":       extWord(func(e *Ext, v string) { e.LogJSON = v == "json" }, "classic", "json"),
	"start_timeout":   extTime(func(e *Ext) *time.Duration { return &e.StartTimeout }, time.Second),
	"stop_timeout":    extTime(func(e *Ext) *time.Duration { return &e.StopTimeout }, time.Second),
	"stonith_timeout": extTime(func(e *Ext) *time.Duration { return &e.StonithTime }, time.Second),
	"arp_repeat":      extTime(func(e *Ext) *time.Duration { return &e.ARPRepeat }, 0),
	"emergency":       extWord(func(e *Ext, v string) { e.Emergency = v }, "reboot", "exit", "log"),
}

// extWord takes a word out of a few.
func extWord(set func(e *Ext, v string), allowed ...string) func(*Ext, string) string {
	return func(e *Ext, v string) string {
		if !slices.Contains(allowed, v) {
			return fmt.Sprintf("%q is not one of %s", v, strings.Join(allowed, ", "))
		}
		set(e, v)
		return ""
	}
}

// extTime reads a time as ha.cf has it; being ours, the file also takes s and m.
func extTime(field func(*Ext) *time.Duration, least time.Duration) func(*Ext, string) string {
	return func(e *Ext, v string) string {
		d, ok := parseTime(v)
		if unit := len(v) - 1; !ok && unit > 0 {
			if n, err := strconv.ParseUint(v[:unit], 10, 24); err == nil && (v[unit] == 's' || v[unit] == 'm') {
				d, ok = time.Duration(n)*time.Second, true
				if v[unit] == 'm' {
					d *= 60
				}
			}
		}
		switch {
		case !ok:
			return fmt.Sprintf("%q is not a time; write 30, 30s, 500ms or 15m", v)
		case d < least:
			return fmt.Sprintf("%q is too short; the least is %s", v, least)
		}
		*field(e) = d
		return ""
	}
}

// DefaultExt is the meaning of an absent haext.cf.
func DefaultExt() *Ext {
	e := &Ext{}
	for _, d := range extTable {
		extSet[d.Name](e, d.Default)
	}
	return e
}

// ParseExt reads haext.cf: one directive and its value on a line, # begins a
// comment. Mistakes refuse the start.
func ParseExt(name string, data []byte) (*Ext, Findings) {
	e := DefaultExt()
	e.File = plainName(name)
	var fs Findings
	first := map[string]Pos{}
	lines, _ := splitLines(data, 0)
	for _, l := range lines {
		word, rest, ok := directiveLine(l.text)
		if !ok {
			continue
		}
		at := func(t token) Pos { return Pos{File: e.File, Line: l.num, Col: t.col} }
		fail := func(t token, text, remedy string) {
			fs = append(fs, Finding{Level: Fail, Refuse: true, Stage: StageExt, Pos: at(t), Text: text, Remedy: remedy})
		}
		d := find(extTable, strings.ToLower(word.text))
		prev, again := Pos{}, false
		if d != nil {
			prev, again = first[d.Name]
		}
		switch {
		case d == nil && find(haTable, strings.ToLower(word.text)) != nil:
			fail(word, fmt.Sprintf("%q is a directive of ha.cf", word.text), "move the line there")
		case d == nil:
			remedy := "the directives are " + strings.Join(tableNames(extTable), ", ")
			if near := nearest(word.text, tableNames(extTable)); near != "" {
				remedy = fmt.Sprintf("did you mean %q?", near)
			}
			fail(word, fmt.Sprintf("unknown directive %q", word.text), remedy)
		case again:
			fail(word, fmt.Sprintf("%s is given in line %d already", d.Name, prev.Line), "remove one of them")
		default:
			first[d.Name] = at(word)
			v := strings.ToLower(rest.text)
			if wrong := extSet[d.Name](e, v); wrong != "" {
				fail(rest, d.Name+": "+wrong, "write "+d.Name+" "+d.Default+" for the default")
				continue
			}
			e.Statements = append(e.Statements, Statement{Name: d.Name, Args: []string{v}, Pos: at(word)})
		}
	}
	return e, fs
}
