package metadata

import "fmt"

// Log is the slot table of a running activity log: it builds the transactions that
// make changes of the hot extents durable. Which extent goes where, and when one
// may be given up, is decided by the caller.
//
// The caller keeps the order of section 4: bitmap bits of the extents that are
// replaced are on disk before Next's block is written, and that block is stable
// before the first write to a new extent starts and before the next block is
// written.
type Log struct {
	ring  Ring
	slots []uint32
	next  uint32 // number of the next transaction
	start int    // first slot of the next context
}

// NewLog makes an empty log with that many slots, on a ring that was initialized.
func NewLog(ring Ring, extents int) (*Log, error) {
	if err := ring.Check(); err != nil {
		return nil, err
	}
	if extents < 1 || extents > ring.MaxExtents() {
		return nil, fmt.Errorf("al-extents %d is not between 1 and %d", extents, ring.MaxExtents())
	}
	l := &Log{ring: ring, slots: make([]uint32, extents)}
	for i := range l.slots {
		l.slots[i] = ALFree
	}
	return l, nil
}

// Extent returns what slot i holds, ALFree for nothing.
func (l *Log) Extent(i int) uint32 { return l.slots[i] }

// Slots returns the number of slots.
func (l *Log) Slots() int { return len(l.slots) }

// Next builds the transaction for 1 to ALUpdates changes of slots and takes them
// over. It returns the block to write and its byte offset within the activity log.
// dst is reused if it has room. A slot out of range is a broken invariant.
func (l *Log) Next(dst []byte, updates []SlotUpdate) (block []byte, offset int64) {
	if len(updates) == 0 || len(updates) > ALUpdates {
		panic(fmt.Sprintf("metadata: %d updates in one activity log transaction", len(updates)))
	}
	t := Transaction{
		Number: l.next, ContextSize: uint16(len(l.slots)), ContextStart: uint16(l.start), Updates: updates,
		Context: l.slots[l.start:min(l.start+ALContextSlots, len(l.slots))],
	}
	block = t.Append(dst[:0]) // before the updates: the context is the committed content
	offset = int64(l.ring.Block(l.next)) * ALBlockSize
	for _, u := range updates {
		l.slots[u.Slot] = u.Extent
	}
	l.next++
	if l.start += ALContextSlots; l.start >= len(l.slots) {
		l.start = 0
	}
	return block, offset
}
