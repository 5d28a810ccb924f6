package kernel

import (
	"testing"
)

// Disconnect and connect, each begun by each side, with nothing to do in between:
// no resync, no trace.
func TestDisconnectConnect(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		p.fullSync(s)
		p.writes(s)
		must(t, s, "secondary", "0")
		for range 3 {
			p.disconnect(s)
			state(t, s, stateLimit, "StandAlone", "Secondary/Unknown", "UpToDate/DUnknown")
			state(t, p.other(s), stateLimit, "WFConnection", "Secondary/Unknown", "UpToDate/DUnknown")
			p.connect(s)
			p.synced()
		}
		if _, n := lastResync(s); n != 1 {
			t.Errorf("%s: %d resyncs, wanted the first only", s.name(), n)
		}
		must(t, s, "down", "r0")
		state(t, p.other(s), stateLimit, "WFConnection", "", "")
		p.attach(s)
		p.connect(s)
		p.finish()
	})
}

// The rules about roles hold across the wire: one Primary, and none without data.
func TestRoles(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		other := p.other(s)
		p.connectBoth("Inconsistent/Inconsistent")
		refused(t, s, 17, "primary", "0") // nobody has data that could be used
		p.fullSync(s)
		refused(t, other, 11, "primary", "0")
		refused(t, other, 11, "primary", "0", "--force")
		for range 3 {
			p.move(other)
			p.write(other, 4096, 4096, 4096, 1)
			p.move(s)
			p.write(s, 8192, 4096, 4096, 1)
		}
		state(t, other, stateLimit, "Connected", "Secondary/Primary", "UpToDate/UpToDate")
		must(t, s, "secondary", "0")
		p.finish()
	})
}

// invalidate and invalidate-remote copy everything, in the direction that was asked for.
func TestInvalidate(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		p.fullSync(s)
		p.spoil(s, 5, 6, 700)
		must(t, s, "secondary", "0")
		must(t, s, "invalidate", "0") // the peer is right
		await(t, stateLimit, func() string {
			if _, n := lastResync(s); n == 2 {
				return ""
			}
			return "no resync"
		})
		p.synced()
		p.spoil(p.other(s), 8, 9)
		must(t, s, "invalidate-remote", "0")
		await(t, stateLimit, func() string {
			if _, n := lastResync(s); n == 3 {
				return ""
			}
			return "no resync"
		})
		p.finish()
	})
}

// A resync is paused and goes on, from each side; writes during it are in order.
func TestPauseAndWritesDuringResync(t *testing.T) {
	opt := options{disk: []string{"--resync-rate=2000"}}
	fromEach(t, opt, func(t *testing.T, p *pair, s side) {
		p.connectBoth("Inconsistent/Inconsistent")
		must(t, s, "primary", "0", "--force")
		state(t, s, stateLimit, "SyncSource", "Primary/Secondary", "UpToDate/Inconsistent")
		for _, pauser := range p.sides() {
			must(t, pauser, "pause-sync", "0")
			state(t, s, stateLimit, "PausedSyncS", "", "")
			state(t, p.other(s), stateLimit, "PausedSyncT", "", "")
			refused(t, pauser, 11, "verify", "0")
			must(t, pauser, "resume-sync", "0")
			state(t, s, stateLimit, "SyncSource", "", "")
			state(t, p.other(s), stateLimit, "SyncTarget", "", "")
		}
		p.load(s)
		l := p.startLoad(s)
		l.reached(t, 40)
		l.end(t)
		// The Secondary is not UpToDate yet and yet can be Primary: it reads over the wire.
		p.move(p.other(s))
		p.reads(p.other(s))
		p.load4(p.other(s))
		for _, x := range p.sides() {
			must(t, x, "disk-options", "0", "--resync-rate=102400", "--c-plan-ahead=0")
		}
		must(t, p.other(s), "secondary", "0")
		p.finish()
	})
}

// The link breaks in the middle of a resync and again; it goes on where it was.
func TestInterruptedResync(t *testing.T) {
	opt := options{disk: []string{"--resync-rate=4000"}}
	fromEach(t, opt, func(t *testing.T, p *pair, s side) {
		p.connectBoth("Inconsistent/Inconsistent")
		must(t, s, "primary", "0", "--force")
		for i := range 2 {
			await(t, stateLimit, func() string {
				if v := look(s); v.cs == "SyncSource" && v.oosKiB > 0 && v.oosKiB < int(p.size/1024)-2048*(i+1) {
					return ""
				} else {
					return v.text
				}
			})
			p.disconnect(p.other(s))
			state(t, s, stateLimit, "WFConnection", "Primary/Unknown", "")
			p.connect(p.other(s))
			state(t, s, stateLimit, "SyncSource", "", "")
		}
		p.load(s)
		p.writes(s)
		p.partial(3)
		must(t, s, "secondary", "0")
		p.finish()
	})
}
