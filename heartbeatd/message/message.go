// Package message is the Heartbeat message: an ordered list of typed fields,
// its two wire forms (classic text and netstring), their signatures, and
// compression. It is pure: no I/O, no clock, results only from arguments.
//
// Data flow: a datagram or serial frame goes through Parse, which picks the
// form by the first four bytes, checks the signature with the Keys and undoes
// compression. Serial bytes are cut into frames by a Framer first. The three
// Append methods are the way back. Parsers are total: any bytes give a message
// or a *ParseError, with memory bounded by the limits in parse.go.
//
// Specification: heartbeat-wire 2 to 7.
package message

import "bytes"

// Kind is the type of a field (heartbeat-wire 2).
type Kind uint8

// Kinds of fields. The numbers are those on the wire.
const (
	String     Kind = 0 // text without NUL
	Binary     Kind = 1 // raw bytes
	Nested     Kind = 2 // a message
	List       Kind = 3 // strings
	Compressed Kind = 4 // a compressed message, kept as raw bytes
	ToCompress Kind = 5 // a message that a sender may compress; sent as Nested
)

func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Binary:
		return "binary"
	case Nested:
		return "nested"
	case List:
		return "list"
	case Compressed:
		return "compressed"
	case ToCompress:
		return "to-compress"
	}
	return "unknown"
}

// Field is one field. Which of Value, Child and List counts depends on Kind.
type Field struct {
	Kind  Kind
	Name  string
	Value []byte   // String, Binary, Compressed
	Child *Message // Nested, ToCompress
	List  []string // List
}

// Message is an ordered list of fields. The same name may occur twice; look-ups
// take the first, as the original's daemon does. The zero value is empty.
type Message struct {
	Fields []Field
}

// New makes a message of string fields from name, value pairs. It panics on an
// odd number of arguments.
func New(kv ...string) *Message {
	if len(kv)%2 != 0 {
		panic("message.New: odd number of arguments")
	}
	m := &Message{Fields: make([]Field, 0, len(kv)/2+8)} // room for the daemon's header
	for i := 0; i < len(kv); i += 2 {
		m.Add(kv[i], kv[i+1])
	}
	return m
}

// find returns the index of the first field of that name with a plain value of
// that kind, or -1.
func (m *Message) find(name string, kind Kind) int {
	for i := range m.Fields {
		if m.Fields[i].Kind == kind && m.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Get returns the first string field of that name, "" if there is none.
func (m *Message) Get(name string) string {
	v, _ := m.Lookup(name)
	return v
}

// Lookup returns the first string field of that name and whether it exists.
func (m *Message) Lookup(name string) (string, bool) {
	if i := m.find(name, String); i >= 0 {
		return string(m.Fields[i].Value), true
	}
	return "", false
}

// Bin returns the first binary field of that name, nil if there is none.
func (m *Message) Bin(name string) []byte {
	if i := m.find(name, Binary); i >= 0 {
		return m.Fields[i].Value
	}
	return nil
}

// Set replaces the value of the first string field of that name in place, or
// appends the field. The order matters for signing (heartbeat-wire 8).
func (m *Message) Set(name, value string) {
	if i := m.find(name, String); i >= 0 {
		m.Fields[i].Value = []byte(value)
		return
	}
	m.Add(name, value)
}

// SetBin is Set for a binary field. The message keeps v.
func (m *Message) SetBin(name string, v []byte) {
	if i := m.find(name, Binary); i >= 0 {
		m.Fields[i].Value = v
		return
	}
	m.Fields = append(m.Fields, Field{Kind: Binary, Name: name, Value: v})
}

// Add appends a string field.
func (m *Message) Add(name, value string) {
	m.Fields = append(m.Fields, Field{Name: name, Value: []byte(value)})
}

// Del removes all fields of that name, of whatever kind.
func (m *Message) Del(name string) {
	kept := m.Fields[:0]
	for _, f := range m.Fields {
		if f.Name != name {
			kept = append(kept, f)
		}
	}
	clear(m.Fields[len(kept):])
	m.Fields = kept
}

// Clone returns a deep copy.
func (m *Message) Clone() *Message {
	c := &Message{Fields: make([]Field, len(m.Fields), len(m.Fields)+4)}
	for i, f := range m.Fields {
		f.Value = bytes.Clone(f.Value)
		if f.Child != nil {
			f.Child = f.Child.Clone()
		}
		f.List = append([]string(nil), f.List...)
		c.Fields[i] = f
	}
	return c
}

// nests tells whether a field holds a message: such messages carry no inner
// auth in netstring form (heartbeat-wire 7).
func (m *Message) nests() bool {
	for i := range m.Fields {
		switch m.Fields[i].Kind {
		case Nested, Compressed, ToCompress:
			return true
		}
	}
	return false
}
