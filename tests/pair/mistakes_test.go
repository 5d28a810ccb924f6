package pair

import (
	"net/netip"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

// TestMistakesAreNamed: serv-b is dead, and serv-a takes over groups with mistakes in them. For each
// the log says what is wrong and what to do; what can run, runs.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	if why := rig.Missing("mkfs.ext4", "mount"); why != "" {
		t.Skip(why)
	}
	r := rig.New(t, rig.Options{
		Image: rig.Pair, Conf: drbdConf, Disks: rig.FileDisks(size),
		Cluster: map[string]string{"authkeys": "auth 1\n1 sha1 secret\n",
			"ha.cf": "logfacility local0\nkeepalive 200ms\ndeadtime 2\ninitdead 4\nbcast eth0\nauto_failback off\nnode serv-a\nnode serv-b\n",
			"haresources": `serv-b drbddisk::nosuch LabRsc::unknown
serv-b Filesystem::/dev/sda1::/run/below::ext4 LabRsc::below
serv-b drbddisk::r0 Filesystem::/dev/drbd0::/run/one::ext4 Filesystem::/dev/drbd0::/run/two::ext4 LabRsc::twice
serv-b IPaddr2::130.66.201.77/24/eth0 LabRsc::address
`},
		Segments: []lab.Segment{
			{Prefix: netip.MustParsePrefix("130.66.201.0/24"), Hub: 254},
			{Prefix: netip.MustParsePrefix("10.0.8.0/24"), Hub: 254},
		},
	})
	r.A.Do("drbdadm", "--", "--force", "create-md", "r0")
	r.A.Start()
	r.A.Do("drbdadm", "up", "r0")
	r.A.Do("drbdadm", "primary", "--force", "r0")
	r.A.Do("mkfs.ext4", "-q", "-E", "nodiscard", "/dev/drbd0")
	r.A.Do("drbdadm", "secondary", "r0")
	r.B.Do("ip", "addr", "add", "130.66.201.77/24", "dev", "eth0") // its machine is not as dead as it seems
	at := time.Now()
	r.Must(r.A.Node.Start())
	for _, line := range []string{
		"drbd.conf has no resource nosuch for serv-a: correct drbddisk::nosuch in haresources, or add the resource (there are: r0)",
		"/dev/sda1 is the disk below the DRBD resource r0: what is written there is not mirrored, and breaks the mirror. Write /dev/drbd0 in its place in haresources",
		"the mount point /run/one did not exist and was made: is it spelled as was meant in haresources?",
		"/dev/drbd0 is mounted on /run/one too: if two resources of haresources have this device, give each its own",
		"130.66.201.77 is answered by another machine too, ",
	} {
		l, err := r.A.WaitLog(at, line, limit)
		if err != nil {
			t.Errorf("serv-a does not say %q: %v", line, err)
			continue
		}
		r.Step("after %.1f s: %s", l.Time.Sub(at).Seconds(), l.Text)
	}
	for group, runs := range map[string]bool{"unknown": false, "below": false, "twice": true, "address": true} {
		r.Wait(limit, group, func() bool { return r.A.Runs(group) == runs })
	}
}
