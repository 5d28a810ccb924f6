package meet

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

var (
	seeds = flag.Int("meet.seeds", 3000, "how many simulated meetings")
	first = flag.Uint64("meet.seed", 1, "the first seed")
)

func testConfig() Config {
	return Config{
		ConnectInt: 10 * time.Second, PingTimeout: 500 * time.Millisecond,
		Features: wire.OwnFeatures(wire.AllFeatures),
	}
}

// met tells whether both nodes have the same two connections for the same purpose,
// and one of them the tie breaker.
func met(n *network) bool {
	d0, m0, r0 := n.nodes[0].paired()
	d1, m1, r1 := n.nodes[1].paired()
	return d0 != nil && d1 != nil && d0.other == d1 && m0.other == m1 && r0 != r1 &&
		!d0.eof && !d1.eof && !m0.eof && !m1.eof && !d0.closed && !d1.closed && !m0.closed && !m1.closed
}

// trouble makes the network of a seed, lets the nodes start at some time and things
// go wrong for a while. It returns when that ends.
func trouble(n *network) time.Duration {
	n.calm = true
	n.min = n.Between(0, 5*time.Millisecond)
	n.max = n.min + n.Between(0, []time.Duration{time.Millisecond, 20 * time.Millisecond, 150 * time.Millisecond}[n.Intn(3)])
	start := [2]time.Duration{}
	switch n.Intn(3) {
	case 0: // at the same moment, or nearly
		start[n.Intn(2)] = n.Between(0, 3*n.max)
	case 1:
		start[n.Intn(2)] = n.Between(0, time.Second)
	default:
		start[n.Intn(2)] = n.Between(0, 40*time.Second)
	}
	for i, at := range start {
		n.After(at, n.nodes[i].start)
	}
	end := max(start[0], start[1])
	for range n.Intn(4) * n.Intn(2) {
		n.calm = false
		at := n.Between(0, 30*time.Second)
		switch n.Intn(4) {
		case 0: // a firewall forgets
			n.After(at, func() {
				for _, e := range n.ends {
					if n.Chance(0.5) {
						e.eof = true
						n.nodes[e.owner].readable(e)
					}
				}
			})
		case 1: // a crash
			i, back := n.Intn(2), n.Between(time.Second, 20*time.Second)
			if at < start[i] {
				continue
			}
			n.After(at, n.nodes[i].stop)
			n.After(at+back, func() {
				n.nodes[i].stop()
				n.nodes[i].start()
			})
			end = max(end, at+back)
		default: // a cut
			d := n.Between(0, 15*time.Second)
			n.After(at, func() { n.cutUntil = max(n.cutUntil, n.Now()+d) })
			end = max(end, at+2*d)
		}
		end = max(end, at)
	}
	return end
}

// meetings runs one seed and returns how long they needed after the trouble.
func meeting(t *testing.T, seed uint64, build func(*network)) time.Duration {
	t.Helper()
	n := &network{World: sim.NewWorld(seed)}
	build(n)
	end := trouble(n)
	n.RunUntil(end)
	took := time.Duration(-1)
	for n.Now() < end+3*time.Minute {
		n.RunUntil(n.Now() + 50*time.Millisecond)
		if !met(n) {
			took = -1
		} else if took < 0 {
			took = n.Now() - end
		} else if n.Now()-end-took > 15*time.Second {
			for i := range n.nodes {
				o, ok := n.nodes[i].(*our)
				if !ok {
					continue
				}
				_, same := n.nodes[1-i].(*our) // a kernel may need a second attempt
				if n.calm && (o.lost > 0 || same && o.retries > 0) {
					t.Errorf("seed %d: without any fault, node %d took a socket for another than its peer did", seed, i)
				}
				open := 0
				for _, e := range n.ends {
					if e.owner == i && !e.closed {
						open++
					}
				}
				if open != 2 || len(o.ends) != 2 {
					t.Errorf("seed %d: node %d has %d connections open, want the two that it uses", seed, i, open)
				}
			}
			return took // and it lasted
		}
	}
	t.Errorf("seed %d: the nodes did not meet: go test ./drbdd/peer/meet -run %s -meet.seeds=1 -meet.seed=%d", seed, t.Name(), seed)
	for i, x := range n.nodes {
		d, m, r := x.paired()
		t.Logf("node %d: %p %p %v", i, d, m, r)
		if o, ok := x.(*our); ok && o.m != nil {
			t.Logf("  %v %d %d %v, %d retries, log %d: %q", o.m.phase, o.m.data, o.m.meta, o.m.resolve, o.retries, len(o.logs), o.logs[max(0, len(o.logs)-12):])
		}
	}
	return took
}

func meetMany(t *testing.T, build func(*network)) {
	t.Helper()
	var took []time.Duration
	for seed := *first; seed < *first+uint64(*seeds) && !t.Failed(); seed++ {
		took = append(took, meeting(t, seed, build))
	}
	slices.Sort(took)
	q := func(p int) string { return fmt.Sprint(took[(len(took)-1)*p/100].Round(10 * time.Millisecond)) }
	t.Logf("%d meetings: half within %s, 90%% %s, 99%% %s, all %s", len(took), q(50), q(90), q(99), q(100))
}

// TestTwoOfOurs: whatever happens to the network, two nodes meet.
func TestTwoOfOurs(t *testing.T) {
	meetMany(t, func(n *network) {
		for i := range 2 {
			cfg := testConfig()
			if n.Intn(2) == 0 {
				cfg.ConnectInt = 3 * time.Second
			}
			n.nodes[i] = newOur(n, i, cfg)
		}
		if n.Intn(2) == 0 {
			for i := range 2 {
				o := n.nodes[i].(*our)
				o.cfg.CramAlg, o.cfg.Secret = "sha256", "FooFunFactory"
			}
		}
	})
}
