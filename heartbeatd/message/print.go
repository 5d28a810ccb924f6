package message

import (
	"encoding/hex"
	"strconv"
)

// maxPrinted is how many bytes of one value String shows: log lines stay short
// whatever a peer sends.
const maxPrinted = 256

// String is the message in one line for logs: t=status st=up ... Fields that
// only fill the line (uuids, load, signature) are left out. Control characters
// are escaped, so that a value cannot forge a log line.
func (m *Message) String() string {
	return string(m.print(nil, true))
}

func (m *Message) print(b []byte, brief bool) []byte {
	start := len(b)
	for i := range m.Fields {
		f := &m.Fields[i]
		if brief && unprinted(f.Name) {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		if f.Kind != String {
			b = append(b, '(', '0'+byte(f.Kind), ')')
		}
		b = appendEscaped(b, []byte(f.Name))
		b = append(b, '=')
		switch f.Kind {
		case Nested, ToCompress:
			b = append(b, '{')
			b = f.Child.print(b, false)
			b = append(b, '}')
		case List:
			b = appendEscaped(b, appendList(nil, f.List))
		case Binary, Compressed:
			v := f.Value[:min(len(f.Value), 32)]
			b = append(b, '0', 'x')
			b = hex.AppendEncode(b, v)
			if len(v) < len(f.Value) {
				b = append(b, "..."...)
			}
		default:
			b = appendEscaped(b, f.Value)
		}
	}
	return b
}

func unprinted(name string) bool {
	switch name {
	case "srcuuid", "destuuid", "ld", "auth":
		return true
	}
	return false
}

// appendEscaped appends at most maxPrinted bytes of v, control characters and
// bytes above ASCII as \xNN.
func appendEscaped(b, v []byte) []byte {
	cut := len(v) > maxPrinted
	if cut {
		v = v[:maxPrinted]
	}
	for _, c := range v {
		if c < ' ' || c > '~' {
			b = append(b, '\\', 'x')
			b = hex.AppendEncode(b, []byte{c})
			continue
		}
		b = append(b, c)
	}
	if cut {
		b = append(b, "..."...)
	}
	return b
}

// dumpField is one line of the original's dump of a message.
func dumpField(i int, f *Field) string {
	b := append([]byte("MSG["), strconv.Itoa(i)...)
	b = append(b, "] : ["...)
	one := Message{Fields: []Field{*f}}
	b = one.print(b, false)
	return string(append(b, ']'))
}

// Dump is the message as the lines that the original logs when it refuses one.
func (m *Message) Dump() []string {
	lines := make([]string, 0, len(m.Fields)+1)
	lines = append(lines, "MSG: Dumping message with "+strconv.Itoa(len(m.Fields))+" fields")
	for i := range m.Fields {
		lines = append(lines, dumpField(i, &m.Fields[i]))
	}
	return lines
}
