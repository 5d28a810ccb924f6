package blockdev

import "sync"

// Queue is a first-in first-out queue of requests between goroutines. It has no bound of
// its own and allocates nothing: a request is in one queue at most, and front ends
// bound the number of requests. The zero Queue is ready.
type Queue struct {
	mu         sync.Mutex
	head, tail *Request
	n          int
	closed     bool
	wake       sync.Cond
	once       sync.Once
}

func (q *Queue) init() { q.once.Do(func() { q.wake.L = &q.mu }) }

// Push appends r. It returns false, and leaves r with the caller, when the queue is closed.
func (q *Queue) Push(r *Request) bool {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if r.queued {
		panic("blockdev: " + r.String() + " is in a queue already")
	}
	r.next, r.queued = nil, true
	if q.tail == nil {
		q.head = r
	} else {
		q.tail.next = r
	}
	q.tail = r
	q.n++
	q.wake.Signal()
	return true
}

// Pop waits for a request. It returns nil once the queue is closed and empty.
func (q *Queue) Pop() *Request {
	q.init()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head == nil {
		if q.closed {
			return nil
		}
		q.wake.Wait()
	}
	return q.pop()
}

// TryPop returns the oldest request, or nil when there is none.
func (q *Queue) TryPop() *Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == nil {
		return nil
	}
	return q.pop()
}

func (q *Queue) pop() *Request {
	r := q.head
	q.head = r.next
	if q.head == nil {
		q.tail = nil
	}
	r.next, r.queued = nil, false
	q.n--
	return r
}

// Len is the number of waiting requests.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// Close makes Push refuse and Pop return nil when nothing is left.
func (q *Queue) Close() {
	q.init()
	q.mu.Lock()
	q.closed = true
	q.wake.Broadcast()
	q.mu.Unlock()
}
