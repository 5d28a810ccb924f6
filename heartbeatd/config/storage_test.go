package config_test

import (
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

// twoMirrors is a drbd.conf with two resources for node1 and node2, a stacked one,
// one for other machines, and one that is Primary on both.
func twoMirrors() config.Mirrors {
	hosts := []string{"node1", "node2"}
	return config.Mirrors{File: "/etc/drbd.conf", List: []config.Mirror{
		{Name: "user", Hosts: hosts, Here: true, Devices: []string{"/dev/drbd0"}, Disks: []string{"/dev/sda1"}},
		{Name: "mail", Hosts: hosts, Here: true, Devices: []string{"/dev/drbd1", "/dev/drbd2"}, Disks: []string{"/dev/sda2", "/dev/sda3", "/dev/sda4"}},
		{Name: "upper", Hosts: hosts, Here: true, Stacked: true, Devices: []string{"/dev/drbd10"}},
		{Name: "away", Hosts: []string{"node8", "node9"}, Devices: []string{"/dev/drbd5"}},
		{Name: "both", Hosts: hosts, Here: true, Alone: true, Devices: []string{"/dev/drbd7"}},
	}}
}

// TestCheckStorage: what lines say about disks, one case for each finding.
func TestCheckStorage(t *testing.T) {
	const fs0 = " Filesystem::/dev/drbd0::/mnt::ext4"
	for _, c := range []struct {
		name, hares string
		want        []string // LEVEL text, in order; none: nothing above OK
	}{
		{"good", "node1 drbddisk::user" + fs0 + "\nnode2 drbddisk::mail Filesystem::/dev/drbd2::/srv\n", nil},
		{"good, all of them", "node1 drbddisk" + fs0 + "\n", nil},
		{"good, stacked", "node1 drbdupper::upper Filesystem::/dev/drbd10::/mnt\n", nil},
		{"good, by the name of the resource", "node1 drbddisk::mail Filesystem::/dev/drbd/by-res/mail/1::/mnt\n", nil},
		{"good, Primary on both", "node1 Filesystem::/dev/drbd7::/mnt::ocfs2\nnode2 Filesystem::/dev/drbd7::/srv::ocfs2\n", nil},
		{"good, no DRBD", "node1 Filesystem::/dev/sdb1::/mnt Filesystem::server:/x::/srv::nfs Filesystem::none::/srv/tmp::tmpfs\n", nil},
		{"good, the same export twice", "node1 Filesystem::server:/x::/mnt::nfs\nnode2 Filesystem::server:/x::/srv::nfs\n", nil},
		{"good, inside of a mounted one", "node1 drbddisk::user" + fs0 + " Filesystem::/dev/sdb1::/mnt/not/there/yet\n", nil},
		{"good, subvolumes", "node1 Filesystem::/dev/sdb1::/mnt::btrfs::subvol=a Filesystem::/dev/sdb1::/srv::btrfs::subvol=b\n", nil},

		{"no such resource", "node1 drbddisk::usr" + fs0 + "\n", []string{
			`FAIL haresources:1:7: drbddisk::usr: /etc/drbd.conf has no resource "usr": starting the group would fail; did you mean "user"?`,
			"FAIL haresources:1:21: Filesystem::/dev/drbd0::/mnt::ext4: /dev/drbd0 is a device of the DRBD resource user, but this group makes usr Primary; write drbddisk::user"}},
		{"nothing near", "node1 drbddisk::something\n", []string{`has no resource "something": starting the group would fail; there are: user, mail, upper, away, both`}},
		{"drbdupper of none", "node1 drbdupper::upperr\n", []string{`did you mean "upper"?`}},
		{"stacked with drbddisk", "node1 drbddisk::upper\n", []string{"upper is a stacked resource; write drbdupper::upper"}},
		{"not stacked with drbdupper", "node1 drbdupper::user\n", []string{"user is no stacked resource; write drbddisk::user"}},
		{"for other machines", "node1 drbddisk::away\n", []string{`FAIL haresources:1:7: drbddisk::away: in /etc/drbd.conf the resource away is for node8 and node9, not for this machine`}},
		{"for other machines, of another home", "node2 drbddisk::away\n", []string{"WARN haresources:1:7: drbddisk::away: in"}},
		{"twice in a group", "node1 drbddisk::user drbddisk::user\n", []string{"WARN haresources:1:22: drbddisk::user stands twice in this group"}},
		{"in two groups of a node", "node1 10.0.0.2 drbddisk::user\nnode1 10.0.0.1 drbddisk::user\n", []string{"WARN haresources:2:16: drbddisk::user: the group of line 1 has drbddisk::user too: the one that stops takes"}},
		{"in groups of two nodes", "node1 drbddisk::user\nnode2 10.0.0.1 drbddisk\n", []string{"FAIL haresources:2:16: drbddisk: the group of line 1, which belongs on another node, has drbddisk::user too"}},

		{"no drbddisk", "node1" + fs0 + "\n", []string{"nothing in this group makes the DRBD resource user Primary: a Secondary cannot be mounted; write drbddisk::user in front of it"}},
		{"no drbdupper", "node1 Filesystem::/dev/drbd10::/mnt\n", []string{"write drbdupper::upper in front of it"}},
		{"drbddisk behind", "node1" + fs0 + " drbddisk::user\n", []string{"drbddisk::user stands after it: a Secondary cannot be mounted; write drbddisk::user in front of it"}},
		{"drbddisk of another", "node1 drbddisk::mail" + fs0 + "\n", []string{"but this group makes mail Primary; write drbddisk::user, or the device /dev/drbd1"}},
		{"drbddisk in another group", "node1 drbddisk::user\nnode1" + fs0 + "\n", []string{"WARN haresources:2:7: Filesystem::/dev/drbd0::/mnt::ext4: the device becomes Primary in another group, that of line 1"}},
		{"a device of none", "node1 drbddisk Filesystem::/dev/drbd3::/mnt\n", []string{
			"/etc/drbd.conf has no resource with the device /dev/drbd3; its devices are /dev/drbd0 (user), /dev/drbd1 (mail), /dev/drbd2 (mail), /dev/drbd10 (upper)"}},
		{"the disk below", "node1 drbddisk::user Filesystem::/dev/sda1::/mnt\n", []string{"/dev/sda1 is the disk below the DRBD resource user: what is written there is not mirrored, and breaks the mirror; write /dev/drbd0"}},
		{"the disk below by a link", "node1 drbddisk::mail Filesystem::/dev/disk/by-id/three::/mnt\n", []string{"is the disk below the DRBD resource mail: what is written there is not mirrored, and breaks the mirror; write /dev/drbd2"}},
		{"metadata", "node1 drbddisk::mail Filesystem::/dev/sda4::/mnt\n", []string{"is the disk below the DRBD resource mail"}},

		{"a device in two groups", "node1 Filesystem::/dev/sdb1::/mnt\nnode2 Filesystem::/dev/sdb1::/srv\n", []string{
			"FAIL haresources:2:7: Filesystem::/dev/sdb1::/srv: the group of line 1 has the device /dev/sdb1 too: two nodes could mount it at once"}},
		{"a label in two groups", "node1 Filesystem::-Ldata::/mnt\nnode2 Filesystem::-Ldata::/srv\n", []string{"the device -Ldata too"}},
		{"a device twice in a group", "node1 Filesystem::/dev/sdb1::/mnt Filesystem::/dev/sdb1::/srv\n", []string{"WARN haresources:1:35: Filesystem::/dev/sdb1::/srv: the device /dev/sdb1 stands twice in this group"}},
		{"a mount point in two groups", "node1 Filesystem::/dev/sdb1::/mnt\nnode2 Filesystem::/dev/sdb2::/mnt/\n", []string{
			"FAIL haresources:2:7: Filesystem::/dev/sdb2::/mnt/: in the group of line 1, /dev/sdb1 is mounted on /mnt too: the second start fails; give each its own mount point"}},
		{"a mount point twice in a group", "node1 Filesystem::/dev/sdb1::/mnt Filesystem::/dev/sdb2::/mnt\n", []string{"in this group, /dev/sdb1 is mounted on /mnt too"}},
		{"mounted over", "node1 Filesystem::/dev/sdb1::/mnt/not Filesystem::/dev/sdb2::/mnt\n", []string{
			"WARN haresources:1:7: Filesystem::/dev/sdb1::/mnt/not: the mount point /mnt/not does not exist; mkdir -p /mnt/not",
			"FAIL haresources:1:39: Filesystem::/dev/sdb2::/mnt: /mnt/not is mounted below it before, and would be hidden: the start fails; write it in front of Filesystem::/dev/sdb1::/mnt/not"}},
		{"no mount point", "node1 Filesystem::/dev/sdb1::/not/there\n", []string{"WARN haresources:1:7: Filesystem::/dev/sdb1::/not/there: the mount point /not/there does not exist; mkdir -p /not/there"}},
		{"a file", "node1 Filesystem::/dev/sdb1::/a/file\n", []string{"FAIL haresources:1:7: Filesystem::/dev/sdb1::/a/file: the mount point /a/file is not a directory"}},
		{"the root", "node1 Filesystem::/dev/sdb1::/\n", []string{"the mount point / is the system's own"}},
		{"a volume group in two groups", "node1 10.0.0.2 LVM::vg\nnode2 10.0.0.1 LVM::vg\n", []string{"FAIL haresources:2:16: LVM::vg: the group of line 1 uses the volume group vg too"}},

		{"waking nobody", "node1 WakeOnLan\n", []string{"WakeOnLan needs the hardware address of a network card; write WakeOnLan::00:11:22:33:44:55"}},
		{"waking a wrong one", "node1 WakeOnLan::00:11:22:33:44\n", []string{"WakeOnLan needs the hardware address"}},
		{"waking over nothing", "node1 WakeOnLan::00-11-22-33-44-5e::eth7\n", []string{`there is no interface "eth7"`}},
		{"waking", "node1 WakeOnLan::001122aABBcc WakeOnLan::00:11:22:33:44:55::eth0\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := storageFindings(c.hares, twoMirrors)
			ok := len(got) == len(c.want)
			for i := range got {
				ok = ok && strings.Contains(strings.ReplaceAll(got[i], "/etc/ha.d/", ""), c.want[i])
			}
			if !ok {
				t.Errorf("%s\ngot  %q\nwant %q", c.hares, got, c.want)
			}
		})
	}
}

