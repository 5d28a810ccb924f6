package e2e

import (
	"strings"
	"testing"

	"classicha/tests/drbd/rig"
)

// TestRealDrbdadm: drbdadm and drbdmeta of the distribution drive our daemon
// through our drbdsetup (drbd-cli 2.1).
func TestRealDrbdadm(t *testing.T) {
	need(t, "drbdadm", "drbdmeta")
	t.Parallel()
	const text = `resource r0 {
  net { protocol C; verify-alg sha1; cram-hmac-alg sha1; shared-secret "a secret"; max-buffers 4000; }
  disk { resync-rate 100M; on-io-error detach; al-extents 257; }
  startup { wfc-timeout 20; degr-wfc-timeout 20; }
  volume 0 { device /dev/drbd0; disk /dev/sda1; meta-disk internal; }
  on serv-a { address 130.66.201.1:7788; }
  on serv-b { address 130.66.201.2:7788; }
}
`
	r := rig.New(t, rig.Options{Image: rig.RealAdm, Conf: text, Disks: rig.FileDisks(64 * mib)})
	adm := func(args ...string) []string {
		return append([]string{"env", "DRBD_DRIVER_VERSION_OVERRIDE=8.4.11", "drbdadm"}, args...)
	}
	both := []*rig.Node{r.A, r.B}
	if out := r.A.Do(adm("--version")...); !strings.Contains(out, "GIT-hash") {
		t.Fatalf("this is not the real drbdadm: %s", out)
	}
	for _, n := range both {
		n.Start()
		if out := n.Do(adm("--", "--force", "create-md", "r0")...); !strings.Contains(out, "New drbd meta data block successfully created.") {
			t.Errorf("create-md: %s", out)
		}
	}
	r.Step("up, and an adjust that finds nothing to do")
	r.A.Do(adm("up", "r0")...)
	r.B.Do(adm("adjust", "r0")...)
	for _, n := range both {
		n.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", soon)
		if out := n.Do(adm("-d", "adjust", "r0")...); strings.TrimSpace(out) != "" {
			t.Errorf("%s: adjust would do: %s", n.Name(), out)
		}
		n.Do(adm("adjust", "r0")...)
		n.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", soon)
	}
	r.A.Fails(20, []string{"Device '0' is configured!"}, adm("--", "--force", "create-md", "r0")...)
	r.Step("primary")
	r.A.Fails(17, []string{"0: State change failed: (-2) Need access to UpToDate data"}, adm("primary", "r0")...)
	r.A.Do(adm("primary", "--force", "r0")...)
	r.A.Expect(primary, syncLimit)
	r.B.Fails(11, []string{"0: State change failed: (-1) Multiple primaries not allowed by config"}, adm("primary", "r0")...)
	want := "r0 role:Primary\n  disk:UpToDate\n  peer role:Secondary\n    replication:Established peer-disk:UpToDate\n\n"
	if out := r.A.Do(adm("status", "r0")...); out != want {
		t.Errorf("status is\n%swant\n%s", out, want)
	}
	for cmd, want := range map[string]string{"role": "Primary/Secondary\n", "cstate": "Connected\n", "dstate": "UpToDate/UpToDate\n"} {
		if out := r.A.Do(adm(cmd, "r0")...); out != want {
			t.Errorf("%s prints %q, want %q", cmd, out, want)
		}
	}
	if out := r.A.Do(adm("sh-status", "r0")...); !strings.Contains(out, "_cstate=Connected\n_role=Primary\n_peer=Secondary\n") {
		t.Errorf("sh-status:\n%s", out)
	}
	r.A.Do(adm("wait-connect", "r0")...)
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=1M", "count=30", "oflag=direct", "status=none")
	r.Step("verify")
	r.A.Do(adm("verify", "r0")...)
	r.Wait(syncLimit, "verify ends", func() bool { return r.A.Logged("Online verify done") > 0 && r.A.State(0) == primary })
	if v := r.A.Volume(0); v.OOS != 0 {
		t.Errorf("verify found %d blocks", v.OOS)
	}
	r.Step("disconnect, write, connect")
	r.A.Do(adm("disconnect", "r0")...)
	r.A.Expect("StandAlone Primary/Unknown UpToDate/*", soon)
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=1M", "count=3", "oflag=direct", "status=none")
	r.A.Do(adm("connect", "r0")...)
	r.A.Do(adm("wait-connect", "r0")...)
	r.A.Expect(primary, syncLimit)
	r.Equal("sda1", r.A.DeviceSize(0))
	r.Step("changed options")
	for _, n := range both {
		n.Do("sh", "-c", "sed -e 's/max-buffers 4000/max-buffers 5000/' -e 's/resync-rate 100M/resync-rate 90M/' /etc/drbd.conf >/run/changed.conf")
		out := n.Do(adm("-c", "/run/changed.conf", "-d", "adjust", "r0")...)
		if !strings.Contains(out, "net-options") || !strings.Contains(out, "disk-options") || strings.Count(out, "drbdsetup") != 2 {
			t.Errorf("adjust to two changed options would do\n%s", out)
		}
		n.Do(adm("-c", "/run/changed.conf", "adjust", "r0")...)
		if out := n.Do(adm("-c", "/run/changed.conf", "-d", "adjust", "r0")...); strings.TrimSpace(out) != "" {
			t.Errorf("the next adjust would do %s", out)
		}
	}
	r.Step("secondary, down")
	r.A.Do(adm("secondary", "r0")...)
	r.A.Expect(secondaries, soon)
	for _, n := range both {
		n.Do(adm("down", "r0")...)
		n.Fails(10, []string{"r0: No such resource"}, adm("status", "r0")...)
	}
	r.Step("what was left on the disk, read by the real drbdmeta")
	r.A.Fails(1, []string{"Found meta data is \"unclean\", please apply-al first"}, adm("dump-md", "r0")...)
	r.A.Do(adm("apply-al", "r0")...)
	if out := r.A.Do(adm("dump-md", "r0")...); !strings.Contains(out, "bm-byte-per-bit 4096;") || !strings.Contains(out, "la-size-sect 130992;") {
		t.Errorf("dump-md:\n%s", out)
	}
}
