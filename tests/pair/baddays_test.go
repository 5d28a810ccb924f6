package pair

import (
	"errors"
	"testing"

	"classicha/tests/drbd/rig"
)

// TestBadDays goes through docs/bad-days.md, with the client writing.
func TestBadDays(t *testing.T) {
	c := newCluster(t, options{})
	if a, _ := c.active(); a != c.A {
		t.Fatalf("the service runs on %s", a.Name())
	}
	g := guide{Rig: c.Rig, page: "bad-days.md"}
	cut := func(link int) func() { return func() { c.cutLink(link, "both ways") } }
	mend := func() { c.Must(c.Lab.Heal()) }
	g.after = map[string]func(){
		"the power of serv-a is gone":        func() { c.cut(c.A) },
		"serv-a is started again":            func() { c.restart(c.A) },
		"the power supply of serv-b is dead": func() { c.A.Do("touch", "/var/log/fence-is-broken"); c.cut(c.B) },
		"serv-b has a new power supply": func() {
			c.acknowledged(20)
			c.A.Do("rm", "/var/log/fence-is-broken")
			c.Wait(limit, "the reset of serv-b", func() bool { return c.wasFenced(c.B) })
			c.restart(c.B)
		},
		"the network eth0 is broken":                  cut(0),
		"the network eth0 is mended":                  mend,
		"the replication link is broken":              cut(2),
		"the replication link is mended":              mend,
		"the disk of serv-a is dead":                  func() { d := c.disk[0]; d.Bad(0, d.Size(), true, true, errors.New("bad")) },
		"serv-a has a new disk":                       func() { c.disk[0].Mend(); wipe(t, c.disk[0]) },
		"both lose their power and are started again": func() { c.cut(c.A); c.cut(c.B); c.restart(c.A, c.B) },
		"serv-b alone is started again, the other later was Primary": func() {
			c.movedTo(c.A)
			c.cut(c.B)
			c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)
			c.acknowledged(50)
			c.cut(c.A)
			c.boot(c.B)
		},
		"serv-a is started again, too": func() { c.boot(c.A) },
	}
	g.run(readGuide(t, g.page))
	c.verdict()
}

// boot starts a machine, and drbdd on it.
func (c *cluster) boot(n *rig.Node) {
	n.Restore()
	n.Start()
	n.Do("drbdadm", "up", "r0")
}
