package changes

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// Reader reads the file.
type Reader struct {
	Header
	r io.ReaderAt
}

// Open reads the beginning of a file of that size, and whether it is all there.
func Open(r io.ReaderAt, size int64) (*Reader, error) {
	b := make([]byte, headerSize)
	if n, err := r.ReadAt(b, 0); n < headerSize {
		if err == io.EOF {
			err = ErrFormat
		}
		return nil, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	if h.FileSize() != size {
		return nil, fmt.Errorf("%w: it has %d bytes instead of %d", ErrFormat, size, h.FileSize())
	}
	return &Reader{h, r}, nil
}

// batch is the number of runs that are read at a time.
const batch = 1024

// Runs calls f for each run with the place of its first block in the file.
func (r *Reader) Runs(f func(Run, int64) error) error {
	var next, blocks uint64
	b := make([]byte, batch*runSize)
	for i := uint64(0); i < r.Header.Runs; {
		n := min(batch, r.Header.Runs-i)
		if _, err := r.r.ReadAt(b[:n*runSize], int64(headerSize+i*runSize)); err != nil {
			return err
		}
		for j := range n {
			x := Run{binary.LittleEndian.Uint64(b[j*runSize:]), binary.LittleEndian.Uint64(b[j*runSize+8:])}
			if err := r.fits(x, next); err != nil {
				return err
			}
			if x.N > r.Blocks-blocks {
				return fmt.Errorf("%w: the runs have more than its %d blocks", ErrFormat, r.Blocks)
			}
			if err := f(x, r.dataAt()+int64(blocks)*BlockSize); err != nil {
				return err
			}
			next, blocks = x.First+x.N, blocks+x.N
		}
		i += n
	}
	if blocks != r.Blocks {
		return fmt.Errorf("%w: the runs have %d blocks, not %d", ErrFormat, blocks, r.Blocks)
	}
	return nil
}

// Check reads all of it and compares the checksum.
func (r *Reader) Check() error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r.r, 0, r.FileSize()-sumSize)); err != nil {
		return err
	}
	want := make([]byte, sumSize)
	if _, err := r.r.ReadAt(want, r.FileSize()-sumSize); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), want) {
		return fmt.Errorf("%w: its checksum is wrong, it was changed or is damaged", ErrFormat)
	}
	return nil
}
