package message

import (
	"bytes"
	"fmt"
)

// Limits of what is read. Beyond them a frame is refused with TooLarge.
const (
	MaxFrame        = 262144  // bytes of a frame (heartbeat-wire 1)
	MaxUncompressed = 2097152 // bytes of a frame after decompression
	MaxDepth        = 16      // nested messages; the text form knows 16 newline bytes
	MaxElements     = 8192    // fields and list items of a frame, children included
)

// Format is the wire form of a frame.
type Format uint8

// Forms of frames.
const (
	FormatNone Format = iota
	FormatText
	FormatNetstring
)

func (f Format) String() string {
	switch f {
	case FormatText:
		return "text"
	case FormatNetstring:
		return "netstring"
	}
	return "none"
}

// Info says how a frame was written and signed.
type Info struct {
	Format      Format
	KeyNum      int    // number of the key that signed; -1 if not checked
	FallbackKey bool   // signed with the secret of the current key under another number
	Compression string // "", "zlib", "bz2"
	InnerFormat Format // form of the compressed payload
}

// Reason is why a frame was refused.
type Reason uint8

// Reasons. NoAuth, UnknownKey and BadAuth mean that the frame was well formed.
const (
	Garbage     Reason = iota + 1 // does not begin like a frame
	Malformed                     // begins like one, but is not
	TooLarge                      // beyond a limit
	NoAuth                        // no signature, or none that can be read
	UnknownKey                    // signed with a number that authkeys does not have
	BadAuth                       // wrong signature
	Compression                   // cannot be decompressed
)

func (r Reason) String() string {
	switch r {
	case Garbage:
		return "garbage"
	case Malformed:
		return "malformed"
	case TooLarge:
		return "too large"
	case NoAuth:
		return "not signed"
	case UnknownKey:
		return "unknown key"
	case BadAuth:
		return "bad signature"
	case Compression:
		return "bad compression"
	}
	return "none"
}

// ParseError tells why a frame was refused.
type ParseError struct {
	Reason  Reason
	Format  Format
	Detail  string
	KeyNum  int      // UnknownKey, BadAuth
	Got     string   // BadAuth: the digest in the frame
	Want    string   // BadAuth: the digest it should have had
	Message *Message // what was read, NOT authenticated, for logs only; may be nil
}

func (e *ParseError) Error() string {
	if e.Detail == "" {
		return "heartbeat message: " + e.Reason.String()
	}
	return fmt.Sprintf("heartbeat message: %s: %s", e.Reason, e.Detail)
}

// LogLines is what the original logs about the frame, each line with its level
// word; none for rubbish, which it drops in silence (heartbeat-wire 6 and 9).
// The original's raw copies of the frame are left out.
// The caller adds Message.Dump where dump is true, and honours log_badpack.
func (e *ParseError) LogLines() (lines []string, dump bool) {
	if e.Message == nil {
		return nil, false
	}
	if e.Format == FormatNetstring {
		switch e.Reason {
		case UnknownKey:
			return []string{fmt.Sprintf("WARN: Invalid authentication [%d] in message!", e.KeyNum)}, true
		case NoAuth:
			return []string{"ERROR: peel_netstring() error in getting auth string"}, false
		case BadAuth:
			// The original prints the digest that it wanted: who can read the log could
			// then sign that frame.
			return []string{fmt.Sprintf("ERROR: authtoken does not match, authtoken=%s",
				appendEscaped(nil, []byte(e.Got)))}, true
		}
		return nil, false
	}
	from := "?"
	if s, ok := e.Message.Lookup("src"); ok {
		from = string(appendEscaped(nil, []byte(s)))
	}
	failed := fmt.Sprintf("WARN: string2msg_ll: node [%s] failed authentication", from)
	switch e.Reason {
	case NoAuth:
		return []string{"WARN: Bad/invalid auth token, authtoken=(nil)", failed}, false
	case UnknownKey:
		return []string{fmt.Sprintf("WARN: Invalid authentication type [%d] in message!", e.KeyNum), failed}, false
	case BadAuth:
		return []string{failed}, false
	}
	return nil, false
}

