package message

import (
	"bytes"
	"reflect"
	"testing"
)

func TestAccessors(t *testing.T) {
	m := New("t", "status", "st", "up")
	m.Set("st", "active")
	m.Set("dt", "bb8")
	m.Add("dt", "second")
	m.SetBin("srcuuid", []byte{1})
	m.SetBin("srcuuid", []byte{2})
	if got, want := m.String(), "t=status st=active dt=bb8 dt=second"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if m.Get("dt") != "bb8" {
		t.Errorf("Get took %q, want the first value", m.Get("dt"))
	}
	if _, ok := m.Lookup("srcuuid"); ok {
		t.Error("a binary field was found as a string")
	}
	if !bytes.Equal(m.Bin("srcuuid"), []byte{2}) || m.Bin("t") != nil {
		t.Error("Bin")
	}
	c := m.Clone()
	m.Del("dt")
	m.Fields[0].Value[0] = 'X'
	if got, want := c.String(), "t=status st=active dt=bb8 dt=second"; got != want {
		t.Errorf("the clone changed: %q", got)
	}
	if got, want := m.String(), "t=Xtatus st=active"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStringOfAllKinds(t *testing.T) {
	m := &Message{Fields: []Field{
		{Name: "t", Value: []byte("x\ny\x1b[2J")},
		{Kind: Binary, Name: "bin", Value: bytes.Repeat([]byte{0xab}, 40)},
		{Kind: List, Name: "lst", List: []string{"abc", "defg"}},
		{Kind: Nested, Name: "child", Child: New("a", "1", "b", "two")},
		{Name: "long", Value: bytes.Repeat([]byte{'z'}, 300)},
		{Name: "ld", Value: []byte("0.1")}, {Name: "auth", Value: []byte("1 x")},
	}}
	want := `t=x\x0ay\x1b[2J (1)bin=0x` + string(bytes.Repeat([]byte("ab"), 32)) +
		`... (3)lst=3:abc,4:defg, (2)child={a=1 b=two} long=` + string(bytes.Repeat([]byte("z"), 256)) + "..."
	if got := m.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if d := m.Dump(); len(d) != 8 || d[0] != "MSG: Dumping message with 7 fields" || d[4] != "MSG[3] : [(2)child={a=1 b=two}]" {
		t.Errorf("dump %q", d)
	}
}

// everyKind has all that both forms can carry.
func everyKind() *Message {
	return &Message{Fields: []Field{
		{Name: "t", Value: []byte("labtest")},
		{Name: "empty"},
		{Name: "nl", Value: []byte("a\nb\n\nc")},
		{Name: "eq", Value: []byte("a=b=(1)c")},
		{Kind: Binary, Name: "bin", Value: []byte{0, 10, 13, 255, 37, 37, 37, 10}},
		{Kind: Compressed, Name: "cmp", Value: []byte{1, 2, 3, 0}},
		{Kind: List, Name: "lst", List: []string{"abc", "", "d,e\nf"}},
		{Kind: Nested, Name: "kid", Child: &Message{Fields: []Field{
			{Name: "x", Value: []byte("1\n2")},
			{Kind: Nested, Name: "grandkid", Child: New("y", "2", "empty", "")},
			{Kind: Binary, Name: "b", Value: []byte{10, 20, 21}},
		}}},
		{Name: "t", Value: []byte("second t")},
	}}
}

// same compares messages; nil and empty values are equal.
func same(a, b *Message) bool {
	if len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		x, y := a.Fields[i], b.Fields[i]
		if x.Kind != y.Kind || x.Name != y.Name || !bytes.Equal(x.Value, y.Value) ||
			len(x.List) != len(y.List) || (len(x.List) > 0 && !reflect.DeepEqual(x.List, y.List)) ||
			(x.Child == nil) != (y.Child == nil) || (x.Child != nil && !same(x.Child, y.Child)) {
			return false
		}
	}
	return true
}