// storageFindings are the findings above OK of a haresources on node1.
func storageFindings(hares string, mirrors func() config.Mirrors) []string {
	env := labEnv()
	env.Hostname = "node1"
	env.Script = func(string) (string, bool) { return "x", true }
	env.Mirrors = mirrors
	env.RealPath = func(p string) string {
		return map[string]string{"/dev/disk/by-id/three": "/dev/sda3"}[p]
	}
	env.Stat = func(path string) config.FileInfo {
		switch {
		case slices.Contains([]string{"/mnt", "/srv", "/srv/tmp"}, path):
			return config.FileInfo{Kind: config.Directory, Mode: 0o755}
		case path == "/a/file":
			return config.FileInfo{Kind: config.Regular}
		case strings.HasPrefix(path, "/dev/tty"):
			return config.FileInfo{Kind: config.CharDevice}
		}
		return config.FileInfo{}
	}
	var got []string
	for _, f := range config.Check(realFiles(goodHA, "auth 1\n1 sha1 x\n", hares), env) {
		if f.Level >= config.Warn {
			got = append(got, f.Level.String()+" "+f.Sentence())
		}
	}
	return got
}

// TestCheckWithoutDRBDConf: a drbd.conf that is not there, is broken, or is not known.
func TestCheckWithoutDRBDConf(t *testing.T) {
	const good = "node1 drbddisk::user Filesystem::/dev/drbd0::/mnt drbddisk::mail\n"
	const bad = "node1 Filesystem::/dev/drbd0::/mnt\n"
	missing := func() config.Mirrors { return config.Mirrors{File: "/etc/drbd.conf", Missing: true} }
	broken := func() config.Mirrors { return config.Mirrors{File: "/etc/drbd.conf", Problem: "/etc/drbd.conf:3: no"} }
	empty := func() config.Mirrors { return config.Mirrors{File: "/etc/drbd.conf"} }
	for _, c := range []struct {
		name, hares string
		mirrors     func() config.Mirrors
		want        string // in the only finding; empty: none
	}{
		{"not known, in order", good, nil, ""},
		{"not known, no drbddisk", bad, nil, "nothing in this group makes the DRBD resource RESOURCE Primary"},
		{"missing", good, missing, "drbddisk::user: there is no drbd.conf (looked for /etc/drbd.conf): starting the group would fail; copy drbd.conf from the other node, or remove drbddisk::user"},
		{"missing, no drbddisk", bad, missing, "there is no drbd.conf"},
		{"broken", good, broken, "drbddisk::user: drbd.conf cannot be used: /etc/drbd.conf:3: no; correct it"},
		{"broken, no drbddisk", bad, broken, "drbd.conf cannot be used"},
		{"empty", "node1 drbddisk\n", empty, "/etc/drbd.conf has no resource"},
		{"not needed", "node1 10.0.0.1 Filesystem::/dev/sdb1::/mnt\n", func() config.Mirrors { panic("drbd.conf is read for nothing") }, ""},
	} {
		got := storageFindings(c.hares, c.mirrors)
		if c.want == "" && len(got) != 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: got %q, want one with %q", c.name, got, c.want)
		}
	}
}
