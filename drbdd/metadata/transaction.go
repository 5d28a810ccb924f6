package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// Sizes of an activity-log transaction (section 5).
const (
	ALUpdates      = 64    // updates of one transaction
	ALContextSlots = 919   // slots whose content one transaction repeats
	ALMaxSlots     = 65534 // slot numbers are below this

	// ALFree is the extent number of an empty slot.
	ALFree uint32 = 0xffffffff

	alMagic     = 0x69cb65a2
	alCRCOffset = 8
	alSlotsAt   = 36
	alExtentsAt = alSlotsAt + 2*ALUpdates
	alContextAt = alExtentsAt + 4*ALUpdates
)

// Types of transactions.
const (
	ALTypeUpdate uint16 = 0
	ALTypeInit   uint16 = 0xffff
)

// Errors of ParseTransaction.
var (
	ErrALMagic     = errors.New("no activity log transaction: wrong magic")
	ErrALChecksum  = errors.New("corrupt activity log transaction: wrong checksum")
	ErrALMalformed = errors.New("corrupt activity log transaction: impossible number of updates")
)

// SlotUpdate puts an extent into a slot, replacing what was there.
type SlotUpdate struct {
	Slot   uint16
	Extent uint32 // 4 MiB each, or ALFree
}

// Transaction is one block of the activity log.
type Transaction struct {
	Number       uint32
	Type         uint16
	ContextSize  uint16       // al-extents
	ContextStart uint16       // slot of Context[0]
	Updates      []SlotUpdate // at most ALUpdates
	Context      []uint32     // content before this transaction; at most ALContextSlots, the rest is free
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// alChecksum is CRC-32C with initial value 0 and without final inversion, over the
// block with its checksum field zero.
func alChecksum(block []byte) uint32 {
	var zero [4]byte
	c := crc32.Update(0xffffffff, castagnoli, block[:alCRCOffset])
	c = crc32.Update(c, castagnoli, zero[:])
	return ^crc32.Update(c, castagnoli, block[alCRCOffset+4:ALBlockSize])
}

// Append appends the block of t. It panics if there are too many updates or
// context slots.
func (t *Transaction) Append(b []byte) []byte {
	if len(t.Updates) > ALUpdates || len(t.Context) > ALContextSlots {
		panic(fmt.Sprintf("metadata: transaction of %d updates and %d context slots", len(t.Updates), len(t.Context)))
	}
	be, at := binary.BigEndian, len(b)
	b = append(b, make([]byte, ALBlockSize)...)
	p := b[at:]
	be.PutUint32(p, alMagic)
	be.PutUint32(p[4:], t.Number)
	be.PutUint16(p[12:], t.Type)
	if t.Type != ALTypeInit {
		be.PutUint16(p[14:], uint16(len(t.Updates)))
		be.PutUint16(p[16:], t.ContextSize)
		be.PutUint16(p[18:], t.ContextStart)
		for i := range p[alSlotsAt:] {
			p[alSlotsAt+i] = 0xff
		}
		for i, u := range t.Updates {
			be.PutUint16(p[alSlotsAt+2*i:], u.Slot)
			be.PutUint32(p[alExtentsAt+4*i:], u.Extent)
		}
		for i, e := range t.Context {
			be.PutUint32(p[alContextAt+4*i:], e)
		}
	}
	be.PutUint32(p[alCRCOffset:], alChecksum(p))
	return b
}

// ParseTransaction reads one block of the activity log. The context always has
// ALContextSlots entries.
func ParseTransaction(b []byte) (Transaction, error) {
	var t Transaction
	be := binary.BigEndian
	if len(b) < ALBlockSize || be.Uint32(b) != alMagic {
		return t, ErrALMagic
	}
	if alChecksum(b) != be.Uint32(b[alCRCOffset:]) {
		return t, ErrALChecksum
	}
	t.Number, t.Type = be.Uint32(b[4:]), be.Uint16(b[12:])
	if t.Type == ALTypeInit {
		return t, nil
	}
	n := int(be.Uint16(b[14:]))
	if n > ALUpdates {
		return t, ErrALMalformed
	}
	t.ContextSize, t.ContextStart = be.Uint16(b[16:]), be.Uint16(b[18:])
	t.Updates = make([]SlotUpdate, n)
	for i := range t.Updates {
		t.Updates[i] = SlotUpdate{be.Uint16(b[alSlotsAt+2*i:]), be.Uint32(b[alExtentsAt+4*i:])}
	}
	t.Context = make([]uint32, ALContextSlots)
	for i := range t.Context {
		t.Context[i] = be.Uint32(b[alContextAt+4*i:])
	}
	return t, nil
}

// InitTransaction is the block that fills a new or applied activity log.
func InitTransaction() *Transaction { return &Transaction{Type: ALTypeInit} }

// String is one line for logs.
func (t *Transaction) String() string {
	if t.Type == ALTypeInit {
		return fmt.Sprintf("al tr=%d initialized", t.Number)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "al tr=%d slots=%d context=%d+%d updates=", t.Number, t.ContextSize, t.ContextStart, len(t.Context))
	for i, u := range t.Updates {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%d", u.Slot, u.Extent)
	}
	return b.String()
}
