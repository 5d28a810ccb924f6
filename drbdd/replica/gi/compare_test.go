package gi

import (
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

type uu metadata.UUIDs

// Section 11.1, rule by rule. Identifiers are 0x10, 0x20 ...; bit 0 is set at
// random places, because it does not count.
func TestCompare(t *testing.T) {
	const a, b, c, d, e, f, g, h = 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80
	const off = SyncOffset
	v := func(version int) CompareInput { return CompareInput{Version: version} }
	now := v(101)
	with := func(f func(*CompareInput)) CompareInput {
		in := CompareInput{Version: 101, Features: wire.AllFeatures}
		f(&in)
		return in
	}
	for _, x := range []struct {
		name         string
		self, peer   uu
		in           CompareInput
		result, rule int
		fixSelf      *uu
		fixPeer      *uu
	}{
		{"both fresh", uu{4, 0, 0, 0}, uu{5, 0, 0, 0}, now, 0, 10, nil, nil},
		{"fresh here", uu{4, 0, 0, 0}, uu{a, 0, 0, 0}, now, -2, 20, nil, nil},
		{"zero here", uu{0, 0, 0, 0}, uu{a, 0, 0, 0}, now, -2, 20, nil, nil},
		{"zero on both", uu{0, 0, 0, 0}, uu{0, 0, 0, 0}, now, -2, 20, nil, nil},
		{"zero here, fresh there", uu{0, 0, 0, 0}, uu{4, 0, 0, 0}, now, 2, 30, nil, nil},
		{"fresh there", uu{a | 1, 4, 0, 0}, uu{4, 0, 0, 0}, now, 2, 30, nil, nil},
		{"zero there", uu{a, 0, 0, 0}, uu{0, 0, 0, 0}, now, 2, 30, nil, nil},

		{"source missed the end", uu{a, b | 1, c, d}, uu{a | 1, 0, b, c}, now, 1, 34, &uu{a, 0, b | 1, c}, nil},
		{"source, other histories", uu{a, b, c, d}, uu{a, 0, c, b}, now, 1, 36, nil, nil},
		{"source, half the history", uu{a, b, c, d}, uu{a, 0, b, d}, now, 1, 36, nil, nil},
		{"source missed the end, 90", uu{a, b, c, d}, uu{a, 0, b, c}, v(90), -1091, 34, nil, nil},
		{"target, source missed the end", uu{a, 0, b | 1, c}, uu{a, b, c | 1, d}, now, -1, 35, nil, &uu{a, 0, b, c | 1}},
		{"target, other histories", uu{a, 0, c, b}, uu{a, b, c, d}, now, -1, 37, nil, nil},
		{"target, 90", uu{a, 0, b, c}, uu{a, b, c, d}, v(90), -1091, 35, nil, nil},
		{"target, 91", uu{a, 0, c, b}, uu{a, b, c, d}, v(91), -1, 37, nil, nil},

		{"equal", uu{a | 1, 0, b, c}, uu{a, 0, d, e}, now, 0, 40, nil, nil},
		{"equal with bitmaps", uu{a, b, 0, 0}, uu{a, c, 0, 0}, now, 0, 40, nil, nil},
		{"I crashed", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.SelfCrashed = true }), 1, 40, nil, nil},
		{"peer crashed", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.PeerCrashed = true }), -1, 40, nil, nil},
		{"both crashed, I resolve", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.SelfCrashed, i.PeerCrashed, i.Resolve = true, true, true }), -1, 40, nil, nil},
		{"both crashed, peer resolves", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.SelfCrashed, i.PeerCrashed = true, true }), 1, 40, nil, nil},
		{"peer crashed, I am Primary", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.PeerCrashed, i.SelfPrimary = true, true }), 1, 41, nil, nil},
		{"peer crashed and is Primary", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.PeerCrashed, i.PeerPrimary = true, true }), -1, 41, nil, nil},
		{"I crashed, both Primary", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, with(func(i *CompareInput) { i.SelfCrashed, i.SelfPrimary, i.PeerPrimary = true, true, true }), -100, 41, nil, nil},
		{"crash and Primary, old peer", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, CompareInput{Version: 101, SelfCrashed: true, PeerPrimary: true}, -(1<<16 | 4<<8 | 101), 41, nil, nil},
		{"Primary, no crash", uu{a, 0, 0, 0}, uu{a, 0, 0, 0}, CompareInput{Version: 101, PeerPrimary: true}, 0, 40, nil, nil},

		{"peer wrote alone", uu{a, 0, c, d}, uu{b | 1, a | 1, e, f}, now, -1, 50, nil, nil},
		{"P_SYNC_UUID lost", uu{a, 0, 0, 0}, uu{b, a + off, a | 1, e}, now, -1, 51, nil, &uu{b, a | 1, e, e}},
		{"P_SYNC_UUID lost, 95 by history", uu{a, 0, e, 0}, uu{b, c, a, e}, v(95), -1, 51, nil, &uu{b, a, e, e}},
		{"not lost, 96", uu{a, 0, e, 0}, uu{b, c, a, e}, v(96), -2, 60, nil, nil},
		{"not lost, 95", uu{a, 0, 0, 0}, uu{b, a + off, a, e}, v(95), -2, 60, nil, nil},
		{"P_SYNC_UUID lost, 90", uu{a, 0, e, 0}, uu{b, c, a, e}, v(90), -1091, 51, nil, nil},
		{"old data here", uu{a, 0, 0, 0}, uu{b, c, a, d}, now, -2, 60, nil, nil},
		{"older data here", uu{a, 0, 0, 0}, uu{b, c, d, a}, now, -2, 60, nil, nil},

		{"I wrote alone", uu{b, a, c, d}, uu{a, 0, e, f}, now, 1, 70, nil, nil},
		{"my P_SYNC_UUID was lost", uu{b, a + off, a | 1, e}, uu{a, 0, 0, 0}, now, 1, 71, &uu{b, a | 1, e, e}, nil},
		{"my P_SYNC_UUID was lost, 95", uu{b, c, a, e}, uu{a, 0, e, 0}, v(95), 1, 71, &uu{b, a, e, e}, nil},
		{"my P_SYNC_UUID was lost, 90", uu{b, c, a, e}, uu{a, 0, e, 0}, v(90), -1091, 71, nil, nil},
		{"old data there", uu{b, c, a, d}, uu{a, 0, 0, 0}, now, 2, 80, nil, nil},
		{"older data there", uu{b, c, d, a}, uu{a, 0, 0, 0}, now, 2, 80, nil, nil},

		{"both wrote", uu{a, c | 1, d, e}, uu{b, c, f, g}, now, 100, 90, nil, nil},
		{"common history", uu{a, b, c, d}, uu{e, f, g, c}, now, -100, 100, nil, nil},
		{"common history, other way", uu{a, b, c, d}, uu{e, f, d, g}, now, -100, 100, nil, nil},
		{"zero is common too", uu{a, b, c, 0}, uu{e, f, 0, 0}, now, -100, 100, nil, nil},
		{"nothing in common", uu{a, b, c, d}, uu{e, f, g, h}, now, -1000, 100, nil, nil},
	} {
		in := x.in
		in.Self, in.Peer = metadata.UUIDs(x.self), metadata.UUIDs(x.peer)
		got := Compare(in)
		if got.Result != x.result || got.Rule != x.rule || !same(got.FixSelf, x.fixSelf) || !same(got.FixPeer, x.fixPeer) {
			t.Errorf("%s: got %d by rule %d, %X %X; want %d by rule %d, %X %X", x.name,
				got.Result, got.Rule, got.FixSelf, got.FixPeer, x.result, x.rule, x.fixSelf, x.fixPeer)
		}
		// The peer must come to the opposite, where both can.
		in.Self, in.Peer, in.Resolve = in.Peer, in.Self, !in.Resolve
		in.SelfCrashed, in.PeerCrashed, in.SelfPrimary, in.PeerPrimary = in.PeerCrashed, in.SelfCrashed, in.PeerPrimary, in.SelfPrimary
		want := x.result
		if abs(want) <= 2 {
			want = -want
		}
		if other := Compare(in); x.self.Current != 0 && other.Result != want {
			t.Errorf("%s: the peer got %d by rule %d, want %d", x.name, other.Result, other.Rule, want)
		}
	}
}

