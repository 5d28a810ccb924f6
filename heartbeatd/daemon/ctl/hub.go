package ctl

import "sync"

// hub keeps the newest line for all watchers: each takes it when it is ready,
// so a slow one skips what it has missed.
type hub struct {
	wake chan struct{} // capacity 1: something changed

	mu       sync.Mutex
	watchers int
	gen      uint64
	line     []byte
	next     chan struct{} // closed by set
}

func newHub() *hub {
	return &hub{wake: make(chan struct{}, 1), next: make(chan struct{})}
}

// changed wakes the publisher; it never blocks.
func (h *hub) changed() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// join counts a watcher and returns the generation it starts from.
func (h *hub) join() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers++
	return h.gen
}

func (h *hub) leave() {
	h.mu.Lock()
	h.watchers--
	h.mu.Unlock()
}

func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watchers > 0
}

// set makes line the newest.
func (h *hub) set(line []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gen++
	h.line = line
	close(h.next)
	h.next = make(chan struct{})
}

// newest returns the newest line, its generation, and what is closed when
// there is a newer one.
func (h *hub) newest() ([]byte, uint64, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.line, h.gen, h.next
}
