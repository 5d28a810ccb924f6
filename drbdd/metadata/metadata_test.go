package metadata

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func superOf(t *testing.T, file string) (Superblock, []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	b = b[len(b)&^4095-4096:][:4096]
	s, err := ParseSuperblock(b)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// TestSuperblockWorkedExample: the table of section 2.1.
func TestSuperblockWorkedExample(t *testing.T) {
	s, b := superOf(t, "md-int-8m.bin")
	want := Superblock{
		UUIDs: UUIDs{Current: 4}, Flags: ALClean, Magic: MagicClean, MdSizeSect: 80, ALOffset: -64, ALExtents: 257,
		BMOffset: -72, BytesPerBit: 4096, ALStripes: 1, ALStripeSize4k: 8,
	}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if string(s.Append([]byte("x"))) != "x"+string(b) {
		t.Error("does not encode to the same bytes")
	}
}

// TestSuperblockKernel: what a connected kernel wrote (section 8).
func TestSuperblockKernel(t *testing.T) {
	s, b := superOf(t, "metadata_crashed_primary.node1.md.bin")
	if s.Magic != MagicUnclean || s.Flags != 0x17 || s.ALExtents != 1237 || s.LaPeerMaxBioSize != 1<<20 || s.LaSizeSect != 16304 {
		t.Errorf("got %s", s.String())
	}
	if s.Flags.String() != "CONSISTENT|PRIMARY_IND|CONNECTED_IND|WAS_UP_TO_DATE" {
		t.Errorf("flags %s", s.Flags)
	}
	if string(s.Append(nil)) != string(b) {
		t.Error("does not encode to the same bytes")
	}
	if a := s.Applied(); !s.NeedApplyAL() || a.NeedApplyAL() || !a.Flags.Has(PrimaryInd) {
		t.Error("apply-al is needed before, not after, and keeps PRIMARY_IND")
	}
}

func TestSuperblockRefusals(t *testing.T) {
	_, b := superOf(t, "md-int-8m.bin")
	for magic, want := range map[uint32]error{MagicV07: ErrV07, MagicV09: ErrV09, 0: ErrNoMetadata} {
		c := append([]byte{}, b...)
		c[60], c[61], c[62], c[63] = byte(magic>>24), byte(magic>>16), byte(magic>>8), byte(magic)
		if _, err := ParseSuperblock(c); !errors.Is(err, want) || !errors.Is(err, ErrNoMetadata) {
			t.Errorf("magic %x: %v, want %v", magic, err, want)
		}
	}
	if _, err := ParseSuperblock(b[:4095]); err != ErrNoMetadata {
		t.Errorf("short: %v", err)
	}
}

// TestLayoutTable: the table of section 3 and the other placements.
func TestLayoutTable(t *testing.T) {
	for _, c := range []struct {
		index          Index
		size, super    int64
		ring           Ring
		al, bm         int32
		md             uint32
		backing, usabl uint64
	}{
		{Internal, 8388608, 8384512, DefaultRing, -64, -72, 80, 0, 16304},
		{Internal, 8390144, 8384512, DefaultRing, -64, -72, 80, 0, 16304},
		{Internal, 104857600, 104853504, DefaultRing, -64, -72, 80, 0, 204720},
		{Internal, 134217728, 134213632, DefaultRing, -64, -72, 80, 0, 262064},
		{Internal, 134221824, 134217728, DefaultRing, -64, -80, 88, 0, 262064},
		{Internal, 4294967296, 4294963200, DefaultRing, -64, -320, 328, 0, 8388280},
		{Internal, 67108864, 67104768, Ring{4, 8}, -256, -264, 272, 0, 130800},
		{FlexExternal, 1 << 20, 0, DefaultRing, 8, 72, 2048, 1 << 40, (2048 - 72) * 32768},
		{FlexExternal, 1 << 20, 0, DefaultRing, 8, 72, 2048, 1000, 1000},
		{1, 256 << 20, 128 << 20, DefaultRing, 8, 72, 262144, 1 << 40, (262144 - 72) * 32768},
	} {
		l, err := NewLayout(c.index, c.size, c.ring)
		if err != nil {
			t.Fatal(err)
		}
		if l.Super != c.super || l.ALOffset != c.al || l.BMOffset != c.bm || l.MdSizeSect != c.md || l.UsableSectors(c.backing) != c.usabl {
			t.Errorf("%v %d: %+v, usable %d", c.index, c.size, l, l.UsableSectors(c.backing))
		}
		sb := l.Create(CreateOptions{})
		if err := l.Matches(&sb); err != nil {
			t.Error(err)
		}
		if k, err := CheckAttach(&sb, c.index, c.size); err != nil || k != l {
			t.Errorf("attach: %v %+v, want %+v", err, k, l)
		}
	}
}

func TestLayoutRefusals(t *testing.T) {
	for _, c := range []struct {
		index Index
		size  int64
		ring  Ring
		want  string
	}{
		{Internal, 65536, DefaultRing, "DEV is only 65536 bytes. That's not enough."},
		{FlexExternal, 69120, DefaultRing, "DEV is only 69120 bytes. That's not enough."},
		{1, 1 << 20, DefaultRing, "Device too small: expecting meta data block at\nbyte offset 134217728, but DEV is only 1048576 bytes."},
		{Internal, 1 << 20, Ring{1, 8192}, "DEV is only 1048576 bytes. That's not enough."},
		{Internal, 8 << 20, Ring{1, 7}, "invalid (too small) al-stripe* settings"},
		{Internal, 8 << 20, Ring{0, 8}, "invalid (too small) al-stripe* settings"},
		{Internal, 8 << 20, Ring{1025, 8}, "invalid (too large) al-stripe* settings"},
		{Internal, 8 << 20, Ring{1<<32 - 1, 1<<32 - 1}, "invalid (too large) al-stripe* settings"},
		{FlexExternal, 1 << 50, DefaultRing, "a device of 1125899906842624 bytes is too large for this metadata format"},
	} {
		_, err := NewLayout(c.index, c.size, c.ring)
		var small *TooSmallError
		text := ""
		if errors.As(err, &small) {
			text = small.Text("DEV")
		} else if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%v %d %v: %q, want %q", c.index, c.size, c.ring, text, c.want)
		}
	}
	for _, s := range []string{"256", "-1", "intern", "1x", " 1", "flexible-internal"} {
		if _, err := ParseIndex(s); err == nil || err.Error() != "'"+s+"' is not a valid index number." {
			t.Errorf("index %q: %v", s, err)
		}
	}
	for s, want := range map[string]Index{"internal": Internal, "flex-internal": Internal, "flex-external": FlexExternal, "0": 0, "255": 255, "0x10": 16} {
		if x, err := ParseIndex(s); err != nil || x != want {
			t.Errorf("index %q: %v %v", s, x, err)
		}
	}
}

