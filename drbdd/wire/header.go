package wire

import (
	"encoding/binary"
	"fmt"
)

// Magic numbers and sizes of the headers (section 2).
const (
	magic80  = 0x83740267
	magic95  = 0x835a
	magic100 = 0x8620ec20

	header80  = 8 // also header 95
	header100 = 16

	// maxHeader80 is the largest length that is sent with header 80 where header 95
	// exists.
	maxHeader80 = 32768
)

// HeaderKind is one of the three headers.
type HeaderKind uint8

// Header kinds.
const (
	Header80  HeaderKind = 80
	Header95  HeaderKind = 95
	Header100 HeaderKind = 100
)

func (k HeaderKind) String() string { return fmt.Sprintf("h%d", uint8(k)) }

// Size returns the bytes of a header of that kind.
func (k HeaderKind) Size() int {
	if k == Header100 {
		return header100
	}
	return header80
}

// Header is a packet's header.
type Header struct {
	Kind   HeaderKind
	Cmd    Command
	Volume uint16 // 0 before version 100
	Length uint32 // bytes after the header
}

// early tells whether a packet always has header 80: those before an agreement.
func early(c Command) bool { return c >= CmdInitialMeta }

// KindFor is the kind of header for a packet.
func (d Dialect) KindFor(c Command, length int) HeaderKind {
	switch {
	case early(c):
		return Header80
	case d.Version >= 100:
		return Header100
	case d.Version >= 95 && length > maxHeader80:
		return Header95
	}
	return Header80
}

// AppendHeader appends the header of a packet with length bytes behind it.
func (d Dialect) AppendHeader(b []byte, c Command, volume uint16, length int) []byte {
	be := binary.BigEndian
	switch d.KindFor(c, length) {
	case Header100:
		b = be.AppendUint32(b, magic100)
		b = be.AppendUint16(b, volume)
		b = be.AppendUint16(b, uint16(c))
		b = be.AppendUint32(b, uint32(length))
		return be.AppendUint32(b, 0)
	case Header95:
		b = be.AppendUint16(b, magic95)
		b = be.AppendUint16(b, uint16(c))
		return be.AppendUint32(b, uint32(length))
	}
	b = be.AppendUint32(b, magic80)
	b = be.AppendUint16(b, uint16(c))
	return be.AppendUint16(b, uint16(length))
}

// ParseHeader reads a header from the beginning of b and returns its size. The
// error is ErrShort if b has fewer than d.HeaderSize() bytes, or BadMagic. The
// length is not checked: that is for Plan.
func (d Dialect) ParseHeader(b []byte) (h Header, size int, err error) {
	size = d.HeaderSize()
	if len(b) < size {
		return h, 0, ErrShort
	}
	be := binary.BigEndian
	magic := be.Uint32(b)
	switch {
	case d.Version >= 100:
		if magic != magic100 || be.Uint32(b[12:]) != 0 {
			if magic == magic100 {
				return h, 0, errorf(BadMagic, 0, "Header padding is not zero")
			}
			break
		}
		return Header{Header100, Command(be.Uint16(b[6:])), be.Uint16(b[4:]), be.Uint32(b[8:])}, size, nil
	case magic == magic80:
		return Header{Header80, Command(be.Uint16(b[4:])), 0, uint32(be.Uint16(b[6:]))}, size, nil
	case magic>>16 == magic95:
		return Header{Header95, Command(be.Uint16(b[2:])), 0, be.Uint32(b[4:])}, size, nil
	}
	return h, 0, errorf(BadMagic, 0, "Wrong magic value 0x%08x in protocol version %d", magic, d.Version)
}
