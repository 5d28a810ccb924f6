package media

import (
	"fmt"
	"sync"
	"time"

	"classicha/internal/hlog"
)

// calm is how long all must go well before a failure counts as over. Without it
// a medium that fails every second time would log every time.
const calm = 2 * time.Second

// trouble logs one kind of failure: each different reason once, and the end.
type trouble struct {
	name string // "bcast eth0: sending"
	log  func(hlog.Level, string)

	mu    sync.Mutex
	seen  map[string]bool // reasons logged in this episode
	count int             // failures in this episode
	last  time.Time
}

// failed notes a failure. reason tells failures apart, text is the line.
func (t *trouble) failed(now time.Time, level hlog.Level, reason, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	t.last = now
	if t.seen[reason] {
		return
	}
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	t.seen[reason] = true
	t.log(level, text)
}

// worked notes a success.
func (t *trouble) worked(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == 0 || now.Sub(t.last) < calm {
		return
	}
	t.log(hlog.Info, fmt.Sprintf("%s works again (%d failures)", t.name, t.count))
	t.count = 0
	clear(t.seen)
}
