package message

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func reasonOf(err error) Reason {
	var pe *ParseError
	if errors.As(err, &pe) {
		return pe.Reason
	}
	return 0
}

// nest builds n messages inside each other.
func nest(n int) *Message {
	m := New("leaf", "1")
	for range n {
		m = &Message{Fields: []Field{{Kind: Nested, Name: "k", Child: m}}}
	}
	return m
}

func deepNetstring(n int) []byte {
	b := []byte("###\n6:(0)a=1,%%%\n")
	for range n {
		b = fmt.Appendf(nil, "###\n%d:(2)k=%s,%%%%%%\n", len(b)+5, b)
	}
	return b
}

func bomb(t *testing.T, plain []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(plain)
	w.Close()
	m := &Message{Fields: []Field{{Kind: Binary, Name: payloadField, Value: z.Bytes()}, {Name: algorithmField, Value: []byte("zlib")}}}
	return m.AppendNetstring(nil, nil, false)
}

func TestHostileFrames(t *testing.T) {
	packed := func(algorithm, payload string) []byte {
		m := &Message{Fields: []Field{{Kind: Binary, Name: payloadField, Value: []byte(payload)}, {Name: algorithmField, Value: []byte(algorithm)}}}
		return m.AppendNetstring(nil, nil, false)
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  Reason
	}{
		{"empty", nil, Garbage},
		{"leading newline", []byte("\n>>>\na=1\n<<<\n"), Garbage},
		{"CR after the mark", []byte(">>>\r\na=1\r\n<<<\r\n"), Garbage},
		{"text without end", []byte(">>>\na=1\n"), Malformed},
		{"text, last line cut", []byte(">>>\na=1"), Malformed},
		{"text without fields", []byte(">>>\n<<<\n"), Malformed},
		{"line without =", []byte(">>>\na=1\nb\n<<<\n"), Malformed},
		{"no name", []byte(">>>\n=1\n<<<\n"), Malformed},
		{"type 6 in text", []byte(">>>\n(6)a=1\n<<<\n"), Malformed},
		{"type prefix twice", []byte(">>>\n(0)(1)a=1\n<<<\n"), Malformed},
		{"bad base64", []byte(">>>\n(1)a=!\n<<<\n"), Malformed},
		{"NUL in text", []byte(">>>\na=1\x002\n<<<\n"), Malformed},
		{"nested garbage in text", []byte(">>>\n(2)a=x\n<<<\n"), Malformed},
		{"bad list", []byte(">>>\n(3)a=99:x,\n<<<\n"), Malformed},
		{"netstring empty", []byte("###\n%%%\n"), Malformed},
		{"netstring without end", []byte("###\n6:(0)a=1,"), Malformed},
		// The original's daemon aborts on these two (heartbeat-wire 4).
		{"netstring field without type", []byte("###\n3:a=1,%%%\n"), Malformed},
		{"netstring empty field", []byte("###\n0:,%%%\n"), Malformed},
		{"netstring type 9", []byte("###\n6:(9)a=1,%%%\n"), Malformed},
		{"netstring no =", []byte("###\n5:(0)ab,%%%\n"), Malformed},
		{"netstring no comma", []byte("###\n6:(0)a=1;%%%\n"), Malformed},
		{"netstring length too big", []byte("###\n99999999:(0)a=1,%%%\n"), Malformed},
		{"netstring length overflow", []byte("###\n99999999999999999999:(0)a=1,%%%\n"), Malformed},
		{"netstring negative", []byte("###\n-6:(0)a=1,%%%\n"), Malformed},
		{"netstring newline in name", []byte("###\n8:(0)a\nb=1,%%%\n"), Malformed},
		{"netstring name >>>", []byte("###\n8:(0)>>>=1,%%%\n"), Malformed},
		{"netstring name <<<", []byte("###\n8:(0)<<<=1,%%%\n"), Malformed},
		{"netstring name (1)", []byte("###\n9:(0)(1)a=1,%%%\n"), Malformed},
		{"netstring NUL", []byte("###\n6:(0)a=\x00,%%%\n"), Malformed},
		{"netstring nested garbage", []byte("###\n6:(2)a=x,%%%\n"), Malformed},
		{"deep netstring", deepNetstring(MaxDepth + 1), TooLarge},
		{"very deep netstring", deepNetstring(5000), TooLarge},
		{"many fields", []byte(">>>\n" + strings.Repeat("a=\n", MaxElements+1) + "<<<\n"), TooLarge},
		{"many items", []byte(">>>\n(3)a=" + strings.Repeat("0:,", MaxElements) + "\n<<<\n"), TooLarge},
		{"huge", append([]byte(">>>\na="), make([]byte, MaxFrame)...), TooLarge},
		{"unknown compression", packed("lzma", "x"), Compression},
		{"no algorithm", packed("", "x"), Compression},
		{"bad zlib", packed("zlib", "xx"), Compression},
		{"bad bz2", packed("bz2", "BZh91AY"), Compression},
		{"zlib bomb", bomb(t, make([]byte, 100<<20)), Compression},
		{"packed garbage", bomb(t, []byte("hello")), Garbage},
		{"packed twice", bomb(t, bomb(t, []byte(">>>\na=1\n<<<\n"))), Compression},
	} {
		_, _, err := Parse(c.frame, nil)
		if got := reasonOf(err); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	// At the limits things still work.
	for _, frame := range [][]byte{
		deepNetstring(MaxDepth),
		[]byte(">>>\n" + strings.Repeat("a=\n", MaxElements) + "<<<\n"),
		bomb(t, append(append([]byte(">>>\na="), bytes.Repeat([]byte{'x'}, MaxUncompressed-11)...), "\n<<<\n"...)),
		nest(MaxDepth).AppendText(nil, nil, true),
	} {
		if _, _, err := Parse(frame, nil); err != nil {
			t.Errorf("%.40q...: %v", frame, err)
		}
	}
	// A message nested deeper than the text form can say is cut, not a panic.
	if _, _, err := Parse(nest(MaxDepth+3).AppendText(nil, nil, true), nil); err == nil {
		t.Error("a message that is too deep for the text form was sent and read")
	}
}

func TestParseDoesNotKeepTheFrame(t *testing.T) {
	frame := New("t", "status").AppendText(nil, nil, true)
	m, _, err := Parse(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frame {
		frame[i] = 'X'
	}
	if m.Get("t") != "status" {
		t.Error("the message changed with the frame")
	}
	// Values are not joined: appending to one leaves the next alone.
	m, _, _ = Parse([]byte("###\n6:(0)a=1,6:(0)b=2,%%%\n"), nil)
	_ = append(m.Fields[0].Value, "overwritten"...)
	if m.Get("b") != "2" {
		t.Error("appending to a value changed its neighbour")
	}
}

// The original's log lines (heartbeat-wire 6).
func TestLogLines(t *testing.T) {
	keys := testKeys(1)
	netstring := New("t", "x", "src", "node2").AppendNetstring(nil, keys, false)
	flipped := bytes.Replace(netstring, []byte("node2"), []byte("node3"), 1)
	unknown := New("t", "x").AppendNetstring(nil, &Keys{Current: 9, ByNum: map[int]Key{9: {Method: CRC}}}, false)
	for _, c := range []struct {
		frame string
		lines []string
		dump  bool
	}{
		{">>>\nt=x\nsrc=node2\n<<<\n", []string{"WARN: Bad/invalid auth token, authtoken=(nil)", "WARN: string2msg_ll: node [node2] failed authentication"}, false},
		{">>>\nt=x\nauth=9 ab\n<<<\n", []string{"WARN: Invalid authentication type [9] in message!", "WARN: string2msg_ll: node [?] failed authentication"}, false},
		{">>>\nt=x\nsrc=a\x1bb\nauth=1 ab\n<<<\n", []string{`WARN: string2msg_ll: node [a\x1bb] failed authentication`}, false},
		{string(flipped), []string{"ERROR: authtoken does not match, authtoken=ecba5d68d8db2ef4c96b2a5d56a9f0ae4e4f0e23"}, true},
		{string(unknown), []string{"WARN: Invalid authentication [9] in message!"}, true},
		{"###\n6:(0)t=x,%%%\n", []string{"ERROR: peel_netstring() error in getting auth string"}, false},
		{"rubbish", nil, false},
		{">>>\nbad\n<<<\n", nil, false},
	} {
		_, _, err := Parse([]byte(c.frame), keys)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%q: %v", c.frame, err)
			continue
		}
		lines, dump := pe.LogLines()
		if pe.Reason == BadAuth && pe.Format == FormatNetstring {
			want := fmt.Sprintf("ERROR: authtoken does not match, authtoken=%s", pe.Got)
			if len(pe.Got) != 40 || len(pe.Want) != 40 || pe.Got == pe.Want {
				t.Errorf("digests %s %s", pe.Got, pe.Want)
			}
			c.lines = []string{want}
		}
		if !reflect.DeepEqual(lines, c.lines) || dump != c.dump {
			t.Errorf("%q: got %q %v, want %q %v", c.frame, lines, dump, c.lines, c.dump)
		}
	}
}

// heartbeat-wire 6: our policy for a trailer whose number is not the current one.
func TestTrailerKeys(t *testing.T) {
	m := New("t", "x", "src", "node2")
	receiver := testKeys(1)
	ownKey := m.AppendNetstring(nil, testKeys(2), false)
	as306 := m.AppendNetstring(nil, &Keys{Current: 2, ByNum: map[int]Key{2: {MD5, []byte("labsecret")}}}, false)
	foreign := m.AppendNetstring(nil, &Keys{Current: 2, ByNum: map[int]Key{2: {MD5, []byte("wrong")}}}, false)
	if _, info, err := Parse(ownKey, receiver); err != nil || info.KeyNum != 2 || info.FallbackKey {
		t.Errorf("own key: %+v %v", info, err)
	}
	if _, info, err := Parse(as306, receiver); err != nil || !info.FallbackKey {
		t.Errorf("current key's secret under number 2: %+v %v", info, err)
	}
	if _, _, err := Parse(foreign, receiver); reasonOf(err) != BadAuth {
		t.Errorf("wrong key: %v", err)
	}
	// In text the key of the number alone counts (vector 072 ff.).
	text := m.AppendText(nil, &Keys{Current: 2, ByNum: map[int]Key{2: {MD5, []byte("labsecret")}}}, true)
	if _, _, err := Parse(text, receiver); reasonOf(err) != BadAuth {
		t.Errorf("text with the current key under number 2: %v", err)
	}
}
