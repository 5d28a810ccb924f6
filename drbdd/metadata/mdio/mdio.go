// Package mdio reads and writes DRBD metadata on a device, through ReaderAt and
// WriterAt. All rules are in package metadata; here is the order of the writes.
//
// Every read and write is of whole 4 KiB blocks at 4 KiB offsets, except at the end
// of a metadata area that is not a multiple of 4 KiB long. Where an order matters
// for a crash, Sync is called between, if the device has it.
package mdio

import (
	"fmt"
	"io"
	"strings"

	"classicha/drbdd/metadata"
)

// Device is a metadata device. If it also has Sync() error, as *os.File does, it is
// called where the order of writes matters.
type Device interface {
	io.ReaderAt
	io.WriterAt
}

// Store is the metadata of one disk. One owner; no locks.
type Store struct {
	Dev    Device
	Layout metadata.Layout
	Super  metadata.Superblock // as last read or written
}

// chunk bounds a buffer for bitmap and activity log.
const chunk = 1 << 20

func (s *Store) sync() error {
	if d, ok := s.Dev.(interface{ Sync() error }); ok {
		return d.Sync()
	}
	return nil
}

func readSuper(dev Device, x metadata.Index, size int64) (metadata.Superblock, error) {
	off := x.SuperOffset(size)
	if off < 0 || off+metadata.SuperSize > size {
		return metadata.Superblock{}, metadata.ErrNoMetadata
	}
	b := make([]byte, metadata.SuperSize)
	if _, err := dev.ReadAt(b, off); err != nil {
		return metadata.Superblock{}, fmt.Errorf("read super block at byte %d: %w", off, err)
	}
	return metadata.ParseSuperblock(b)
}

// Mismatch is the error of Open for a super block whose fields do not fit the
// device; errors.Is(err, metadata.ErrNoMetadata) holds.
type Mismatch struct{ Reason error }

func (m *Mismatch) Error() string { return m.Reason.Error() }
func (m *Mismatch) Unwrap() error { return metadata.ErrNoMetadata }

// Open finds metadata as drbdmeta does: every number in the super block must be
// the one that create-md would compute for a device of size bytes. truncated is
// the last agreed size on disk if it was too large and is limited in Super, as
// drbdmeta says and does; otherwise 0.
func Open(dev Device, x metadata.Index, size int64) (s *Store, truncated uint64, err error) {
	sb, err := readSuper(dev, x, size)
	if err != nil {
		return nil, 0, err
	}
	if err := sb.Ring().Check(); err != nil {
		return nil, 0, &Mismatch{err}
	}
	l, err := metadata.NewLayout(x, size, sb.Ring())
	if err != nil {
		return nil, 0, &Mismatch{err}
	}
	if err := l.Matches(&sb); err != nil {
		return nil, 0, &Mismatch{err}
	}
	if n := l.UsableSectors(metadata.MaxSectors); sb.LaSizeSect > n {
		truncated, sb.LaSizeSect = sb.LaSizeSect, n
	}
	return &Store{Dev: dev, Layout: l, Super: sb}, truncated, nil
}

// Attach finds metadata as the kernel does: the super block's own offsets count
// (metadata.CheckAttach). The log may still have to be applied: Super.NeedApplyAL.
func Attach(dev Device, x metadata.Index, size int64) (*Store, error) {
	sb, err := readSuper(dev, x, size)
	if err != nil {
		return nil, err
	}
	l, err := metadata.CheckAttach(&sb, x, size)
	if err != nil {
		return nil, err
	}
	return &Store{Dev: dev, Layout: l, Super: sb}, nil
}

// Create writes new metadata: an empty bitmap, an initialized log, and last the
// super block.
func Create(dev Device, l metadata.Layout, size int64, o metadata.CreateOptions) (*Store, error) {
	s := &Store{Dev: dev, Layout: l}
	if err := s.zeroBitmap(min(CreateBitmapBytes(size), size-l.BM)); err != nil {
		return nil, err
	}
	if err := s.InitLog(); err != nil {
		return nil, err
	}
	if err := s.sync(); err != nil {
		return nil, err
	}
	return s, s.WriteSuper(l.Create(o))
}

// CreateBitmapBytes is how much of the bitmap create-md zeroes on a metadata device
// of that size, external or not ("initializing bitmap (4 KB) to all zero").
func CreateBitmapBytes(size int64) int64 {
	return metadata.BitmapBytes(uint64(size / metadata.SectorSize))
}

func (s *Store) zeroBitmap(n int64) error {
	zero := make([]byte, min(n, chunk))
	for off := int64(0); off < n; off += chunk {
		if _, err := s.Dev.WriteAt(zero[:min(chunk, n-off)], s.Layout.BM+off); err != nil {
			return fmt.Errorf("initialize bitmap: %w", err)
		}
	}
	return nil
}

// WriteSuper writes sb and makes it stable.
func (s *Store) WriteSuper(sb metadata.Superblock) error {
	if _, err := s.Dev.WriteAt(sb.Append(nil), s.Layout.Super); err != nil {
		return fmt.Errorf("write super block: %w", err)
	}
	if err := s.sync(); err != nil {
		return err
	}
	s.Super = sb
	return nil
}

// Wipe overwrites the super block with zeros.
func (s *Store) Wipe() error {
	if _, err := s.Dev.WriteAt(make([]byte, metadata.SuperSize), s.Layout.Super); err != nil {
		return fmt.Errorf("wipe super block: %w", err)
	}
	return s.sync()
}

