package peer

import (
	"fmt"
	"sync"
	"time"
)

const (
	repeatPeriod = time.Minute // how long a line that repeats is only counted
	repeatLines  = 32          // different lines that are remembered
)

// repeats keeps what happens with every attempt, or with every connection of a
// stranger, from filling the log.
type repeats struct {
	to func(Level, string)

	mu    sync.Mutex
	lines map[string]*repeated
}

type repeated struct {
	since time.Time
	count int
}

func newRepeats(to func(Level, string)) *repeats {
	return &repeats{to: to, lines: map[string]*repeated{}}
}

func (r *repeats) log(l Level, text string) {
	now := time.Now()
	r.mu.Lock()
	e := r.lines[text]
	switch {
	case e == nil:
		if len(r.lines) == repeatLines {
			clear(r.lines)
		}
		r.lines[text] = &repeated{since: now}
	case now.Sub(e.since) < repeatPeriod:
		e.count++
		r.mu.Unlock()
		return
	}
	line := text
	if e != nil {
		if e.count > 0 {
			line = fmt.Sprintf("%s (and %d times before)", text, e.count)
		}
		*e = repeated{since: now}
	}
	r.mu.Unlock()
	r.to(l, line)
}
