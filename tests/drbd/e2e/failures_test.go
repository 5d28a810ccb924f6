package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// TestSecondaryRefused: a device that is mounted stays Primary, and the answer
// names the mount.
func TestSecondaryRefused(t *testing.T) {
	need(t, "mkfs.ext4", "mount")
	t.Parallel()
	r := synced(t, rig.Options{})
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd0")
	r.A.Do("mkdir", "/run/m")
	r.A.Do("mount", "/dev/drbd0", "/run/m")
	r.A.Fails(11, []string{"State change failed: (-12) Device is held open by someone", "mounted on /run/m"}, "drbdadm", "secondary", "r0")
	r.A.Do("sh", "-c", "echo still there >/run/m/f && sync /run/m/f && grep -q still /run/m/f")
	r.A.Do("umount", "/run/m")
	r.Step("open, not mounted")
	r.A.Do("sh", "-c", "exec 3</dev/drbd0; sleep 300 <&3 & echo $! >/run/pid")
	r.A.Fails(11, []string{"(-12)", "sleep["}, "drbdadm", "secondary", "r0")
	r.A.Fails(11, []string{"(-12)"}, "drbdadm", "down", "r0")
	r.A.Expect(primary, soon)
	r.A.Do("sh", "-c", "kill $(cat /run/pid)")
	r.Wait(soon, "secondary works", func() bool { return r.A.Run("drbdadm", "secondary", "r0").Code == 0 })
	if _, err := os.Stat(r.A.Path("/dev/drbd0")); err == nil {
		t.Error("/dev/drbd0 is there on a Secondary")
	}
	r.A.Expect(secondaries, soon)
}

// TestDiskError: the Primary's disk fails under a file system. It is detached,
// and reads and writes go on over the peer; with a new disk it comes back.
func TestDiskError(t *testing.T) {
	need(t, "mkfs.ext4", "mount")
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("", "on-io-error detach;"), Disks: crashDisks(48 * mib)})
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd0")
	r.A.Do("mkdir", "/run/m")
	r.A.Do("mount", "/dev/drbd0", "/run/m")
	sum := strings.Fields(r.A.Do("sh", "-c", "dd if=/dev/urandom of=/run/m/one bs=64k count=100 status=none; sync; md5sum </run/m/one"))[0]
	disk := r.A.Disks["sda1"].(*rig.CrashDisk)
	disk.Bad(0, disk.Size(), true, true, nil)
	r.Step("the disk of serv-a fails")
	r.A.Do("sh", "-c", "dd if=/dev/urandom of=/run/m/two bs=64k count=100 conv=fsync status=none")
	r.A.Expect("Connected Primary/Secondary Diskless/UpToDate", soon)
	sum2 := strings.Fields(r.A.Do("sh", "-c", "md5sum </run/m/two"))[0]
	r.A.Do("sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
	if got := strings.Fields(r.A.Do("sh", "-c", "md5sum </run/m/one")); got[0] != sum {
		t.Errorf("the first file reads as %s over the peer, want %s", got[0], sum)
	}
	r.B.Expect("Connected Secondary/Primary UpToDate/Diskless", soon)
	r.Step("a new disk")
	disk.Mend()
	r.A.Do("drbdadm", "--", "--force", "create-md", "r0")
	r.A.Do("drbdadm", "attach", "r0")
	r.A.Expect(primary, syncLimit)
	r.A.Do("umount", "/run/m")
	r.Equal("sda1", r.A.DeviceSize(0))
	r.A.Do("drbdadm", "secondary", "r0")
	r.B.Do("drbdadm", "primary", "r0")
	r.B.Do("mkdir", "/run/m")
	r.B.Do("mount", "/dev/drbd0", "/run/m")
	if got := strings.Fields(r.B.Do("sh", "-c", "md5sum </run/m/two")); got[0] != sum2 {
		t.Errorf("the second file is %s on serv-b, want %s", got[0], sum2)
	}
}

// TestPeerStopped: a peer that accepts everything and does nothing (SIGSTOP)
// costs its connection when it does not answer pings, and is resynced when it goes on.
func TestPeerStopped(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("timeout 20; ping-timeout 5; ping-int 1; connect-int 1; ko-count 2;", "")})
	r.B.Signal(syscall.SIGSTOP)
	at := time.Now()
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", "count=200", "oflag=direct", "status=none")
	if d := time.Since(at); d > 15*time.Second {
		t.Errorf("the write stood still for %v", d)
	} else {
		r.Step("the Primary goes on after %.1f s", d.Seconds())
	}
	r.A.Expect(alone, soon)
	r.B.Signal(syscall.SIGCONT)
	r.A.Expect(primary, syncLimit)
	r.Equal("sda1", r.A.DeviceSize(0))
}

