package pair

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// signal sends a signal to some processes of a machine.
func signal(n *rig.Node, s syscall.Signal, which func(exe string) bool) {
	for _, p := range n.Processes() {
		if which(p.Exe) {
			_ = syscall.Kill(p.Pid, s)
		}
	}
}

const (
	stop = syscall.SIGSTOP
	cont = syscall.SIGCONT
)

func heartbeat(exe string) bool { return exe == "heartbeat" || exe == "heartbeatd" }
func drbdd(exe string) bool     { return exe == "drbdd" }
func everything(string) bool    { return true }

// TestStoppedHeartbeat: it stands still for longer than the dead time, as on a machine that
// is too busy, and goes on. It was reset meanwhile.
func TestStoppedHeartbeat(t *testing.T) {
	both(t, options{}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		signal(victim, stop, heartbeat)
		c.Wait(limit, "the reset", func() bool { return c.wasFenced(victim) })
		c.movedTo(other)
	})
}

// TestStoppedNode: all processes stand still for longer than the dead time.
func TestStoppedNode(t *testing.T) {
	both(t, options{}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		signal(victim, stop, everything)
		time.Sleep(4 * time.Second)
		if victim.Up() {
			signal(victim, cont, everything)
		}
		c.Wait(limit, "the reset", func() bool { return c.wasFenced(victim) })
		c.movedTo(other)
	})
}

// TestStoppedDrbdd: it stands still for longer than its peer's timeouts and goes on. A stopped
// peer delays writes until it is given up, a stopped drbdd of the service until it goes on.
func TestStoppedDrbdd(t *testing.T) {
	both(t, options{}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		a, _ := c.active()
		signal(victim, stop, drbdd)
		time.Sleep(10 * time.Second)
		signal(victim, cont, drbdd)
		c.acknowledged(50)
		if c.where() != a.Name() || len(c.resets()) > 0 {
			t.Errorf("the service went to %q, reset %v", c.where(), c.resets())
		}
	})
}

// TestDiskErrors: the disk of a machine fails. The service goes on without it, over the peer.
func TestDiskErrors(t *testing.T) {
	both(t, options{}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		a, _ := c.active()
		d := c.disk[0]
		if victim == c.B {
			d = c.disk[1]
		}
		c.Step("the disk of %s gives errors", victim.Name())
		d.Bad(0, d.Size(), true, true, errors.New("bad"))
		c.Wait(limit, "the disk is given up", func() bool { return victim.Volume(0).Disk.String() == "Diskless" })
		c.acknowledged(100)
		if c.where() != a.Name() || len(c.resets()) > 0 {
			t.Errorf("the service went to %q, reset %v", c.where(), c.resets())
		}
		c.Step("a new disk")
		d.Mend()
		victim.Do("drbdadm", "--", "--force", "create-md", "r0")
		victim.Do("drbdadm", "attach", "r0")
	})
}

// TestHangingStop: the database does not stop. Heartbeat kills nobody by itself: the service
// is not started elsewhere as long as it may run here.
func TestHangingStop(t *testing.T) {
	c := newCluster(t, options{})
	a, s := c.active()
	hang := "#!/bin/sh\ncase $1 in stop) sleep 15 ;; esac\nexec /etc/init.d/redis-server \"$@\"\n"
	c.Must(a.Conf("resource.d/redis-server", hang))
	c.Step("hb_standby on %s", a.Name())
	c.Must(a.Node.Standby("all"))
	time.Sleep(8 * time.Second)
	if c.where() != a.Name() || s.State(0) != "Connected Secondary/Primary UpToDate/UpToDate" {
		t.Errorf("while the stop hangs the service is on %q; %s: %s", c.where(), s.Name(), s.State(0))
	}
	c.movedTo(s)
	c.verdict()
}

// full are the directories of logs and state.
var full = []string{"/var/lib/heartbeat", "/var/lib/drbd", "/var/log"}

// fill puts a full file system with the same files over a directory; pipes stay as they are.
const fill = `set -e
mkdir -p /run/was /run/new
mount --bind "$1" /run/was
mount -t tmpfs -o size=256k none /run/new
cp -a /run/was/. /run/new/ 2>/dev/null || true
dd if=/dev/zero of=/run/new/filled bs=4k 2>/dev/null || true
mount --move /run/new "$1"
for f in "$1"/fifo; do
	[ ! -p $f ] || mount --bind /run/was/fifo $f
done
umount /run/was`

