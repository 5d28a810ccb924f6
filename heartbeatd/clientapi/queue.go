package clientapi

import (
	"net"
	"sync"
)

// Bounds of what waits for a client. It may set the count by set_sendqlen.
const (
	defaultQueueLen = 1024
	minQueueLen     = 16
	maxQueueLen     = 8192
	maxQueueBytes   = 4 << 20
)

// queue holds frames for one client. Deliveries that do not fit end the
// connection; replies wait, so that a client that asks more than it reads is
// not read from any more.
type queue struct {
	mu     sync.Mutex
	room   sync.Cond // signalled when frames were taken, or closed
	filled sync.Cond // signalled when frames were put, or closed
	frames net.Buffers
	bytes  int
	limit  int
	closed bool
}

func newQueue() *queue {
	q := &queue{limit: defaultQueueLen}
	q.room.L, q.filled.L = &q.mu, &q.mu
	return q
}

func (q *queue) setLimit(n int) {
	q.mu.Lock()
	q.limit = max(minQueueLen, min(n, maxQueueLen))
	q.mu.Unlock()
	q.room.Broadcast()
}

// full: one frame always fits into an empty queue.
func (q *queue) full(n int) bool {
	return len(q.frames) > 0 && (len(q.frames) >= q.limit || q.bytes+n > maxQueueBytes)
}

// put queues a frame. With wait it waits for room, else it reports false when
// there is none. It reports true on a closed queue and drops the frame.
func (q *queue) put(frame []byte, wait bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && q.full(len(frame)) {
		if !wait {
			return false
		}
		q.room.Wait()
	}
	if q.closed {
		return true
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	q.filled.Signal()
	return true
}

// take waits for frames and returns all of them; none means closed and drained.
func (q *queue) take() net.Buffers {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.frames) == 0 && !q.closed {
		q.filled.Wait()
	}
	all := q.frames
	q.frames, q.bytes = nil, 0
	q.room.Broadcast()
	return all
}

// close ends the queue; what is queued can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.room.Broadcast()
	q.filled.Broadcast()
}