func same(a *metadata.UUIDs, b *uu) bool {
	return a == nil && b == nil || a != nil && b != nil && uu(*a) == *b
}

func TestRequired(t *testing.T) {
	for _, c := range []struct {
		result, version int
		features        wire.Feature
		ok              bool
	}{
		{-1091, 91, 0, true}, {-1096, 96, 0, true}, {needFeature(101, wire.FeatWSame), 101, wire.FeatWSame, true},
		{Unrelated, 0, 0, false}, {HardSplitBrain, 0, 0, false}, {SplitBrain, 0, 0, false}, {-2, 0, 0, false},
	} {
		if v, f, ok := Required(c.result); v != c.version || f != c.features || ok != c.ok {
			t.Errorf("%d: %d %d %t", c.result, v, f, ok)
		}
	}
}

func TestFresh(t *testing.T) {
	draws := []uint64{0, 1, 4, 5, 6}
	if x := Fresh(func() uint64 { x := draws[0]; draws = draws[1:]; return x }); x != 6 {
		t.Errorf("took %d", x)
	}
}

func TestRotation(t *testing.T) {
	u := metadata.UUIDs(uu{0x10, 4, 2, 3})
	if x := StartAsSource(&u, 0x99); x != 0x99 || u != metadata.UUIDs(uu{0x10, 0x99, 4, 2}) {
		t.Errorf("forced Primary of fresh data: %X", u)
	}
	u = metadata.UUIDs(uu{0x10, 0, 2, 3})
	if x := StartAsSource(&u, 0x99); x != 0x99 || u != metadata.UUIDs(uu{0x10, 0x99, 2, 3}) {
		t.Errorf("without a bitmap identifier: %X", u)
	}
	u = metadata.UUIDs(uu{0x10, 0x21, 2, 3})
	if x := StartAsSource(&u, 0x99); x != 0x1000000000021 || u != metadata.UUIDs(uu{0x10, x, 0x21, 2}) {
		t.Errorf("ordinary: %X", u)
	}
	if !OfSync(u) || OfSync(metadata.UUIDs(uu{0x10, 0x21, 2, 3})) || OfSync(metadata.UUIDs(uu{0x10, 0, 2, 3})) {
		t.Error("a resync is not known by its identifier")
	}
	u = metadata.UUIDs(uu{0xffff << 48, 0, 2, 3})
	if StartAsSource(&u, SyncUUID(u, 0x1234<<48|0x99)); u.Bitmap != 0x99 || !OfSync(u) {
		t.Errorf("known again: %X", u)
	}
	u = metadata.UUIDs(uu{4, 9, 2, 3})
	if SkipInitialSync(&u, 0x31, true); u != metadata.UUIDs(uu{0x31, 0, 2, 3}) {
		t.Errorf("skip: %X", u)
	}
	for _, c := range []struct {
		current uint64
		version int
		flags   uint64
		want    bool
	}{{4, 90, 8, true}, {4, 89, 8, false}, {4, 101, 7, false}, {6, 101, 8, false}} {
		if got := MaySkipInitialSync(metadata.UUIDs{Current: c.current}, c.version, c.flags); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
