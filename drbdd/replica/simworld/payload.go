package simworld

import "encoding/binary"

// Content of storage: one value for each sector, 0 for zeroes, else the number of
// the write in the upper half and the place of the sector in the lower.
const perBlock = 8 // sectors of a block

type block [perBlock]uint64

// value is what write id puts into a sector.
func value(id uint32, sector uint64) uint64 { return uint64(id)<<32 | (sector+1)&0xffffffff }

func writeOf(val uint64) uint32 { return uint32(val >> 32) }

// payload is the content of a run of sectors; those without a cell are zero.
type payload struct {
	sectors uint32
	cells   []cell // by off
}

type cell struct {
	off uint32 // sectors from the beginning
	val uint64
}

// at is the content of one sector.
func (p payload) at(off uint32) uint64 {
	lo, hi := 0, len(p.cells)
	for lo < hi {
		if m := (lo + hi) / 2; p.cells[m].off < off {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(p.cells) && p.cells[lo].off == off {
		return p.cells[lo].val
	}
	return 0
}

func (p payload) zero() bool { return len(p.cells) == 0 }

// digest stands for a digest of the content, in as many bytes as a real one has.
func (p payload) digest(n int) []byte {
	h := uint64(p.sectors)*0x9e3779b97f4a7c15 + 0x5bd1e995
	for _, c := range p.cells {
		h ^= uint64(c.off)*0xff51afd7ed558ccd ^ c.val
		h *= 0xc4ceb9fe1a85ec53
		h ^= h >> 29
	}
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, h)
		h = h*0x9e3779b97f4a7c15 + 1
	}
	b = b[:n]
	if n > 0 {
		b[0] |= 1 // all zero stands for a read error
	}
	return b
}
