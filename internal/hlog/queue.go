package hlog

import "sync"

// item is a record, or a job for the draining goroutine (new configuration,
// reopen, flush mark). Jobs keep their place among the records and are never
// dropped.
type item struct {
	rec *record
	job func()
}

// queue is bounded for records. put never waits longer than for its mutex,
// which nobody holds during I/O.
type queue struct {
	mu      sync.Mutex
	items   []item
	max     int
	dropped int
	closed  bool
	wake    chan struct{} // capacity 1
}

func newQueue(max int) *queue { return &queue{max: max, wake: make(chan struct{}, 1)} }

// put appends; a full or closed queue drops records. It reports whether the
// item was taken.
func (q *queue) put(it item) bool {
	q.mu.Lock()
	ok := !q.closed
	if ok && it.rec != nil && len(q.items) >= q.max {
		q.dropped++
		ok = false
	}
	if ok {
		q.items = append(q.items, it)
	}
	q.mu.Unlock()
	if ok {
		q.signal()
	}
	return ok
}

// take waits for items and returns all of them with the number of records
// dropped since the last call; more is false after close when none are left.
// spare is the slice of the previous call, used again.
func (q *queue) take(spare []item) (batch []item, dropped int, more bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 || q.dropped > 0 {
			batch, q.items = q.items, spare[:0]
			dropped, q.dropped = q.dropped, 0
			q.mu.Unlock()
			return batch, dropped, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil, 0, false
		}
		<-q.wake
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
