package install

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

// The article's files, reduced to what runs in a clean system: the device
// is a socket, since the machines of the lab share their kernel's block devices; times are
// shorter.
const (
	articleHaCf = `logfile local0
keepalive 1
deadtime 5
wartime 3
initdead 8
udpport 694
bcast eth0
serial /dev/ttyS0
auto_failback off
node serv-a
node serv-b
`
	articleHaresources = "serv-a drbddisk ::user IPaddr2 ::192.168.77.3/24/eth0:0\n"
	articleAuthkeys    = "auth 1\n1 crc\n"
	articleDrbdConf    = `resource user {
protocol C;
incon-degr-cmd "/sbin/halt -f";
startup { wfc-timeout 30; degr-wfc-timeout 30; }
disk { on-io-error panic; }
syncer { rate 700000K; al-extents 257; }
on serv-a { device /dev/drbd0; disk /dev/sda1; Address 192.168.77.1:7788; meta-disk internal; }
on serv-b { device /dev/drbd0; disk /dev/sda1; address 192.168.77.2:7788; meta-disk internal; }
}
`
)

const diskSize = 8 << 20

// machine is a node of the lab that sees nothing but a system of its own.
type machine struct {
	*system
	node *lab.Node
	loop int // number of the loop device that is its disk
}

// inside is where a node has its system.
const inside = "/mnt"

// boot gives the system what a running machine has: processes, devices, an empty /run.
func (m machine) boot() {
	m.t.Helper()
	script := `set -e; cd ` + inside + `; mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs -o mode=755 run run; mkdir run/lock`
	if r := m.node.Run("sh", "-c", script); r.Code != 0 {
		m.t.Fatalf("%s: %s", m.node.Name(), r.Out)
	}
	if err := unix.Mknod(m.node.Path("/dev/sda1"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, uint32(m.loop)))); err != nil {
		m.t.Fatal(err)
	}
}

// try runs a command on the machine.
func (m machine) try(args ...string) lab.Result {
	args = append(append([]string{"chroot", inside, "env", "-i"}, environment...), args...)
	return m.node.RunFor(2*time.Minute, args...)
}

func (m machine) must(args ...string) string {
	m.t.Helper()
	r := m.try(args...)
	if r.Code != 0 {
		m.t.Fatalf("%s: %v: exit code %d\n%s", m.node.Name(), args, r.Code, r.Out)
	}
	return strings.TrimSpace(r.Out)
}

// serves says whether the machine runs the service: it has the address and is Primary.
func (m machine) serves() bool {
	return strings.Contains(m.try("ip", "-4", "addr", "show", "dev", "eth0").Out, "192.168.77.3/24") &&
		strings.HasPrefix(m.try("drbdadm", "role", "user").Out, "Primary/")
}

