package metadata

import (
	"encoding/binary"
	"math/bits"
)

// LoadBlock replaces the content of 4 KiB block i with bytes read from disk. Bits
// beyond the end are dropped; the block counts as written. p must have BlockSize
// bytes.
func (b *Bitmap) LoadBlock(i int, p []byte) {
	_ = p[BlockSize-1]
	w := b.words[i*blockWords : min((i+1)*blockWords, len(b.words))]
	for j := range w {
		w[j] = binary.LittleEndian.Uint64(p[8*j:])
	}
	b.recount(i, i+1)
	b.MarkWritten(i)
}

// AppendBlock appends the 4096 bytes of block i as they stand on disk.
func (b *Bitmap) AppendBlock(dst []byte, i int) []byte {
	w := b.words[i*blockWords : min((i+1)*blockWords, len(b.words))]
	for _, x := range w {
		dst = binary.LittleEndian.AppendUint64(dst, x)
	}
	return append(dst, make([]byte, BlockSize-8*len(w))...)
}

// NextDirty returns the first block from i on that changed since it was written or
// loaded, or -1.
func (b *Bitmap) NextDirty(i int) int {
	for w := i / 64; i < len(b.count); w++ {
		if x := b.dirty[w] >> (i % 64); x != 0 {
			return i + bits.TrailingZeros64(x)
		}
		i = (w + 1) * 64
	}
	return -1
}

// Dirty tells whether block i changed since it was written or loaded.
func (b *Bitmap) Dirty(i int) bool { return b.dirty[i/64]>>(i%64)&1 != 0 }

// MarkWritten forgets that block i changed. Call it when the bytes for the write
// are taken, not when it ends: bits may change meanwhile.
func (b *Bitmap) MarkWritten(i int) { b.dirty[i/64] &^= 1 << (i % 64) }

// MarkDirty lets block i count as changed, as after a failed write.
func (b *Bitmap) MarkDirty(i int) { b.dirty[i/64] |= 1 << (i % 64) }

// MarkAllDirty lets every block count as changed.
func (b *Bitmap) MarkAllDirty() {
	for i := range b.count {
		b.MarkDirty(i)
	}
}

// BlockOf returns the block of the bitmap that holds a bit.
func BlockOf(bit uint64) int { return int(bit / blockBits) }

// BlocksOfExtent returns the block that holds the bits of an activity-log extent:
// they never cross a block.
func BlocksOfExtent(extent uint32) int { return BlockOf(uint64(extent) * ExtentBits) }

// AppendWords appends n 64-bit words from word off on, little endian, as packet
// P_BITMAP carries them (drbd-wire 12). Words beyond the end are left out.
func (b *Bitmap) AppendWords(dst []byte, off, n uint64) []byte {
	size := uint64(len(b.words))
	if off >= size {
		return dst
	}
	for _, x := range b.words[off : off+min(n, size-off)] {
		dst = binary.LittleEndian.AppendUint64(dst, x)
	}
	return dst
}

// OrWords sets the bits of little-endian words that start at word off, and returns
// how many were clear. Bits and words beyond the end are ignored.
func (b *Bitmap) OrWords(off uint64, p []byte) (changed uint64) {
	for ; len(p) >= 8 && off < uint64(len(b.words)); off, p = off+1, p[8:] {
		x := binary.LittleEndian.Uint64(p)
		if off == uint64(len(b.words))-1 && b.n%64 != 0 {
			x &= 1<<(b.n%64) - 1
		}
		c := uint64(bits.OnesCount64(x &^ b.words[off]))
		if c == 0 {
			continue
		}
		b.words[off] |= x
		blk := int(off / blockWords)
		b.count[blk] += uint16(c)
		b.MarkDirty(blk)
		changed += c
	}
	b.total += changed
	return changed
}

// Covering returns the bits that a range of storage touches: what must be set when
// it becomes out of sync. size is in bytes; the range lies below MaxSectors.
func Covering(sector uint64, size uint32) (first, n uint64) {
	first = sector / secPerBit
	return first, Bits(sector+(uint64(size)+SectorSize-1)/SectorSize) - first
}

// Inside returns the bits whose storage lies completely within a range: what may
// be cleared when it was synced. The last, partial block of a device of that many
// sectors counts as complete (drbd-wire 13). The range lies below MaxSectors.
func Inside(sector uint64, size uint32, deviceSectors uint64) (first, n uint64) {
	end := sector + uint64(size)/SectorSize
	first = Bits(sector)
	stop := end / secPerBit
	if end >= deviceSectors {
		stop = Bits(deviceSectors)
	}
	if stop <= first {
		return first, 0
	}
	return first, stop - first
}
