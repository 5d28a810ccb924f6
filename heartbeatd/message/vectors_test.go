package message

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The golden frames of heartbeat 3.0.6: testdata/vectors/index.json.

type vector struct {
	File, Description, Source, Transport, Authkeys, Format, Verdict, Note string
	Length                                                                int
	Fields                                                                []vectorField
	TrailingAuth                                                          string        `json:"trailing_auth"`
	InnerAuthValid                                                        *bool         `json:"inner_auth_valid"`
	TrailingAuthValid                                                     *bool         `json:"trailing_auth_valid"`
	InnerFormat                                                           string        `json:"inner_format"`
	InnerFields                                                           []vectorField `json:"inner_fields"`
	RejectedAt                                                            string        `json:"rejected_at"`

	frame []byte
}

type vectorField struct {
	Type        Kind
	Name, Value string
	Hex         *string
	Fields      []vectorField
}

func (f vectorField) bytes(t testing.TB) []byte {
	if f.Hex == nil {
		return []byte(f.Value)
	}
	b, err := hex.DecodeString(*f.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func loadVectors(t testing.TB) ([]vector, map[string]*Keys) {
	t.Helper()
	var index struct {
		Authkeys map[string]struct {
			Current int
			Keys    map[string][2]string
		}
		Vectors []vector
	}
	data, err := os.ReadFile("testdata/vectors/index.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	sets := map[string]*Keys{}
	for name, set := range index.Authkeys {
		ks := &Keys{Current: set.Current, ByNum: map[int]Key{}}
		for num, k := range set.Keys {
			method, err := ParseMethod(k[0])
			if err != nil {
				t.Fatal(err)
			}
			ks.ByNum[int(num[0]-'0')] = Key{Method: method, Secret: []byte(k[1])}
		}
		sets[name] = ks
	}
	for i := range index.Vectors {
		v := &index.Vectors[i]
		if v.frame, err = os.ReadFile(filepath.Join("testdata/vectors", v.File)); err != nil {
			t.Fatal(err)
		}
		if len(v.frame) != v.Length {
			t.Fatalf("%s has %d bytes, the index says %d", v.File, len(v.frame), v.Length)
		}
	}
	return index.Vectors, sets
}

// wantReason is what Parse must say about a vector; 0: accept. Rules of the
// header (src, ts, seq, dest ...) belong to the core: there Parse succeeds.
func wantReason(v vector) (r []Reason) {
	switch {
	case v.RejectedAt == "parse":
		return []Reason{Garbage, Malformed}
	case strings.HasPrefix(v.File, "077-"):
		// 3.0.6 refuses a second key on UDP although authkeys has it; we
		// verify with the key of the number (heartbeat-wire 6).
		return nil
	case v.RejectedAt == "auth":
		return []Reason{NoAuth, UnknownKey, BadAuth}
	}
	return nil
}

func TestVectors(t *testing.T) {
	vectors, sets := loadVectors(t)
	if len(vectors) != 136 {
		t.Fatalf("%d vectors, want 136", len(vectors))
	}
	for _, v := range vectors {
		t.Run(strings.TrimSuffix(v.File, ".bin"), func(t *testing.T) {
			keys := sets[v.Authkeys]
			frame := bytes.Clone(v.frame)
			m, info, err := Parse(frame, keys)
			if !bytes.Equal(frame, v.frame) {
				t.Error("Parse changed its input")
			}
			if want := wantReason(v); want != nil {
				var pe *ParseError
				if !errors.As(err, &pe) {
					t.Fatalf("%s: got %v, want an error of %v", v.Description, err, want)
				}
				ok := false
				for _, r := range want {
					ok = ok || pe.Reason == r
				}
				if !ok {
					t.Errorf("%s: got %v, want one of %v", v.Description, pe, want)
				}
			} else if err != nil {
				t.Fatalf("%s: %v, want it accepted", v.Description, err)
			} else {
				wantFields := v.Fields
				if v.InnerFields != nil {
					wantFields = v.InnerFields
					if info.InnerFormat.String() != v.InnerFormat {
						t.Errorf("inner format %v, want %s", info.InnerFormat, v.InnerFormat)
					}
				}
				if info.Format.String() != v.Format {
					t.Errorf("format %v, want %s", info.Format, v.Format)
				}
				if info.Compression == "" || v.InnerFields != nil {
					checkFields(t, m, wantFields)
				}
				if info.FallbackKey != strings.HasPrefix(v.File, "078-") {
					t.Errorf("FallbackKey %v", info.FallbackKey)
				}
			}
			checkSignatures(t, v, keys)
		})
	}
}

func checkFields(t *testing.T, m *Message, want []vectorField) {
	t.Helper()
	if len(m.Fields) != len(want) {
		t.Fatalf("%d fields, want %d: %v", len(m.Fields), len(want), m)
	}
	for i, w := range want {
		f := m.Fields[i]
		if f.Kind != w.Type || f.Name != w.Name {
			t.Errorf("field %d is (%d)%s, want (%d)%s", i, f.Kind, f.Name, w.Type, w.Name)
			continue
		}
		switch f.Kind {
		case Nested:
			checkFields(t, f.Child, w.Fields)
		case List:
			if got := appendList(nil, f.List); !bytes.Equal(got, w.bytes(t)) {
				t.Errorf("list %s is %q, want %q", f.Name, got, w.bytes(t))
			}
		default:
			if !bytes.Equal(f.Value, w.bytes(t)) {
				t.Errorf("%s is %q, want %q", f.Name, f.Value, w.bytes(t))
			}
		}
	}
}

// checkSignatures compares the validity of the inner auth and of the trailer,
// each with the key of its own number, and the trailer's text.
func checkSignatures(t *testing.T, v vector, keys *Keys) {
	t.Helper()
	p := parser{}
	m, rest, err := p.parseFrame(bytes.Clone(v.frame))
	if (err != nil) != (v.Format == "malformed" || v.Fields == nil || len(v.Fields) == 0) {
		t.Fatalf("parse without keys: %v; the index says %s", err, v.Format)
	}
	if err != nil {
		return
	}
	if v.InnerAuthValid != nil {
		if present, valid := m.InnerAuth(keys); !present || valid != *v.InnerAuthValid {
			t.Errorf("inner auth present %v valid %v, want true %v", present, valid, *v.InnerAuthValid)
		}
	}
	if v.Format != "netstring" {
		return
	}
	sig, _, _ := peel(rest)
	if string(sig) != v.TrailingAuth {
		t.Errorf("trailer %q, want %q", sig, v.TrailingAuth)
	}
	if v.TrailingAuthValid != nil {
		got := keys.verify(sig, v.frame[:len(v.frame)-len(rest)], false).reason == 0
		if got != *v.TrailingAuthValid {
			t.Errorf("trailer valid %v, want %v", got, *v.TrailingAuthValid)
		}
	}
}

// TestReencodeCaptured: what the real daemon sent comes out byte for byte.
func TestReencodeCaptured(t *testing.T) {
	vectors, sets := loadVectors(t)
	n := 0
	for _, v := range vectors {
		if !strings.HasPrefix(v.Source, "captured") || v.InnerFormat != "" {
			continue
		}
		n++
		keys := *sets[v.Authkeys]
		m, info, err := Parse(v.frame, &keys)
		if err != nil {
			t.Fatal(v.File, err)
		}
		keys.Current = info.KeyNum
		var got []byte
		if info.Format == FormatText {
			got = m.AppendText(nil, &keys, v.Transport != "serial")
		} else {
			_, inner := m.Lookup("auth")
			got = m.AppendNetstring([]byte("x"), &keys, inner)[1:]
		}
		if !bytes.Equal(got, v.frame) {
			t.Errorf("%s\n got %q\nwant %q", v.File, got, v.frame)
		}
	}
	if n < 59 {
		t.Errorf("only %d captured frames", n)
	}
}
