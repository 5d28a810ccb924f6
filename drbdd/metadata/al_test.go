package metadata

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRingOrder: which block the transactions go to (section 5).
func TestRingOrder(t *testing.T) {
	r := Ring{Stripes: 3, Stripe4k: 4}
	seen := map[uint32]bool{}
	var got []uint32
	for tr := range uint32(12) {
		b := r.Block(tr + 24)
		got, seen[b] = append(got, b), true
	}
	if want := []uint32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}; !slices.Equal(got, want) || len(seen) != 12 {
		t.Errorf("blocks %v, want %v", got, want)
	}
	if n := DefaultRing.MaxExtents(); n != 6433 {
		t.Errorf("default ring: at most %d extents, want 6433", n)
	}
	if n := (Ring{1, 8192}).MaxExtents(); n != ALMaxSlots {
		t.Errorf("large ring: %d", n)
	}
}

// TestLogReplay: whatever is changed, the log read back at any moment has exactly
// the extents of the table, while no more than the ring's content survives.
func TestLogReplay(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		ring := []Ring{DefaultRing, {2, 4}, {5, 3}, {1, 16}}[r.IntN(4)]
		log, err := NewLog(ring, 1+r.IntN(ring.MaxExtents()))
		if err != nil {
			t.Fatal(err)
		}
		log.next = r.Uint32() // numbers wrap
		area := make([]byte, 0, ring.Blocks()*ALBlockSize)
		for range ring.Blocks() {
			area = InitTransaction().Append(area)
		}
		s := Superblock{Magic: MagicUnclean, Flags: PrimaryInd}
		var buf []byte
		// Before the ring was once around, what is not in it is free; so it holds from
		// the first transaction on.
		for step := range 3 * int(ring.Blocks()) {
			u := make([]SlotUpdate, 1+r.IntN(ALUpdates))
			for i := range u {
				u[i] = SlotUpdate{uint16(r.IntN(log.Slots())), r.Uint32N(100000)}
			}
			block, off := log.Next(buf, u)
			buf = block
			copy(area[off:], block)
			rep := ReadAL(area, &s)
			var want []uint32
			for i := range log.Slots() {
				if e := log.Extent(i); e != ALFree {
					want = append(want, e)
				}
			}
			slices.Sort(want)
			want = slices.Compact(want)
			if rep.Format != AL84 || rep.Corrupt != 0 || !slices.Equal(rep.Extents, want) {
				t.Fatalf("seed %d step %d: %d extents, want %d", seed, step, len(rep.Extents), len(want))
			}
			if mark, _, err := ApplyRule(&s, rep); err != nil || mark != (len(want) > 0) {
				t.Fatalf("seed %d step %d: mark %v %v", seed, step, mark, err)
			}
		}
	}
	for _, n := range []int{0, -1, 6434} {
		if _, err := NewLog(DefaultRing, n); err == nil {
			t.Errorf("a log of %d extents was made", n)
		}
	}
}

// TestTornTransaction: a block that was half written when the power went. The write
// it announced never started, so forgetting it is right; the table before it counts.
func TestTornTransaction(t *testing.T) {
	log, _ := NewLog(DefaultRing, 127)
	var area []byte
	for range 8 {
		area = InitTransaction().Append(area)
	}
	put := func(u ...SlotUpdate) int64 {
		b, off := log.Next(nil, u)
		copy(area[off:], b)
		return off
	}
	put(SlotUpdate{0, 7}, SlotUpdate{1, 8})
	put(SlotUpdate{2, 9})
	off := put(SlotUpdate{0, 100})
	copy(area[off+512:off+4096], InitTransaction().Append(nil)[512:])
	s := Superblock{Magic: MagicUnclean, Flags: PrimaryInd}
	r := ReadAL(area, &s)
	if r.Corrupt != 1 || !slices.Equal(r.Extents, []uint32{7, 8, 9}) {
		t.Errorf("%+v", r)
	}
}

