package interop

import (
	"testing"

	"classicha/tests/lab/pair"
)

// TestMedia boots both nodes together, on each medium and with each digest,
// cuts the power of each in turn, and lets it come back.
func TestMedia(t *testing.T) {
	t.Parallel()
	for i, c := range []struct{ media, auth string }{
		{"bcast", "sha1"}, {"bcast", "md5"}, {"bcast", "crc"},
		{"ucast", "md5"}, {"mcast", "crc"}, {"serial", "sha1"}, {"all", "sha1"},
	} {
		t.Run(c.media+"/"+c.auth, func(t *testing.T) {
			t.Parallel()
			pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
				p := pair.New(t, pair.Config{Roles: r, Media: c.media, Auth: c.auth})
				if i%2 == 0 {
					p.Start(p.A, p.B)
				} else {
					p.Start(p.B, p.A)
				}
				p.Expect(pair.Home, bootLimit)
				at := p.Cut(p.A)
				p.Expect(pair.AllB, takeoverLimit)
				if _, err := p.B.WaitLog(at, "node node1: is dead", takeoverLimit); err != nil {
					t.Error(err)
				}
				p.Start(p.A)
				p.Expect(pair.Home, returnLimit)
				p.Cut(p.B)
				p.Expect(pair.AllA, takeoverLimit)
				p.Start(p.B)
				p.Expect(pair.Home, returnLimit)
			})
		})
	}
}

// TestBootApart lets one node wait for the other in vain and serve alone; the
// other comes while the first is still in the ten seconds after its start.
func TestBootApart(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"node1", "node2"} {
		t.Run(first+" first", func(t *testing.T) {
			t.Parallel()
			pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
				p := pair.New(t, pair.Config{Roles: r})
				one, all := p.A, pair.AllA
				if first == "node2" {
					one, all = p.B, pair.AllB
				}
				p.Start(one)
				p.Expect(all, bootLimit)
				p.Start(p.Peer(one))
				p.Expect(pair.Home, bootLimit)
			})
		})
	}
}
