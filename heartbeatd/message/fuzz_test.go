package message

import (
	"bytes"
	"testing"
)

// FuzzParse: any bytes give a message or an error. What was read can be
// written in both forms, and reads back as the same message.
func FuzzParse(f *testing.F) {
	vectors, _ := loadVectors(f)
	for _, v := range vectors {
		f.Add(v.frame)
	}
	f.Add(deepNetstring(20))
	f.Add(everyKind().AppendText(nil, nil, true))
	f.Add(everyKind().AppendNetstring(nil, nil, true))
	keys := testKeys(1)
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		Parse(b, keys)
		m, _, err := Parse(b, nil)
		if !bytes.Equal(in, b) {
			t.Fatal("Parse changed its input")
		}
		if err != nil {
			return
		}
		_ = m.String()
		m.Dump()
		five(m)
		frame := m.AppendNetstring(nil, keys, true)
		if len(frame) > MaxFrame || m.find(payloadField, Binary) >= 0 {
			return
		}
		m.Del("auth")
		back, _, err := Parse(frame, keys)
		if err != nil {
			if len(m.Fields) == 0 {
				return
			}
			t.Fatalf("%v\n%q\n%q", err, b, frame)
		}
		back.Del("auth")
		if !same(m, back) {
			t.Fatalf("got %v, want %v", back, m)
		}
		// Text loses what its stand-ins for newlines collide with, but
		// what comes out verifies and is stable.
		text := m.AppendText(nil, keys, true)
		if len(text) > MaxFrame {
			return
		}
		if back, _, err = Parse(text, keys); err != nil {
			if hasStandIn(text) {
				return
			}
			t.Fatalf("%v\n%q\n%q", err, b, text)
		}
		if again := back.AppendText(nil, keys, true); !bytes.Equal(again, text) && !hasStandIn(text) {
			t.Fatalf("got %q, want %q", again, text)
		}
	})
}

// five turns type 5, which is never sent, into what is sent.
func five(m *Message) {
	for i := range m.Fields {
		if m.Fields[i].Kind == ToCompress {
			m.Fields[i].Kind = Nested
		}
		if m.Fields[i].Child != nil {
			five(m.Fields[i].Child)
		}
	}
}

func hasStandIn(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != 0 {
			return true
		}
	}
	return false
}

// FuzzFramer: frames do not depend on how the bytes arrive, and memory is bounded.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(">>>\nt=a\n<<<\n\x00x>>>\n>>>\nb=1\n<<<"), 3)
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		var one, two Framer
		all := one.Push(b)
		parts := pushAll(&two, b, max(1, piece&0xff))
		if len(all) != len(parts) || one.Dropped != two.Dropped {
			t.Fatalf("%d frames at once, %d in pieces", len(all), len(parts))
		}
		for i := range all {
			if !bytes.Equal(all[i], parts[i]) {
				t.Fatalf("%q and %q", all[i], parts[i])
			}
			if !bytes.HasPrefix(all[i], textBegin) || !bytes.HasSuffix(all[i], textEnd) {
				t.Fatalf("%q is no frame", all[i])
			}
		}
		if len(two.buf) > MaxFrame {
			t.Fatal("too much memory")
		}
	})
}

// FuzzDecompress: bounded, whatever the payload claims.
func FuzzDecompress(f *testing.F) {
	vectors, sets := loadVectors(f)
	for _, v := range vectors {
		p := parser{}
		if m, _, err := p.parseFrame(bytes.Clone(v.frame)); err == nil && m.Bin(payloadField) != nil {
			f.Add(m.Get(algorithmField) == "bz2", m.Bin(payloadField))
		}
	}
	_ = sets
	f.Fuzz(func(t *testing.T, bz2 bool, b []byte) {
		algorithm := "zlib"
		if bz2 {
			algorithm = "bz2"
		}
		plain, err := decompress(algorithm, b)
		if err == nil && len(plain) > MaxUncompressed {
			t.Fatalf("%d bytes", len(plain))
		}
	})
}
