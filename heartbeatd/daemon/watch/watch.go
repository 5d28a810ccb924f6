// Package watch tells the daemon that configuration files changed, once they
// are quiet. It watches the directory, since a watch on a file is lost when an
// editor or a package manager replaces it by rename.
package watch

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// DefaultQuiet is how long nothing must happen before a change is reported:
// editors write, rename and change modes in several steps.
const DefaultQuiet = 200 * time.Millisecond

// DefaultNames are the files of /etc/ha.d that the daemon reads.
var DefaultNames = []string{"ha.cf", "haresources", "authkeys", "haext.cf"}

// Watcher watches one directory with one goroutine.
type Watcher struct {
	w    *fsnotify.Watcher
	done chan struct{}
}

// Dir watches dir and calls changed with the sorted names, out of names, of the
// files that were written, created, removed or renamed since the last call; a mere
// change of access time or mode is no change, but for authkeys, whose mode
// matters. changed is called from the watcher's goroutine; errors of the
// kernel's queue go to failed (may be nil): events were lost, so all names are reported.
func Dir(dir string, names []string, quiet time.Duration, changed func([]string), failed func(error)) (*Watcher, error) {
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	if err := fw.Add(dir); err != nil {
		fw.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &Watcher{w: fw, done: make(chan struct{})}
	go w.run(slices.Clone(names), quiet, changed, failed)
	return w, nil
}

// Close ends the goroutine; changed is not called after it returns.
func (w *Watcher) Close() error {
	err := w.w.Close()
	<-w.done
	return err
}

func (w *Watcher) run(names []string, quiet time.Duration, changed func([]string), failed func(error)) {
	defer close(w.done)
	pending := map[string]bool{}
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	timer.Stop()
	errs := w.w.Errors
	for {
		select {
		case ev, ok := <-w.w.Events:
			if !ok {
				return
			}
			name := filepath.Base(ev.Name)
			if !slices.Contains(names, name) || (ev.Op == fsnotify.Chmod && name != "authkeys") {
				continue
			}
			pending[name] = true
			timer.Reset(quiet)
		case err, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			if failed != nil {
				failed(err)
			}
			for _, n := range names {
				pending[n] = true
			}
			timer.Reset(quiet)
		case <-timer.C:
			var list []string
			for n := range pending {
				list = append(list, n)
			}
			clear(pending)
			slices.Sort(list)
			changed(list)
		}
	}
}