// TestCluster: two machines on which nothing was installed but the packages are a cluster
// with a mirrored disk. The power of one is cut; later the package is removed on the
// other, and each time the remaining one serves.
func TestCluster(t *testing.T) {
	t.Parallel()
	heartbeatd, drbdd := pack(t, "heartbeatd", "deb"), pack(t, "drbdd", "deb")
	var specs []lab.NodeSpec
	var systems []*system
	var disks []rig.Disk
	var loops []int
	for i, name := range []string{"serv-a", "serv-b"} {
		s := newSystem(t)
		s.install(heartbeatd, drbdd)
		for file, text := range map[string]string{
			"/etc/ha.d/ha.cf": articleHaCf, "/etc/ha.d/haresources": articleHaresources, "/etc/ha.d/authkeys": articleAuthkeys,
			"/etc/drbd.conf": articleDrbdConf, "/etc/drbdd.cf": "front-end export\nhelper none\n", "/etc/hostname": name + "\n",
			"/etc/default/heartbeat": "HA_EMERGENCY=log\n",
		} {
			s.write(file, text, 0o600)
		}
		s.write("/usr/sbin/init", "", 0o755) // no init: it is no machine for invoke-rc.d, and nothing is stopped
		disk, err := rig.NewFileDisk(filepath.Join(filepath.Dir(s.dir), "disk"), diskSize)
		if err != nil {
			t.Fatal(err)
		}
		loop, err := disk.Plug()
		if err != nil {
			t.Skipf("no loop device: %v", err)
		}
		t.Cleanup(func() { _ = disk.Unplug(false) })
		disks, loops = append(disks, disk), append(loops, loop)
		systems = append(systems, s)
		specs = append(specs, lab.NodeSpec{Name: name, Host: i + 1, Binds: map[string]string{s.dir: inside}})
	}
	// The image says only what a node sees of this machine, which is outside its root.
	l, err := lab.New(lab.Options{Nodes: specs, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	a, b := machine{systems[0], l.Node("serv-a"), loops[0]}, machine{systems[1], l.Node("serv-b"), loops[1]}
	t.Cleanup(func() {
		if t.Failed() {
			for _, m := range []machine{a, b} {
				text, _ := os.ReadFile(m.node.LogPath("syslog"))
				t.Logf("%s:\n%s", m.node.Name(), text)
			}
		}
	})
	await := func(limit time.Duration, what string, cond func() bool) {
		t.Helper()
		if err := lab.Wait(limit, what, cond); err != nil {
			t.Fatal(err)
		}
	}
	startDrbd := func(all ...machine) {
		t.Helper()
		done := make(chan lab.Result, len(all))
		for _, m := range all {
			go func() { done <- m.try("/etc/init.d/drbd", "start") }()
		}
		for range all {
			if r := <-done; r.Code != 0 {
				t.Fatalf("/etc/init.d/drbd start: exit code %d\n%s", r.Code, r.Out)
			}
		}
	}

	a.boot()
	b.boot()
	for _, m := range []machine{a, b} {
		m.must("drbdadm", "create-md", "user")
	}
	startDrbd(a, b)
	a.must("drbdadm", "primary", "--force", "user")
	await(40*time.Second, "both disks are equal", func() bool {
		return strings.Contains(a.try("drbdadm", "dstate", "user").Out, "UpToDate/UpToDate")
	})
	a.must("drbdadm", "secondary", "user")
	for _, m := range []machine{a, b} {
		m.must("/etc/init.d/heartbeat", "start")
	}
	await(40*time.Second, "serv-a serves", a.serves)
	await(20*time.Second, "serv-b knows that all is well", func() bool {
		return strings.HasPrefix(b.try("hb_mon", "-1").Out, "OK")
	})
	if b.serves() {
		t.Error("serv-b serves too")
	}

	cut, err := a.node.PowerCut()
	if err != nil {
		t.Fatal(err)
	}
	await(30*time.Second, "serv-b serves after the power cut of serv-a", b.serves)
	t.Logf("serv-b served %v after the power cut", time.Since(cut).Round(10*time.Millisecond))

	if err := a.node.Boot(); err != nil {
		t.Fatal(err)
	}
	a.boot()
	startDrbd(a)
	a.must("/etc/init.d/heartbeat", "start")
	await(40*time.Second, "serv-a is back", func() bool {
		return strings.HasPrefix(a.try("hb_mon", "-1").Out, "OK") && strings.Contains(a.try("drbdadm", "dstate", "user").Out, "UpToDate/UpToDate")
	})
	if a.serves() || !b.serves() {
		t.Errorf("serv-a serves: %v, serv-b serves: %v; want the service where it is", a.serves(), b.serves())
	}

	// What runs does not lose its daemon, even if nobody may stop it.
	b.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	for _, name := range []string{"heartbeatd", "drbdd"} {
		if r := b.try("dpkg", "--remove", name); r.Code == 0 || !strings.Contains(r.Out, "then try again: /etc/init.d/") {
			t.Errorf("removal of %s while it runs and may not be stopped: exit code %d\n%s", name, r.Code, r.Out)
		}
	}
	if !b.serves() {
		t.Error("a refused removal ended the service")
	}
	if err := os.Remove(b.path("/usr/sbin/policy-rc.d")); err != nil {
		t.Fatal(err)
	}

	// Removed while it serves: the service is stopped first, so the other takes it over.
	t.Log(b.must("dpkg", "--remove", "heartbeatd"))
	if r := b.try("drbdadm", "role", "user"); strings.HasPrefix(r.Out, "Primary") || strings.Contains(b.try("ip", "-4", "addr").Out, "192.168.77.3/") {
		t.Errorf("heartbeatd is removed, and its resources still run: role %s", r.Out)
	}
	await(30*time.Second, "serv-a serves after heartbeatd was removed on serv-b", a.serves)
	// drbdd is taken down with its package, and the metadata stay.
	if out := b.must("dpkg", "--purge", "drbdd"); strings.Contains(out, "not found") {
		t.Error(out)
	}
	for _, p := range b.node.Processes() {
		if p.Exe == "drbdd" || p.IsHeartbeat() {
			t.Errorf("serv-b still runs %s", p.Args)
		}
	}
	if !a.serves() {
		t.Error("serv-a serves no more")
	}
	metadata := make([]byte, 4096) // drbd-metadata 1: internal metadata end with their super block
	if _, err := disks[1].ReadAt(metadata, diskSize-4096); err != nil || bytes.Equal(metadata, make([]byte, 4096)) {
		t.Errorf("the metadata of serv-b are gone (%v)", err)
	}
}
