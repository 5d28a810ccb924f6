package e2e

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// TestPauseResync: a resync is paused from either side, stands still, and goes
// on only when nobody wants the pause any more.
func TestPauseResync(t *testing.T) {
	need(t)
	t.Parallel()
	r := fresh(t, rig.Options{Conf: conf("", "resync-rate 4M;")})
	r.A.Do("drbdadm", "primary", "--force", "r0")
	r.A.Expect("SyncSource Primary/Secondary UpToDate/Inconsistent", soon)
	r.A.Do("drbdadm", "pause-sync", "r0")
	r.A.Expect("PausedSyncS Primary/Secondary UpToDate/Inconsistent", soon)
	r.B.Expect("PausedSyncT Secondary/Primary Inconsistent/UpToDate", soon)
	r.B.Do("drbdadm", "pause-sync", "r0")
	r.Wait(soon, "serv-a knows of serv-b's pause", func() bool { v := r.A.Volume(0); return v.UserISP && v.PeerISP })
	time.Sleep(500 * time.Millisecond) // what was under way arrives
	left := r.B.Volume(0).OOS
	time.Sleep(2 * time.Second)
	if now := r.B.Volume(0).OOS; now != left || now == 0 {
		t.Errorf("the paused resync went from %d to %d blocks", left, now)
	}
	r.A.Do("drbdadm", "resume-sync", "r0")
	time.Sleep(500 * time.Millisecond)
	if s := r.A.State(0); !strings.HasPrefix(s, "PausedSyncS") {
		t.Errorf("serv-b still wants a pause, but serv-a is %q", s)
	}
	r.B.Do("drbdadm", "resume-sync", "r0")
	r.A.Expect("SyncSource */* UpToDate/Inconsistent", soon)
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("drbdsetup", "disk-options", "0", "--resync-rate=400M")
	}
	r.A.Expect(primary, syncLimit)
	r.Equal("sda1", r.A.DeviceSize(0))
}

// TestVerify: online verify finds blocks that were changed behind our back, and
// after disconnect and connect they are repaired.
func TestVerify(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("verify-alg sha1;", "")})
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=1M", "oflag=direct", "count=40", "status=none")
	bad := []int64{100, 101, 5000}
	for _, b := range bad {
		p := make([]byte, 4096)
		rand.Read(p)
		if _, err := r.B.Disks["sda1"].WriteAt(p, b<<12); err != nil {
			t.Fatal(err)
		}
	}
	r.A.Do("drbdadm", "verify", "r0")
	r.Wait(syncLimit, "verify ends", func() bool { return r.A.Logged("Online verify done") > 0 && r.A.State(0) == primary })
	if v := r.A.Volume(0); v.OOS != 3 {
		t.Errorf("verify found %d blocks, 3 are wrong", v.OOS)
	}
	for _, n := range []*rig.Node{r.A, r.B} {
		if n.Logged("Online verify found 3 4k block out of sync!") != 1 {
			t.Errorf("%s does not tell how many blocks differ", n.Name())
		}
		if got := outOfSync(n.DaemonLog()); !slices.Equal(got, bad) {
			t.Errorf("%s: verify says that %v differ, want %v", n.Name(), got, bad)
		}
	}
	r.A.Do("drbdadm", "disconnect", "r0")
	r.A.Do("drbdadm", "connect", "r0")
	r.A.Expect(primary, syncLimit)
	r.Wait(soon, "nothing is out of sync", func() bool { return r.A.Volume(0).OOS == 0 })
	r.Equal("sda1", r.A.DeviceSize(0))
}

// outOfSync are the 4 KiB blocks that the log calls out of sync.
func outOfSync(log string) (blocks []int64) {
	for line := range strings.Lines(log) {
		var start, size int64
		if _, text, ok := strings.Cut(line, "Out of sync: "); ok {
			if _, err := fmt.Sscanf(text, "start=%d, size=%d (sectors)", &start, &size); err == nil {
				for s := start; s < start+size; s += 8 {
					blocks = append(blocks, s/8)
				}
			}
		}
	}
	slices.Sort(blocks)
	return blocks
}

