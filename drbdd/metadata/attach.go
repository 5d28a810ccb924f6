package metadata

import (
	"errors"
	"fmt"
)

// ErrOffsets is the ground of every refusal of CheckAttach other than the size.
var ErrOffsets = errors.New("meta data offsets don't make sense")

// MinArea is the smallest metadata device or area in bytes that is attached.
const MinArea = 1 << 20

// CheckAttach validates a super block as the kernel does when it attaches
// (section 3), and returns the layout that its own fields describe; for internal
// metadata of a device that was resized it differs from the one of NewLayout.
// size is the size of the metadata device in bytes. An error is ErrOffsets with
// the reason, or a *TooSmallError. Whether the log must be applied first is not
// checked here: see NeedApplyAL.
func CheckAttach(s *Superblock, x Index, size int64) (Layout, error) {
	ring := s.Ring()
	l := Layout{Index: x, Ring: ring, Super: x.SuperOffset(size), MdSizeSect: s.MdSizeSect, ALOffset: s.ALOffset, BMOffset: s.BMOffset}
	bad := func(format string, a ...any) (Layout, error) {
		return l, fmt.Errorf("%w: %s", ErrOffsets, fmt.Sprintf(format, a...))
	}
	need := int64(MinArea)
	if x >= 0 {
		need = (int64(x) + 1) * SlotSize
	}
	if size < need {
		return l, &TooSmallError{Size: size}
	}
	if s.BytesPerBit != BlockSize {
		return bad("bm_bytes_per_bit = %d", s.BytesPerBit)
	}
	if err := ring.Check(); err != nil {
		return bad("%v", err)
	}
	al, bm, md := int64(s.ALOffset), int64(s.BMOffset), int64(s.MdSizeSect)
	alSect := int64(ring.Blocks()) * ALBlockSize / SectorSize
	var onDisk, bmSect int64
	switch {
	case x == Internal:
		if !(bm <= al && al < 0) {
			return bad("al_offset = %d, bm_offset = %d", al, bm)
		}
		onDisk, bmSect = -al, al-bm
		if md != SuperSize/SectorSize-bm {
			return bad("md_size_sect = %d, bm_offset = %d", md, bm)
		}
	case al != SuperSize/SectorSize:
		return bad("al_offset = %d", al)
	case x >= 0 && (md != SlotSize/SectorSize || bm != al+DefaultRing.sectors()):
		return bad("md_size_sect = %d, bm_offset = %d in an indexed slot", md, bm)
	default:
		onDisk, bmSect = bm-al, md-bm
	}
	switch {
	case onDisk%8 != 0 || onDisk < DefaultRing.sectors() || onDisk != alSect:
		return bad("activity log of %d sectors, %d stripes of %d KiB", onDisk, ring.Stripes, uint64(ring.Stripe4k)*4)
	case bm%8 != 0:
		return bad("bm_offset = %d", bm)
	case bmSect < 0 || uint64(bmSect) < (s.LaSizeSect+secPerBit*8*SectorSize-1)/(secPerBit*8*SectorSize):
		return bad("bitmap of %d sectors for %d sectors of data", bmSect, s.LaSizeSect)
	}
	l.AL, l.BM = l.Super+al*SectorSize, l.Super+bm*SectorSize
	l.ALSize, l.BMSize = onDisk*SectorSize, bmSect*SectorSize
	if l.BM < 0 || l.AL < 0 || l.BM+l.BMSize > size {
		return bad("bitmap at byte %d with %d bytes on a device of %d bytes", l.BM, l.BMSize, size)
	}
	if s.LaSizeSect > l.UsableSectors(MaxSectors) {
		return bad("last agreed size is %d sectors, but metadata begins at sector %d", s.LaSizeSect, l.BM/SectorSize)
	}
	return l, nil
}

// Found is what a super block tells about the last life of the disk (section 6).
type Found struct {
	// CrashedPrimary: it went down as Primary; the peer has to be told.
	CrashedPrimary bool
	// SetAllBits: the bitmap cannot be trusted ("Assuming that all blocks are out
	// of sync (aka FullSync)").
	SetAllBits bool
	// DegradedWait: it was a Primary without a peer, so degr-wfc-timeout counts.
	DegradedWait bool
	// Disk is the state before the peer is asked: "Inconsistent", "Outdated" or
	// "Consistent". Consistent becomes UpToDate if PeerOutdated is set or fencing
	// is dont-care (drbd-wire 16).
	Disk         string
	PeerOutdated bool
}

// Find evaluates the flags of a super block at attach. primary tells that the node
// is Primary right now (a disk that comes back to a running diskless Primary),
// frozen that its I/O waits because there was no data: then it did not crash.
func (s *Superblock) Find(primary, frozen bool) Found {
	f := Found{
		CrashedPrimary: s.Flags.Has(CrashedPrimary) || s.Flags.Has(PrimaryInd) && !(primary && frozen),
		DegradedWait:   !primary && s.Flags.Has(PrimaryInd) && !s.Flags.Has(ConnectedInd),
		PeerOutdated:   s.Flags.Has(PeerOutdated),
	}
	f.SetAllBits = s.Flags.Has(FullSync) || f.CrashedPrimary && s.Flags.Has(ALDisabled)
	f.Disk = s.Flags.DState()
	if f.Disk == "UpToDate" {
		f.Disk = "Consistent"
	}
	return f
}