// TestPeerDiskStalls: the peer answers pings but its disk stands still. After
// timeout times ko-count the Primary goes on without it.
func TestPeerDiskStalls(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("timeout 10; ping-timeout 5; ping-int 1; connect-int 1; ko-count 3;", ""), Disks: crashDisks(48 * mib)})
	disk := r.B.Disks["sda1"].(*rig.CrashDisk)
	disk.Stall(true)
	at := time.Now()
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", "count=100", "oflag=direct", "status=none")
	d := time.Since(at)
	r.Step("the Primary goes on after %.1f s", d.Seconds())
	if d < 2500*time.Millisecond || d > 10*time.Second {
		t.Errorf("the write stood still for %v, want 3 s", d)
	}
	if r.A.Logged("Remote failed to finish a request within") == 0 {
		t.Error("the log does not say why")
	}
	disk.Stall(false)
	r.A.Expect(primary, syncLimit)
	r.Equal("sda1", r.A.DeviceSize(0))
}

// TestNetworkCut: the Primary goes on alone; what it wrote meanwhile, and only
// that, is copied when the network is back.
func TestNetworkCut(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("timeout 20; ping-timeout 5; ping-int 1; connect-int 1;", "")})
	r.Cut(true)
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", "seek=100", "count=64", "oflag=direct", "status=none")
	r.A.Expect(alone, soon)
	r.B.Expect("WFConnection Secondary/Unknown UpToDate/DUnknown", soon)
	v := r.A.Volume(0)
	if v.OOS<<2 != 4096 {
		t.Errorf("%d KiB out of sync, 4096 were written", v.OOS<<2)
	}
	sent := v.Counters.SentKiB
	r.Cut(false)
	r.A.Expect(primary, syncLimit)
	r.B.Expect(secondary, soon)
	if d := r.A.Volume(0).Counters.SentKiB - sent; d < 4096 || d > 8192 {
		t.Errorf("%d KiB were sent to bring 4096 KiB up to date", d)
	}
	r.Equal("sda1", r.A.DeviceSize(0))
}

const unresolved = "Split-Brain detected but unresolved, dropping connection!"

// TestSplitBrain: both were Primary without each other. It is found, nobody is
// overwritten, and connect --discard-my-data says who loses.
func TestSplitBrain(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("timeout 20; ping-timeout 5; ping-int 1; connect-int 1;", "")})
	write := func(n *rig.Node, at int) {
		n.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", fmt.Sprint("seek=", at), "count=20", "oflag=direct", "status=none")
	}
	r.Cut(true)
	write(r.A, 10)
	r.A.Expect(alone, soon)
	r.A.Do("drbdadm", "secondary", "r0")
	r.B.Expect("WFConnection Secondary/Unknown UpToDate/DUnknown", soon)
	r.B.Do("drbdadm", "primary", "r0")
	write(r.B, 100)
	r.B.Do("drbdadm", "secondary", "r0")
	was := content(r, r.A)
	r.Step("both have written")
	r.Cut(false)
	// Who finds it first hangs up; the other may hear that before it is sure, and waits for its peer.
	r.Wait(soon, "split brain is found", func() bool {
		return r.A.Logged(unresolved)+r.B.Logged(unresolved) > 0 && (r.A.State(0)[:2] == "St" || r.B.State(0)[:2] == "St")
	})
	r.A.Expect("* Secondary/Unknown UpToDate/DUnknown", soon)
	time.Sleep(2 * time.Second)
	if content(r, r.A) != was {
		t.Fatal("a disk was changed before anybody decided")
	}
	r.Step("serv-b discards its data")
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Run("drbdadm", "disconnect", "r0")
	}
	r.B.Do("drbdadm", "--", "--discard-my-data", "connect", "r0")
	r.A.Do("drbdadm", "connect", "r0")
	r.A.Expect(secondaries, syncLimit)
	r.B.Expect(secondaries, soon)
	r.Equal("sda1", r.A.DeviceSize(0))
	if content(r, r.A) != was {
		t.Error("the winner's data changed")
	}
}
