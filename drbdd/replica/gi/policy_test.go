package gi

import (
	"strings"
	"testing"

	"classicha/drbdd/wire"
)

// Section 11.3: every policy for every number of primaries, from both sides. S
// source, T target, - none, ! configuration error.
func TestPolicies(t *testing.T) {
	type situation struct {
		selfBit, peerBit bool // bit 0 of the bitmap identifiers
		mine, theirs     uint64
		resolve          bool
	}
	base := situation{mine: 5, theirs: 9}
	run := func(s situation, in Input) byte {
		in.Self.Bitmap |= uint64(count(s.selfBit))
		in.Peer.Bitmap |= uint64(count(s.peerBit))
		in.CommBits, in.Peer.DirtyBits, in.Resolve = s.mine, s.theirs, s.resolve
		d := Decide(in)
		text := what(d)
		switch {
		case d.NeedDemotion:
			return 'D'
		case strings.Contains(text, lineConfig):
			return '!'
		case d.Conn == wire.WFBitMapS && d.OK:
			return 'S'
		case d.Conn == wire.WFBitMapT && d.OK:
			return 'T'
		}
		return '-'
	}
	mirror := func(s situation) situation {
		return situation{s.peerBit, s.selfBit, s.theirs, s.mine, !s.resolve}
	}
	opposite := map[byte]byte{'S': 'T', 'T': 'S', '-': '-', '!': '!'}

	for _, c := range []struct {
		p    wire.Policy
		s    situation
		want byte
	}{
		{Disconnect, base, '-'},
		{DiscardYoungerPrimary, situation{peerBit: true, mine: 5, theirs: 5}, 'T'},
		{DiscardYoungerPrimary, situation{selfBit: true}, 'S'},
		{DiscardYoungerPrimary, situation{true, true, 5, 0, false}, 'S'},
		{DiscardYoungerPrimary, base, 'T'}, // in the end the fewer changes go
		{DiscardYoungerPrimary, situation{mine: 5, theirs: 5, resolve: true}, 'T'},
		{DiscardOlderPrimary, situation{peerBit: true, mine: 1}, 'S'},
		{DiscardOlderPrimary, situation{selfBit: true, theirs: 1}, 'T'},
		{DiscardOlderPrimary, situation{mine: 9, theirs: 5}, 'S'},
		{DiscardZeroChanges, situation{mine: 5}, 'S'},
		{DiscardZeroChanges, situation{theirs: 5}, 'T'},
		{DiscardZeroChanges, base, '-'},
		{DiscardZeroChanges, situation{}, 'S'},
		{DiscardZeroChanges, situation{resolve: true}, 'T'},
		{DiscardLeastChanges, base, 'T'},
		{DiscardLeastChanges, situation{mine: 9, theirs: 5, resolve: true}, 'S'},
		{DiscardLeastChanges, situation{mine: 5, theirs: 5, resolve: true}, 'T'},
		{DiscardLeastChanges, situation{mine: 5, theirs: 5}, 'S'},
		{DiscardLocal, base, 'T'}, {DiscardRemote, base, 'S'},
		{Consensus, base, '!'}, {DiscardSecondary, base, '!'}, {CallPriLostAfterSB, base, '!'}, {ViolentlyAs0P, base, '!'}, {11, base, '!'},
	} {
		if got := run(c.s, input(split, asb(0, c.p))); got != c.want {
			t.Errorf("0 primaries, %s, %+v: got %c, want %c", c.p, c.s, got, c.want)
		}
		if got, want := run(mirror(c.s), input(split, asb(0, c.p.Converted()))), opposite[c.want]; got != want {
			t.Errorf("0 primaries, %s, %+v, the peer: got %c, want %c", c.p, c.s, got, want)
		}
	}

	// With primaries: zero is the policy for none, which decides T or S here.
	for _, c := range []struct {
		p, zero         wire.Policy
		self, peer, two byte // I am Primary, the peer is, both are
	}{
		{Disconnect, DiscardLocal, '-', '-', '-'},
		{Consensus, DiscardLocal, '-', 'T', '!'},
		{Consensus, DiscardRemote, 'S', '-', '!'},
		{Consensus, Disconnect, '-', '-', '!'},
		{ViolentlyAs0P, DiscardLocal, '-', 'T', '-'}, // a Primary target: rr-conflict
		{ViolentlyAs0P, DiscardRemote, 'S', 'S', 'S'},
		{DiscardSecondary, Disconnect, 'S', 'T', '!'},
		{CallPriLostAfterSB, DiscardRemote, 'S', 'S', 'S'},
		{CallPriLostAfterSB, DiscardLocal, 'D', 'T', 'D'},
		{CallPriLostAfterSB, Disconnect, '-', '-', '-'},
		{DiscardYoungerPrimary, DiscardLocal, '!', '!', '!'},
		{DiscardOlderPrimary, DiscardLocal, '!', '!', '!'},
		{DiscardZeroChanges, DiscardLocal, '!', '!', '!'},
		{DiscardLeastChanges, DiscardLocal, '!', '!', '!'},
		{DiscardLocal, DiscardLocal, '!', '!', '!'},
		{DiscardRemote, DiscardLocal, '!', '!', '!'},
	} {
		policies := func(i *Input) { i.AfterSB = [3]wire.Policy{c.zero, c.p, c.p} }
		for _, x := range []struct {
			name string
			in   Input
			want byte
		}{
			{"I am", input(split, policies, primary), c.self},
			{"the peer is", input(split, policies, peerPrimary), c.peer},
			{"both are", input(split, policies, primary, peerPrimary), c.two},
		} {
			if got := run(base, x.in); got != x.want {
				t.Errorf("%s Primary, %s, %s: got %c, want %c", x.name, c.p, c.zero, got, x.want)
			}
		}
	}
}

// call-pri-lost-after-sb: two passes, whose steps are one story.
func TestDemotionFirst(t *testing.T) {
	for n, peers := range map[int][]func(*Input){1: {primary}, 2: {primary, peerPrimary}} {
		in := input(split, append(peers, func(i *Input) { i.AfterSB[n], i.CommBits, i.Peer.DirtyBits = CallPriLostAfterSB, 3, 3 })...)
		in.AfterSB[0], in.Resolve = DiscardYoungerPrimary, true
		first := Decide(in)
		const undecided = "[initial-split-brain]; " + lineNoDecision + "; " + lineLeast + "; = demote"
		if got := what(first); got != undecided || first.OK {
			t.Errorf("%d primaries, first pass: %s", n, got)
		}
		in.TriedDemote = true
		if got := what(Decide(in)); got != "[pri-lost-after-sb]; "+unresolved {
			t.Errorf("%d primaries, not demoted: %s", n, got)
		}
		in.Demoted = true
		want := lineGaveUp + "; Split-Brain detected, " + string(rune('0'+n)) + " primaries, automatically solved. Sync from peer node; = WFBitMapT"
		if got := what(Decide(in)); got != want {
			t.Errorf("%d primaries, demoted:\ngot  %s\nwant %s", n, got, want)
		}
	}
	in := input(hardSplit, primary, peerPrimary, always, asb(2, CallPriLostAfterSB), asb(0, DiscardLocal))
	in.TriedDemote, in.Demoted = true, true
	if d := Decide(in); !d.OK || !d.FullSync || d.Conn != wire.WFBitMapT {
		t.Errorf("hard split brain: %s", what(d))
	}
}
