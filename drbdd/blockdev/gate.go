package blockdev

import (
	"context"
	"sync"
)

// Gate counts the requests in flight of one side and lets it stop in order: Close, then
// Drain. The zero Gate is open.
type Gate struct {
	mu     sync.Mutex
	n      int
	closed bool
	empty  chan struct{} // made by a waiting Drain, closed when n becomes 0
}

// Enter counts one more. It returns false, and counts nothing, when the gate is closed.
func (g *Gate) Enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.n++
	return true
}

// Leave counts one less.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n < 0 {
		panic("blockdev: more requests ended than began")
	}
	if g.n == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// Close lets nobody in any more.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
}

// Open undoes Close.
func (g *Gate) Open() {
	g.mu.Lock()
	g.closed = false
	g.mu.Unlock()
}

// InFlight is the number of those that entered and did not leave.
func (g *Gate) InFlight() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// Drain waits until nothing is in flight, or until ctx ends; then it returns ctx's error.
// Without Close before it that is only a moment.
func (g *Gate) Drain(ctx context.Context) error {
	g.mu.Lock()
	if g.n == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	c := g.empty
	g.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