// Parse decodes and authenticates one datagram or serial frame. keys nil means
// not to authenticate (FIFO, client API). Errors are *ParseError. The frame is
// not kept.
//
// Text is verified by its auth field, netstring by its trailer alone, with the
// key of the number it names or, for a trailer, with the current key's secret
// (heartbeat-wire 6). A compressed message is verified before it is unpacked.
func Parse(frame []byte, keys *Keys) (*Message, Info, error) {
	info := Info{KeyNum: -1}
	if len(frame) > MaxFrame {
		return nil, info, &ParseError{Reason: TooLarge, Detail: fmt.Sprintf("%d bytes", len(frame))}
	}
	p := parser{}
	m, err := p.parseAuthentic(bytes.Clone(frame), keys, &info)
	if err != nil {
		return nil, info, err
	}
	if m.find(payloadField, Binary) < 0 {
		return m, info, nil
	}
	m, err = p.parseCompressed(m, &info)
	return m, info, err
}

// parser holds what is counted over a whole frame, its children included.
type parser struct {
	format   Format
	elements int
}

func (p *parser) fail(r Reason, detail string) error {
	return &ParseError{Reason: r, Format: p.format, Detail: detail}
}

// count adds n fields or list items.
func (p *parser) count(n int) error {
	p.elements += n
	if p.elements > MaxElements {
		return p.fail(TooLarge, "too many fields")
	}
	return nil
}

// guess bounds an allocation made ahead of parsing.
func (p *parser) guess(n int) int { return min(n, 32) }

func (p *parser) checkName(name []byte) error {
	switch {
	case len(name) == 0:
		return p.fail(Malformed, "field without name")
	case bytes.ContainsAny(name, "\n\x00"),
		bytes.HasPrefix(name, textBegin[:3]), bytes.HasPrefix(name, textEnd[:3]):
		// Such a name would be read as something else in text form.
		return p.fail(Malformed, "bad name of a field")
	}
	if _, ok := kindPrefix(name); ok {
		return p.fail(Malformed, "bad name of a field")
	}
	return nil
}

func quoteName(name []byte) string { return string(appendEscaped(nil, name)) }

// parseFrame decodes a frame by its first four bytes and returns what follows
// a netstring frame.
func (p *parser) parseFrame(b []byte) (m *Message, rest []byte, err error) {
	switch {
	case bytes.HasPrefix(b, nsBegin):
		p.format = FormatNetstring
		return p.parseNetstring(b, 0)
	case bytes.HasPrefix(b, textBegin):
		p.format = FormatText
		m, err = p.parseText(b, 0)
		return m, nil, err
	}
	return nil, nil, p.fail(Garbage, "")
}

func (p *parser) parseAuthentic(b []byte, keys *Keys, info *Info) (*Message, error) {
	m, rest, err := p.parseFrame(b)
	if err != nil {
		return nil, err
	}
	info.Format = p.format
	if keys == nil {
		return m, nil
	}
	var sig []byte
	var v verdict
	if p.format == FormatNetstring {
		signed := b[:len(b)-len(rest)]
		if sig, _, _ = peel(rest); sig != nil {
			v = keys.verify(sig, signed, true)
		} else {
			v.reason = NoAuth
		}
	} else if i := m.find("auth", String); i >= 0 {
		sig = m.Fields[i].Value
		v = keys.verify(sig, m.appendTextBody(nil, true, 0), false)
	} else {
		v.reason = NoAuth
	}
	info.KeyNum, info.FallbackKey = v.num, v.fallback
	if v.reason == 0 {
		return m, nil
	}
	_, got, _ := splitSignature(sig)
	return nil, &ParseError{Reason: v.reason, Format: p.format, KeyNum: v.num,
		Got: string(got), Want: string(v.want), Message: m}
}
