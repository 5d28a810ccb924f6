package metadata

import (
	"encoding/binary"
	"errors"

	"slices"
)

// ALFormat is the kind of activity log found on a disk.
type ALFormat uint8

// Kinds of activity logs.
const (
	ALNone        ALFormat = iota // no valid block
	ALInitialized                 // nothing was ever written to it
	AL84                          // 4 KiB transactions (section 5)
	AL83                          // 512-byte transactions of DRBD 0.7 to 8.3 (section 5.1)
)

// Replay is the outcome of reading an activity log.
type Replay struct {
	Format       ALFormat
	Extents      []uint32 // hot extents, ascending, each once
	Transactions int      // valid update transactions
	Corrupt      int      // blocks without a valid transaction; in the old format that may be normal
	FirstTorn    bool     // of a log never used before, only the very first transaction is corrupt
	BadSlots     []BadSlot
}

// BadSlot is an entry that was skipped because its slot cannot exist. A Replay
// keeps the first maxBadSlots.
type BadSlot struct {
	Transaction uint32 // number; in the old format the sector
	Slot        uint32
}

const maxBadSlots = 64

// Errors of ApplyRule: nobody knows which extents were hot. The texts are those
// of drbdmeta.
var (
	ErrALUnusable = errors.New("No usable activity log found. Do you need to create-md?")
	ErrALNoUpdate = errors.New("No valid AL update transaction found.")
)

// ReadAL reads the whole activity log area (Layout.AL, ALSize bytes) and replays
// it: all valid transactions in the order of their numbers. It never fails; with
// Format ALNone the caller decides (ApplyRule). Memory is bounded by the area and
// the number of slots. The old format is looked for only if no 8.4 kernel wrote
// the super block.
func ReadAL(area []byte, s *Superblock) Replay {
	if s.Magic == MagicClean {
		if r := readOld(area, s.ALExtents); r.Format == AL83 {
			return r
		}
	}
	var (
		r    Replay
		trs  []Transaction
		init bool
	)
	for off := 0; off+ALBlockSize <= len(area); off += ALBlockSize {
		t, err := ParseTransaction(area[off:])
		switch {
		case err != nil: // a wrong magic as well: every block was initialized once
			r.Corrupt++
			r.FirstTorn = off == 0
		case t.Type == ALTypeInit:
			init = true
		case t.Type == ALTypeUpdate:
			trs = append(trs, t)
		}
	}
	r.FirstTorn = r.FirstTorn && r.Corrupt == 1 && init && len(trs) == 0
	if len(trs) == 0 {
		if init {
			r.Format = ALInitialized
		}
		return r
	}
	r.Format, r.Transactions = AL84, len(trs)
	base := trs[0].Number
	slices.SortStableFunc(trs, func(a, b Transaction) int { return order(base, a.Number, b.Number) })
	var tab table
	for i := range trs {
		t := &trs[i]
		for j, e := range t.Context {
			slot := int(t.ContextStart) + j
			if e == ALFree && slot >= int(t.ContextSize) {
				continue
			}
			tab.put(&r, t.Number, uint32(slot), e)
		}
		for _, u := range t.Updates {
			if u.Slot == 0xffff && u.Extent == ALFree {
				continue
			}
			tab.put(&r, t.Number, uint32(u.Slot), u.Extent)
		}
	}
	r.Extents = tab.extents()
	return r
}

