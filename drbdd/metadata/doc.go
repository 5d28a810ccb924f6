// Package metadata is DRBD's on-disk metadata, format v08: super block, activity
// log, bitmap, generation identifiers, and where they stand on a device.
//
// The package is pure: it turns bytes into values and values into bytes. Package
// metadata/mdio reads and writes them through ReaderAt and WriterAt.
//
//	device size + index ──► Layout ──► byte offsets of super block, log, bitmap
//	4096 bytes ◄──► Superblock (UUIDs, Flags, sizes)
//	ring of 4 KiB blocks ──► Replay ──► hot extents ──► bits to set
//	Log.Next(updates) ──► Transaction ──► 4 KiB block
//	Bitmap: one bit for 4 KiB, 32 MiB for each TiB of storage
//
// Invariants: a sector is 512 bytes, a bit is 4096 bytes of storage, an
// activity-log extent is 4 MiB. Numbers are big endian, except the bitmap, which
// is a little-endian bit stream. Parsers take any bytes and never panic.
//
// Sections named in comments are those of the specification drbd-metadata.
package metadata

// Units of the format.
const (
	SectorSize  = 512
	BlockSize   = 4096 // bytes of storage for one bit; all metadata I/O is in such blocks
	SuperSize   = 4096 // bytes of a super block
	ExtentSize  = 4 << 20
	ExtentBits  = ExtentSize / BlockSize  // bits of one activity-log extent
	SlotSize    = 128 << 20               // bytes of one slot of indexed metadata
	ResyncBits  = (16 << 20) / BlockSize  // bits of one resync extent
	extentBytes = ExtentBits / 8          // bitmap bytes of one activity-log extent
	secPerBit   = BlockSize / SectorSize  // sectors of one bit
	secPerExt   = ExtentSize / SectorSize // sectors of one activity-log extent
)

// MaxSectors is the largest device of the format, in sectors (section 3).
const MaxSectors = 1 << 51

// Bits returns the number of bitmap bits for a device of that many sectors.
func Bits(sectors uint64) uint64 {
	return sectors/secPerBit + (sectors%secPerBit+secPerBit-1)/secPerBit
}

// BitmapBytes returns the size of a bitmap on disk in bytes: whole 4 KiB blocks.
func BitmapBytes(sectors uint64) int64 {
	const perBlock = BlockSize * 8
	bits := Bits(sectors)
	return int64(bits/perBlock+(bits%perBlock+perBlock-1)/perBlock) * BlockSize
}
