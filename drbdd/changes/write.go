package changes

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// Run is a row of blocks.
type Run struct{ First, N uint64 }

// File is what is written to: a file that is empty.
type File interface {
	io.WriterAt
	Truncate(size int64) error
}

// Writer writes the file: first all runs, then all blocks.
type Writer struct {
	f      File
	h      Header
	sum    hash.Hash
	at     int64
	next   uint64 // first block that a run may have
	runs   uint64
	blocks uint64 // of the runs
	data   uint64 // blocks written
}

// NewWriter begins a file. The header says how many runs and blocks will follow.
func NewWriter(f File, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	w := &Writer{f: f, h: h, sum: sha256.New()}
	if err := f.Truncate(h.FileSize()); err != nil {
		return nil, err
	}
	return w, w.put(h.append(nil))
}

// put writes what comes next. Zeroes are there already: the file was made in its whole size.
func (w *Writer) put(p []byte) error {
	w.sum.Write(p)
	at := w.at
	w.at += int64(len(p))
	if zero(p) {
		return nil
	}
	_, err := w.f.WriteAt(p, at)
	return err
}

func zero(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

// Runs writes the next runs, in ascending order.
func (w *Writer) Runs(runs []Run) error {
	b := make([]byte, 0, runSize*len(runs))
	for _, r := range runs {
		if err := w.h.fits(r, w.next); err != nil {
			return err
		}
		w.next = r.First + r.N
		w.runs++
		w.blocks += r.N
		b = binary.LittleEndian.AppendUint64(b, r.First)
		b = binary.LittleEndian.AppendUint64(b, r.N)
	}
	if w.runs > w.h.Runs || w.blocks > w.h.Blocks {
		return fmt.Errorf("more than the %d runs and %d blocks that were announced", w.h.Runs, w.h.Blocks)
	}
	if err := w.put(b); err != nil || w.runs < w.h.Runs {
		return err
	}
	if w.blocks != w.h.Blocks {
		return fmt.Errorf("%d blocks, %d were announced", w.blocks, w.h.Blocks)
	}
	return w.put(make([]byte, w.h.dataAt()-w.at))
}

// fits tells whether a run may stand behind what ends before next.
func (h Header) fits(r Run, next uint64) error {
	if n := h.deviceBlocks(); r.N == 0 || r.First < next || r.First >= n || r.N > n-r.First {
		return fmt.Errorf("%w: a run of %d blocks from %d on", ErrFormat, r.N, r.First)
	}
	return nil
}

// Data writes the next blocks: whole ones, but for the end of the device.
func (w *Writer) Data(p []byte) error {
	if w.runs != w.h.Runs {
		return fmt.Errorf("blocks before all runs")
	}
	n := (uint64(len(p)) + BlockSize - 1) / BlockSize
	if w.data += n; w.data > w.h.Blocks {
		return fmt.Errorf("more than %d blocks", w.h.Blocks)
	}
	for len(p) > 0 { // block by block, for the holes
		b := p[:min(BlockSize, len(p))]
		p = p[len(b):]
		if err := w.put(b); err != nil {
			return err
		}
		if len(b) < BlockSize {
			if err := w.put(make([]byte, BlockSize-len(b))); err != nil {
				return err
			}
		}
	}
	return nil
}

// End writes the checksum.
func (w *Writer) End() error {
	if w.data != w.h.Blocks {
		return fmt.Errorf("%d blocks, %d were announced", w.data, w.h.Blocks)
	}
	_, err := w.f.WriteAt(w.sum.Sum(nil), w.at)
	return err
}
