package kernel

import (
	"fmt"
	"regexp"
	"testing"
)

var began = regexp.MustCompile(`Began resync as Sync(?:Source|Target) \(will sync (\d+) KB`)

// lastResync is what the last resync of a side was to transfer, in KiB.
func lastResync(s side) (kib, count int) {
	all := began.FindAllStringSubmatch(s.log(), -1)
	if len(all) > 0 {
		fmt.Sscan(all[len(all)-1][1], &kib)
	}
	return kib, len(all)
}

// resynced waits for resync number n of both sides.
func (p *pair) resynced(n int) {
	p.t.Helper()
	p.synced()
	for _, s := range p.sides() {
		await(p.t, stateLimit, func() string {
			if _, count := lastResync(s); count != n {
				return fmt.Sprintf("%s: %d resyncs are in the log, wanted %d", s.name(), count, n)
			}
			return ""
		})
	}
}

// partial waits for resync number n of both sides, and that it is of some blocks,
// not of all.
func (p *pair) partial(n int) {
	p.t.Helper()
	p.resynced(n)
	for _, s := range p.sides() {
		kib, _ := lastResync(s)
		if full := int(p.size / 1024); kib <= 0 || kib >= full {
			p.t.Errorf("%s: resync %d was of %d KiB of %d; wanted a part", s.name(), n, kib, full)
		}
	}
}

// Each side is Primary and goes on alone for a while, after each kind of farewell;
// what it wrote is sent afterwards, and only that.
func TestReconnect(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, primary side) {
		secondary := p.other(primary)
		p.fullSync(primary)
		p.writes(primary)
		for i, leave := range []func(){
			func() {
				t.Log("the Secondary disconnects")
				p.disconnect(secondary)
				state(t, secondary, stateLimit, "StandAlone", "Secondary/Unknown", "")
			},
			func() {
				t.Log("the Primary disconnects")
				p.disconnect(primary)
				state(t, primary, stateLimit, "StandAlone", "Primary/Unknown", "")
			},
			func() {
				t.Log("the cable is pulled")
				if err := p.w.m.Cut(); err != nil {
					t.Fatal(err)
				}
			},
		} {
			leave()
			state(t, primary, stateLimit, "WFConnection|StandAlone", "Primary/Unknown", "UpToDate/DUnknown|UpToDate/Outdated")
			p.writes(primary)
			p.reads(primary)
			switch i {
			case 0:
				p.connect(secondary)
			case 1:
				p.connect(primary)
			case 2:
				state(t, secondary, stateLimit, "WFConnection", "Secondary/Unknown", "UpToDate/DUnknown")
				if err := p.w.m.Join(); err != nil {
					t.Fatal(err)
				}
			}
			p.partial(i + 2)
			p.writes(primary)
		}
		must(t, primary, "secondary", "0")
		p.finish()
	})
}

// The cable is pulled and put back while there is writing: the application sees a
// pause at most.
func TestCableUnderLoad(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, primary side) {
		p.fullSync(primary)
		l := p.startLoad(primary)
		l.reached(t, 20)
		if err := p.w.m.Cut(); err != nil {
			t.Fatal(err)
		}
		state(t, primary, stateLimit, "WFConnection", "Primary/Unknown", "")
		l.reached(t, 20)
		if err := p.w.m.Join(); err != nil {
			t.Fatal(err)
		}
		p.connected()
		l.reached(t, 20)
		l.end(t)
		p.partial(2)
		must(t, primary, "secondary", "0")
		p.finish()
	})
}

// connected waits for a connection, in resync or not.
func (p *pair) connected() {
	p.t.Helper()
	for _, s := range p.sides() {
		state(p.t, s, stateLimit, "Connected|SyncSource|SyncTarget|WFBitMapS|WFBitMapT|WFSyncUUID|PausedSyncS|PausedSyncT", "", "")
	}
}

// Roles change while apart: what was Secondary takes over after a farewell, and the
// old Primary follows it.
func TestTakeoverWhileApart(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, first side) {
		second := p.other(first)
		p.fullSync(first)
		p.writes(first)
		must(t, first, "secondary", "0")
		p.disconnect(first)
		state(t, second, stateLimit, "WFConnection", "Secondary/Unknown", "UpToDate/DUnknown")
		must(t, second, "primary", "0")
		p.reads(second)
		p.writes(second)
		p.connect(first)
		p.partial(2)
		if v := look(first); v.ro != "Secondary/Primary" {
			t.Errorf("%s: roles are %s", first.name(), v.ro)
		}
		p.move(first)
		p.reads(first)
		must(t, first, "secondary", "0")
		p.finish()
	})
}
