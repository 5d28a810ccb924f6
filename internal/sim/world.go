// Package sim is a small discrete-event world with a seed: time that only moves from
// event to event, clocks that drift and pause, and a network that loses, doubles,
// delays and cuts. The cores of both programs run in it through thousands of faults;
// the checks look at them from outside.
//
// Everything is in one goroutine and follows from the seed: a run can be repeated
// exactly.
package sim

import (
	"container/heap"
	"time"
)

// World is time and what is to happen.
type World struct {
	Rand
	now    time.Duration
	events queue
	order  uint64
}

// NewWorld makes an empty world at time 0.
func NewWorld(seed uint64) *World {
	return &World{Rand: Rand{state: scatter(seed)*0x9e3779b97f4a7c15 + 0x1234567}}
}

// scatter keeps seeds apart: Rand steps by what the seed is multiplied with, so that seeds
// in a row would draw the same numbers, shifted by one.
func scatter(seed uint64) uint64 {
	z := (seed + 0x632be59bd9b4e019) * 0xd1342543de82ef95
	z = (z ^ z>>32) * 0xaef17502108ef2d9
	return z ^ z>>29
}

// Now is the true time since the beginning; no node ever sees it.
func (w *World) Now() time.Duration { return w.now }

// Event is a scheduled call. Cancel makes it not happen.
type Event struct {
	at    time.Duration
	order uint64
	call  func()
}

// Cancel takes the event back.
func (e *Event) Cancel() {
	if e != nil {
		e.call = nil
	}
}

// After schedules call d from now (at once if d is negative), behind everything that
// was scheduled for the same moment before.
func (w *World) After(d time.Duration, call func()) *Event {
	if d < 0 {
		d = 0
	}
	w.order++
	e := &Event{at: w.now + d, order: w.order, call: call}
	heap.Push(&w.events, e)
	return e
}

// RunUntil lets everything happen up to time t.
func (w *World) RunUntil(t time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= t {
		e := heap.Pop(&w.events).(*Event)
		w.now = e.at
		if e.call != nil {
			e.call()
		}
	}
	w.now = t
}

type queue []*Event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*Event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}

// Rand is splitmix64.
type Rand struct{ state uint64 }

// Uint64 is the next number.
func (r *Rand) Uint64() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Intn is a number in [0, n); 0 if n is not positive.
func (r *Rand) Intn(n int) int {
	if n <= 0 {
		return 0
	}
	return int(r.Uint64() % uint64(n))
}

// Float is a number in [0, 1).
func (r *Rand) Float() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Chance is true with probability p.
func (r *Rand) Chance(p float64) bool { return p > 0 && r.Float() < p }

// Between is a duration in [a, b].
func (r *Rand) Between(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(r.Uint64()%uint64(b-a+1))
}

// Clock is a node's own monotonic clock: it began somewhere and runs a little fast or slow.
type Clock struct {
	Start time.Time
	Drift float64 // 0.001: gains a millisecond a second
}

// Read converts true time to the node's.
func (c Clock) Read(now time.Duration) time.Time {
	return c.Start.Add(now + time.Duration(float64(now)*c.Drift))
}

// Until is how long in true time the clock takes from now to t, rounded so that the
// clock shows t or a little more then.
func (c Clock) Until(now time.Duration, t time.Time) time.Duration {
	d := t.Sub(c.Read(now))
	if d <= 0 {
		return 0
	}
	return time.Duration(float64(d)/(1+c.Drift)) + 2
}
