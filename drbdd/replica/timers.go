package replica

import "time"

// timers is a short list of what happens at a time.
type timers struct{ list []*timer }

type timer struct {
	at      time.Time
	f       func()
	stopped bool
}

func (t *timer) stop() {
	if t != nil {
		t.stopped = true
	}
}

// after runs f once when d has passed.
func (r *Resource) after(d time.Duration, f func()) *timer {
	t := &timer{at: r.now.Add(d), f: f}
	r.timers.list = append(r.timers.list, t)
	return t
}

// run runs what is due, the earliest first.
func (ts *timers) run(now time.Time) {
	for {
		var due *timer
		kept := ts.list[:0]
		for _, t := range ts.list {
			if t.stopped {
				continue
			}
			kept = append(kept, t)
			if !t.at.After(now) && (due == nil || t.at.Before(due.at)) {
				due = t
			}
		}
		clear(ts.list[len(kept):])
		ts.list = kept
		if due == nil {
			return
		}
		due.stopped = true
		due.f()
	}
}

func (ts *timers) next() (at time.Time) {
	for _, t := range ts.list {
		if !t.stopped && (at.IsZero() || t.at.Before(at)) {
			at = t.at
		}
	}
	return at
}
