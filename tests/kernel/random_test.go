package kernel

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Anything at any time for a while, one after the other, with one Primary that may
// move; then everything is mended, and both sides are equal and have what was
// acknowledged. INTEROP_KERNEL_SOAK is for how many seconds, INTEROP_KERNEL_SEED
// which way.
func TestRandomEvents(t *testing.T) {
	number := func(name string, n uint64) uint64 {
		if v, err := strconv.ParseUint(os.Getenv(name), 10, 63); err == nil {
			return v
		}
		return n
	}
	seed := number("INTEROP_KERNEL_SEED", uint64(time.Now().Unix()))
	limit := time.Duration(number("INTEROP_KERNEL_SOAK", 60)) * time.Second
	t.Logf("INTEROP_KERNEL_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	opt := options{net: []string{"--verify-alg=sha1", "--csums-alg=crc32c", "--protocol=" + string("ABC"[r.IntN(3)])}}
	if r.IntN(2) == 0 {
		opt.net = append(opt.net, "--data-integrity-alg=md5")
	}
	p := newWorld(t).newPair(t, opt)
	primary := p.sides()[r.IntN(2)]
	p.fullSync(primary)
	for end := time.Now().Add(limit); time.Now().Before(end) && !t.Failed(); {
		primary = p.event(r, primary)
	}
	must(t, primary, "secondary", "0")
	p.finish()
}

// event is one event under load, and its mending. It returns the Primary.
func (p *pair) event(r *rand.Rand, primary side) side {
	p.t.Helper()
	t := p.t
	secondary := p.other(primary)
	l := p.startLoad(primary)
	l.reached(t, r.IntN(20))
	meanwhile := func() { l.reached(t, r.IntN(20)) }
	wait := r.IntN(3) > 0
	switch e := r.IntN(9); e {
	case 0:
		t.Logf("the cable is pulled (%s is Primary)", primary.name())
		if err := p.w.m.Cut(); err != nil {
			t.Fatal(err)
		}
		state(t, primary, stateLimit, "WFConnection", "", "")
		meanwhile()
		if err := p.w.m.Join(); err != nil {
			t.Fatal(err)
		}
	case 1:
		t.Logf("%s disconnects, a Secondary", secondary.name())
		p.disconnect(secondary)
		meanwhile()
		p.connect(secondary)
	case 2:
		t.Logf("%s disconnects, the Primary", primary.name())
		p.disconnect(primary)
		meanwhile()
		p.connect(primary)
	case 3:
		t.Logf("%s is killed, a Secondary", secondary.name())
		if secondary == side(p.o) {
			p.o.powerCut(t)
			meanwhile()
			p.o.start(t)
			p.again(p.o)
		} else {
			p.w.m.Kill()
			meanwhile()
			p.bootKernel()
		}
	case 4:
		t.Logf("%s is detached, a Secondary", secondary.name())
		must(t, secondary, "detach", "0")
		meanwhile()
		p.attachDisk(secondary)
	case 5:
		t.Logf("%s is detached, the Primary", primary.name())
		must(t, primary, "detach", "0")
		meanwhile()
		p.attachDisk(primary)
		wait = true // until then the Secondary has the only good data
	case 6:
		t.Logf("the Primary moves to %s", secondary.name())
		l.end(t)
		p.synced()
		p.flush(primary)
		p.move(secondary)
		p.reads(secondary)
		return secondary
	case 7:
		t.Logf("verify, begun by %s", secondary.name())
		must(t, secondary, "verify", "0")
		meanwhile()
	case 8:
		t.Logf("%s stands still for a moment", secondary.name())
		frozen(t, secondary, func() { time.Sleep(time.Duration(r.IntN(4000)) * time.Millisecond) })
	}
	p.connected()
	meanwhile()
	l.end(t)
	if wait {
		p.synced()
	}
	return primary
}