// TestResize: both disks grow under a mounted file system.
func TestResize(t *testing.T) {
	need(t, "mkfs.ext4", "resize2fs")
	t.Parallel()
	r := synced(t, rig.Options{})
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd0")
	r.A.Do("mkdir", "/run/m")
	r.A.Do("mount", "/dev/drbd0", "/run/m")
	sum := r.A.Do("sh", "-c", "dd if=/dev/urandom of=/run/m/f bs=1M count=20 status=none; sync; md5sum /run/m/f")
	was := r.A.DeviceSize(0)
	for _, n := range []*rig.Node{r.A, r.B} {
		if err := n.Disks["sda1"].(*rig.FileDisk).Grow(128 * mib); err != nil {
			t.Fatal(err)
		}
	}
	r.A.Do("drbdadm", "resize", "r0")
	r.Wait(soon, "the device grows", func() bool { return r.A.DeviceSize(0) > 127*mib })
	size := r.A.DeviceSize(0)
	r.Step("from %d to %d bytes", was, size)
	r.A.Expect(primary, syncLimit)
	r.Wait(soon, "the kernel knows the size", func() bool {
		return strings.TrimSpace(r.A.Do("blockdev", "--getsize64", "/dev/drbd0")) == fmt.Sprint(size)
	})
	if res := r.A.Run("resize2fs", "/dev/drbd0"); strings.Contains(res.Out, "Permission denied to resize") {
		r.Step("no CAP_SYS_RESOURCE: the file system grows unmounted")
		r.A.Do("umount", "/run/m")
		r.A.Do("sh", "-c", "e2fsck -fp /dev/drbd0 && resize2fs /dev/drbd0")
		r.A.Do("mount", "/dev/drbd0", "/run/m")
	} else if res.Code != 0 {
		t.Fatal(res.Out)
	}
	r.A.Do("sh", "-c", "dd if=/dev/urandom of=/run/m/g bs=1M count=60 conv=fsync status=none")
	if got := r.A.Do("md5sum", "/run/m/f"); got != sum {
		t.Errorf("md5sum %q, before the resize %q", got, sum)
	}
	r.A.Do("umount", "/run/m")
	r.Equal("sda1", size)
	r.Step("it stays so over a restart")
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("drbdadm", "down", "r0")
	}
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("drbdadm", "up", "r0")
	}
	r.A.Expect(secondaries, soon)
	if got := r.A.DeviceSize(0); got != size {
		t.Errorf("after down and up the device has %d bytes, want %d", got, size)
	}
	r.A.Do("drbdadm", "primary", "r0")
	r.A.Do("e2fsck", "-fn", "/dev/drbd0")
}

// TestTwoVolumes: two volumes share a connection; each has its own role,
// resync and file system, but a resource is Primary on one side only.
func TestTwoVolumes(t *testing.T) {
	need(t, "mkfs.ext4")
	t.Parallel()
	const two = `resource r0 {
  net { protocol C; }
  disk { resync-rate 200M; c-plan-ahead 0; }
  volume 0 { device /dev/drbd0; disk /dev/sda1; meta-disk internal; }
  volume 1 { device /dev/drbd1; disk /dev/sda2; meta-disk internal; }
  on serv-a { address 130.66.201.1:7788; }
  on serv-b { address 130.66.201.2:7788; }
}
`
	r := fresh(t, rig.Options{Conf: two, Disks: func(_ int, dir string) (map[string]rig.Disk, error) {
		out := map[string]rig.Disk{}
		for name, size := range map[string]int64{"sda1": 48 * mib, "sda2": 32 * mib} {
			d, err := rig.NewFileDisk(dir+"/"+name, size)
			if err != nil {
				return nil, err
			}
			out[name] = d
		}
		return out, nil
	}})
	r.A.Do("drbdadm", "primary", "--force", "r0/0")
	r.A.Expect(primary, syncLimit)
	if s := r.A.State(1); s != "Connected Secondary/Secondary Inconsistent/Inconsistent" {
		t.Errorf("volume 1 is %q", s)
	}
	r.B.Fails(11, []string{"State change failed: (-20) Other vol primary on peer not allowed by config"}, "drbdadm", "primary", "--force", "r0/1")
	r.A.Do("drbdadm", "primary", "--force", "r0/1")
	r.A.ExpectOf(1, primary, syncLimit)
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd0")
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd1")
	out := r.A.Do("drbdadm", "status", "r0")
	for _, want := range []string{"  volume:0 disk:UpToDate\n", "  volume:1 disk:UpToDate\n", "    volume:1 replication:Established peer-disk:UpToDate\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	r.Equal("sda1", r.A.DeviceSize(0))
	r.Equal("sda2", r.A.DeviceSize(1))
	r.A.Do("drbdadm", "secondary", "r0")
	r.B.Do("drbdadm", "primary", "r0")
	r.B.Do("e2fsck", "-fn", "/dev/drbd0")
	r.B.Do("e2fsck", "-fn", "/dev/drbd1")
}
