package drbdadm

import "testing"

// A disk that is Diskless or Inconsistent is no danger to the other's data: drbdsetup says 5,
// and that its metadata cannot be changed while it is attached does not make it unknown.
func TestOutdateOfADiskThatIsOfNoUse(t *testing.T) {
	for _, c := range []struct{ setup, meta, want int }{
		{0, 20, 0}, {5, 20, 5}, {5, 10, 5}, {5, 0, 0}, {5, 5, 5}, {5, 17, 17}, {10, 0, 0}, {10, 5, 5}, {10, 17, 17}, {10, 20, 20}, {17, 0, 17},
	} {
		b := newBench(t, onePair)
		b.took = map[string]by{"drbdsetup": {code: c.setup}, "drbdmeta": {code: c.meta}}
		if got := b.do("outdate r0"); got != c.want {
			t.Errorf("drbdsetup %d, drbdmeta %d: %d, want %d\n%s", c.setup, c.meta, got, c.want, &b.err)
		}
	}
}

// All volumes are outdated, and the result is that of the best disk: the other node goes on
// with all of them or with none.
func TestOutdateOfTwoVolumes(t *testing.T) {
	const host = `address 127.0.0.1:7788;
    volume 0 { device /dev/drbd0; disk /dev/sda1; meta-disk internal; }
    volume 1 { device /dev/drbd1; disk /dev/sda2; meta-disk internal; } }
`
	const pair = "resource r0 {\n  on alpha { " + host + "  on bravo { " + host + "}\n"
	for _, c := range []struct{ first, second, want int }{
		{0, 0, 0}, {5, 0, 5}, {0, 5, 5}, {5, 10, 10}, {10, 5, 10}, {5, 17, 17}, {17, 0, 17}, {20, 0, 20}, {20, 17, 17},
	} {
		b := newBench(t, pair)
		b.took = map[string]by{"drbdsetup-84 outdate 0": {code: c.first}, "drbdsetup-84 outdate 1": {code: c.second},
			"drbdmeta 0": {code: c.first}, "drbdmeta 1": {code: c.second}}
		if got := b.do("outdate r0"); got != c.want {
			t.Errorf("%d and %d: %d, want %d\n%q\n%s", c.first, c.second, got, c.want, b.ran, &b.err)
		}
	}
}