// order compares transaction numbers, which wrap, by their distance from base.
func order(base, a, b uint32) int {
	switch x, y := int32(a-base), int32(b-base); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// table is a slot table that grows as needed.
type table []uint32

// put stores an extent, or notes in r that the slot cannot exist.
func (t *table) put(r *Replay, tr, slot, extent uint32) {
	if slot >= ALMaxSlots {
		if len(r.BadSlots) < maxBadSlots {
			r.BadSlots = append(r.BadSlots, BadSlot{tr, slot})
		}
		return
	}
	if int(slot) >= len(*t) {
		n := min(int(slot)+ALContextSlots, ALMaxSlots)
		*t = append(*t, slices.Repeat([]uint32{ALFree}, n-len(*t))...)
	}
	(*t)[slot] = extent
}

func (t table) extents() []uint32 {
	var e []uint32
	for _, x := range t {
		if x != ALFree {
			e = append(e, x)
		}
	}
	slices.Sort(e)
	return slices.Compact(e)
}

// The old format: sectors with one update and 61 slots of context.
const (
	oldMagic   = 0x83740267
	oldSectors = 64
	oldEntries = 62
)

// readOld reads an activity log of DRBD 0.7 to 8.3. It is one if the first or the
// second sector has the old magic.
func readOld(area []byte, alExtents uint32) Replay {
	var r Replay
	be := binary.BigEndian
	isOld := func(i int) bool { return len(area) >= (i+1)*SectorSize && be.Uint32(area[i*SectorSize:]) == oldMagic }
	if !isOld(0) && !isOld(1) {
		return r
	}
	r.Format = AL83
	n := min(len(area)/SectorSize, oldSectors)
	if used := 1 + (uint64(alExtents)+oldEntries-2)/(oldEntries-1); used < uint64(n) {
		n = int(used)
	}
	type sector struct {
		number uint32
		at     int
		b      []byte
	}
	var trs []sector
	for i := range n {
		if !isOld(i) {
			r.Corrupt++ // or never written
			continue
		}
		b := area[i*SectorSize:][:SectorSize]
		xor := uint32(0)
		for e := range oldEntries {
			xor ^= be.Uint32(b[12+8*e:])
		}
		if xor != be.Uint32(b[8+8*oldEntries:]) {
			r.Corrupt++
			continue
		}
		trs = append(trs, sector{be.Uint32(b[4:]), i, b})
	}
	if len(trs) == 0 {
		return r
	}
	r.Transactions = len(trs)
	base := trs[0].number
	slices.SortStableFunc(trs, func(a, b sector) int { return order(base, a.number, b.number) })
	var tab table
	for _, t := range trs {
		// Entry 0 is the change itself; the context after it does not know it yet.
		for e := oldEntries - 1; e >= 0; e-- {
			slot, extent := be.Uint32(t.b[8+8*e:]), be.Uint32(t.b[12+8*e:])
			if extent == ALFree {
				continue
			}
			tab.put(&r, uint32(t.at), slot, extent)
		}
	}
	r.Extents = tab.extents()
	return r
}

// ApplyRule decides what apply-al does with a replayed log (section 5.2): mark
// tells that the extents must be set in the bitmap. With an error the log is
// unreadable; that only matters if the disk was Primary, otherwise ignored is true
// and the log may be initialized. (drbdmeta forgives a Primary's log of the old
// format without one valid sector; then writes would be lost, so we do not.)
func ApplyRule(s *Superblock, r Replay) (mark, ignored bool, err error) {
	switch {
	case r.Format == ALNone || r.Format == AL83 && r.Transactions == 0:
		err = ErrALUnusable
	case r.Format == ALInitialized && r.Corrupt > 0 && !r.FirstTorn:
		err = ErrALNoUpdate
	}
	primary := s.Flags.Has(PrimaryInd)
	return err == nil && primary && len(r.Extents) > 0, !primary, err
}

// Applied returns the super block after the log was applied and initialized.
func (s Superblock) Applied() Superblock {
	s.Magic = MagicClean
	s.Flags |= ALClean
	return s
}

// MarkExtents sets the bits of the extents in on-disk bitmap bytes p, whose first
// byte is byte offset off of the bitmap. As drbdmeta does, it sets whole extents
// even if the device ends within the last one. It returns how many bits were
// clear before.
func MarkExtents(p []byte, off int64, extents []uint32) (marked uint64) {
	for _, e := range extents {
		from := max(int64(e)*extentBytes-off, 0)
		to := min((int64(e)+1)*extentBytes-off, int64(len(p)))
		for i := from; i < to; i++ {
			marked += uint64(clearBits[p[i]])
			p[i] = 0xff
		}
	}
	return marked
}

// clearBits counts the zero bits of a byte.
var clearBits = func() (t [256]uint8) {
	for i := range t {
		for b := range 8 {
			t[i] += uint8(^i >> b & 1)
		}
	}
	return t
}()
