package metadata

import (
	"fmt"
	"math/bits"
)

const (
	blockBits  = BlockSize * 8   // bits of one 4 KiB block of the bitmap: 128 MiB of storage
	blockWords = BlockSize / 8   // 64-bit words of one block
	maxBits    = uint64(1) << 38 // 1 PiB of storage, 32 GiB of bitmap
)

// Bitmap tells which 4 KiB blocks of storage are out of sync. It takes 32 MiB for
// a TiB of storage, and 17 KiB more for a counter and a mark for each 4 KiB block
// of the bitmap: with them scanning skips what is empty or full, counting is fast,
// and the owner knows what to write. One owner; no locks.
type Bitmap struct {
	n     uint64   // number of bits
	total uint64   // bits set
	words []uint64 // bit i is bit i%64 of word i/64; bits from n on are zero
	count []uint16 // bits set in each block
	dirty []uint64 // blocks that changed since MarkWritten
}

// NewBitmap makes a bitmap of n clear bits, none to be written. It fails for
// devices above 1 PiB.
func NewBitmap(n uint64) (*Bitmap, error) {
	if n > maxBits {
		return nil, fmt.Errorf("a bitmap of %d bits is larger than the limit of %d", n, maxBits)
	}
	words := (n + 63) / 64
	blocks := (n + blockBits - 1) / blockBits
	return &Bitmap{n: n, words: make([]uint64, words), count: make([]uint16, blocks), dirty: make([]uint64, (blocks+63)/64)}, nil
}

// Bits returns the number of bits.
func (b *Bitmap) Bits() uint64 { return b.n }

// Count returns the number of set bits.
func (b *Bitmap) Count() uint64 { return b.total }

// Blocks returns the number of 4 KiB blocks that the bitmap has on disk.
func (b *Bitmap) Blocks() int { return len(b.count) }

// Test tells whether bit i is set; bits beyond the end are not.
func (b *Bitmap) Test(i uint64) bool { return i < b.n && b.words[i/64]>>(i%64)&1 != 0 }

// Set sets n bits from first on and returns how many were clear. What lies beyond
// the end is ignored.
func (b *Bitmap) Set(first, n uint64) uint64 { return b.change(first, n, true) }

// Clear clears n bits from first on and returns how many were set.
func (b *Bitmap) Clear(first, n uint64) uint64 { return b.change(first, n, false) }

// clip turns first and a length into a half-open range within the bitmap.
func (b *Bitmap) clip(first, n uint64) (from, to uint64) {
	if first >= b.n {
		return b.n, b.n
	}
	return first, first + min(n, b.n-first)
}

func (b *Bitmap) change(first, n uint64, set bool) (changed uint64) {
	from, to := b.clip(first, n)
	for from < to {
		blk := from / blockBits
		stop := min(to, (blk+1)*blockBits)
		c := b.changeWords(from, stop, set)
		if c != 0 {
			if set {
				b.count[blk] += uint16(c)
			} else {
				b.count[blk] -= uint16(c)
			}
			b.dirty[blk/64] |= 1 << (blk % 64)
			changed += c
		}
		from = stop
	}
	if set {
		b.total += changed
	} else {
		b.total -= changed
	}
	return changed
}

// mask has the bits of word w that lie in [from, to).
func mask(w, from, to uint64) uint64 {
	m := ^uint64(0)
	if w == from/64 {
		m <<= from % 64
	}
	if w == to/64 {
		m &= 1<<(to%64) - 1
	}
	return m
}

func (b *Bitmap) changeWords(from, to uint64, set bool) (changed uint64) {
	for w := from / 64; w*64 < to; w++ {
		m, old := mask(w, from, to), b.words[w]
		if set {
			changed += uint64(bits.OnesCount64(m &^ old))
			b.words[w] = old | m
		} else {
			changed += uint64(bits.OnesCount64(m & old))
			b.words[w] = old &^ m
		}
	}
	return changed
}

// SetAll sets every bit.
func (b *Bitmap) SetAll() { b.Set(0, b.n) }

// ClearAll clears every bit.
func (b *Bitmap) ClearAll() { b.Clear(0, b.n) }

// blockLen is the number of bits of a block; the last one may be shorter.
func (b *Bitmap) blockLen(blk uint64) uint64 { return min(blockBits, b.n-blk*blockBits) }

// NextSet returns the first set bit from i on, or Bits() if there is none.
func (b *Bitmap) NextSet(i uint64) uint64 { return b.next(i, 0) }

// NextClear returns the first clear bit from i on, or Bits() if there is none.
func (b *Bitmap) NextClear(i uint64) uint64 { return b.next(i, ^uint64(0)) }

// next looks for a bit that differs from those of flip.
func (b *Bitmap) next(i, flip uint64) uint64 {
	for i < b.n {
		blk := i / blockBits
		end := min((blk+1)*blockBits, b.n)
		skip := uint64(0)
		if flip != 0 {
			skip = b.blockLen(blk)
		}
		if uint64(b.count[blk]) == skip {
			i = end
			continue
		}
		w := i / 64
		x := (b.words[w] ^ flip) &^ (1<<(i%64) - 1)
		for x == 0 {
			if w++; w*64 >= end {
				break
			}
			x = b.words[w] ^ flip
		}
		if x != 0 {
			// Padding bits are clear: NextClear may find one beyond the end.
			return min(w*64+uint64(bits.TrailingZeros64(x)), b.n)
		}
		i = end
	}
	return b.n
}

// CountRange returns how many of n bits from first on are set.
func (b *Bitmap) CountRange(first, n uint64) (set uint64) {
	from, to := b.clip(first, n)
	for from < to {
		blk := from / blockBits
		stop := min(to, (blk+1)*blockBits)
		if stop-from == b.blockLen(blk) {
			set += uint64(b.count[blk])
		} else if b.count[blk] != 0 {
			for w := from / 64; w*64 < stop; w++ {
				set += uint64(bits.OnesCount64(b.words[w] & mask(w, from, stop)))
			}
		}
		from = stop
	}
	return set
}

// CountExtent returns how many bits of an activity-log extent are set.
func (b *Bitmap) CountExtent(extent uint32) uint64 {
	return b.CountRange(uint64(extent)*ExtentBits, ExtentBits)
}

// Resize changes the number of bits; new ones are set or clear. Everything counts
// as changed, since the bitmap moves on disk.
func (b *Bitmap) Resize(n uint64, set bool) error {
	c, err := NewBitmap(n)
	if err != nil {
		return err
	}
	copy(c.words, b.words)
	c.recount(0, len(c.count))
	if set && n > b.n {
		c.Set(b.n, n-b.n)
	}
	*b = *c
	b.MarkAllDirty()
	return nil
}

// recount clears what lies beyond the end and counts blocks [from, to) anew.
func (b *Bitmap) recount(from, to int) {
	if tail := b.n % 64; tail != 0 {
		b.words[len(b.words)-1] &= 1<<tail - 1
	}
	for blk := from; blk < to; blk++ {
		b.total -= uint64(b.count[blk])
		c := 0
		for _, w := range b.words[blk*blockWords : min((blk+1)*blockWords, len(b.words))] {
			c += bits.OnesCount64(w)
		}
		b.count[blk] = uint16(c)
		b.total += uint64(c)
	}
}
