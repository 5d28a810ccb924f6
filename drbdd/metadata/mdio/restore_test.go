package mdio

import (
	"bytes"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
)

// TestRestore: a dump that has too much for the device is cut and says so, one with
// an error changes nothing, and more than a chunk of bitmap arrives.
func TestRestore(t *testing.T) {
	const big, small = 40 << 30, 8 << 20
	l, err := metadata.NewLayout(metadata.Internal, big, metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	d := newDev(t, big)
	s, err := Create(d, l, big, metadata.CreateOptions{DeviceUUID: 77})
	if err != nil {
		t.Fatal(err)
	}
	sb := s.Super
	sb.LaSizeSect, sb.Flags = l.UsableSectors(0), sb.Flags|metadata.Consistent
	if err := s.WriteSuper(sb); err != nil {
		t.Fatal(err)
	}
	bm, err := s.ReadBitmap(sb.LaSizeSect)
	if err != nil {
		t.Fatal(err)
	}
	bm.Set(100, 30)
	bm.Set(9<<20, 70000)
	bm.Set(bm.Bits()-1, 1)
	if _, err := s.WriteBitmap(bm); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := s.Dump(&text, metadata.DumpHeader{}); err != nil {
		t.Fatal(err)
	}

	again := newDev(t, big)
	again.load(bytes.Repeat([]byte{0xee}, 4096), l.BM+8192) // what was there before
	out, err := Restore(again, metadata.Internal, big, bytes.NewReader(text.Bytes()))
	if err != nil || out.Cut || out.Truncated || out.Store.Super != sb {
		t.Fatalf("%v %+v", err, out)
	}
	got, err := out.Store.ReadBitmap(sb.LaSizeSect)
	if err != nil || got.Count() != bm.Count() || got.NextSet(200) != 9<<20 || !got.Test(bm.Bits()-1) {
		t.Errorf("%v: %d bits, want %d", err, got.Count(), bm.Count())
	}

	tiny := newDev(t, small)
	out, err = Restore(tiny, metadata.Internal, small, bytes.NewReader(text.Bytes()))
	if err != nil || !out.Cut || !out.Truncated || out.Store.Super.LaSizeSect != 16304 {
		t.Errorf("on a small device: %v %+v", err, out)
	}
	if _, cut, err := Open(tiny, metadata.Internal, small); err != nil || cut != 0 {
		t.Errorf("on a small device: %v", err)
	}

	before := len(tiny.blocks)
	tiny.writes = 0
	if _, err := Restore(tiny, metadata.Internal, small, strings.NewReader(text.String()+"x")); err == nil || tiny.writes != 0 || len(tiny.blocks) != before {
		t.Errorf("a damaged dump: %v after %d writes", err, tiny.writes)
	}
}
