package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	blockAckSize = 24
	barrierSize  = 8
)

// Verdicts of P_OV_RESULT, in the place of the block id.
const (
	OVSame    uint64 = 4711
	OVDiffers uint64 = 4712
)

// BlockAck is the sub-header of every acknowledgement of a block.
type BlockAck struct {
	Sector  uint64
	BlockID uint64 // as received; in P_OV_RESULT the verdict
	Size    uint32 // bytes
	Seq     uint32
}

// Append appends the 24 bytes.
func (p BlockAck) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint64(b, p.Sector)
	b = be.AppendUint64(b, p.BlockID)
	b = be.AppendUint32(b, p.Size)
	return be.AppendUint32(b, p.Seq)
}

// ParseBlockAck reads the 24 bytes.
func ParseBlockAck(_ Dialect, b []byte) (BlockAck, error) {
	if len(b) != blockAckSize {
		return BlockAck{}, wrongSize(CmdWriteAck, blockAckSize, len(b))
	}
	be := binary.BigEndian
	p := BlockAck{be.Uint64(b), be.Uint64(b[8:]), be.Uint32(b[16:]), be.Uint32(b[20:])}
	return p, checkSector(CmdWriteAck, p.Sector)
}

func (p BlockAck) String() string {
	return fmt.Sprintf("sector=%d block_id=0x%016x blksize=%d seq=%d", p.Sector, p.BlockID, p.Size, p.Seq)
}

// Barrier is P_BARRIER: the number of the epoch that it ends. The four bytes are
// the sender's own; a kernel has them in host order, which shows in print only.
type Barrier struct {
	Number uint32
	Pad    uint32
}

// Append appends the 8 bytes.
func (p Barrier) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.Number), p.Pad)
}

// ParseBarrier reads the 8 bytes.
func ParseBarrier(_ Dialect, b []byte) (Barrier, error) {
	if len(b) != barrierSize {
		return Barrier{}, wrongSize(CmdBarrier, barrierSize, len(b))
	}
	return Barrier{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

func (p Barrier) String() string { return fmt.Sprintf("barrier=0x%08x pad=%d", p.Number, p.Pad) }

// BarrierAck is P_BARRIER_ACK: the number as received and how many writes the
// epoch had.
type BarrierAck struct {
	Number  uint32
	SetSize uint32
}

// Append appends the 8 bytes.
func (p BarrierAck) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.Number), p.SetSize)
}

// ParseBarrierAck reads the 8 bytes.
func ParseBarrierAck(_ Dialect, b []byte) (BarrierAck, error) {
	if len(b) != barrierSize {
		return BarrierAck{}, wrongSize(CmdBarrierAck, barrierSize, len(b))
	}
	return BarrierAck{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

func (p BarrierAck) String() string {
	return fmt.Sprintf("barrier=0x%08x set_size=%d", p.Number, p.SetSize)
}

// DelayProbe is P_DELAY_PROBE, which is obsolete and ignored.
type DelayProbe struct{ Seq, OffsetMicros uint32 }

// Append appends the 8 bytes.
func (p DelayProbe) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.Seq), p.OffsetMicros)
}

// ParseDelayProbe reads the 8 bytes.
func ParseDelayProbe(_ Dialect, b []byte) (DelayProbe, error) {
	if len(b) != 8 {
		return DelayProbe{}, wrongSize(CmdDelayProbe, 8, len(b))
	}
	return DelayProbe{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

func (p DelayProbe) String() string { return fmt.Sprintf("seq=%d offset=%dus", p.Seq, p.OffsetMicros) }

// AckFor is the acknowledgement that a write with those flags asks for (section 3.1
// and 9.2): CmdRecvAck at once, CmdWriteAck when it is written, or none. Before
// version 100 the configured protocol ('A', 'B' or 'C') decides.
func (d Dialect) AckFor(f DPFlags, protocol byte) (c Command, wanted bool) {
	if d.Version < 100 {
		f = 0
		switch protocol {
		case 'B':
			f = DPSendReceiveAck
		case 'C':
			f = DPSendWriteAck
		}
	}
	switch {
	case f&DPSendWriteAck != 0:
		return CmdWriteAck, true
	case f&DPSendReceiveAck != 0:
		return CmdRecvAck, true
	}
	return 0, false
}
