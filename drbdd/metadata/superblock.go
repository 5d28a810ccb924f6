package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Magic numbers of the super block.
const (
	MagicClean   uint32 = 0x8374026b // v08
	MagicUnclean uint32 = 0x8374026c // v08, written by a running 8.4: the log may have to be applied
	MagicV07     uint32 = 0x8374026a
	MagicV09     uint32 = 0x8374026d
)

// DefaultALExtents is al_nr_extents right after create-md.
const DefaultALExtents = 257

// Errors of reading a super block.
var (
	ErrNoMetadata = errors.New("No valid meta data found")
	ErrV07        = fmt.Errorf("%w: format v07", ErrNoMetadata)
	ErrV09        = fmt.Errorf("%w: format v09", ErrNoMetadata)
	ErrUnclean    = errors.New(`Found meta data is "unclean", please apply-al first`)
)

// Superblock is the super block (section 2). The zero value is not valid; Create
// makes a new one.
type Superblock struct {
	LaSizeSect       uint64 // last agreed size in sectors, 0 = never
	UUIDs            UUIDs
	DeviceUUID       uint64 // identity for the tools only; kept
	Flags            Flags
	Magic            uint32
	MdSizeSect       uint32 // size of all metadata in sectors
	ALOffset         int32  // sectors from the super block to the activity log
	ALExtents        uint32 // slots of the activity log in use
	BMOffset         int32  // sectors from the super block to the bitmap
	BytesPerBit      uint32
	LaPeerMaxBioSize uint32 // bytes, 0 = unknown
	ALStripes        uint32 // as on disk; see Ring
	ALStripeSize4k   uint32
}

// Append appends the 4096 bytes of s. The bytes after the last field are zero, as
// the kernel writes them.
func (s *Superblock) Append(b []byte) []byte {
	n := len(b)
	be := binary.BigEndian
	b = be.AppendUint64(b, s.LaSizeSect)
	for _, u := range [...]uint64{s.UUIDs.Current, s.UUIDs.Bitmap, s.UUIDs.History0, s.UUIDs.History1, s.DeviceUUID, 0} {
		b = be.AppendUint64(b, u)
	}
	for _, v := range [...]uint32{
		uint32(s.Flags), s.Magic, s.MdSizeSect, uint32(s.ALOffset), s.ALExtents, uint32(s.BMOffset),
		s.BytesPerBit, s.LaPeerMaxBioSize, s.ALStripes, s.ALStripeSize4k,
	} {
		b = be.AppendUint32(b, v)
	}
	return append(b, make([]byte, SuperSize-(len(b)-n))...)
}

// ParseSuperblock reads a super block. It checks the magic number only; whether
// the offsets fit is up to Layout.Matches and CheckAttach. The error is
// ErrNoMetadata, ErrV07 or ErrV09 (the latter two also are ErrNoMetadata).
func ParseSuperblock(b []byte) (Superblock, error) {
	var s Superblock
	if len(b) < SuperSize {
		return s, ErrNoMetadata
	}
	be := binary.BigEndian
	switch s.Magic = be.Uint32(b[60:]); s.Magic {
	case MagicClean, MagicUnclean:
	case MagicV07:
		return s, ErrV07
	case MagicV09:
		return s, ErrV09
	default:
		return s, ErrNoMetadata
	}
	s.LaSizeSect = be.Uint64(b)
	s.UUIDs = UUIDs{be.Uint64(b[8:]), be.Uint64(b[16:]), be.Uint64(b[24:]), be.Uint64(b[32:])}
	s.DeviceUUID = be.Uint64(b[40:])
	s.Flags = Flags(be.Uint32(b[56:]))
	s.MdSizeSect = be.Uint32(b[64:])
	s.ALOffset = int32(be.Uint32(b[68:]))
	s.ALExtents = be.Uint32(b[72:])
	s.BMOffset = int32(be.Uint32(b[76:]))
	s.BytesPerBit = be.Uint32(b[80:])
	s.LaPeerMaxBioSize = be.Uint32(b[84:])
	s.ALStripes = be.Uint32(b[88:])
	s.ALStripeSize4k = be.Uint32(b[92:])
	return s, nil
}

// Ring returns the shape of the activity log. Both numbers zero stand for one
// stripe of 32 KiB, as disks of DRBD 8.3 have it.
func (s *Superblock) Ring() Ring {
	if s.ALStripes == 0 && s.ALStripeSize4k == 0 {
		return DefaultRing
	}
	return Ring{Stripes: s.ALStripes, Stripe4k: s.ALStripeSize4k}
}

// NeedApplyAL tells whether the activity log must be applied before use: a
// running kernel wrote the super block, or no tool marked the log as applied.
func (s *Superblock) NeedApplyAL() bool {
	return s.Magic == MagicUnclean || !s.Flags.Has(ALClean)
}

// String is one line for logs.
func (s *Superblock) String() string {
	return fmt.Sprintf("la-size=%d gi=%s device=%016X flags=%s magic=%08x md=%d al=%+d/%d*%d extents=%d bm=%+d max-bio=%d",
		s.LaSizeSect, s.GI(), s.DeviceUUID, s.Flags, s.Magic, s.MdSizeSect, s.ALOffset, s.ALStripes, s.ALStripeSize4k,
		s.ALExtents, s.BMOffset, s.LaPeerMaxBioSize)
}

func hex32(v uint32) string { return fmt.Sprintf("0x%x", v) }

// ErrInconsistent is Outdate's refusal.
var ErrInconsistent = errors.New("Device is inconsistent.")

// ErrNewer is Outdate's refusal, too.
var ErrNewer = errors.New("The peer lacks what was written here: this data is not old.")

// Outdate marks the data as possibly old, as drbdmeta's outdate does. Data that is newer
// than the peer's, as far as is known here, is not: the original does not look.
func (s *Superblock) Outdate() error {
	if !s.Flags.Has(Consistent) {
		return ErrInconsistent
	}
	if s.Flags.Has(WasUpToDate) && (s.Flags.Has(PeerOutdated) || s.UUIDs.Bitmap != 0) {
		return ErrNewer
	}
	s.Flags &^= WasUpToDate
	return nil
}

// Invalidate marks the data as unusable until a full sync from the peer.
func (s *Superblock) Invalidate() {
	s.Flags = s.Flags&^(Consistent|WasUpToDate) | FullSync
}