// InitLog fills the activity log with initialized blocks.
func (s *Store) InitLog() error {
	block := metadata.InitTransaction().Append(nil)
	buf := make([]byte, 0, min(s.Layout.ALSize, chunk))
	for len(buf) < cap(buf) {
		buf = append(buf, block...)
	}
	for off := int64(0); off < s.Layout.ALSize; off += chunk {
		if _, err := s.Dev.WriteAt(buf[:min(chunk, s.Layout.ALSize-off)], s.Layout.AL+off); err != nil {
			return fmt.Errorf("initialize activity log: %w", err)
		}
	}
	return nil
}

// WriteTransaction writes a block of metadata.Log.Next. It does not sync.
func (s *Store) WriteTransaction(block []byte, offset int64) error {
	if _, err := s.Dev.WriteAt(block, s.Layout.AL+offset); err != nil {
		return fmt.Errorf("write activity log: %w", err)
	}
	return nil
}

// ReadLog reads and replays the activity log.
func (s *Store) ReadLog() (metadata.Replay, error) {
	area := make([]byte, s.Layout.ALSize)
	if _, err := s.Dev.ReadAt(area, s.Layout.AL); err != nil {
		return metadata.Replay{}, fmt.Errorf("read activity log: %w", err)
	}
	return metadata.ReadAL(area, &s.Super), nil
}

// Applied is the outcome of ApplyAL.
type Applied struct {
	Replay  metadata.Replay
	Reason  error  // why the log could not be read (metadata.ApplyRule)
	Marked  uint64 // bits set that were clear
	Changed bool   // anything was written
}

// Text is what drbdmeta prints on standard error, empty if nothing is to be told.
func (a Applied) Text() string {
	var b strings.Builder
	for _, x := range a.Replay.BadSlots {
		fmt.Fprintf(&b, "slot number out of range: tr:%d slot:%d\n", x.Transaction, x.Slot)
	}
	if n := a.Replay.Corrupt; n > 0 && a.Reason != metadata.ErrALUnusable {
		old := a.Replay.Format == metadata.AL83
		if old {
			fmt.Fprintf(&b, "%d corrupt or uninitialized AL transactions found\n"+
				"You can safely ignore this if this node was cleanly stopped (no crash).\n", n)
		} else {
			fmt.Fprintf(&b, "%d corrupt AL transactions found\n", n)
		}
	}
	if a.Reason != nil {
		fmt.Fprintln(&b, a.Reason)
		if a.Changed {
			fmt.Fprintln(&b, "Error ignored, no need to apply the AL")
		}
	}
	if a.Marked > 0 {
		fmt.Fprintf(&b, "Marked additional %s as out-of-sync based on AL.\n", metadata.HumanKiB(a.Marked*(metadata.BlockSize/1024)))
	}
	return b.String()
}

// ApplyAL replays the activity log into the on-disk bitmap, initializes the log and
// marks the super block clean, in this order and each stable before the next
// (section 5.2). An error of metadata.ApplyRule also stands in Reason; then nothing
// was written.
func (s *Store) ApplyAL() (Applied, error) {
	var a Applied
	var err error
	if a.Replay, err = s.ReadLog(); err != nil {
		return a, err
	}
	mark, ignored, err := metadata.ApplyRule(&s.Super, a.Replay)
	if a.Reason = err; err != nil && !ignored {
		return a, err
	}
	if mark {
		if a.Marked, err = s.markExtents(a.Replay.Extents); err != nil {
			return a, err
		}
		if err := s.sync(); err != nil {
			return a, err
		}
	}
	a.Changed = a.Marked > 0
	if a.Replay.Format != metadata.ALInitialized || a.Replay.Corrupt > 0 {
		a.Changed = true
		if err := s.InitLog(); err != nil {
			return a, err
		}
		if err := s.sync(); err != nil {
			return a, err
		}
	}
	if !s.Super.NeedApplyAL() {
		return a, nil
	}
	a.Changed = true
	return a, s.WriteSuper(s.Super.Applied())
}

// markExtents sets the bits of hot extents on disk, 4 KiB blocks at a time.
func (s *Store) markExtents(extents []uint32) (marked uint64, err error) {
	size := min(metadata.BitmapBytes(s.Super.LaSizeSect), s.Layout.BMSize)
	block := make([]byte, metadata.BlockSize)
	for len(extents) > 0 {
		blk := metadata.BlocksOfExtent(extents[0])
		n := 1
		for n < len(extents) && metadata.BlocksOfExtent(extents[n]) == blk {
			n++
		}
		off := int64(blk) * metadata.BlockSize
		if off >= size {
			break // ascending: the rest lies behind the device as well
		}
		b := block[:min(metadata.BlockSize, size-off)]
		if _, err := s.Dev.ReadAt(b, s.Layout.BM+off); err != nil {
			return marked, fmt.Errorf("read bitmap: %w", err)
		}
		if m := metadata.MarkExtents(b, off, extents[:n]); m > 0 {
			marked += m
			if _, err := s.Dev.WriteAt(b, s.Layout.BM+off); err != nil {
				return marked, fmt.Errorf("write bitmap: %w", err)
			}
		}
		extents = extents[n:]
	}
	return marked, nil
}
