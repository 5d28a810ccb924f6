package kernel

import (
	"testing"
)

// fromEach runs a scenario twice in one machine: with each side in the leading part.
func fromEach(t *testing.T, opt options, f func(t *testing.T, p *pair, s side)) {
	w := newWorld(t)
	t.Run("ours", func(t *testing.T) {
		p := w.newPair(t, opt)
		f(t, p, p.o)
	})
	t.Run("kernel", func(t *testing.T) {
		p := w.newPair(t, opt)
		f(t, p, p.k)
	})
}

// The first resync of two new disks, with each side as the source, and then writes
// on that side.
func TestInitialSync(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, source side) {
		p.fullSync(source)
		p.writes(source)
		p.reads(source)
		must(t, source, "secondary", "0")
		p.finish()
	})
}
