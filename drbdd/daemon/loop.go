package daemon

import (
	"sync"
	"time"

	"classicha/drbdd/replica"
)

// loop runs the core of one resource: events one after the other, by whoever
// posts while it is idle.
type loop struct {
	core *replica.Resource
	do   func(replica.Action) // carries out an action; must not wait
	done func()               // after each batch of events

	mu    sync.Mutex
	held  bool  // see hold
	queue []any // replica.Event, or func(*replica.Resource) to be called in the loop
	spare []any
	busy  bool
	timer *time.Timer
	at    time.Time // of the timer; zero: it is not set
	ended bool
}

func newLoop(core *replica.Resource) *loop { return &loop{core: core} }

// post hands an event, or a function to be called in the loop, to the core. It
// may run the core, and everything that waits for it, before it returns.
func (l *loop) post(ev any) {
	l.mu.Lock()
	l.queue = append(l.queue, ev)
	l.run()
}

// hold makes events wait until release: those that come together are worked off
// together. It is for the thread of the ring, which does not wait for anything in between.
func (l *loop) hold() {
	l.mu.Lock()
	l.held = true
	l.mu.Unlock()
}

func (l *loop) release() {
	l.mu.Lock()
	l.held = false
	l.run()
}

// run works off what is there, unless somebody else does. It is called with mu,
// and unlocks it.
func (l *loop) run() {
	if l.busy || l.held {
		l.mu.Unlock()
		return
	}
	l.busy = true
	for {
		if len(l.queue) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		evs := l.queue
		l.queue = l.spare[:0]
		l.mu.Unlock()
		now := time.Now()
		for i, ev := range evs {
			evs[i] = nil
			switch e := ev.(type) {
			case func(*replica.Resource):
				e(l.core)
				continue
			case submission:
				for _, a := range l.core.Step(now, e.r.begin(e)) {
					l.do(a)
				}
			case diskEnd:
				e.x.unuse()
				for _, a := range l.core.Step(now, e.done) {
					l.do(a)
				}
			case received:
				if p, ok := e.take(); ok {
					if i+1 < len(evs) {
						next, another := evs[i+1].(received)
						p.More = another && next.l == e.l
					}
					for _, a := range l.core.Step(now, p) {
						l.do(a)
					}
				}
			case replica.Event:
				for _, a := range l.core.Step(now, e) {
					l.do(a)
				}
			}
		}
		l.done()
		l.arm()
		l.mu.Lock()
		l.spare = evs
	}
}

// arm sets the timer to the core's next time. A timer that is set for an earlier
// one stays: each packet puts some off, and a call too early costs less than
// setting the timer that often.
func (l *loop) arm() {
	at := l.core.Next()
	if at.IsZero() || !l.at.IsZero() && !at.Before(l.at) {
		return
	}
	l.at = at
	if l.timer == nil {
		l.timer = time.AfterFunc(time.Until(at), l.tick)
		return
	}
	l.timer.Reset(time.Until(at))
}

func (l *loop) tick() {
	l.post(func(*replica.Resource) { l.at = time.Time{} })
	l.post(replica.Tick{})
}

// call runs f in the loop and waits for its end.
func (l *loop) call(f func(*replica.Resource)) {
	done := make(chan struct{})
	l.post(func(r *replica.Resource) {
		f(r)
		close(done)
	})
	<-done
}