// TestApplyRule: when a log that cannot be read matters.
func TestApplyRule(t *testing.T) {
	for _, c := range []struct {
		r       Replay
		flags   Flags
		mark    bool
		ignored bool
		err     error
	}{
		{Replay{}, PrimaryInd, false, false, ErrALUnusable},
		{Replay{}, 0, false, true, ErrALUnusable},
		{Replay{Format: ALInitialized}, PrimaryInd, false, false, nil},
		{Replay{Format: ALInitialized, Corrupt: 1}, PrimaryInd, false, false, ErrALNoUpdate},
		{Replay{Format: ALInitialized, Corrupt: 1, FirstTorn: true}, PrimaryInd, false, false, nil},
		{Replay{Format: AL84, Transactions: 1, Extents: []uint32{1}}, 0, false, true, nil},
		{Replay{Format: AL84, Transactions: 1, Extents: []uint32{1}}, PrimaryInd, true, false, nil},
		{Replay{Format: AL83}, PrimaryInd, false, false, ErrALUnusable},
	} {
		mark, ignored, err := ApplyRule(&Superblock{Flags: c.flags}, c.r)
		if mark != c.mark || ignored != c.ignored || err != c.err {
			t.Errorf("%+v %s: %v %v %v", c.r, c.flags, mark, ignored, err)
		}
	}
}

// TestMarkExtents: only clear bits count, and a piece of the bitmap is enough.
func TestMarkExtents(t *testing.T) {
	p := make([]byte, 4096)
	p[130] = 0x0f
	if n := MarkExtents(p, 4096, []uint32{0, 33, 1 << 30}); n != 1020 {
		t.Errorf("%d bits, want 1020", n)
	}
	for i, b := range p {
		if want := i >= 128 && i < 256; (b == 0xff) != want {
			t.Fatalf("byte %d is %x", i, b)
		}
	}
	if n := MarkExtents(p[:64], 0, []uint32{0}); n != 512 {
		t.Errorf("%d bits at the end of the area, want 512", n)
	}
}

func FuzzTransaction(f *testing.F) {
	tr := Transaction{Number: 7, ContextSize: 127, Updates: []SlotUpdate{{1, 2}, {3, ALFree}}, Context: make([]uint32, 127)}
	f.Add(InitTransaction().Append(nil)[:40], 0, true)
	f.Add(tr.Append(nil)[:180], 0, true)
	f.Add(tr.Append(nil)[:180], 5, false)
	// A short head is enough of an input; most of the time it gets the right checksum,
	// to get past that.
	f.Fuzz(func(t *testing.T, head []byte, cut int, fix bool) {
		b := make([]byte, ALBlockSize)
		copy(b, head)
		if fix {
			binary.BigEndian.PutUint32(b[8:], alChecksum(b))
		}
		b = b[:ALBlockSize-min(max(cut, 0), ALBlockSize)]
		tr, err := ParseTransaction(b)
		if err != nil {
			if !errors.Is(err, ErrALMagic) && !errors.Is(err, ErrALChecksum) && !errors.Is(err, ErrALMalformed) {
				t.Fatal(err)
			}
			return
		}
		_ = tr.String()
		again, err := ParseTransaction(tr.Append(nil))
		if err != nil || again.String() != tr.String() || !slices.Equal(again.Context, tr.Context) {
			t.Fatalf("%v: %s, then %s", err, tr.String(), again.String())
		}
	})
}

func FuzzReadAL(f *testing.F) {
	f.Add([]byte{}, uint32(257), uint64(0))
	f.Add(make([]byte, 300), uint32(127), uint64(3))
	f.Fuzz(func(t *testing.T, noise []byte, extents uint32, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 6))
		area := make([]byte, 0, 3*ALBlockSize)
		for range 3 {
			tr := Transaction{Number: r.Uint32N(20), ContextSize: uint16(r.Uint32()), ContextStart: uint16(r.Uint32()), Context: make([]uint32, ALContextSlots)}
			for range r.IntN(ALUpdates) {
				tr.Updates = append(tr.Updates, SlotUpdate{uint16(r.Uint32()), r.Uint32()})
			}
			area = tr.Append(area)
		}
		if len(noise) > 0 {
			copy(area[r.IntN(len(area)):], noise)
		}
		for _, magic := range []uint32{MagicClean, MagicUnclean} {
			rep := ReadAL(area, &Superblock{Magic: magic, ALExtents: extents})
			if len(rep.Extents) > ALMaxSlots || len(rep.BadSlots) > maxBadSlots || !slices.IsSorted(rep.Extents) {
				t.Fatalf("%d extents", len(rep.Extents))
			}
		}
	})
}

func BenchmarkLogNext(b *testing.B) {
	log, _ := NewLog(DefaultRing, 1237)
	var buf []byte
	u := []SlotUpdate{{5, 6}}
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = log.Next(buf, u)
	}
}
