package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// IDSyncer is the block id of resync and verify traffic. An application write never
// has it.
const IDSyncer = ^uint64(0)

// DPFlags are the flags of a write (section 3.1).
type DPFlags uint32

// Flags of writes.
const (
	DPHardBarrier DPFlags = 1 << iota // not used
	DPRWSync
	DPMaySetInSync
	DPUnplug
	DPFUA
	DPFlush
	DPDiscard
	DPSendReceiveAck
	DPSendWriteAck
	DPWSame
	DPZeroes
)

var dpNames = [...]string{
	"HARDBARRIER", "RW_SYNC", "MAY_SET_IN_SYNC", "UNPLUG", "FUA", "FLUSH", "DISCARD",
	"SEND_RECEIVE_ACK", "SEND_WRITE_ACK", "WSAME", "ZEROES",
}

// String is the number and the names: 0x102(RW_SYNC|SEND_WRITE_ACK).
func (f DPFlags) String() string {
	var names []string
	for i, n := range dpNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return fmt.Sprintf("0x%x(%s)", uint32(f), strings.Join(names, "|"))
}

const (
	dataSize      = 24
	trimSize      = 28
	blockReqSize  = 24
	blockDescSize = 16
	sectorSize    = 512
)

// Data is the sub-header of P_DATA, P_DATA_REPLY and P_RS_DATA_REPLY.
type Data struct {
	Sector  uint64
	BlockID uint64 // opaque to the receiver, who echoes it
	Seq     uint32 // 0 in replies
	Flags   DPFlags
}

// Append appends the 24 bytes.
func (p Data) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint64(b, p.Sector)
	b = be.AppendUint64(b, p.BlockID)
	b = be.AppendUint32(b, p.Seq)
	return be.AppendUint32(b, uint32(p.Flags))
}

// ParseData reads the 24 bytes.
func ParseData(_ Dialect, b []byte) (Data, error) {
	if len(b) != dataSize {
		return Data{}, wrongSize(CmdData, dataSize, len(b))
	}
	be := binary.BigEndian
	p := Data{be.Uint64(b), be.Uint64(b[8:]), be.Uint32(b[16:]), DPFlags(be.Uint32(b[20:]))}
	return p, checkSector(CmdData, p.Sector)
}

func (p Data) String() string {
	return fmt.Sprintf("sector=%d block_id=0x%016x seq=%d flags=%s", p.Sector, p.BlockID, p.Seq, p.Flags)
}

// checkSector refuses sectors that no device can have, so that sums do not wrap.
func checkSector(c Command, sector uint64) error {
	if sector > maxSector {
		return errorf(BadValue, c, "%s: sector %d is beyond every device", c.LogName(), sector)
	}
	return nil
}

// checkRange refuses ranges that are empty, not of whole sectors, or too large.
func checkRange(c Command, sector uint64, size uint32, limit int) error {
	if size == 0 || size%sectorSize != 0 || int64(size) > int64(limit) {
		return errorf(BadValue, c, "%s: sector: %ds, size: %d", c.LogName(), sector, size)
	}
	return checkSector(c, sector)
}

// Trim is the sub-header of P_TRIM, P_ZEROES and P_WSAME.
type Trim struct {
	Data
	Size uint32 // bytes affected
}

// Append appends the 28 bytes.
func (p Trim) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(p.Data.Append(b), p.Size)
}

// ParseTrim reads the 28 bytes.
func ParseTrim(d Dialect, b []byte) (Trim, error) {
	if len(b) != trimSize {
		return Trim{}, wrongSize(CmdTrim, trimSize, len(b))
	}
	data, err := ParseData(d, b[:dataSize])
	if err != nil {
		return Trim{}, err
	}
	p := Trim{data, binary.BigEndian.Uint32(b[dataSize:])}
	return p, checkRange(CmdTrim, p.Sector, p.Size, d.MaxAffected())
}

func (p Trim) String() string { return fmt.Sprintf("%s size=%d", p.Data, p.Size) }

// BlockReq is the sub-header of requests for a block, and of P_OV_REPLY.
type BlockReq struct {
	Sector  uint64
	BlockID uint64
	Size    uint32 // bytes
	Pad     uint32 // not initialized by every sender; kept
}

// Append appends the 24 bytes.
func (p BlockReq) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint64(b, p.Sector)
	b = be.AppendUint64(b, p.BlockID)
	b = be.AppendUint32(b, p.Size)
	return be.AppendUint32(b, p.Pad)
}

// ParseBlockReq reads the 24 bytes. A size that is no multiple of a sector or above
// 1 MiB is refused.
func ParseBlockReq(_ Dialect, b []byte) (BlockReq, error) {
	if len(b) != blockReqSize {
		return BlockReq{}, wrongSize(CmdDataRequest, blockReqSize, len(b))
	}
	be := binary.BigEndian
	p := BlockReq{be.Uint64(b), be.Uint64(b[8:]), be.Uint32(b[16:]), be.Uint32(b[20:])}
	return p, checkRange(CmdDataRequest, p.Sector, p.Size, 1<<20)
}

func (p BlockReq) String() string {
	return fmt.Sprintf("sector=%d block_id=0x%016x blksize=%d", p.Sector, p.BlockID, p.Size)
}

// BlockDesc is P_OUT_OF_SYNC and P_RS_DEALLOCATED.
type BlockDesc struct {
	Sector uint64
	Size   uint32 // bytes
	Pad    uint32 // kernels were seen to send rubbish here; kept
}

// Append appends the 16 bytes.
func (p BlockDesc) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint64(b, p.Sector)
	b = be.AppendUint32(b, p.Size)
	return be.AppendUint32(b, p.Pad)
}

// ParseBlockDesc reads the 16 bytes.
func ParseBlockDesc(d Dialect, b []byte) (BlockDesc, error) {
	if len(b) != blockDescSize {
		return BlockDesc{}, wrongSize(CmdOutOfSync, blockDescSize, len(b))
	}
	be := binary.BigEndian
	p := BlockDesc{be.Uint64(b), be.Uint32(b[8:]), be.Uint32(b[12:])}
	return p, checkRange(CmdOutOfSync, p.Sector, p.Size, d.MaxAffected())
}

func (p BlockDesc) String() string {
	return fmt.Sprintf("sector=%d blksize=%d pad=%d", p.Sector, p.Size, p.Pad)
}
