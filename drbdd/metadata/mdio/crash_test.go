package mdio

import (
	"errors"
	"testing"

	"classicha/drbdd/metadata"
)

// TestApplyALPowerCut: apply-al is cut after each of its writes; the next one still
// leaves every hot extent marked (D3: marked or covered by the log, at any moment).
func TestApplyALPowerCut(t *testing.T) {
	before := kernelDevice(t, "metadata_crashed_primary.node1.md.bin")
	done := false
	for limit := 1; !done; limit++ {
		d := before.clone()
		d.limit = limit
		s, _, err := Open(d, metadata.Internal, d.size)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.ApplyAL()
		if done = err == nil; !done && !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		d = d.clone()
		s, _, err = Open(d, metadata.Internal, d.size)
		if err != nil {
			t.Fatal(err)
		}
		if s.Super.NeedApplyAL() {
			if _, err := s.ApplyAL(); err != nil {
				t.Fatalf("after %d writes: %v", limit, err)
			}
		}
		bm, err := s.ReadBitmap(s.Super.LaSizeSect)
		if err != nil {
			t.Fatal(err)
		}
		if n := bm.CountExtent(0) + bm.CountExtent(1); n != 2038 {
			t.Errorf("power cut after %d writes: %d bits of the hot extents are set, want 2038", limit, n)
		}
		if limit > 20 {
			t.Fatal("never ends")
		}
	}
}

// TestCreatePowerCut: new metadata is either complete or not there.
func TestCreatePowerCut(t *testing.T) {
	const size = 64 << 20
	l, err := metadata.NewLayout(metadata.Internal, size, metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	for limit := 1; ; limit++ {
		d := newDev(t, size)
		d.load([]byte("old data and no metadata at all, as far as one can see"), l.AL)
		d.limit = limit
		_, err := Create(d, l, size, metadata.CreateOptions{})
		s, _, found := Open(d.clone(), metadata.Internal, size)
		if err == nil {
			if found != nil || d.syncs < 2 {
				t.Errorf("created, but %v; %d syncs", found, d.syncs)
			}
			if r, err := s.ReadLog(); err != nil || r.Format != metadata.ALInitialized || r.Corrupt != 0 {
				t.Errorf("log %+v %v", r, err)
			}
			return
		}
		if !errors.Is(found, metadata.ErrNoMetadata) {
			t.Errorf("after %d writes: %v", limit, found)
		}
	}
}

// TestBitmapRoundTrip: only what changed is written, and it comes back; also where
// the metadata area ends within a block.
func TestBitmapRoundTrip(t *testing.T) {
	for _, size := range []int64{1 << 20, 1<<20 + 512, 1<<20 + 3584} {
		l, err := metadata.NewLayout(metadata.FlexExternal, size, metadata.DefaultRing)
		if err != nil {
			t.Fatal(err)
		}
		d := newDev(t, size)
		s, err := Create(d, l, size, metadata.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sectors := l.UsableSectors(1 << 40)
		bm, err := s.ReadBitmap(sectors)
		if err != nil {
			t.Fatal(err)
		}
		bm.Set(5, 3)
		bm.Set(bm.Bits()-2, 2)
		d.writes = 0
		if n, err := s.WriteBitmap(bm); err != nil || n != 2 || d.writes != 2 {
			t.Errorf("size %d: wrote %d blocks in %d writes, %v", size, n, d.writes, err)
		}
		if n, err := s.WriteBitmap(bm); err != nil || n != 0 {
			t.Errorf("size %d: wrote %d blocks again, %v", size, n, err)
		}
		got, err := s.ReadBitmap(sectors)
		if err != nil || got.Count() != 5 || got.NextSet(8) != bm.Bits()-2 {
			t.Errorf("size %d: %v, %d bits", size, err, got.Count())
		}
		if _, err := s.ReadBitmap(sectors + 1); err == nil {
			t.Errorf("size %d: a bitmap larger than its area was read", size)
		}
	}
}

// TestWipe: nothing is found afterwards.
func TestWipe(t *testing.T) {
	v := vectors(t)[0]
	d := v.device(t)
	s, _, err := Open(d, metadata.Internal, v.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(d, metadata.Internal, v.Size); err != metadata.ErrNoMetadata {
		t.Errorf("after wipe: %v", err)
	}
}

// TestOpenMismatch: drbdmeta's words for super blocks that do not belong here.
func TestOpenMismatch(t *testing.T) {
	v := vectors(t)[0]
	for text, change := range map[string]func(s *metadata.Superblock){
		"v08 al_offset: expected -64, found -72":  func(s *metadata.Superblock) { s.ALOffset, s.BMOffset = -72, -80 },
		"strange bm_offset -80 (expected: -72)":   func(s *metadata.Superblock) { s.BMOffset, s.MdSizeSect = -80, 88 },
		"strange md_size_sect 88 (expected: 80)":  func(s *metadata.Superblock) { s.MdSizeSect = 88 },
		"v08 al_offset: expected -128, found -64": func(s *metadata.Superblock) { s.ALStripes = 2 },
	} {
		d := v.device(t)
		s, _, err := Open(d, metadata.Internal, v.Size)
		if err != nil {
			t.Fatal(err)
		}
		sb := s.Super
		change(&sb)
		d.load(sb.Append(nil), s.Layout.Super)
		_, _, err = Open(d, metadata.Internal, v.Size)
		if !errors.Is(err, metadata.ErrNoMetadata) || err.Error() != text {
			t.Errorf("%v, want %s", err, text)
		}
	}
	d := v.device(t)
	s, _, _ := Open(d, metadata.Internal, v.Size)
	sb := s.Super
	sb.LaSizeSect = 1 << 60
	d.load(sb.Append(nil), s.Layout.Super)
	if s, cut, err := Open(d, metadata.Internal, v.Size); err != nil || cut != 1<<60 || s.Super.LaSizeSect != 16304 {
		t.Errorf("too large last agreed size: %v, %d", err, cut)
	}
}
