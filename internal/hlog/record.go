package hlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// record is one line on its way to the sinks.
type record struct {
	at     time.Time
	level  Level
	entity string // heartbeat, ipfail, cl_status
	pid    int
	tag    string // a script's NAME(INSTANCE)[PID]; "" for the daemon
	text   string
	kv     []string // name, value, ...: for JSON and debug lines only
}

// Layouts of the time stamps. The months are English whatever the locale.
const (
	stampSyslog  = "Jan _2 15:04:05"     // Nov 21 00:25:43, day padded with a blank
	stampClassic = "2006/01/02_15:04:05" // 2026/11/21_00:25:43
)

// ScriptTag is the tag of a script's lines: NAME(INSTANCE)[PID]. An empty
// instance is "default", as the daemon's environment sets it.
func ScriptTag(name, instance string, pid int) string {
	if instance == "" {
		instance = "default"
	}
	return name + "(" + instance + ")[" + strconv.Itoa(pid) + "]"
}

// appendSyslogStyle is the line of a file with syslogmsgfmt true:
//
//	Nov 21 00:25:43 node1 heartbeat: [48]: info: TEXT
func (r *record) appendSyslogStyle(b []byte, host string) []byte {
	b = r.at.AppendFormat(b, stampSyslog)
	b = append(b, ' ')
	if host != "" {
		b = append(append(b, host...), ' ')
	}
	b = append(append(b, r.entity...), ": "...)
	return append(r.appendBody(b), '\n')
}

// appendClassic is the line of a file with syslogmsgfmt false:
//
//	heartbeat[48]: 2026/11/21_00:25:43 info: TEXT
func (r *record) appendClassic(b []byte) []byte {
	b = append(append(b, r.entity...), '[')
	b = strconv.AppendInt(b, int64(r.pid), 10)
	b = append(b, "]: "...)
	b = r.at.AppendFormat(b, stampClassic)
	b = append(b, ' ')
	b = append(append(b, r.level.String()...), ": "...)
	return append(r.appendText(b), '\n')
}

// appendScriptLog is a script's line in the log file (two blanks, tag, four blanks):
//
//	2026/11/21_00:28:34  harc(default)[52]:    info: TEXT
func (r *record) appendScriptLog(b []byte) []byte {
	b = r.at.AppendFormat(b, stampClassic)
	b = append(append(b, "  "...), r.tag...)
	return append(r.appendText(append(b, ":    "...)), '\n')
}

// appendScriptDebug is a script's line in the debug file (a tab after the tag):
//
//	harc(default)[52]:	2026/11/21_00:28:34 info: TEXT
func (r *record) appendScriptDebug(b []byte) []byte {
	b = append(append(b, r.tag...), ":\t"...)
	b = r.at.AppendFormat(b, stampClassic)
	return append(r.appendText(append(b, ' ')), '\n')
}

// appendScriptStderr is what a script prints on a terminal: TAG: TEXT.
func (r *record) appendScriptStderr(b []byte) []byte {
	b = append(append(b, r.tag...), ": "...)
	return append(r.appendText(b), '\n')
}

// appendDatagram is what goes to /dev/log, without newline or NUL:
//
//	<134>Nov 21 00:25:43 heartbeat: [48]: info: TEXT
//	<133>Nov 21 00:28:34 harc(default)[51]: info: TEXT
func (r *record) appendDatagram(b []byte, f Facility) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(int(f)|r.level.severity()), 10)
	b = append(b, '>')
	b = r.at.AppendFormat(b, stampSyslog)
	b = append(b, ' ')
	if r.tag != "" {
		b = append(append(b, r.tag...), ": "...)
		return r.appendText(b)
	}
	b = append(append(b, r.entity...), ": "...)
	return r.appendBody(b)
}

// appendJSON is one object a line. The fixed names come first, in this order.
func (r *record) appendJSON(b []byte, host string) []byte {
	b = append(b, '{')
	b = appendJSONPair(b, "time", r.at.Format(time.RFC3339Nano))
	b = appendJSONPair(b, "level", r.level.String())
	b = appendJSONPair(b, "host", host)
	if r.tag != "" {
		b = appendJSONPair(b, "script", r.tag)
	} else {
		b = appendJSONPair(b, "entity", r.entity)
		b = append(b, `,"pid":`...)
		b = strconv.AppendInt(b, int64(r.pid), 10)
	}
	b = appendJSONPair(b, "text", r.text)
	for i := 0; i+1 < len(r.kv); i += 2 {
		b = appendJSONPair(b, r.kv[i], r.kv[i+1])
	}
	return append(b, "}\n"...)
}

func appendJSONPair(b []byte, name, value string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = appendJSONString(b, name)
	return appendJSONString(append(b, ':'), value)
}

// appendJSONString leaves < > & alone: the lines are read by people too.
func appendJSONString(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string always encodes
		return append(b, `""`...)
	}
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// appendBody is `[48]: info: TEXT`.
func (r *record) appendBody(b []byte) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(r.pid), 10)
	b = append(b, "]: "...)
	b = append(append(b, r.level.String()...), ": "...)
	return r.appendText(b)
}

// appendText is the text made safe, and the pairs on debug lines.
func (r *record) appendText(b []byte) []byte {
	b = appendSafe(b, r.text)
	if r.level == Debug {
		for i := 0; i+1 < len(r.kv); i += 2 {
			b = append(b, ' ')
			b = append(appendSafe(b, r.kv[i]), '=')
			b = appendSafe(b, r.kv[i+1])
		}
	}
	return b
}

// appendSafe shows control characters in escaped form, except the tab; bytes
// above 0x7f stay, since node names and scripts may use any encoding.
func appendSafe(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c < 0x20 && c != '\t', c == 0x7f:
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return b
}
