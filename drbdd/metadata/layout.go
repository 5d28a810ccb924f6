package metadata

import (
	"fmt"
	"math"
	"strconv"
)

// Index says how metadata is placed (section 1): one of the named values, or the
// number of a slot, 0..255.
type Index int

// Placements without a slot number.
const (
	Internal     Index = -3 // at the end of the backing device
	FlexExternal Index = -2 // a whole device of its own
)

// MinDevice is the smallest device or area, in bytes, that create-md accepts.
const MinDevice = 68 << 10

// ParseIndex reads the index word of drbdmeta and drbdsetup.
func ParseIndex(s string) (Index, error) {
	switch s {
	case "internal", "flex-internal":
		return Internal, nil
	case "flex-external":
		return FlexExternal, nil
	}
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil {
		return 0, fmt.Errorf("'%s' is not a valid index number.", s)
	}
	return Index(n), nil
}

func (x Index) String() string {
	switch x {
	case Internal:
		return "internal"
	case FlexExternal:
		return "flex-external"
	}
	return strconv.Itoa(int(x))
}

// SuperOffset returns the byte offset of the super block on a device of that many
// bytes. It may be negative or beyond the end for a device that is too small.
func (x Index) SuperOffset(size int64) int64 {
	switch x {
	case Internal:
		return size&^(BlockSize-1) - SuperSize
	case FlexExternal:
		return 0
	}
	return int64(x) * SlotSize
}

// Layout is where the parts of the metadata stand. Offsets and sizes are bytes on
// the metadata device, except the last three, which are as in the super block.
type Layout struct {
	Index  Index
	Ring   Ring
	Super  int64
	AL     int64
	ALSize int64
	BM     int64
	BMSize int64 // the whole area; the bitmap in use may be shorter

	MdSizeSect uint32
	ALOffset   int32
	BMOffset   int32
}

// TooSmallError tells that metadata does not fit on a device.
type TooSmallError struct {
	Size  int64 // bytes of the device
	Super int64 // where the super block would be; 0 if that is not the reason
}

func (e *TooSmallError) Error() string { return e.Text("the device") }

// Text is what drbdmeta prints about the device of that name.
func (e *TooSmallError) Text(device string) string {
	if e.Super > 0 {
		return fmt.Sprintf("Device too small: expecting meta data block at\nbyte offset %d, but %s is only %d bytes.", e.Super, device, e.Size)
	}
	return fmt.Sprintf("%s is only %d bytes. That's not enough.", device, e.Size)
}

// NewLayout computes the layout on a metadata device of that many bytes (for
// internal metadata the backing device itself). Errors: *TooSmallError, or a ring
// that drbdmeta would refuse.
func NewLayout(x Index, size int64, ring Ring) (Layout, error) {
	l := Layout{Index: x, Ring: ring, Super: x.SuperOffset(size)}
	if err := ring.Check(); err != nil {
		return l, err
	}
	if size < MinDevice {
		return l, &TooSmallError{Size: size}
	}
	if x >= 0 && l.Super+SuperSize > size {
		return l, &TooSmallError{Size: size, Super: l.Super}
	}
	l.ALSize = int64(ring.Blocks()) * ALBlockSize
	alSect := l.ALSize / SectorSize
	var mdSect, alOff, bmOff int64
	if x == Internal {
		// The whole device determines the bitmap, not what remains of it.
		l.BMSize = BitmapBytes(uint64(size / SectorSize))
		alOff = -alSect
		bmOff = alOff - l.BMSize/SectorSize
		mdSect = SuperSize/SectorSize - bmOff
	} else {
		mdSect = SlotSize / SectorSize
		if x == FlexExternal {
			mdSect = size / SectorSize
		}
		alOff = SuperSize / SectorSize
		bmOff = alOff + alSect
		l.BMSize = max(0, min((mdSect-bmOff)*SectorSize, size&^(SectorSize-1)-l.Super-bmOff*SectorSize))
	}
	if mdSect > math.MaxUint32 || bmOff < math.MinInt32 || bmOff > math.MaxInt32 {
		return l, fmt.Errorf("a device of %d bytes is too large for this metadata format", size)
	}
	l.MdSizeSect, l.ALOffset, l.BMOffset = uint32(mdSect), int32(alOff), int32(bmOff)
	l.AL, l.BM = l.Super+alOff*SectorSize, l.Super+bmOff*SectorSize
	if l.AL < 0 || l.BM < 0 || l.AL+l.ALSize > size {
		return l, &TooSmallError{Size: size}
	}
	return l, nil
}

// UsableSectors returns the largest size that the mirrored device can have.
// backing is the size of the backing device in sectors; internal metadata does
// not need it.
func (l Layout) UsableSectors(backing uint64) uint64 {
	n := uint64(MaxSectors)
	if l.Index == Internal {
		return min(n, uint64(l.BM/SectorSize))
	}
	// One sector of bitmap covers 4096 bits of 8 sectors.
	return min(n, backing, uint64(l.BMSize/SectorSize)*SectorSize*8*secPerBit)
}

// Matches compares a super block with the layout that the device should have, as
// drbdmeta does before it believes a super block. The error has drbdmeta's text.
func (l Layout) Matches(s *Superblock) error {
	switch {
	case s.ALOffset != l.ALOffset:
		return fmt.Errorf("v08 al_offset: expected %d, found %d", l.ALOffset, s.ALOffset)
	case s.BMOffset != l.BMOffset:
		return fmt.Errorf("strange bm_offset %d (expected: %d)", s.BMOffset, l.BMOffset)
	case s.MdSizeSect != l.MdSizeSect:
		return fmt.Errorf("strange md_size_sect %d (expected: %d)", s.MdSizeSect, l.MdSizeSect)
	}
	return nil
}

// CreateOptions are the options of create-md.
type CreateOptions struct {
	PeerMaxBioSize uint32 // bytes, at most 1 MiB; 0 = unknown
	DeviceUUID     uint64
}

// Create returns the super block of new metadata.
func (l Layout) Create(o CreateOptions) Superblock {
	return Superblock{
		UUIDs: UUIDs{Current: JustCreated}, DeviceUUID: o.DeviceUUID, Flags: ALClean, Magic: MagicClean,
		MdSizeSect: l.MdSizeSect, ALOffset: l.ALOffset, ALExtents: DefaultALExtents, BMOffset: l.BMOffset,
		BytesPerBit: BlockSize, LaPeerMaxBioSize: o.PeerMaxBioSize,
		ALStripes: l.Ring.Stripes, ALStripeSize4k: l.Ring.Stripe4k,
	}
}
