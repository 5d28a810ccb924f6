package interop

import (
	"testing"
	"time"

	"classicha/tests/lab/pair"
)

// TestFailback: what happens when an owner returns. (on is part of TestMedia.)
func TestFailback(t *testing.T) {
	t.Parallel()
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
			p := pair.New(t, pair.Config{Roles: r, Failback: "off"})
			p.Start(p.B, p.A)
			p.Expect(pair.Home, bootLimit)
			p.Cut(p.A)
			p.Expect(pair.AllB, takeoverLimit)
			p.Start(p.A)
			p.Must(waitActive(p))
			p.Stays(pair.AllB, 4*time.Second)
			p.Cut(p.B)
			p.Expect(pair.AllA, takeoverLimit)
			p.Start(p.B)
			p.Must(waitActive(p))
			p.Stays(pair.AllA, 4*time.Second)
		})
	})
	t.Run("legacy", func(t *testing.T) {
		t.Parallel()
		pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
			p := pair.New(t, pair.Config{Roles: r, Failback: "legacy"})
			p.Start(p.A, p.B)
			p.Expect(pair.Home, bootLimit)
			p.Cut(p.A)
			p.Expect(pair.AllB, takeoverLimit)
			p.Start(p.A)
			p.Expect(pair.Home, returnLimit)
			p.Cut(p.B)
			p.Expect(pair.AllA, takeoverLimit)
			p.Start(p.B)
			p.Expect(pair.Home, returnLimit)
			p.Stop(p.A)
			p.Expect(pair.AllB, takeoverLimit)
		})
	})
}

// TestStop stops each node gracefully; the other takes over without waiting for
// the dead time, and gives back.
func TestStop(t *testing.T) {
	t.Parallel()
	pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
		p := pair.New(t, pair.Config{Roles: r, Deadtime: "5", Initdead: "6"})
		p.Start(p.A, p.B)
		p.Expect(pair.Home, bootLimit)
		p.Stop(p.A)
		p.Expect(pair.AllB, 3*time.Second)
		p.Start(p.A)
		p.Expect(pair.Home, returnLimit)
		p.Stop(p.B)
		p.Expect(pair.AllA, 3*time.Second)
		p.Start(p.B)
		p.Expect(pair.Home, returnLimit)
		p.Stop(p.A)
		p.Stop(p.B)
		p.Expect(pair.Place{}, 5*time.Second)
	})
}
