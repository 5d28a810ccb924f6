package changes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"classicha/drbdd/metadata"
)

const (
	magic      = "drbdd changes 1\n"
	headerSize = 256
	nameAt     = 96
	nameSize   = 128
	runSize    = 16
	sumSize    = 32
	// BlockSize is what one bit of the bitmap stands for.
	BlockSize = metadata.BlockSize
	// maxSize bounds devices: what a bitmap can have bits for.
	maxSize = 1 << 50
)

// ErrFormat is in the errors of what is no file of this format, or not a whole one.
var ErrFormat = errors.New("not a file of saved changes")

// Header is the beginning of the file.
type Header struct {
	Size     uint64 // of the device, in bytes
	Volume   uint32
	Resource string
	UUIDs    metadata.UUIDs
	Saved    time.Time // to the second
	Since    time.Time // zero: not known
	Runs     uint64
	Blocks   uint64
}

// dataAt is where the first block stands.
func (h Header) dataAt() int64 {
	end := int64(headerSize + runSize*h.Runs)
	return (end + BlockSize - 1) / BlockSize * BlockSize
}

// FileSize is the size of the whole file.
func (h Header) FileSize() int64 { return h.dataAt() + int64(h.Blocks)*BlockSize + sumSize }

// deviceBlocks is the number of blocks of the device.
func (h Header) deviceBlocks() uint64 { return (h.Size + BlockSize - 1) / BlockSize }

func (h Header) check() error {
	switch {
	case h.Size == 0 || h.Size > maxSize:
		return fmt.Errorf("%w: a device of %d bytes", ErrFormat, h.Size)
	case h.Blocks == 0 || h.Blocks > h.deviceBlocks():
		return fmt.Errorf("%w: %d blocks of a device that has %d", ErrFormat, h.Blocks, h.deviceBlocks())
	case h.Runs == 0 || h.Runs > h.Blocks:
		return fmt.Errorf("%w: %d blocks in %d runs", ErrFormat, h.Blocks, h.Runs)
	case len(h.Resource) > nameSize || bytes.IndexByte([]byte(h.Resource), 0) >= 0:
		return fmt.Errorf("%w: the name %q of the resource", ErrFormat, h.Resource)
	}
	return nil
}

func seconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.Unix())
}

// append appends the 256 bytes.
func (h Header) append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, magic...)
	b = le.AppendUint64(b, h.Size)
	b = le.AppendUint32(b, BlockSize)
	b = le.AppendUint32(b, h.Volume)
	for _, v := range [...]uint64{h.UUIDs.Current, h.UUIDs.Bitmap, h.UUIDs.History0, h.UUIDs.History1, seconds(h.Saved), seconds(h.Since), h.Runs, h.Blocks} {
		b = le.AppendUint64(b, v)
	}
	b = append(b, h.Resource...)
	return append(b, make([]byte, headerSize-nameAt-len(h.Resource))...)
}

// parseHeader reads them.
func parseHeader(b []byte) (Header, error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return Header{}, ErrFormat
	}
	le := binary.LittleEndian
	at := func(i int) uint64 { return le.Uint64(b[i:]) }
	name, rest, _ := bytes.Cut(b[nameAt:nameAt+nameSize], []byte{0})
	h := Header{
		Size: at(16), Volume: le.Uint32(b[28:]), Resource: string(name), Runs: at(80), Blocks: at(88),
		UUIDs: metadata.UUIDs{Current: at(32), Bitmap: at(40), History0: at(48), History1: at(56)},
	}
	if n := le.Uint32(b[24:]); n != BlockSize {
		return h, fmt.Errorf("%w: blocks of %d bytes", ErrFormat, n)
	}
	if len(bytes.Trim(rest, "\x00"))+len(bytes.Trim(b[nameAt+nameSize:headerSize], "\x00")) > 0 {
		return h, fmt.Errorf("%w: something stands where nothing may", ErrFormat)
	}
	for i, t := range []*time.Time{&h.Saved, &h.Since} {
		switch s := at(64 + 8*i); {
		case s > math.MaxInt32*16:
			return h, fmt.Errorf("%w: a time of %d s", ErrFormat, s)
		case s != 0:
			*t = time.Unix(int64(s), 0).UTC()
		}
	}
	return h, h.check()
}
