package mdio

import (
	"fmt"
	"io"

	"classicha/drbdd/metadata"
)

// ReadBitmap reads the bitmap of a device of that many sectors. Nothing of it counts
// as changed.
func (s *Store) ReadBitmap(sectors uint64) (*metadata.Bitmap, error) {
	bm, err := metadata.NewBitmap(metadata.Bits(sectors))
	if err != nil {
		return nil, err
	}
	if need := metadata.Bits(sectors); need > uint64(s.Layout.BMSize)*8 {
		return nil, fmt.Errorf("the bitmap area of %d bytes has no room for %d bits", s.Layout.BMSize, need)
	}
	buf := make([]byte, chunk)
	for i := 0; i < bm.Blocks(); {
		off := int64(i) * metadata.BlockSize
		n := min(chunk, int64(bm.Blocks()-i)*metadata.BlockSize)
		b := buf[:n]
		clear(b)
		if _, err := s.Dev.ReadAt(b[:min(n, s.Layout.BMSize-off)], s.Layout.BM+off); err != nil {
			return nil, fmt.Errorf("read bitmap: %w", err)
		}
		for ; len(b) > 0; b, i = b[metadata.BlockSize:], i+1 {
			bm.LoadBlock(i, b)
		}
	}
	return bm, nil
}

// WriteBitmap writes the blocks that changed and makes them stable. It returns how
// many there were.
func (s *Store) WriteBitmap(bm *metadata.Bitmap) (blocks int, err error) {
	buf := make([]byte, 0, chunk)
	for i := bm.NextDirty(0); i >= 0; i = bm.NextDirty(i) {
		off := int64(i) * metadata.BlockSize
		first := i
		for buf = buf[:0]; i < bm.Blocks() && len(buf) < chunk && bm.Dirty(i); i++ {
			buf = bm.AppendBlock(buf, i)
		}
		b := buf[:min(int64(len(buf)), s.Layout.BMSize-off)]
		if _, err := s.Dev.WriteAt(b, s.Layout.BM+off); err != nil {
			return blocks, fmt.Errorf("write bitmap: %w", err)
		}
		for blocks += i - first; first < i; first++ {
			bm.MarkWritten(first)
		}
	}
	if blocks == 0 {
		return 0, nil
	}
	return blocks, s.sync()
}

// bitmapReader delivers the on-disk bytes of the bitmap, zeros behind the area.
func (s *Store) bitmapReader() io.Reader {
	return io.MultiReader(io.NewSectionReader(s.Dev, s.Layout.BM, s.Layout.BMSize), zeros{})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
