package drbdmeta

import (
	"encoding/binary"
	"fmt"

	"classicha/drbdd/metadata"
)

// flavour is metadata of any format that create-md finds at the place of the new
// metadata, or where DRBD 0.7 kept it.
type flavour struct {
	version string // "v07", "v08", "v09", "" = none
	fixed   bool   // internal v07 at the begin of the last 128 MiB
	super   int64  // byte offset
	v07     super07
}

// super07 is the super block of DRBD 0.7, as its drbdmeta writes it: KiB of the
// last agreed size, five generation counters, magic, KiB of metadata, and offsets
// and sizes as in v08.
type super07 struct {
	laSizeKiB uint64
	flags     uint32 // bits 0 to 3 as in v08; WantFullSync is bit 3
	human     uint32
	timeout   uint32
	connected uint32
	arbitrary uint32
	alOffset  int32
	alExtents uint32
	bmOffset  int32
}

// parse07 reads the super block of DRBD 0.7.
func parse07(b []byte) (s super07, ok bool) {
	be := binary.BigEndian
	if len(b) < metadata.SuperSize || be.Uint32(b[28:]) != metadata.MagicV07 {
		return s, false
	}
	return super07{
		be.Uint64(b), be.Uint32(b[8:]), be.Uint32(b[12:]), be.Uint32(b[16:]), be.Uint32(b[20:]), be.Uint32(b[24:]),
		int32(be.Uint32(b[36:])), be.Uint32(b[40:]), int32(be.Uint32(b[44:])),
	}, true
}

// fixedAL and fixedBM are the offsets of external metadata, in sectors.
const (
	fixedAL = metadata.SuperSize / metadata.SectorSize
	fixedBM = fixedAL + 64
)

// find07 looks for v07 metadata with the offsets that it must have.
func (t *tool) find07(b []byte, alOffset, bmOffset int32) (super07, bool) {
	s, ok := parse07(b)
	switch {
	case !ok:
		t.say(1, "v07 Magic number not found")
	case s.alOffset != alOffset:
		ok = false
		fmt.Fprintf(t.err, "v07 Magic number (al_offset) not found\n\texpected: %d, found %d\n", alOffset, s.alOffset)
	case s.bmOffset != bmOffset:
		ok = false
		fmt.Fprintf(t.err, "v07 bm_offset: expected %d, found %d\n", bmOffset, s.bmOffset)
	}
	return s, ok
}

// findFlavour looks for metadata of every format, in the original's order.
func (t *tool) findFlavour(l metadata.Layout) (flavour, int) {
	f := flavour{super: l.Super}
	std, err := metadata.NewLayout(t.index, t.dev.size, metadata.DefaultRing)
	if err != nil {
		return f, t.fail(10, err.Error())
	}
	t.dev.where, t.dev.super = inExternal, -1
	if t.index == metadata.Internal {
		t.dev.where = inFlavours
		if off := t.dev.size&^(metadata.BlockSize-1) - metadata.SlotSize; off >= 0 {
			b, code := t.readBlock(off)
			if code != 0 {
				return f, code
			}
			if s, ok := t.find07(b, fixedAL, fixedBM); ok {
				return flavour{version: "v07", fixed: true, super: off, v07: s}, 0
			}
		}
	}
	b, code := t.readBlock(l.Super)
	if code != 0 {
		return f, code
	}
	if s, ok := t.find07(b, std.ALOffset, std.BMOffset); ok {
		f.version, f.v07 = "v07", s
		return f, 0
	}
	if t.store != nil {
		f.version = "v08"
	} else {
		t.say(1, "v08 Magic number not found")
	}
	if magic := binary.BigEndian.Uint32(b[60:]); magic == metadata.MagicV09 {
		f.version = "v09"
	} else {
		t.say(1, "v09 Magic number not found")
	}
	return f, 0
}

func (t *tool) readBlock(off int64) ([]byte, int) {
	b := make([]byte, metadata.SuperSize)
	if _, err := t.dev.ReadAt(b, off); err != nil {
		return nil, t.fail(10, errText(err))
	}
	return b, 0
}

// uuids turns the generation counters into UUIDs, the same on both nodes.
func (s *super07) uuids() metadata.UUIDs {
	gen := func(back uint32) uint64 {
		return uint64(s.human&0xffff)<<48 | uint64(s.timeout&0xffff)<<32 | uint64((s.connected+s.arbitrary-back)&0xffff)<<16 | 0xbabe
	}
	// No bitmap UUID: what the bitmap is relative to is not known any more, so
	// different generations mean a full sync.
	return metadata.UUIDs{Current: gen(0), History0: gen(1), History1: gen(2)}
}

// convert turns v07 metadata into v08. The original leaves the activity log and the
// bitmap of fixed-size internal metadata where they were, and so forgets what was
// out of sync and, after a crash, which extents were hot; here they come along.
// sb is the super block to write afterwards.
func (t *tool) convert(f flavour, sb *metadata.Superblock) int {
	s, l := &f.v07, t.store.Layout
	sb.UUIDs, sb.Flags, sb.LaSizeSect = s.uuids(), metadata.Flags(s.flags), s.laSizeKiB*2
	if n := int64(s.alExtents); n > 0 && n <= int64(l.Ring.MaxExtents()) {
		sb.ALExtents = s.alExtents
	}
	from, to := f.super+int64(s.alOffset)*metadata.SectorSize, l.AL
	fromBM, toBM := f.super+int64(s.bmOffset)*metadata.SectorSize, l.BM
	if from == to && fromBM == toBM {
		return 0
	}
	sectors := min(sb.LaSizeSect, l.UsableSectors(metadata.MaxSectors))
	log := make([]byte, l.ALSize)
	bm := make([]byte, min(metadata.BitmapBytes(sectors), l.BMSize))
	t.dev.where = inConvert
	for _, x := range []struct {
		b   []byte
		off int64
	}{{log[:min(len(log), 64*metadata.SectorSize)], from}, {bm, fromBM}} {
		if _, err := t.dev.ReadAt(x.b, x.off); err != nil {
			return t.fail(10, errText(err))
		}
	}
	for _, x := range []struct {
		b   []byte
		off int64
	}{{bm, toBM}, {log, to}} {
		if _, err := t.dev.WriteAt(x.b, x.off); err != nil {
			return t.fail(10, errText(err))
		}
	}
	return t.sync()
}

// wipeOld removes the super block of fixed-size v07 metadata, which the next
// create-md would find again, unless the new metadata covers its place.
func (t *tool) wipeOld(f flavour, l metadata.Layout) int {
	if !f.fixed || f.super+metadata.SuperSize > l.BM {
		return 0
	}
	t.dev.where = "wipe fixed-size v07 internal md"
	if _, err := t.dev.WriteAt(make([]byte, metadata.SuperSize), f.super); err != nil {
		return t.fail(10, errText(err))
	}
	return t.sync()
}
