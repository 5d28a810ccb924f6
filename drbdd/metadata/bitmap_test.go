package metadata

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// model is a bitmap that is too simple to be wrong.
type model []bool

func (m model) set(first, n uint64, v bool) (changed uint64) {
	for i := first; i < uint64(len(m)) && i-first < n; i++ {
		if m[i] != v {
			m[i], changed = v, changed+1
		}
	}
	return changed
}

func (m model) next(i uint64, v bool) uint64 {
	for ; i < uint64(len(m)); i++ {
		if m[i] == v {
			return i
		}
	}
	return uint64(len(m))
}

// compare checks every answer of b against the model.
func compare(t *testing.T, b *Bitmap, m model, r *rand.Rand) {
	t.Helper()
	n := uint64(len(m))
	if b.Bits() != n {
		t.Fatalf("%d bits, want %d", b.Bits(), n)
	}
	total := uint64(0)
	for i := range m {
		if b.Test(uint64(i)) != m[i] {
			t.Fatalf("bit %d is %v", i, b.Test(uint64(i)))
		}
		if m[i] {
			total++
		}
	}
	if b.Count() != total {
		t.Fatalf("count %d, want %d", b.Count(), total)
	}
	for range 20 {
		i := r.Uint64N(n + 3)
		if got, want := b.NextSet(i), m.next(i, true); got != want {
			t.Fatalf("NextSet(%d) = %d, want %d", i, got, want)
		}
		if got, want := b.NextClear(i), m.next(i, false); got != want {
			t.Fatalf("NextClear(%d) = %d, want %d", i, got, want)
		}
		k := r.Uint64N(n + 3)
		if got, want := b.CountRange(i, k), append(model{}, m...).set(i, k, false); got != want {
			t.Fatalf("CountRange(%d, %d) = %d, want %d", i, k, got, want)
		}
	}
}

// drive applies operations drawn from data to a bitmap and to the model.
func drive(t *testing.T, n uint64, r *rand.Rand, steps int) {
	b, err := NewBitmap(n)
	if err != nil {
		t.Fatal(err)
	}
	m := make(model, n)
	for range steps {
		first, k := r.Uint64N(n+2), r.Uint64N(n+2)
		switch r.IntN(3) {
		case 0:
			k = 1
		case 1:
			k = r.Uint64N(200)
		}
		switch op := r.IntN(8); op {
		case 0, 1, 2:
			if got, want := b.Set(first, k), m.set(first, k, true); got != want {
				t.Fatalf("Set(%d, %d) changed %d, want %d", first, k, got, want)
			}
		case 3, 4:
			if got, want := b.Clear(first, k), m.set(first, k, false); got != want {
				t.Fatalf("Clear(%d, %d) changed %d, want %d", first, k, got, want)
			}
		case 5: // save and load
			c, _ := NewBitmap(n)
			for i := range b.Blocks() {
				p := b.AppendBlock(nil, i)
				if len(p) != BlockSize {
					t.Fatalf("block of %d bytes", len(p))
				}
				c.LoadBlock(i, p)
			}
			if c.NextDirty(0) != -1 {
				t.Fatal("a loaded bitmap has blocks to write")
			}
			b = c
		case 6: // exchange by words
			words := make([]byte, 8*(1+r.IntN(5)))
			for i := range words {
				words[i] = byte(r.Uint32())
			}
			off := first / 64
			want := uint64(0)
			for i := uint64(0); i < uint64(len(words))*8; i++ {
				if words[i/8]>>(i%8)&1 != 0 {
					want += m.set(off*64+i, 1, true)
				}
			}
			if got := b.OrWords(off, words); got != want {
				t.Fatalf("OrWords(%d) changed %d, want %d", off, got, want)
			}
		case 7: // resize
			k = 1 + r.Uint64N(2*n)
			grow := r.IntN(2) == 0
			if err := b.Resize(k, grow); err != nil {
				t.Fatal(err)
			}
			old := uint64(len(m))
			m = append(m[:min(k, old):min(k, old)], make(model, k-min(k, old))...)
			if grow && k > old {
				m.set(old, k-old, true)
			}
			n = k
		}
		compare(t, b, m, r)
	}
}

func TestBitmapModel(t *testing.T) {
	for _, n := range []uint64{1, 63, 64, 65, 2038, 32767, 32768, 32769, 70001} {
		drive(t, n, rand.New(rand.NewPCG(n, 3)), 60)
	}
}

func FuzzBitmap(f *testing.F) {
	f.Add(uint64(1), uint16(40000), uint8(20))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, steps uint8) {
		drive(t, 1+uint64(n), rand.New(rand.NewPCG(seed, 4)), int(steps%32))
	})
}

