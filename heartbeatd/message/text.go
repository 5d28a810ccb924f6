package message

import (
	"bytes"
	"encoding/base64"
)

// Marks of the classic text form (heartbeat-wire 3).
var (
	textBegin = []byte(">>>\n")
	textEnd   = []byte("<<<\n")
)

// newlineInValue stands for a newline inside a string value.
const newlineInValue = 0x13

// depthNewline stands for the newlines of a nested message, by its depth.
var depthNewline = [MaxDepth]byte{20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 15, 16, 17, 18}

// AppendText appends the classic text form. With keys the auth field is
// computed and put last; without, the fields go out as they are. nul adds the
// NUL that ends a datagram and a client API body, but not a serial frame.
func (m *Message) AppendText(dst []byte, keys *Keys, nul bool) []byte {
	dst = append(dst, textBegin...)
	body := len(dst)
	dst = m.appendTextBody(dst, keys != nil, 0)
	if keys != nil {
		signed := dst[body:len(dst):len(dst)]
		dst = append(dst, "auth="...)
		dst = keys.appendSignature(dst, signed)
		dst = append(dst, '\n')
	}
	dst = append(dst, textEnd...)
	if nul {
		dst = append(dst, 0)
	}
	return dst
}

// appendTextBody appends the lines of all fields. Without auth it is the text
// that an inner auth field signs.
func (m *Message) appendTextBody(dst []byte, skipAuth bool, depth int) []byte {
	for i := range m.Fields {
		f := &m.Fields[i]
		if skipAuth && f.Name == "auth" {
			continue
		}
		if f.Kind != String {
			k := f.Kind
			if k == ToCompress {
				k = Nested // never on the wire (heartbeat-wire 2)
			}
			dst = append(dst, '(', '0'+byte(k), ')')
		}
		dst = append(dst, f.Name...)
		dst = append(dst, '=')
		switch f.Kind {
		case Binary, Compressed:
			dst = base64.StdEncoding.AppendEncode(dst, f.Value)
		case Nested, ToCompress:
			dst = f.Child.appendTextChild(dst, depth)
		case List:
			at := len(dst)
			dst = appendList(dst, f.List)
			replaceByte(dst[at:], '\n', newlineInValue)
		default:
			at := len(dst)
			dst = append(dst, f.Value...)
			replaceByte(dst[at:], '\n', newlineInValue)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendTextChild appends m as the value of a field at depth. Deeper than the
// format can say, nothing is sent in its place.
func (m *Message) appendTextChild(dst []byte, depth int) []byte {
	if depth >= MaxDepth {
		return dst
	}
	at := len(dst)
	dst = append(dst, textBegin...)
	dst = m.appendTextBody(dst, false, depth+1)
	dst = append(dst, textEnd...)
	replaceByte(dst[at:], '\n', depthNewline[depth])
	return dst
}

// parseText decodes a text frame at depth. b is owned: it is changed in place
// and the message's values point into it.
func (p *parser) parseText(b []byte, depth int) (*Message, error) {
	if !bytes.HasPrefix(b, textBegin) {
		return nil, p.fail(Malformed, "nested message does not begin with >>>")
	}
	b = b[len(textBegin):]
	m := &Message{Fields: make([]Field, 0, p.guess(bytes.Count(b[:min(len(b), 2048)], []byte{'\n'})+4))}
	for {
		i := bytes.IndexByte(b, '\n')
		line := b
		if i >= 0 {
			line = b[:i]
		}
		// The end mark counts without its newline too.
		if bytes.HasPrefix(line, textEnd[:3]) {
			break
		}
		if i < 0 {
			return nil, p.fail(Malformed, "text frame has no end")
		}
		b = b[i+1:]
		if len(line) == 0 {
			continue
		}
		f, err := p.parseTextLine(line, depth)
		if err != nil {
			return nil, err
		}
		m.Fields = append(m.Fields, f)
	}
	if len(m.Fields) == 0 {
		return nil, p.fail(Malformed, "empty message")
	}
	return m, nil
}

func (p *parser) parseTextLine(line []byte, depth int) (Field, error) {
	var f Field
	if err := p.count(1); err != nil {
		return f, err
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return f, p.fail(Malformed, "NUL inside a text frame")
	}
	if k, ok := kindPrefix(line); ok {
		if k > ToCompress {
			return f, p.fail(Malformed, "unknown type of field")
		}
		f.Kind, line = k, line[3:]
	}
	name, value, ok := bytes.Cut(line, []byte{'='})
	if !ok {
		return f, p.fail(Malformed, "line without =")
	}
	if err := p.checkName(name); err != nil {
		return f, err
	}
	f.Name = intern(name)
	var err error
	switch f.Kind {
	case Binary, Compressed:
		n := 0
		n, err = base64.StdEncoding.Decode(value, value)
		if err != nil {
			return f, p.fail(Malformed, "bad base64 in "+quoteName(name))
		}
		f.Value = value[:n:n]
	case Nested, ToCompress:
		if depth >= MaxDepth {
			return f, p.fail(TooLarge, "nested too deeply")
		}
		replaceByte(value, depthNewline[depth], '\n')
		f.Child, err = p.parseText(value, depth+1)
	case List:
		replaceByte(value, newlineInValue, '\n')
		f.List, err = p.parseList(value)
	default:
		replaceByte(value, newlineInValue, '\n')
		f.Value = value[:len(value):len(value)]
	}
	return f, err
}

// kindPrefix reads "(d)" at the start of b.
func kindPrefix(b []byte) (Kind, bool) {
	if len(b) >= 3 && b[0] == '(' && b[2] == ')' && b[1] >= '0' && b[1] <= '9' {
		return Kind(b[1] - '0'), true
	}
	return 0, false
}

func replaceByte(b []byte, from, to byte) {
	for i := bytes.IndexByte(b, from); i >= 0; {
		b[i] = to
		j := bytes.IndexByte(b[i+1:], from)
		if j < 0 {
			return
		}
		i += 1 + j
	}
}
