package mdio

import (
	"fmt"

	"classicha/drbdd/metadata"
)

// Move brings internal metadata, made when the device had oldSize bytes, to its
// place at the end of the device that has newSize bytes now, as check-resize does
// after an offline resize. Only growing is possible: after shrinking the metadata is
// gone. The activity log moves as it is; the bitmap keeps its bits, which drbdmeta
// 9.22 was seen to lose when the bitmap area grows. The old super block is wiped
// last. If old and new place overlap, a power cut meanwhile can destroy the
// metadata.
func Move(dev Device, oldSize, newSize int64) (*Store, error) {
	old, _, err := Open(dev, metadata.Internal, min(oldSize, newSize))
	if err != nil {
		return nil, err
	}
	if newSize == oldSize {
		return old, nil
	}
	l, err := metadata.NewLayout(metadata.Internal, newSize, old.Layout.Ring)
	if err != nil {
		return nil, err
	}
	log := make([]byte, l.ALSize)
	if _, err := dev.ReadAt(log, old.Layout.AL); err != nil {
		return nil, fmt.Errorf("read activity log: %w", err)
	}
	bm, err := old.ReadBitmap(old.Super.LaSizeSect)
	if err != nil {
		return nil, err
	}
	s := &Store{Dev: dev, Layout: l}
	if err := s.zeroBitmap(l.BMSize); err != nil {
		return nil, err
	}
	bm.MarkAllDirty()
	if _, err := s.WriteBitmap(bm); err != nil {
		return nil, err
	}
	if _, err := dev.WriteAt(log, l.AL); err != nil {
		return nil, fmt.Errorf("write activity log: %w", err)
	}
	if err := s.sync(); err != nil {
		return nil, err
	}
	sb := old.Super
	sb.MdSizeSect, sb.ALOffset, sb.BMOffset = l.MdSizeSect, l.ALOffset, l.BMOffset
	if err := s.WriteSuper(sb); err != nil {
		return nil, err
	}
	if old.Layout.Super >= l.BM {
		return s, nil // overwritten already
	}
	return s, old.Wipe()
}
