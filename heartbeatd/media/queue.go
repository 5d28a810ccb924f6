package media

import "sync"

// queue holds frames that wait for the writer. It is bounded by number and by
// bytes; when full it gives up its oldest frames, never the newest.
type queue struct {
	maxFrames, maxBytes int

	mu      sync.Mutex
	frames  [][]byte
	bytes   int
	closed  bool
	arrived chan struct{} // holds a token while frames may be waiting
}

func newQueue(maxFrames, maxBytes int) *queue {
	return &queue{maxFrames: maxFrames, maxBytes: maxBytes, arrived: make(chan struct{}, 1)}
}

// put appends a frame and returns how many were given up for it.
func (q *queue) put(frame []byte) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 1
	}
	for len(q.frames) > 0 && (len(q.frames) >= q.maxFrames || q.bytes+len(frame) > q.maxBytes) {
		q.bytes -= len(q.frames[0])
		q.frames[0] = nil
		q.frames = q.frames[1:]
		dropped++
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
	return dropped
}

// next waits for the oldest frame; false means that the queue was closed.
func (q *queue) next() ([]byte, bool) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return nil, false
		}
		if len(q.frames) > 0 {
			f := q.frames[0]
			q.frames[0] = nil
			q.frames = q.frames[1:]
			q.bytes -= len(f)
			q.mu.Unlock()
			return f, true
		}
		q.frames = nil // let go of the array behind
		q.mu.Unlock()
		<-q.arrived
	}
}

// close wakes next; what waits is lost. Only one goroutine may call next.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.frames, q.bytes = nil, 0
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}
