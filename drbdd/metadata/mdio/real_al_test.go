package mdio

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
)

// randomLog fills an activity log as a busy node would, then damages it a little.
func randomLog(r *rand.Rand, ring metadata.Ring, area []byte, extents uint32) (slots int, story string) {
	slots = 1 + r.IntN(ring.MaxExtents())
	if r.IntN(2) == 0 {
		slots = 7 + r.IntN(130)
	}
	init := metadata.InitTransaction().Append(nil)
	for off := 0; off < len(area); off += len(init) {
		copy(area[off:], init)
	}
	log, err := metadata.NewLog(ring, slots)
	if err != nil {
		panic(err)
	}
	n := r.IntN(3 * int(ring.Blocks()))
	if r.IntN(4) == 0 {
		n = 0
	}
	for range n {
		u := make([]metadata.SlotUpdate, 1+r.IntN(min(slots, metadata.ALUpdates)))
		for i := range u {
			u[i] = metadata.SlotUpdate{Slot: uint16(r.IntN(slots)), Extent: r.Uint32N(extents)}
			if r.IntN(20) == 0 {
				u[i].Extent = metadata.ALFree
			}
		}
		block, off := log.Next(nil, u)
		copy(area[off:], block)
	}
	story = fmt.Sprintf("%d slots, %d transactions", slots, n)
	for r.IntN(3) == 0 {
		at := r.IntN(len(area))
		if r.IntN(8) == 0 {
			clear(area)
		}
		area[at] ^= 0x40
		story += fmt.Sprintf(", byte %d damaged", at)
	}
	for r.IntN(4) == 0 {
		at := r.IntN(len(area) / 4096)
		clear(area[at*4096:][:4096])
		story += fmt.Sprintf(", block %d zero", at)
	}
	return slots, story
}

// oldLog fills the first 64 sectors with a log in the format of DRBD 8.3.
func oldLog(r *rand.Rand, area []byte, extents uint32) (slots int) {
	slots = 7 + r.IntN(300)
	ring := 1 + (slots+60)/61
	tab := make([]uint32, slots)
	for i := range tab {
		tab[i] = metadata.ALFree
	}
	clear(area)
	cycle := 0
	first := r.Uint32()
	for n := range uint32(1 + r.IntN(3*ring)) {
		b := area[int(n)%ring*512:][:512]
		clear(b)
		binary.BigEndian.PutUint32(b, 0x83740267)
		binary.BigEndian.PutUint32(b[4:], first+n)
		put := func(i int, slot, extent uint32) {
			binary.BigEndian.PutUint32(b[8+8*i:], slot)
			binary.BigEndian.PutUint32(b[12+8*i:], extent)
		}
		slot, extent := uint32(r.IntN(slots)), r.Uint32N(extents)
		put(0, slot, extent)
		for i := range 61 {
			s := (cycle + i) % slots
			if cycle+i < slots {
				put(1+i, uint32(s), tab[s])
			} else {
				put(1+i, 0xffffffff, metadata.ALFree)
			}
		}
		if cycle += 61; cycle >= slots {
			cycle = 0
		}
		tab[slot] = extent
		xor := uint32(0)
		for i := range 62 {
			xor ^= binary.BigEndian.Uint32(b[12+8*i:])
		}
		binary.BigEndian.PutUint32(b[504:], xor)
	}
	if r.IntN(4) == 0 {
		area[r.IntN(ring*512)] ^= 1
	}
	return slots
}

// TestRealApplyAL: random logs, old and new, applied by both programs.
func TestRealApplyAL(t *testing.T) {
	needReal(t)
	rings := []metadata.Ring{metadata.DefaultRing, {Stripes: 4, Stripe4k: 8}, {Stripes: 3, Stripe4k: 5}, {Stripes: 16, Stripe4k: 1}}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 2))
		ring := rings[r.IntN(len(rings))]
		size := int64(20+r.IntN(600)) << 20
		old := r.IntN(4) == 0
		if old {
			ring = metadata.DefaultRing
		}
		f := newFile(t, "disk", size)
		l, err := metadata.NewLayout(metadata.Internal, size, ring)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Create(f, l, size, metadata.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		area := make([]byte, l.ALSize)
		sb := s.Super
		sb.LaSizeSect = l.UsableSectors(0)
		if r.IntN(5) == 0 {
			sb.LaSizeSect /= 3
		}
		extents := uint32(sb.LaSizeSect/8192 + 1)
		var slots int
		story := "old format"
		if old {
			slots = oldLog(r, area, extents)
		} else {
			slots, story = randomLog(r, ring, area, extents)
		}
		sb.ALExtents = uint32(slots)
		sb.Flags = metadata.Consistent | metadata.WasUpToDate
		if r.IntN(5) > 0 {
			sb.Flags |= metadata.PrimaryInd
		}
		sb.Magic = metadata.MagicUnclean
		if old {
			sb.Magic = metadata.MagicClean // the only one that DRBD 8.3 knew
		}
		if _, err := f.WriteAt(area, l.AL); err != nil {
			t.Fatal(err)
		}
		bits := make([]byte, l.BMSize)
		for range r.IntN(2000) {
			bits[r.IntN(len(bits))] = byte(r.Uint32())
		}
		if _, err := f.WriteAt(bits, l.BM); err != nil {
			t.Fatal(err)
		}
		if err := s.WriteSuper(sb); err != nil {
			t.Fatal(err)
		}

		d := newDev(t, size)
		all := make([]byte, size-l.BM)
		if _, err := f.ReadAt(all, l.BM); err != nil {
			t.Fatal(err)
		}
		d.load(all, l.BM)
		ours, _, err := Open(d, metadata.Internal, size)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ours.ApplyAL()
		o, e, rc := real(t, "-", "v08", f.Name(), "internal", "apply-al")
		if o != "" || e != a.Text() {
			t.Errorf("seed %d (%s): we say %q, the real one %q %q", seed, story, a.Text(), o, e)
		}
		if (err == nil) != (rc == 0) {
			t.Errorf("seed %d %s (%s): we say %v %+v, the real one %d %q %q", seed, sb.Flags, story, err, a.Replay, rc, o, e)
			continue
		}
		if _, err := f.ReadAt(all, l.BM); err != nil {
			t.Fatal(err)
		}
		if a.Replay.FirstTorn {
			// The real one leaves the torn block in a log that it calls clean.
			copy(all[l.AL-l.BM:][:4096], metadata.InitTransaction().Append(nil))
		}
		diff(t, fmt.Sprintf("seed %d %s (%s, %q, %+v): from the bitmap on", seed, sb.Flags, story, e, a.Replay), d.bytes(l.BM, int64(len(all))), all)
	}
}