// TestCheckAttachRefusals: each rule of section 3 is able to refuse.
func TestCheckAttachRefusals(t *testing.T) {
	for name, change := range map[string]func(s *Superblock){
		"bytes per bit":       func(s *Superblock) { s.BytesPerBit = 8192 },
		"al_offset positive":  func(s *Superblock) { s.ALOffset = 64 },
		"al_offset zero":      func(s *Superblock) { s.ALOffset = 0 },
		"bm behind al":        func(s *Superblock) { s.BMOffset = -56 },
		"odd bm_offset":       func(s *Superblock) { s.BMOffset, s.MdSizeSect = -73, 81 },
		"md size":             func(s *Superblock) { s.MdSizeSect = 88 },
		"al too short":        func(s *Superblock) { s.ALOffset = -56 },
		"stripes":             func(s *Superblock) { s.ALStripes = 2 },
		"stripes huge":        func(s *Superblock) { s.ALStripes, s.ALStripeSize4k = 1<<31, 1<<31 },
		"stripe size 0":       func(s *Superblock) { s.ALStripeSize4k = 0 },
		"before the device":   func(s *Superblock) { s.BMOffset, s.MdSizeSect = -20000, 20008 },
		"bitmap too small":    func(s *Superblock) { s.LaSizeSect = 400000 },
		"no room for data":    func(s *Superblock) { s.LaSizeSect = 16305 },
		"last agreed maximum": func(s *Superblock) { s.LaSizeSect = 1<<64 - 1 },
	} {
		s, _ := superOf(t, "md-int-8m.bin")
		change(&s)
		if _, err := CheckAttach(&s, Internal, 8<<20); !errors.Is(err, ErrOffsets) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, _ := superOf(t, "md-int-8m.bin")
	s.ALStripes, s.ALStripeSize4k = 0, 0
	if _, err := CheckAttach(&s, Internal, 8<<20); err != nil {
		t.Errorf("8.3 without stripes: %v", err)
	}
	var small *TooSmallError
	if _, err := CheckAttach(&s, Internal, 1<<20-4096); !errors.As(err, &small) {
		t.Errorf("small device: %v", err)
	}
	if _, err := CheckAttach(&s, 1, 256<<20-4096); !errors.As(err, &small) {
		t.Errorf("short slot: %v", err)
	}
}

// TestFind: the evaluation of section 6.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		flags           Flags
		primary, frozen bool
		want            Found
	}{
		{0, false, false, Found{Disk: "Inconsistent"}},
		{Consistent, false, false, Found{Disk: "Outdated"}},
		{Consistent | WasUpToDate, false, false, Found{Disk: "Consistent"}},
		{Consistent | WasUpToDate | PeerOutdated, false, false, Found{Disk: "Consistent", PeerOutdated: true}},
		{Consistent | WasUpToDate | PrimaryInd | ConnectedInd, false, false, Found{Disk: "Consistent", CrashedPrimary: true}},
		{Consistent | WasUpToDate | PrimaryInd, false, false, Found{Disk: "Consistent", CrashedPrimary: true, DegradedWait: true}},
		{Consistent | WasUpToDate | PrimaryInd, true, false, Found{Disk: "Consistent", CrashedPrimary: true}},
		{Consistent | WasUpToDate | PrimaryInd, true, true, Found{Disk: "Consistent"}},
		{Consistent | CrashedPrimary, true, true, Found{Disk: "Outdated", CrashedPrimary: true}},
		{PrimaryInd | ALDisabled, false, false, Found{Disk: "Inconsistent", CrashedPrimary: true, SetAllBits: true, DegradedWait: true}},
		{Consistent | ALDisabled, false, false, Found{Disk: "Outdated"}},
		{FullSync, false, false, Found{Disk: "Inconsistent", SetAllBits: true}},
	} {
		s := Superblock{Flags: c.flags}
		if got := s.Find(c.primary, c.frozen); got != c.want {
			t.Errorf("%s primary=%v: %+v, want %+v", c.flags, c.primary, got, c.want)
		}
	}
}

