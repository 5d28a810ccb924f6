package size

import (
	"testing"

	"classicha/drbdd/wire"
)

func TestAgreed(t *testing.T) {
	for _, c := range []struct {
		l    Limits
		want uint64
		says string
	}{
		{Limits{}, 0, ""},
		{Limits{Own: 100}, 100, ""},
		{Limits{Peer: 90}, 90, ""},
		{Limits{Own: 100, Peer: 90}, 90, ""},
		{Limits{Own: 100, Peer: 90, Last: 50}, 90, ""}, // both are known: they decide
		{Limits{Own: 100, Last: 50}, 50, ""},
		{Limits{Own: 100, Last: 150}, 100, ""},
		{Limits{Peer: 40, Last: 50}, 40, ""},
		{Limits{Last: 50}, 50, ""},
		{Limits{Own: 100, Peer: 90, User: 80}, 80, ""},
		{Limits{Own: 100, Peer: 90, User: 90}, 90, ""},
		{Limits{Own: 100, Peer: 90, User: 96}, 90, "Requested disk size is too big (48 > 45)"},
		{Limits{Own: 100, Last: 50}.Forced(), 100, ""},
	} {
		if got, says := Agreed(c.l); got != c.want || says != c.says {
			t.Errorf("%+v: %d %q, want %d %q", c.l, got, says, c.want, c.says)
		}
	}
}

// Nobody gets more than there is room for, and both nodes agree.
func TestAgreedBounds(t *testing.T) {
	sizes := []uint64{0, 1, 7, 8, 9, 100}
	for _, own := range sizes {
		for _, peer := range sizes {
			for _, last := range sizes {
				for _, user := range sizes {
					n, _ := Agreed(Limits{own, peer, last, user})
					if own != 0 && n > own || peer != 0 && n > peer || user != 0 && n > max(user, own, peer, last) {
						t.Errorf("%d of %d, %d, %d, %d", n, own, peer, last, user)
					}
					if m, _ := Agreed(Limits{peer, own, last, user}); m != n {
						t.Errorf("%d and %d of %d, %d, %d, %d", n, m, own, peer, last, user)
					}
				}
			}
		}
	}
}

func TestUser(t *testing.T) {
	for _, c := range []struct {
		own, peer uint64
		conn      wire.ConnState
		want      uint64
	}{
		{0, 0, wire.WFReportParams, 0}, {10, 0, wire.WFReportParams, 10}, {0, 20, wire.WFReportParams, 20}, {10, 20, wire.WFReportParams, 10},
		{10, 20, wire.Connected, 20}, {10, 0, wire.Connected, 0},
	} {
		if got := User(c.own, c.peer, c.conn); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// The line is the one of node1, which has 16304, in scenario size_mismatch.
func TestConsiderable(t *testing.T) {
	if got := Considerable(LowerLevel, 16304, 8112); got != "Considerable difference in lower level device sizes: 8112s vs. 16304s" {
		t.Error(got)
	}
	for _, c := range [][2]uint64{{0, 800}, {800, 0}, {800, 900}, {900, 800}, {800, 800}} {
		if got := Considerable(UserRequested, c[0], c[1]); got != "" {
			t.Errorf("%v: %s", c, got)
		}
	}
	if Considerable(LowerLevel, 901, 800) == "" || Considerable(LowerLevel, 800, 901) == "" {
		t.Error("101 of 800 is more than an eighth")
	}
}

func TestTooSmall(t *testing.T) {
	const says = "The peer's disk size is too small! (8112 < 16304 sectors)" // recorded
	for _, c := range []struct {
		agreed      uint64
		conn        wire.ConnState
		disk, pdisk wire.DiskState
		want        string
	}{
		{8112, wire.WFReportParams, wire.UpToDate, wire.DUnknown, says},
		{8112, wire.WFReportParams, wire.Outdated, wire.DUnknown, says},
		{8112, wire.WFReportParams, wire.Inconsistent, wire.DUnknown, ""},
		{8112, wire.Connected, wire.UpToDate, wire.Diskless, says},
		{8112, wire.Connected, wire.UpToDate, wire.UpToDate, ""},
		{16304, wire.WFReportParams, wire.UpToDate, wire.DUnknown, ""},
	} {
		if got := TooSmall(c.agreed, 16304, c.conn, c.disk, c.pdisk); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestDiskless(t *testing.T) {
	for _, c := range []struct {
		p       wire.Sizes
		current uint64
		primary bool
		want    uint64
		says    int // 1 warning, 2 refusal
	}{
		{wire.Sizes{}, 0, false, 0, 0},
		{wire.Sizes{DSize: 30}, 0, false, 30, 0},
		{wire.Sizes{DSize: 30, USize: 20}, 0, false, 20, 0},
		{wire.Sizes{DSize: 30, USize: 20, CSize: 10}, 0, true, 10, 0},
		{wire.Sizes{CSize: 10}, 20, false, 0, 1},
		{wire.Sizes{CSize: 10}, 0, false, 10, 0},
		{wire.Sizes{DSize: 10, CSize: 10}, 20, false, 10, 0},
		{wire.Sizes{DSize: 10, CSize: 10}, 20, true, 0, 2},
		{wire.Sizes{DSize: 30, CSize: 30}, 20, true, 30, 0},
	} {
		got, warning, refusal := Diskless(c.p, c.current, c.primary)
		if got != c.want || (warning != "") != (c.says == 1) || (refusal != "") != (c.says == 2) {
			t.Errorf("%+v: %d %q %q", c, got, warning, refusal)
		}
	}
}
