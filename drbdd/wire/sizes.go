package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	sizesSize  = 32
	limitsSize = 24
	uuidsSize  = 48
)

// Flags of P_SIZES.
const (
	DDSForced   uint16 = 1
	DDSNoResync uint16 = 2
)

// Sizes is P_SIZES. Sizes of devices are in sectors.
type Sizes struct {
	DSize      uint64 // what the backing device could provide, 0 = diskless
	USize      uint64 // configured limit, 0 = none
	CSize      uint64 // current size, 0 = please reply
	MaxBioSize uint32 // bytes
	QueueOrder uint16 // 0
	Flags      uint16 // DDS*
	// Limits of the queue follow exactly if FeatWSame was agreed.
	HasLimits bool
	Limits    QueueLimits
}

// QueueLimits describes the backing device to the peer.
type QueueLimits struct {
	PhysicalBlock uint32
	LogicalBlock  uint32
	Alignment     uint32
	IOMin         uint32
	IOOpt         uint32
	Discard       uint8
	DiscardZeroes uint8
	WriteSame     uint8 // always send 0: mainline has no handler (section 4)
	Pad           uint8
}

// Append appends the 32 or 56 bytes.
func (p Sizes) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint64(b, p.DSize)
	b = be.AppendUint64(b, p.USize)
	b = be.AppendUint64(b, p.CSize)
	b = be.AppendUint32(b, p.MaxBioSize)
	b = be.AppendUint16(b, p.QueueOrder)
	b = be.AppendUint16(b, p.Flags)
	if !p.HasLimits {
		return b
	}
	q := &p.Limits
	for _, v := range [...]uint32{q.PhysicalBlock, q.LogicalBlock, q.Alignment, q.IOMin, q.IOOpt} {
		b = be.AppendUint32(b, v)
	}
	return append(b, q.Discard, q.DiscardZeroes, q.WriteSame, q.Pad)
}

// For returns p as it is sent to a peer of that dialect: with or without the limits,
// and the bio size capped (section 8).
func (p Sizes) For(d Dialect) Sizes {
	p.HasLimits = d.Features&FeatWSame != 0
	p.MaxBioSize = min(p.MaxBioSize, uint32(d.MaxData()))
	return p
}

// sizesLen is the length of P_SIZES in a dialect.
func (d Dialect) sizesLen() int {
	if d.Features&FeatWSame != 0 {
		return sizesSize + limitsSize
	}
	return sizesSize
}

// ParseSizes reads the 32 or 56 bytes; the features tell which.
func ParseSizes(d Dialect, b []byte) (Sizes, error) {
	if want := d.sizesLen(); len(b) != want {
		return Sizes{}, wrongSize(CmdSizes, want, len(b))
	}
	be := binary.BigEndian
	p := Sizes{
		DSize: be.Uint64(b), USize: be.Uint64(b[8:]), CSize: be.Uint64(b[16:]), MaxBioSize: be.Uint32(b[24:]),
		QueueOrder: be.Uint16(b[28:]), Flags: be.Uint16(b[30:]),
	}
	if max(p.DSize, p.USize, p.CSize) > maxSector {
		return p, errorf(BadValue, CmdSizes, "%s: d_size %d u_size %d c_size %d are beyond every device", CmdSizes.LogName(), p.DSize, p.USize, p.CSize)
	}
	if b = b[sizesSize:]; len(b) > 0 {
		p.HasLimits = true
		p.Limits = QueueLimits{
			be.Uint32(b), be.Uint32(b[4:]), be.Uint32(b[8:]), be.Uint32(b[12:]), be.Uint32(b[16:]), b[20], b[21], b[22], b[23],
		}
	}
	return p, nil
}

func (p Sizes) String() string {
	s := fmt.Sprintf("d_size=%d u_size=%d c_size=%d max_bio=%d queue_order=%d dds_flags=%d",
		p.DSize, p.USize, p.CSize, p.MaxBioSize, p.QueueOrder, p.Flags)
	if q := p.Limits; p.HasLimits {
		s += fmt.Sprintf(" phys_bs=%d log_bs=%d align=%d io_min=%d io_opt=%d discard=%d discard_zeroes=%d write_same=%d pad=%d",
			q.PhysicalBlock, q.LogicalBlock, q.Alignment, q.IOMin, q.IOOpt, q.Discard, q.DiscardZeroes, q.WriteSame, q.Pad)
	}
	return s
}

// Flags of P_UUIDS.
const (
	UUIDDiscardMyData   uint64 = 1
	UUIDCrashedPrimary  uint64 = 2
	UUIDInconsistent    uint64 = 4 // my disk will be Inconsistent
	UUIDSkipInitialSync uint64 = 8
)

// UUIDs is P_UUIDS.
type UUIDs struct {
	Current   uint64
	Bitmap    uint64
	History0  uint64 // younger
	History1  uint64 // older
	DirtyBits uint64 // set in the sender's bitmap
	Flags     uint64 // UUID*
}

// Append appends the 48 bytes.
func (p UUIDs) Append(b []byte) []byte {
	for _, v := range [...]uint64{p.Current, p.Bitmap, p.History0, p.History1, p.DirtyBits, p.Flags} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// ParseUUIDs reads the 48 bytes.
func ParseUUIDs(_ Dialect, b []byte) (UUIDs, error) {
	if len(b) != uuidsSize {
		return UUIDs{}, wrongSize(CmdUUIDs, uuidsSize, len(b))
	}
	be := binary.BigEndian
	return UUIDs{be.Uint64(b), be.Uint64(b[8:]), be.Uint64(b[16:]), be.Uint64(b[24:]), be.Uint64(b[32:]), be.Uint64(b[40:])}, nil
}

func (p UUIDs) String() string {
	return fmt.Sprintf("current=%016x bitmap=%016x history=%016x,%016x dirty_bits=%d flags=0x%x",
		p.Current, p.Bitmap, p.History0, p.History1, p.DirtyBits, p.Flags)
}

// SyncUUID is P_SYNC_UUID: the UUID under which a resync begins.
type SyncUUID struct{ UUID uint64 }

// Append appends the 8 bytes.
func (p SyncUUID) Append(b []byte) []byte { return binary.BigEndian.AppendUint64(b, p.UUID) }

// ParseSyncUUID reads the 8 bytes.
func ParseSyncUUID(_ Dialect, b []byte) (SyncUUID, error) {
	if len(b) != 8 {
		return SyncUUID{}, wrongSize(CmdSyncUUID, 8, len(b))
	}
	return SyncUUID{binary.BigEndian.Uint64(b)}, nil
}

func (p SyncUUID) String() string { return fmt.Sprintf("%016x", p.UUID) }