func testKeys(current int) *Keys {
	return &Keys{Current: current, ByNum: map[int]Key{
		1: {SHA1, []byte("labsecret")}, 2: {MD5, []byte("otherkey")}, 3: {Method: CRC}, 15: {SHA1, nil},
	}}
}

func TestRoundTripOfEveryKind(t *testing.T) {
	m := everyKind()
	for _, num := range []int{1, 2, 3, 15} {
		keys := testKeys(num)
		frames := map[string][]byte{
			"text":            m.AppendText(nil, keys, true),
			"serial":          m.AppendText(nil, keys, false),
			"netstring":       m.AppendNetstring(nil, keys, false),
			"netstring inner": m.AppendNetstring(nil, keys, true),
		}
		packed, err := m.AppendCompressed(nil, keys)
		if err != nil {
			t.Fatal(err)
		}
		frames["compressed"] = packed
		for name, frame := range frames {
			got, info, err := Parse(frame, keys)
			if err != nil {
				t.Fatalf("%s, key %d: %v\n%q", name, num, err, frame)
			}
			if name == "text" || name == "serial" || name == "compressed" {
				if got.Get("auth") == "" {
					t.Errorf("%s carries no auth field", name)
				}
			} else if got.Get("auth") != "" {
				t.Errorf("%s of a nesting message carries auth (heartbeat-wire 7)", name)
			}
			got.Del("auth")
			if !same(got, m) {
				t.Errorf("%s, key %d:\n got %v\nwant %v", name, num, got, m)
			}
			if info.KeyNum != num || info.FallbackKey {
				t.Errorf("%s: info %+v", name, info)
			}
		}
	}
	// Type 5 is never on the wire: it goes out as type 2.
	five := &Message{Fields: []Field{{Kind: ToCompress, Name: "k", Child: New("a", "1")}}}
	for _, frame := range [][]byte{five.AppendText(nil, nil, true), five.AppendNetstring(nil, nil, true)} {
		got, _, err := Parse(frame, nil)
		if err != nil || got.Fields[0].Kind != Nested {
			t.Errorf("%v %v", got, err)
		}
	}
}

// heartbeat-wire 3: the digest of crc has no leading zeros.
func TestCRC(t *testing.T) {
	// POSIX: cksum of no data is 4294967295 and of these bytes, with the
	// length (9 = 0x09) appended as cksum does it, 930766865.
	if got := crcBytes(nil); got != 0xffffffff {
		t.Errorf("crc of nothing is %x", got)
	}
	if got := crcBytes([]byte("123456789\x09")); got != 930766865 {
		t.Errorf("crc is %d, want 930766865", got)
	}
	for i := range 2000 {
		d := Key{Method: CRC}.appendDigest(nil, []byte{byte(i), byte(i >> 8)})
		if d[0] == '0' && len(d) > 1 {
			t.Fatalf("leading zero in %s", d)
		}
	}
}

func TestMethodsByName(t *testing.T) {
	for _, m := range []Method{CRC, MD5, SHA1} {
		if got, err := ParseMethod(m.String()); err != nil || got != m {
			t.Errorf("%v: %v %v", m, got, err)
		}
	}
	if _, err := ParseMethod("sha256"); err == nil {
		t.Error("sha256 accepted")
	}
}

func TestTypesAreListedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, ty := range Types {
		if seen[ty.Name] {
			t.Errorf("%s twice", ty.Name)
		}
		seen[ty.Name] = true
	}
	if ty, ok := TypeOf("resource"); !ok || ty.Fields[0] != "rsc_hold" {
		t.Errorf("%v %v", ty, ok)
	}
	// Every captured message of the daemon is in the table.
	vectors, _ := loadVectors(t)
	for _, v := range vectors {
		for _, f := range v.Fields {
			if f.Name == "t" && f.Type == String && f.Value[:min(3, len(f.Value))] != "lab" {
				if _, ok := TypeOf(f.Value); !ok {
					t.Errorf("%s: no type %s", v.File, f.Value)
				}
			}
		}
	}
}
