// Package blocktest is the in-memory twin of package blockdev: a backend of memory that can
// hold requests back, complete them in a chosen order and fail them, and the behavioural
// tests that every backend and every front end must pass.
package blocktest

import (
	"slices"
	"sync"

	"classicha/drbdd/blockdev"
)

// Mem is a backend in memory. Requests are carried out by a few goroutines, so they
// complete in any order.
type Mem struct {
	q  blockdev.Queue
	wg sync.WaitGroup

	mu     sync.Mutex
	info   blockdev.Info
	data   []byte
	hold   bool
	held   []*blockdev.Request
	more   sync.Cond // len(held) or len(log) changed
	fail   func(*blockdev.Request) error
	log    []Record
	closed bool
}

// Record is one request that a Mem got, in the order of arrival.
type Record struct {
	ID    uint64
	Op    blockdev.Op
	Flags blockdev.Flags
	Off   int64
	Len   int64
	After int // how many requests had been completed before it was submitted
	Done  bool
}

// NewMem makes a device of size bytes with blocks of 512.
func NewMem(size int64) *Mem {
	m := &Mem{data: make([]byte, size), info: blockdev.Info{Size: size, BlockSize: 512, Discard: true, DiscardZeroes: true}}
	m.more.L = &m.mu
	for range 4 {
		m.wg.Go(m.work)
	}
	return m
}

// Info is the description, see SetInfo.
func (m *Mem) Info() blockdev.Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info
}

// SetInfo changes the description; the memory follows its size.
func (m *Mem) SetInfo(change func(*blockdev.Info)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.info)
	d := make([]byte, m.info.Size)
	copy(d, m.data)
	m.data = d
}

// FailWith makes f decide about each request: nil lets it pass.
func (m *Mem) FailWith(f func(*blockdev.Request) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// Hold keeps every request from now on, until ReleaseHeld.
func (m *Mem) Hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = true
}

// WaitHeld waits until at least n requests are held and returns how many there are.
func (m *Mem) WaitHeld(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.held) < n && !m.closed {
		m.more.Wait()
	}
	return len(m.held)
}

// ReleaseHeld completes the held requests in the order that sort gives them (nil: as they
// came), and holds no more.
func (m *Mem) ReleaseHeld(sort func([]*blockdev.Request)) {
	m.mu.Lock()
	rs := slices.Clone(m.held)
	m.held, m.hold = nil, false
	m.mu.Unlock()
	if sort != nil {
		sort(rs)
	}
	for _, r := range rs {
		m.carryOut(r)
	}
}

// Log is a copy of what was submitted so far.
func (m *Mem) Log() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.log)
}

// Bytes is a copy of the content.
func (m *Mem) Bytes() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.data)
}

// Submit implements blockdev.Backend.
func (m *Mem) Submit(r *blockdev.Request) {
	m.mu.Lock()
	done := 0
	for i := range m.log {
		if m.log[i].Done {
			done++
		}
	}
	m.log = append(m.log, Record{ID: r.ID, Op: r.Op, Flags: r.Flags, Off: r.Off, Len: r.Len, After: done})
	m.more.Broadcast()
	if m.hold && !m.closed {
		m.held = append(m.held, r)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	if !m.q.Push(r) {
		r.Complete(blockdev.ErrShutdown)
	}
}

func (m *Mem) work() {
	for r := m.q.Pop(); r != nil; r = m.q.Pop() {
		m.carryOut(r)
	}
}

func (m *Mem) carryOut(r *blockdev.Request) {
	m.mu.Lock()
	err := m.info.Check(r)
	if err == nil && m.fail != nil {
		err = m.fail(r)
	}
	if err == nil {
		switch r.Op {
		case blockdev.Read:
			copy(r.Data, m.data[r.Off:])
		case blockdev.Write:
			copy(m.data[r.Off:], r.Data)
		case blockdev.Discard, blockdev.WriteZeroes:
			clear(m.data[r.Off:r.End()])
		}
	}
	for i := range m.log {
		if l := &m.log[i]; l.ID == r.ID && l.Off == r.Off && l.Op == r.Op && !l.Done {
			l.Done = true
			break
		}
	}
	// The log is bounded: long runs forget what is over.
	if len(m.log) > 4096 {
		m.log = slices.DeleteFunc(m.log, func(l Record) bool { return l.Done })
	}
	m.mu.Unlock()
	r.Complete(err)
}

// Close completes what is held with ErrShutdown and waits for the rest.
func (m *Mem) Close() {
	m.mu.Lock()
	m.closed = true
	rs := m.held
	m.held = nil
	m.more.Broadcast()
	m.mu.Unlock()
	for _, r := range rs {
		r.Complete(blockdev.ErrShutdown)
	}
	m.q.Close()
	m.wg.Wait()
}