// TestBitmapMemory: 32 MiB for a TiB of storage, and next to nothing besides.
func TestBitmapMemory(t *testing.T) {
	const tib = 1 << 40
	b, err := NewBitmap(Bits(tib / SectorSize))
	if err != nil {
		t.Fatal(err)
	}
	if n := 8 * len(b.words); n != 32<<20 {
		t.Errorf("%d bytes of bits, want 32 MiB", n)
	}
	if n := 2*len(b.count) + 8*len(b.dirty); n > 18<<10 {
		t.Errorf("%d bytes besides", n)
	}
	if _, err := NewBitmap(1 << 40); err == nil {
		t.Error("a bitmap of 128 GiB was allocated")
	}
	if err := b.Resize(1<<40, true); err == nil {
		t.Error("a bitmap grew to 128 GiB")
	}
}

// TestBitmapDirty: a block is to be written after its first change and until it is.
func TestBitmapDirty(t *testing.T) {
	b, _ := NewBitmap(200 * blockBits)
	b.Set(5*blockBits-1, 2)
	b.Set(130*blockBits+7, 1)
	b.Set(130*blockBits+7, 1)
	b.Clear(9*blockBits, 10) // changes nothing
	var got []int
	for i := b.NextDirty(0); i >= 0; i = b.NextDirty(i + 1) {
		got = append(got, i)
	}
	if len(got) != 3 || got[0] != 4 || got[1] != 5 || got[2] != 130 {
		t.Errorf("blocks to write %v, want 4 5 130", got)
	}
	b.MarkWritten(5)
	if b.Dirty(5) || !b.Dirty(4) || b.NextDirty(5) != 130 || b.NextDirty(131) != -1 {
		t.Error("MarkWritten")
	}
}

// TestRanges: which bits a range of storage touches, and which it covers.
func TestRanges(t *testing.T) {
	const dev = 1003 // sectors: 125 whole bits and a part
	for _, c := range []struct {
		sector         uint64
		size           uint32
		cover0, coverN uint64
		in0, inN       uint64
	}{
		{0, 4096, 0, 1, 0, 1},
		{1, 4096, 0, 2, 1, 0},
		{7, 512, 0, 1, 1, 0},
		{8, 8192, 1, 2, 1, 2},
		{3, 16384, 0, 5, 1, 3},
		{0, 0, 0, 0, 0, 0},
		{1000, 1536, 125, 1, 125, 1}, // up to the end of the device
		{992, 4096, 124, 1, 124, 1},
		{992, 5632, 124, 2, 124, 2},
		{1001, 1024, 125, 1, 126, 0},
	} {
		if f, n := Covering(c.sector, c.size); n != c.coverN || n > 0 && f != c.cover0 {
			t.Errorf("Covering(%d, %d) = %d+%d, want %d+%d", c.sector, c.size, f, n, c.cover0, c.coverN)
		}
		if f, n := Inside(c.sector, c.size, dev); n != c.inN || n > 0 && f != c.in0 {
			t.Errorf("Inside(%d, %d) = %d+%d, want %d+%d", c.sector, c.size, f, n, c.in0, c.inN)
		}
	}
	for sectors, want := range map[uint64]uint64{0: 0, 1: 1, 8: 1, 9: 2, 16304: 2038, 1<<64 - 1: 1 << 61} {
		if got := Bits(sectors); got != want {
			t.Errorf("Bits(%d) = %d, want %d", sectors, got, want)
		}
	}
}

func benchBitmap() *Bitmap {
	b, _ := NewBitmap(1 << 28) // 1 TiB
	b.Set(1<<28-5, 1)
	return b
}

func BenchmarkBitmapScanTiB(b *testing.B) {
	bm := benchBitmap()
	for b.Loop() {
		if bm.NextSet(0) != 1<<28-5 {
			b.Fatal("lost")
		}
	}
}

func BenchmarkBitmapSetClear(b *testing.B) {
	bm := benchBitmap()
	i := uint64(0)
	for b.Loop() {
		bm.Set(i&(1<<27-1), 1)
		bm.Clear(i&(1<<27-1), 1)
		i += 977
	}
}

func BenchmarkBitmapCountExtent(b *testing.B) {
	bm := benchBitmap()
	bm.Set(7, 1)
	for b.Loop() {
		bm.CountExtent(1)
	}
}

func BenchmarkBitmapLoad(b *testing.B) {
	bm := benchBitmap()
	p := make([]byte, BlockSize)
	binary.LittleEndian.PutUint64(p, 12345)
	b.SetBytes(BlockSize)
	for b.Loop() {
		bm.LoadBlock(77, p)
	}
}