// TestRealSetGI: values, their effect and their refusals.
func TestRealSetGI(t *testing.T) {
	needReal(t)
	const size = 8 << 20
	f := newFile(t, "disk", size)
	l, err := metadata.NewLayout(metadata.Internal, size, metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Create(f, l, size, metadata.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := s.Super
	before.UUIDs, before.Flags = metadata.UUIDs{Current: 10, Bitmap: 11, History0: 12, History1: 13}, 0x2a|metadata.ALClean
	for _, gi := range []string{
		"1", "1:2", "::::1", "0x10:20", "1:2:3:4:1:1:1:1:1:1:1", "1:2:3:4:1:1:1:1:1:1:1:1", "1:2:3:4:2", ":5", "1:2:3:4:0:",
		"11112222333344445:0", "A:b", "", "1:::::::::::::::", "FFFFFFFFFFFFFFFF::0:", "1:2:3:4:0:1:0:1:0:1:0",
	} {
		if err := s.WriteSuper(before); err != nil {
			t.Fatal(err)
		}
		o, e, rc := real(t, "-", "v08", f.Name(), "internal", "set-gi", gi)
		after, _, _ := real(t, "-", "v08", f.Name(), "internal", "get-gi")
		sb := before
		err := sb.SetGI(gi)
		if (err == nil) != (rc == 0) || sb.GI()+"\n" != after {
			t.Errorf("set-gi %q: we say %v %s, the real one %d %q %q %s", gi, err, sb.GI(), rc, o, e, after)
		}
	}
}

// TestRealDumpErrors: a damaged dump is refused with the same text.
func TestRealDumpErrors(t *testing.T) {
	needReal(t)
	const size = 8 << 20
	f := newFile(t, "disk", size)
	l, err := metadata.NewLayout(metadata.Internal, size, metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(f, l, size, metadata.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	text := string(testdata(t, "dump-md-forced-disconnected-with-changes.txt"))
	text = text[strings.Index(text, "# DRBD"):strings.Index(text, "# exit")]
	good := strings.Replace(text, "This_is_an_unclean_meta_data_dump._Don't_trust_the_bitmap.\n", "", 1)
	for _, c := range [][2]string{
		{"", ""}, {"flags 0x00000000", "flags 0x00000095"}, {"488 times", "4880 times"}, {"488 times 0x0000000000000000;", ""},
		{"0x7C6201A20C836365", "0x7c6201a20c836365"}, {"\"v08\"", "\"v07\""}, {"\"v08\";", "\"v08\""}, {"uuid {", "uuid"}, {"uuid", ""},
		{"la-size-sect 16304;\nbm-byte-per-bit 4096;", "bm-byte-per-bit 4096;\nla-size-sect 16304;"}, {"la-size-sect", "la-size-sec"},
		{"device-uuid 0xBBCBA86CF892685B;", ""}, {"0x0000000000000005", "0x5"}, {"488 times", "0x00000008 times"},
		{"16304", "99999999999999999999999"}, {"488 times 0x0000000000000000;\n}", "488 times 0x0000000000000000;\n"},
		{"# bits-set", "foo;\n# bits-set"}, {"488 times", "488 time"}, {"488 times", "488"}, {"version", "Version"}, {"bm {", "bm"},
		{"# md_size_sect", "This_is_an_unclean_meta_data_dump._Don't_trust_the_bitmap.\n#"},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		file := filepath.Join(t.TempDir(), "dump")
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		o, e, rc := real(t, "-", "v08", f.Name(), "internal", "verify-dump", file)
		_, err := metadata.ParseDump(strings.NewReader(bad), func(uint64, uint64) error { return nil })
		got := ""
		if err != nil {
			got = err.Error() + "\n"
		}
		if got != e || (err == nil) != (rc == 0) {
			t.Errorf("%q for %q: we say\n%sthe real one %d\n%s(%q)", c[1], c[0], got, rc, e, o)
		}
	}
}
