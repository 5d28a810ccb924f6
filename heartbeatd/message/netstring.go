package message

import (
	"bytes"
	"strconv"
)

// Marks of the netstring form (heartbeat-wire 4).
var (
	nsBegin = []byte("###\n")
	nsEnd   = []byte("%%%\n")
)

// AppendNetstring appends the netstring form. With keys it ends with the
// signing trailer; with inner it also carries the auth field, unless a field
// nests a message. Without keys neither is made and the fields go out as they are.
func (m *Message) AppendNetstring(dst []byte, keys *Keys, inner bool) []byte {
	begin := len(dst)
	dst = append(dst, nsBegin...)
	dst = m.appendNetstringBody(dst, keys != nil)
	if keys != nil && inner && !m.nests() {
		// The text form that auth signs is built behind dst and cut off again.
		text := m.appendTextBody(dst[len(dst):], true, 0)
		var a [64]byte
		auth := keys.appendSignature(append(a[:0], "(0)auth="...), text)
		dst = appendNetstring(dst, auth)
	}
	dst = append(dst, nsEnd...)
	if keys != nil {
		var a [64]byte
		dst = appendNetstring(dst, keys.appendSignature(a[:0], dst[begin:]))
	}
	return dst
}

func (m *Message) appendNetstringBody(dst []byte, skipAuth bool) []byte {
	for i := range m.Fields {
		f := &m.Fields[i]
		if skipAuth && f.Name == "auth" {
			continue
		}
		k, value := f.Kind, f.Value
		switch f.Kind {
		case Nested, ToCompress:
			k = Nested // type 5 is never on the wire (heartbeat-wire 2)
			value = f.Child.AppendNetstring(nil, nil, false)
		case List:
			value = appendList(nil, f.List)
		}
		dst = strconv.AppendInt(dst, int64(4+len(f.Name)+len(value)), 10)
		dst = append(dst, ':', '(', '0'+byte(k), ')')
		dst = append(dst, f.Name...)
		dst = append(dst, '=')
		dst = append(dst, value...)
		dst = append(dst, ',')
	}
	return dst
}

func appendNetstring(dst, b []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(b)), 10)
	dst = append(dst, ':')
	dst = append(dst, b...)
	return append(dst, ',')
}

func appendList(dst []byte, list []string) []byte {
	for _, s := range list {
		dst = strconv.AppendInt(dst, int64(len(s)), 10)
		dst = append(dst, ':')
		dst = append(dst, s...)
		dst = append(dst, ',')
	}
	return dst
}

// peel reads one LEN:bytes, from the start of b. ok is false for anything else.
func peel(b []byte) (content, rest []byte, ok bool) {
	n, i := 0, 0
	for i < len(b) && i < 8 && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i == 0 || i >= len(b) || b[i] != ':' {
		return nil, nil, false
	}
	b = b[i+1:]
	if n >= len(b) || b[n] != ',' {
		return nil, nil, false
	}
	return b[:n:n], b[n+1:], true
}

// parseNetstring decodes ###...%%% at the start of b and returns what follows.
// The message's values point into b.
func (p *parser) parseNetstring(b []byte, depth int) (m *Message, rest []byte, err error) {
	if !bytes.HasPrefix(b, nsBegin) {
		return nil, nil, p.fail(Malformed, "nested message does not begin with ###")
	}
	b = b[len(nsBegin):]
	m = &Message{Fields: make([]Field, 0, p.guess(len(b)/24+4))}
	for !bytes.HasPrefix(b, nsEnd) {
		content, after, ok := peel(b)
		if !ok {
			return nil, nil, p.fail(Malformed, "bad netstring")
		}
		b = after
		f, err := p.parseNetstringField(content, depth)
		if err != nil {
			return nil, nil, err
		}
		m.Fields = append(m.Fields, f)
	}
	if len(m.Fields) == 0 {
		return nil, nil, p.fail(Malformed, "empty message")
	}
	return m, b[len(nsEnd):], nil
}

// parseNetstringField reads (d)name=value. A field that does not begin so
// aborts the original's daemon (heartbeat-wire 4); here it is an error.
func (p *parser) parseNetstringField(b []byte, depth int) (Field, error) {
	var f Field
	if err := p.count(1); err != nil {
		return f, err
	}
	k, ok := kindPrefix(b)
	if !ok || k > ToCompress {
		return f, p.fail(Malformed, "field without type")
	}
	name, value, ok := bytes.Cut(b[3:], []byte{'='})
	if !ok {
		return f, p.fail(Malformed, "field without =")
	}
	if err := p.checkName(name); err != nil {
		return f, err
	}
	f.Kind, f.Name = k, intern(name)
	var err error
	switch k {
	case Nested, ToCompress:
		if depth >= MaxDepth {
			return f, p.fail(TooLarge, "nested too deeply")
		}
		f.Child, _, err = p.parseNetstring(value, depth+1)
	case List:
		f.List, err = p.parseList(value)
	case String:
		if bytes.IndexByte(value, 0) >= 0 {
			return f, p.fail(Malformed, "NUL inside a string")
		}
		f.Value = value[:len(value):len(value)]
	default:
		f.Value = value[:len(value):len(value)]
	}
	return f, err
}

// parseList reads len:text, repeated to the end of b.
func (p *parser) parseList(b []byte) ([]string, error) {
	var list []string
	for len(b) > 0 {
		item, rest, ok := peel(b)
		if !ok {
			return nil, p.fail(Malformed, "bad list")
		}
		if err := p.count(1); err != nil {
			return nil, err
		}
		if bytes.IndexByte(item, 0) >= 0 {
			return nil, p.fail(Malformed, "NUL inside a list")
		}
		list = append(list, string(item))
		b = rest
	}
	return list, nil
}
