package pair

import (
	"syscall"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// TestPowerCut: a machine loses its power while records are written.
func TestPowerCut(t *testing.T) {
	both(t, options{short: true}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		c.cut(victim)
		c.movedTo(other)
	})
}

// TestKillDrbdd: its successor goes on with the device, the service stays where it is.
func TestKillDrbdd(t *testing.T) {
	both(t, options{short: true}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		a, _ := c.active()
		for range 3 {
			victim.Kill()
			time.Sleep(200 * time.Millisecond)
			victim.Start()
			c.acknowledged(100)
		}
		if c.where() != a.Name() || len(c.fenced) > 0 {
			t.Errorf("a killed drbdd of %s moved the service to %q, fenced %v", victim.Name(), c.where(), c.fenced)
		}
	})
}

// TestKillHeartbeat: all of its processes are killed. Nobody knows what runs there: the other
// machine resets it before it takes over.
func TestKillHeartbeat(t *testing.T) {
	both(t, options{}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		c.killHeartbeat(victim)
		c.Wait(limit, "the reset", func() bool { return c.wasFenced(victim) })
		c.movedTo(other)
	})
}

func (c *cluster) killHeartbeat(n *rig.Node) {
	c.Step("kill -9 of heartbeatd on %s", n.Name())
	for range 3 {
		for _, p := range n.Processes() {
			if p.IsHeartbeat() {
				_ = syscall.Kill(p.Pid, syscall.SIGKILL)
			}
		}
	}
}

// TestStaleFirst: the machine that died first comes back alone. It resets the other, which is
// off, and must not serve: nobody there knows what was acknowledged since.
func TestStaleFirst(t *testing.T) {
	c := newCluster(t, options{})
	a, s := c.active()
	c.cut(s)
	c.Wait(limit, "the reset", func() bool { return c.wasFenced(s) })
	c.acknowledged(100)
	c.cut(a)
	at := time.Now()
	c.restart(s)
	if _, err := s.WaitLog(at, "node "+a.Name()+" now reset", limit); err != nil {
		t.Error(err)
	}
	if _, err := s.WaitLog(at, "drbddisk r0 start", limit); err != nil {
		t.Error(err)
	}
	if _, err := s.WaitLog(at, "Whether the peer wrote later is not known here, and fence-peer did not settle it", limit); err != nil {
		t.Error(err)
	}
	time.Sleep(5 * time.Second)
	if role := s.Volume(0).Role.String(); role != "Secondary" || mounted(s) {
		t.Errorf("%s, which died first, is %s; its file system is mounted: %v", s.Name(), role, mounted(s))
	}
	if n := len(c.resets()); n != 2 {
		t.Errorf("%d resets, want one of each machine: %v", n, c.resets())
	}
	c.verdict()
}
