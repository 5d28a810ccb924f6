package gi

import (
	"math/rand/v2"
	"slices"
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// life is one of two mirrored nodes: its identifiers, and what they stand for.
type life struct {
	u            metadata.UUIDs
	data         []int        // the writes it has, oldest first
	dirty        map[int]bool // the bitmap: writes that the peer may lack
	inconsistent bool         // in the middle of a resync
	crashed      bool
}

func (l *life) disk() wire.DiskState {
	if l.inconsistent {
		return wire.Inconsistent
	}
	return wire.UpToDate
}

func extends(long, short []int) bool {
	return len(long) >= len(short) && slices.Equal(long[:len(short)], short)
}

// Two nodes live through promotions apart, resyncs that lose their first or last
// message, and interrupted ones. The identifiers must tell the truth: who has
// writes that the other lacks is never its target, unless split brain was
// declared; both sides agree; and a resync by bitmap covers every difference.
func TestLives(t *testing.T) {
	rules := map[int]int{}
	safe := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		fresh := func() uint64 { return Fresh(r.Uint64) &^ 1 }
		n := [2]*life{}
		first := fresh()
		for i := range n {
			n[i] = &life{u: metadata.UUIDs{Current: first}, dirty: map[int]bool{}}
		}
		writes := 0
		for range 12 {
			// Apart: one of them, seldom both, is promoted and writes.
			writer := r.IntN(2)
			for i, l := range n {
				if l.inconsistent || i != writer && r.IntN(8) != 0 || r.IntN(4) == 0 {
					continue
				}
				// A source that did not notice the end of a resync has a bitmap identifier,
				// and begins no new generation when it writes (section 10.6 d): its current
				// one is the peer's. If the peer writes too that is a split brain which the
				// identifiers cannot show. So it is in the original, and left out here.
				me, peer := masked(l.u), masked(n[1-i].u)
				knows := me.Current == peer.Bitmap || me.Current == peer.History0 || me.Current == peer.History1
				lacks := me.Current == peer.Current && !extends(l.data, n[1-i].data)
				if me.Bitmap != 0 && (knows || lacks) || peer.Bitmap != 0 && lacks {
					continue
				}
				if l.u.Bitmap == 0 {
					l.u.NewCurrent(fresh(), true)
				}
				for range 1 + r.IntN(3) {
					writes++
					l.data = append(slices.Clip(l.data), writes)
					l.dirty[writes] = true
				}
				l.u.SetCurrent(l.u.Current, false)
			}

			// Together.
			decide := func(self, peer *life, resolve, victim bool) Decision {
				p := peer.u
				in := Input{
					Self: self.u, Peer: wire.UUIDs{Current: p.Current, Bitmap: p.Bitmap, History0: p.History0, History1: p.History1},
					Dialect: wire.Dialect{Version: 101, Features: wire.AllFeatures}, Resolve: resolve,
					Disk: self.disk(), PeerDisk: peer.disk(), DiscardMyData: victim,
				}
				if !victim {
					in.Peer.Flags = wire.UUIDDiscardMyData
				}
				return Decide(in)
			}
			a, b := decide(n[0], n[1], true, true), decide(n[1], n[0], false, false)
			rules[a.Compare.Rule]++
			ra, rb := a.Compare.Result, b.Compare.Result
			if abs(ra) <= 2 && ra != -rb || abs(ra) > 2 && ra != rb || a.OK != b.OK || a.FullSync != b.FullSync {
				t.Fatalf("seed %d: %X %d by %d, but %X %d by %d", seed, n[0].u, ra, a.Compare.Rule, n[1].u, rb, b.Compare.Rule)
			}
			splitBrain := abs(ra) >= 100
			if !a.OK {
				// Inconsistent on both sides, or unrelated: an administrator has to help. A
				// fresh start of this pair is as good.
				safe++
				break
			}
			if a.Compare.FixSelf != nil {
				n[0].u = *a.Compare.FixSelf
			}
			if b.Compare.FixSelf != nil {
				n[1].u = *b.Compare.FixSelf
			}
			var s, g *life // source and target
			switch a.Conn {
			case wire.WFBitMapS:
				s, g = n[0], n[1]
			case wire.WFBitMapT:
				s, g = n[1], n[0]
			default:
				if !slices.Equal(n[0].data, n[1].data) {
					t.Fatalf("seed %d: %X and %X are taken for equal, with %v and %v", seed, n[0].u, n[1].u, n[0].data, n[1].data)
				}
				continue
			}
			if s.inconsistent || !g.inconsistent && !splitBrain && !extends(s.data, g.data) {
				t.Fatalf("seed %d: rule %d: %X is the source with %v, of %X with %v", seed, a.Compare.Rule, s.u, s.data, g.u, g.data)
			}
			if !a.FullSync {
				for _, w := range append(slices.Clone(s.data), g.data...) {
					if slices.Contains(s.data, w) != slices.Contains(g.data, w) && !s.dirty[w] && !g.dirty[w] {
						t.Fatalf("seed %d: rule %d: no bit for write %d", seed, a.Compare.Rule, w)
					}
				}
			}
			all := map[int]bool{}
			for w := range writes + 1 {
				all[w] = a.FullSync || s.dirty[w] || g.dirty[w]
			}
			for _, l := range n {
				l.dirty = map[int]bool{}
				for w, on := range all {
					l.dirty[w] = on
				}
			}

			peerOfG := s.u // as the target knows it from P_UUIDS
			if f := decide(g, s, false, false).Compare.FixPeer; f != nil {
				peerOfG = *f
			}
			x := StartAsSource(&s.u, fresh())
			if r.IntN(6) == 0 {
				continue // P_SYNC_UUID is lost
			}
			StartAsTarget(&g.u, x, false)
			g.inconsistent = true
			if r.IntN(6) == 0 {
				continue // interrupted
			}
			endS, endT := true, true
			switch r.IntN(6) {
			case 0:
				endS = false // the end is only noticed by the target
			case 1:
				endT = false
			}
			peerOfS := g.u
			g.data = s.data
			if endT {
				FinishAsTarget(&g.u, &peerOfG, false)
				g.inconsistent, g.dirty = false, map[int]bool{}
			}
			if endS {
				FinishAsSource(&s.u, &peerOfS)
				s.dirty = map[int]bool{}
			}
			if endS && endT && s.u != g.u && masked(s.u) != masked(g.u) {
				t.Fatalf("seed %d: after a resync %X and %X", seed, s.u, g.u)
			}
			if endS && peerOfS != s.u || endT && masked(peerOfG) != masked(g.u) {
				t.Fatalf("seed %d: what is known of the peer: %X %X", seed, peerOfS, peerOfG)
			}
		}
	}
	for _, rule := range []int{34, 35, 40, 50, 51, 70, 71, 90} {
		if rules[rule] == 0 {
			t.Errorf("rule %d was never met", rule)
		}
	}
	t.Logf("by rule: %v; given up %d", rules, safe)
}
