package mdio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"classicha/drbdd/metadata"
)

// Dump prints the metadata as text (metadata.WriteDump).
func (s *Store) Dump(w io.Writer, h metadata.DumpHeader) error {
	return metadata.WriteDump(w, h, s.Layout, &s.Super, s.bitmapReader())
}

// Restored is the outcome of Restore.
type Restored struct {
	Store     *Store
	Dump      metadata.Dump
	Truncated bool // the last agreed size was limited to what the device holds
	Cut       bool // the text had more bitmap than there is room for
}

// Restore reads the text of a dump from r and writes it as the metadata of a
// device of size bytes. The text is read twice, so that nothing is written if it
// has an error. The super block is written last.
func Restore(dev Device, x metadata.Index, size int64, r io.ReadSeeker) (Restored, error) {
	var out Restored
	d, err := metadata.ParseDump(r, func(uint64, uint64) error { return nil })
	if err != nil {
		return out, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return out, err
	}
	l, err := metadata.NewLayout(x, size, d.Ring)
	if err != nil {
		return out, err
	}
	out.Dump = d
	var sb metadata.Superblock
	sb, out.Truncated = d.Superblock(l)
	s := &Store{Dev: dev, Layout: l}
	room := min(metadata.BitmapBytes(sb.LaSizeSect), l.BMSize)
	if err := s.zeroBitmap(room); err != nil {
		return out, err
	}
	w := wordWriter{s: s, room: room}
	if _, err := metadata.ParseDump(r, w.put); err != nil && !errors.Is(err, errEnough) {
		return out, err
	}
	if err := w.flush(); err != nil {
		return out, err
	}
	out.Cut = w.cut
	if err := s.InitLog(); err != nil {
		return out, err
	}
	if err := s.sync(); err != nil {
		return out, err
	}
	out.Store = s
	return out, s.WriteSuper(sb)
}

// errEnough ends the reading of a dump whose bitmap exceeds the area.
var errEnough = errors.New("enough")

// wordWriter writes words of bitmap to an area that was zeroed, a chunk at a time.
type wordWriter struct {
	s    *Store
	room int64 // bytes
	at   int64 // offset of buf in the bitmap
	buf  []byte
	any  bool // buf has a word that is not zero
	cut  bool
}

func (w *wordWriter) put(count, word uint64) error {
	if left := uint64(w.room-w.at-int64(len(w.buf))) / 8; count > left {
		count, w.cut = left, true
	}
	w.any = w.any || word != 0 && count > 0
	for ; count > 0; count-- {
		w.buf = binary.LittleEndian.AppendUint64(w.buf, word)
		if len(w.buf) >= chunk {
			if err := w.flush(); err != nil {
				return err
			}
			w.any = word != 0
		}
	}
	if w.cut {
		return errEnough
	}
	return nil
}

// flush writes what is collected, up to a whole 4 KiB block.
func (w *wordWriter) flush() error {
	n := int64(len(w.buf))
	if w.any {
		pad := min((n+metadata.BlockSize-1)&^(metadata.BlockSize-1), w.room-w.at)
		w.buf = append(w.buf, make([]byte, pad-n)...)
		if _, err := w.s.Dev.WriteAt(w.buf, w.s.Layout.BM+w.at); err != nil {
			return fmt.Errorf("write bitmap: %w", err)
		}
	}
	w.at, w.buf, w.any = w.at+n, w.buf[:0], false
	return nil
}
