package kernel

import (
	"testing"
)

// A Primary loses its disk, by command, and goes on over the peer's; the disk comes
// back and gets what it missed.
func TestDisklessPrimary(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		p.fullSync(s)
		p.writes(s)
		must(t, s, "detach", "0")
		state(t, s, stateLimit, "Connected", "Primary/Secondary", "Diskless/UpToDate")
		state(t, p.other(s), stateLimit, "Connected", "Secondary/Primary", "UpToDate/Diskless")
		p.reads(s)
		p.writes(s)
		p.load4(s)
		p.reads(s)
		p.attachDisk(s)
		p.resynced(2) // of all that the activity log of the Primary had
		p.writes(s)
		p.reads(s)
		must(t, s, "secondary", "0")
		p.finish()
	})
}

// A Secondary loses its disk and gets it back.
func TestDisklessSecondary(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		primary := p.other(s)
		p.fullSync(primary)
		p.writes(primary)
		must(t, s, "detach", "0")
		state(t, primary, stateLimit, "Connected", "Primary/Secondary", "UpToDate/Diskless")
		p.writes(primary)
		p.load4(primary)
		p.attachDisk(s)
		p.partial(2)
		p.writes(primary)
		must(t, primary, "secondary", "0")
		p.finish()
	})
}

// A node that never had a disk works on that of its peer.
func TestDisklessFromTheStart(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, s side) {
		p.fullSync(p.other(s))
		must(t, p.other(s), "secondary", "0")
		must(t, s, "down", "r0")
		must(t, s, "new-resource", "r0")
		must(t, s, "new-minor", "r0", "0", "0")
		p.connect(s)
		state(t, s, stateLimit, "Connected", "Secondary/Secondary", "Diskless/UpToDate")
		must(t, s, "primary", "0")
		p.reads(s)
		p.writes(s)
		p.reads(s)
		must(t, s, "secondary", "0")
		must(t, p.other(s), "primary", "0")
		p.reads(p.other(s))
		must(t, p.other(s), "secondary", "0")
		p.attachDisk(s)
		p.finish()
	})
}
