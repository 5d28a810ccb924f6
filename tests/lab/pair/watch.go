package pair

import (
	"fmt"
	"sync"
	"time"

	"classicha/tests/lab"
)

// watcher looks every few milliseconds which node runs which resource, and
// remembers every time that two did.
type watcher struct {
	nodes     []*lab.Node
	resources []string
	stop      chan struct{}
	wg        sync.WaitGroup

	mu      sync.Mutex
	allowed bool // a partition: both may run everything
	faults  []string
	since   map[string]time.Time // resource -> running twice since
}

const watchEvery = 5 * time.Millisecond

func watch(nodes []*lab.Node, resources []string) *watcher {
	w := &watcher{nodes: nodes, resources: resources, stop: make(chan struct{}), since: map[string]time.Time{}}
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.look()
			}
		}
	}()
	return w
}

func (w *watcher) look() {
	for _, r := range w.resources {
		w.mu.Lock()
		allowed := w.allowed // a look that began in a partition may end behind it
		w.mu.Unlock()
		n := 0
		for _, node := range w.nodes {
			if node.Runs(r) {
				n++
			}
		}
		if n > 1 && !w.nodes[0].Runs(r) {
			n-- // it moved from the first to another between two looks
		}
		w.mu.Lock()
		start, twice := w.since[r]
		switch {
		case n > 1 && !twice && !allowed && !w.allowed:
			w.since[r] = time.Now()
		case n <= 1 && twice:
			delete(w.since, r)
			w.faults = append(w.faults, fmt.Sprintf("%s ran on both nodes from %s for %v", r, start.Format("15:04:05.000"), time.Since(start).Round(time.Millisecond)))
		}
		w.mu.Unlock()
	}
}

// allow switches the tolerance for a partition on or off.
func (w *watcher) allow(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = yes
}

// end stops watching and returns what was wrong.
func (w *watcher) end() []string {
	close(w.stop)
	w.wg.Wait()
	for r, at := range w.since {
		w.faults = append(w.faults, fmt.Sprintf("%s runs on both nodes since %s", r, at.Format("15:04:05.000")))
	}
	return w.faults
}