// TestFullDisk: there is no room for logs and state. The service goes on, and moves.
func TestFullDisk(t *testing.T) {
	both(t, options{}, func(t *testing.T, c *cluster, victim, other *rig.Node) {
		for _, dir := range full {
			victim.Do("sh", "-c", fill, "fill", dir)
		}
		c.acknowledged(50)
		a, s := c.active()
		c.Step("hb_standby on %s", a.Name())
		c.Must(a.Node.Standby("all"))
		c.movedTo(s)
		c.Must(s.Node.Standby("all"))
		c.movedTo(a)
		if len(c.resets()) > 0 {
			t.Errorf("%v were reset", c.resets())
		}
		c.Step("the end of the fault is a power cut: all of this was in memory")
		c.cut(victim)
		c.movedTo(other)
	})
}

// TestWrongKeys: a machine comes up with other keys than its peer. It hears nobody, and the log
// says why; nothing is taken over before the reset.
func TestWrongKeys(t *testing.T) {
	c := newCluster(t, options{})
	a, s := c.active()
	c.Must(s.Conf("authkeys", "auth 1\n1 sha1 other\n"))
	at := time.Now()
	if r := s.RunFor(30*time.Second, "/usr/libexec/heartbeat/heartbeat", "-k"); r.Code != 0 {
		t.Fatal(r.Out)
	}
	c.heartbeat(s)
	for _, n := range c.nodes() {
		if _, err := n.WaitLog(at, "failed authentication", 10*time.Second); err != nil {
			t.Errorf("%s does not say that it cannot believe the other: %v", n.Name(), err)
		}
	}
	// The one that starts resets the other and takes over; then the keys are mended.
	c.Wait(limit, "a reset", func() bool { return len(c.resets()) > 0 })
	c.Step("reset: %v; service on %q", c.resets(), c.where())
	for _, n := range []*rig.Node{a, s} {
		c.Must(n.Conf("authkeys", "auth 1\n1 sha1 secret\n"))
		if n.Up() {
			n.Run("/usr/libexec/heartbeat/heartbeat", "-r")
		}
	}
	c.acknowledged(50)
	c.verdict()
}

// TestDifferentConf: drbd.conf names another protocol on one machine. They do not connect, both
// logs say why, and the service goes on alone.
func TestDifferentConf(t *testing.T) {
	c := newCluster(t, options{})
	_, s := c.active()
	s.Do("drbdadm", "down", "r0")
	c.Must(s.SetConf(strings.Replace(drbdConf, "protocol C", "protocol B", 1)))
	s.Do("drbdadm", "up", "r0")
	c.Wait(limit, "the log of "+s.Name()+" says why", func() bool { return s.Logged("incompatible") > 0 })
	c.acknowledged(50)
	c.Must(s.SetConf(drbdConf))
	s.Do("drbdadm", "down", "r0")
	s.Do("drbdadm", "up", "r0")
	c.A.Run("drbdadm", "connect", "r0")
	c.B.Run("drbdadm", "connect", "r0")
	c.verdict()
}

// TestSmallerPeer: the disk of a machine that comes back is smaller than the device. It is
// refused, and the service goes on.
func TestSmallerPeer(t *testing.T) {
	c := newCluster(t, options{})
	_, s := c.active()
	c.Step("%s gets a smaller disk", s.Name())
	s.Do("drbdadm", "down", "r0")
	d := c.disk[0]
	if s == c.B {
		d = c.disk[1]
	}
	c.cut(s)
	c.Wait(limit, "the reset", func() bool { return c.wasFenced(s) })
	d.Resize(size / 2)
	s.Restore()
	wipe(t, d)
	s.Start()
	s.Do("drbdadm", "--", "--force", "create-md", "r0")
	s.Do("drbdadm", "up", "r0")
	c.Wait(limit, "the log says why", func() bool { return c.A.Logged("too small")+c.B.Logged("too small") > 0 })
	c.acknowledged(50)
	c.Step("and a disk that is large enough")
	s.Do("drbdadm", "down", "r0")
	c.cut(s)
	d.Resize(size)
	s.Restore()
	wipe(t, d)
	s.Start()
	s.Do("drbdadm", "--", "--force", "create-md", "r0")
	s.Do("drbdadm", "up", "r0")
	c.A.Run("drbdadm", "connect", "r0")
	c.B.Run("drbdadm", "connect", "r0")
	c.verdict()
}

// wipe makes a disk look like a new one.
func wipe(t *testing.T, d *rig.CrashDisk) {
	for off := int64(0); off < d.Size(); off += 1 << 20 {
		if _, err := d.WriteAt(make([]byte, min(1<<20, d.Size()-off)), off); err != nil {
			t.Fatal(err)
		}
	}
}