// TestUUIDRotation: the primitives of drbd-wire 11.
func TestUUIDRotation(t *testing.T) {
	u := UUIDs{Current: 0x10}
	if u.NewCurrent(0x20, true) || u != (UUIDs{Current: 0x21, Bitmap: 0x10}) {
		t.Errorf("new current: %+v", u)
	}
	if !u.NewCurrent(0x31, false) || u != (UUIDs{Current: 0x30, Bitmap: 0x21}) {
		t.Errorf("new current twice loses a bitmap UUID: %+v", u)
	}
	u.SetBitmap(0x40)
	if u != (UUIDs{Current: 0x30, Bitmap: 0x40, History0: 0x21}) {
		t.Errorf("set bitmap: %+v", u)
	}
	u.ClearBitmap()
	u.ClearBitmap()
	if u != (UUIDs{Current: 0x30, History0: 0x40, History1: 0x21}) {
		t.Errorf("clear bitmap: %+v", u)
	}
}

// TestFlagWords: dstate and show-gi for combinations that were run on the real one.
func TestFlagWords(t *testing.T) {
	for f, want := range map[Flags]string{
		0x80:  "Inconsistent; Secondary, StandAlone, Inconsistent",
		0x81:  "Outdated; Secondary, StandAlone, Outdated",
		0x91:  "Consistent; Secondary, StandAlone, UpToDate",
		0x90:  "Inconsistent; Secondary, StandAlone, Inconsistent",
		0xb1:  "UpToDate; Secondary, StandAlone, UpToDate, peer Outdated",
		0x93:  "Consistent; Primary, StandAlone, UpToDate",
		0x1ff: "UpToDate; crashed Primary, Connected, UpToDate, need full sync, peer Outdated",
	} {
		if got := f.DState() + "; " + f.Words(); got != want {
			t.Errorf("%x: %s, want %s", uint32(f), got, want)
		}
	}
	if s := Flags(0x80000001).String(); s != "CONSISTENT|0x80000000" {
		t.Error(s)
	}
	if got := HumanKiB(8192) + HumanKiB(16384) + HumanKiB(9999) + HumanKiB(102360) + HumanKiB(1<<40); !strings.HasPrefix(got, "8192 KB16 MB9999 KB100 MB") {
		t.Error(got)
	}
}

// TestLastKnown: the file with which the tools find metadata after a resize.
func TestLastKnown(t *testing.T) {
	for _, text := range []string{"8388608\tr.img\n", "8388608\t/dev/vg0/a b\nuuid:\t1122334455667788\n"} {
		if l, err := ParseLastKnown(text); err != nil || l.String() != text {
			t.Errorf("%q: %v %+v", text, err, l)
		}
	}
	for _, text := range []string{"", "8388608", "-1\tx\n", "x\ty\n", "1\t\n", "1\tx\nuuid:\tzz\n", "99999999999999999999\tx\n"} {
		if l, err := ParseLastKnown(text); err == nil {
			t.Errorf("%q gives %+v", text, l)
		}
	}
}
