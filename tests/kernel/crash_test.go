package kernel

import (
	"testing"
)

// alSpan keeps loads within two extents of the activity log (4 MiB each): after a
// crash those are sent again, and not all of the device.
const alSpan = 8 << 20

// bootKernel brings the machine back and the pair's disk with it, as an init script
// would.
func (p *pair) bootKernel() {
	p.t.Helper()
	if err := p.w.m.Boot(); err != nil {
		p.t.Fatal(err)
	}
	p.again(p.k)
}

// again configures a side and connects it.
func (p *pair) again(s side) {
	p.t.Helper()
	p.attach(s)
	p.connect(s)
}

// The power of the Primary fails while it writes. It comes back as it was: what the
// activity log covers is sent again, nothing acknowledged is lost.
func TestCrashedPrimaryComesBack(t *testing.T) {
	t.Run("kernel", func(t *testing.T) {
		p := newWorld(t).newPair(t, options{})
		p.fullSync(p.k)
		p.span = alSpan
		l := p.startLoad(p.k)
		l.reached(t, 30)
		p.w.m.Kill()
		l.broken(t)
		state(t, p.o, stateLimit, "WFConnection", "Secondary/Unknown", "UpToDate/DUnknown")
		p.bootKernel()
		p.partial(2)
		must(t, p.o, "primary", "0")
		p.writes(p.o)
		must(t, p.o, "secondary", "0")
		p.finish()
	})
	t.Run("ours", func(t *testing.T) {
		p := newWorld(t).newPair(t, options{})
		p.fullSync(p.o)
		p.span = alSpan
		l := p.startLoad(p.o)
		l.reached(t, 30)
		p.o.powerCut(t)
		l.broken(t)
		state(t, p.k, stateLimit, "WFConnection", "Secondary/Unknown", "UpToDate/DUnknown")
		p.o.start(t)
		p.again(p.o)
		p.partial(2)
		must(t, p.k, "primary", "0")
		p.writes(p.k)
		must(t, p.k, "secondary", "0")
		p.finish()
	})
}

// The power of the Primary fails while it writes; its peer takes over, and the old
// Primary follows when it is back. Protocol C: everything acknowledged is there.
func TestCrashedPrimaryIsReplaced(t *testing.T) {
	t.Run("kernel", func(t *testing.T) {
		p := newWorld(t).newPair(t, options{})
		p.fullSync(p.k)
		p.span = alSpan
		l := p.startLoad(p.k)
		l.reached(t, 30)
		p.w.m.Kill()
		l.broken(t)
		must(t, p.o, "primary", "0")
		p.writes(p.o)
		p.bootKernel()
		p.partial(2)
		p.writes(p.o)
		must(t, p.o, "secondary", "0")
		p.finish()
	})
	t.Run("ours", func(t *testing.T) {
		p := newWorld(t).newPair(t, options{})
		p.fullSync(p.o)
		p.span = alSpan
		l := p.startLoad(p.o)
		l.reached(t, 30)
		p.o.powerCut(t)
		l.broken(t)
		state(t, p.k, stateLimit, "WFConnection", "Secondary/Unknown", "UpToDate/DUnknown")
		must(t, p.k, "primary", "0")
		p.writes(p.k)
		p.o.start(t)
		p.again(p.o)
		p.partial(2)
		p.writes(p.k)
		must(t, p.k, "secondary", "0")
		p.finish()
	})
}

// kill -9 of drbdd and a successor that finds its state: the kernel sees a Primary
// that was away, or a Secondary.
func TestKilledDaemon(t *testing.T) {
	w := newWorld(t)
	t.Run("Secondary", func(t *testing.T) {
		p := w.newPair(t, options{})
		p.fullSync(p.k)
		p.span = alSpan
		l := p.startLoad(p.k)
		for range 3 {
			l.reached(t, 20)
			p.o.kill()
			l.reached(t, 5)
			p.o.start(t)
			p.connected()
		}
		l.end(t)
		must(t, p.k, "secondary", "0")
		p.finish()
	})
	t.Run("Primary", func(t *testing.T) {
		p := w.newPair(t, options{})
		p.fullSync(p.o)
		for range 3 {
			l := p.startLoad(p.o)
			l.reached(t, 20)
			p.o.kill()
			l.broken(t)
			p.o.start(t)
			p.synced()
			must(t, p.o, "primary", "0")
		}
		must(t, p.o, "secondary", "0")
		p.finish()
	})
}

// The power of the Secondary fails; the Primary goes on and sends what it missed.
func TestCrashedSecondary(t *testing.T) {
	t.Run("kernel", func(t *testing.T) {
		p := newWorld(t).newPair(t, options{})
		p.fullSync(p.o)
		p.span = alSpan
		l := p.startLoad(p.o)
		l.reached(t, 30)
		p.w.m.Kill()
		l.reached(t, 30)
		p.bootKernel()
		p.connected()
		l.reached(t, 10)
		l.end(t)
		p.partial(2)
		must(t, p.o, "secondary", "0")
		p.finish()
	})
	t.Run("ours", func(t *testing.T) {
		p := newWorld(t).newPair(t, options{})
		p.fullSync(p.k)
		p.span = alSpan
		l := p.startLoad(p.k)
		l.reached(t, 30)
		p.o.powerCut(t)
		l.reached(t, 30)
		p.o.start(t)
		p.again(p.o)
		p.connected()
		l.reached(t, 10)
		l.end(t)
		p.partial(2)
		must(t, p.k, "secondary", "0")
		p.finish()
	})
}
