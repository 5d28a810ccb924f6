package kernel

import (
	"testing"
	"time"
)

// frozen lets a side stand still while f runs.
func frozen(t *testing.T, s side, f func()) {
	t.Helper()
	if err := s.freeze(true); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.freeze(false); err != nil {
			t.Error(err)
		}
	}()
	f()
}

// A Secondary that stands still for longer than a ping may take is given up; when it
// goes on it gets what it missed. Writers see a pause.
func TestPeerStandsStill(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		primary := p.other(s)
		p.fullSync(primary)
		l := p.startLoad(primary)
		l.reached(t, 20)
		frozen(t, s, func() {
			state(t, primary, stateLimit, "Unconnected|WFConnection|NetworkFailure|Timeout", "Primary/Unknown", "")
			logged(t, primary, stateLimit, `PingAck did not arrive in time\.`)
			l.reached(t, 20)
		})
		p.connected()
		l.reached(t, 20)
		l.end(t)
		p.partial(2)
		must(t, primary, "secondary", "0")
		p.finish()
	})
}

// Protocol A with a peer that falls behind: the Primary goes Ahead instead of
// waiting, and sends what it left out when there is room again.
func TestAheadAndBehind(t *testing.T) {
	opt := options{net: []string{"--protocol=A", "--on-congestion=pull-ahead", "--congestion-fill=64", "--sndbuf-size=65536"}}
	fromEach(t, opt, func(t *testing.T, p *pair, primary side) {
		p.fullSync(primary)
		p.span = 8 << 20
		l := p.startLoad(primary)
		l.reached(t, 10)
		await(t, stateLimit, func() string { // until it happens; each time is short
			frozen(t, p.other(primary), func() { time.Sleep(700 * time.Millisecond) })
			if countLogged(primary, `-> Ahead \)`) > 0 {
				return ""
			}
			return "the Primary never went Ahead"
		})
		l.reached(t, 10)
		l.end(t)
		logged(t, primary, stateLimit, `Congestion-fill threshold reached`)
		logged(t, p.other(primary), stateLimit, `-> Behind \)`)
		p.synced()
		p.writes(primary)
		must(t, primary, "secondary", "0")
		p.finish()
	})
}

// With fencing a Primary that leaves tells its peer that its data is old now; such a
// peer does not become Primary, and is up to date again after they met.
func TestOutdatedByFarewell(t *testing.T) {
	opt := options{disk: []string{"--fencing=resource-only"}}
	fromEach(t, opt, func(t *testing.T, p *pair, primary side) {
		secondary := p.other(primary)
		p.fullSync(primary)
		p.disconnect(primary)
		state(t, primary, stateLimit, "StandAlone", "Primary/Unknown", "UpToDate/Outdated")
		state(t, secondary, stateLimit, "WFConnection", "Secondary/Unknown", "Outdated/DUnknown")
		refused(t, secondary, 17, "primary", "0")
		p.writes(primary)
		p.connect(primary)
		p.partial(2)
		must(t, primary, "secondary", "0")
		p.finish()
	})
}

// A device grows while it is connected and used; only the new part is synced.
func TestGrow(t *testing.T) {
	const before, after = 8 << 10, 16 << 10 // KiB
	opt := options{disk: []string{"--size=16384s"}}
	fromEach(t, opt, func(t *testing.T, p *pair, s side) {
		p.fullSync(s)
		if p.size != before<<10 {
			t.Fatalf("the device has %d bytes, wanted %d", p.size, before<<10)
		}
		p.write(s, 0, 4<<20, 128<<10, 4)
		must(t, s, "resize", "0", "--size=32768s")
		logged(t, p.k, stateLimit, `size = 16 MB`)
		logged(t, p.o, stateLimit, `size = 16 MB`)
		p.synced()
		p.learnSize()
		if p.size != after<<10 {
			t.Fatalf("the device has %d bytes, wanted %d", p.size, after<<10)
		}
		grown := p.want
		p.load(s)
		differ(t, "the old part and what was written", p.want[:len(grown)], grown, nil)
		p.write(s, p.size-1<<20, 1<<20, 128<<10, 4)
		p.move(p.other(s))
		p.reads(p.other(s))
		p.write(p.other(s), p.size-2<<20, 1<<20, 128<<10, 4)
		must(t, p.other(s), "secondary", "0")
		p.finish()
	})
}

// Disks of different sizes: the smaller one decides.
func TestDifferentSizes(t *testing.T) {
	for _, c := range []struct {
		name string
		opt  options
	}{
		{"ours is smaller", options{diskOurs: []string{"--size=20480s"}}},
		{"the kernel's is smaller", options{diskKernel: []string{"--size=20480s"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newWorld(t).newPair(t, c.opt)
			p.fullSync(p.k)
			if p.size != 10<<20 {
				t.Errorf("the device has %d bytes, wanted %d", p.size, 10<<20)
			}
			p.write(p.k, p.size-1<<20, 1<<20, 65536, 2)
			p.move(p.o)
			p.reads(p.o)
			p.write(p.o, p.size-2<<20, 1<<20, 65536, 2)
			must(t, p.o, "secondary", "0")
			p.finish()
		})
	}
}
