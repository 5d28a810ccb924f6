package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// disk makes a block device with a file system; it is detached at the end.
func disk(t *testing.T, label string) string {
	t.Helper()
	needs(t, "losetup", "mkfs.ext4")
	img := t.TempDir() + "/disk.img"
	command(t, "truncate", "-s", "16M", img)
	command(t, "mkfs.ext4", "-q", "-L", label, img)
	out, err := exec.Command("losetup", "-f", "--show", img).CombinedOutput()
	if err != nil {
		t.Skipf("no loop devices here: %s", out)
	}
	dev := strings.TrimSpace(string(out))
	// Detached while it is open, it goes by itself at the last close, even if the
	// test is killed: loop devices know no namespaces.
	hold, err := os.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	command(t, "losetup", "-d", dev)
	t.Cleanup(func() {
		exec.Command("umount", "-A", dev).Run()
		hold.Close()
	})
	return dev
}

func mounted(dir string) func() bool {
	return func() bool { return strings.Contains(read("/proc/self/mounts"), " "+dir+" ") }
}

func TestFilesystem(t *testing.T) {
	dev := disk(t, "hatest")
	dir := t.TempDir() + "/made/by/start"
	cycle(t, mounted(dir), "Filesystem", dev, dir, "ext4")
	cycle(t, mounted(dir), "Filesystem", dev, dir+"///", "ext4", "noatime,nodev")
	cycle(t, mounted(dir), "Filesystem", dev, dir)
	run(t, "Filesystem", dev, dir, "ext4", "ro,noatime", "start").ok(t)
	if m := read("/proc/self/mounts"); !strings.Contains(m, dir+" ext4 ro,noatime") {
		t.Errorf("mounts:\n%s", m)
	}
	run(t, "Filesystem", dev, dir, "ext4", "stop").ok(t)
}

// fsck runs for what has no journal, and its verdict counts; journals are the
// business of mount.
func TestFilesystemFsckPolicy(t *testing.T) {
	dev := disk(t, "x")
	dir := t.TempDir() + "/m"
	tool(t, "fsck", "exit $(cat /run/fsck.exit)")
	tool(t, "mount", "exit 1")
	t.Cleanup(func() { os.Remove("/run/fsck.exit") })
	put(t, "/run/fsck.exit", "0")
	for _, c := range []struct {
		fstype string
		checks bool
	}{
		{"", false}, {"ext2", true}, {"ext3", false}, {"ext4", false}, {"xfs", false}, {"btrfs", false}, {"jfs", false}, {"reiserfs", false}, {"minix", true},
	} {
		called()
		args := []string{dev, dir}
		if c.fstype != "" {
			args = append(args, c.fstype)
		}
		run(t, "Filesystem", append(args, "start")...).fails(t, "Couldn't mount device")
		if ran := strings.Contains(called(), "fsck -t "+c.fstype+" -p "+dev+"\n"); ran != c.checks {
			t.Errorf("%q: fsck ran %v, want %v", c.fstype, ran, c.checks)
		}
	}
	for exit, goesOn := range map[string]bool{"1": true, "2": true, "4": false, "8": false} {
		put(t, "/run/fsck.exit", exit)
		want := "Couldn't successfully fsck filesystem for " + dev
		if goesOn {
			want = "Couldn't mount device"
		}
		run(t, "Filesystem", dev, dir, "ext2", "start").fails(t, want)
	}
	// What is no block device is not checked.
	called()
	run(t, "Filesystem", "server:/x", dir, "nfs", "start").fails(t, "Couldn't mount")
	if s := called(); strings.Contains(s, "fsck") {
		t.Errorf("called %s", s)
	}
}

// The sentences that say what to do when a disk cannot be had at take-over.
func TestFilesystemSaysWhatToDo(t *testing.T) {
	dev, other := disk(t, "x"), disk(t, "y")
	dir := t.TempDir()
	os.Remove("/run/ha-log")
	run(t, "Filesystem", dev, dir+"/made", "ext4", "start").ok(t)
	eventually(t, "a word about the mount point that was made", func() bool {
		return strings.Contains(read("/run/ha-log"), "WARN: the mount point "+dir+"/made did not exist and was made: is it spelled as was meant in haresources?")
	})
	run(t, "Filesystem", other, dir+"/made", "ext4", "start").fails(t, ": unmount it, or give one of them another mount point in haresources")
	run(t, "Filesystem", dev, dir+"/made", "ext4", "stop").ok(t)
	put(t, dir+"/file", "")
	run(t, "Filesystem", dev, dir+"/file/m", "ext4", "start").fails(t, "to use as a mount point: make it with mkdir -p "+dir+"/file/m, on all nodes")
	run(t, "Filesystem", dev, dir+"/m", "xfs", "start").fails(t, "Couldn't mount device ["+dev+"] as "+dir+"/m: mount: ")

	// Another resource has the device: a second mount would succeed.
	os.Remove("/run/ha-log")
	command(t, "mount", dev, dir+"/m")
	run(t, "Filesystem", dev, dir+"/second", "ext4", "start").ok(t)
	eventually(t, "a word about the device of two resources", func() bool {
		return strings.Contains(read("/run/ha-log"), "WARN: "+dev+" is mounted on "+dir+"/m too: if two resources of haresources have this device, give each its own")
	})
	run(t, "Filesystem", dev, dir+"/second", "ext4", "stop").ok(t)
	// It is the disk below a DRBD resource: the mount would succeed where that is not up.
	if _, err := os.Stat("/etc/drbd.conf"); err == nil {
		put(t, "/run/drbd.conf", "disk "+dev+";\n")
		command(t, "mount", "--bind", "/run/drbd.conf", "/etc/drbd.conf")
		tool(t, "drbdadm", "case $* in sh-resources) echo r1 r0;; 'sh-ll-dev r0') echo "+dev+";; 'sh-dev r0') echo /dev/drbd7;; esac")
		run(t, "Filesystem", dev, dir+"/m", "ext4", "start").fails(t, dev+" is the disk below the DRBD resource r0: what is written there is not mirrored, and breaks the mirror. Write /dev/drbd7 in its place in haresources")
		command(t, "umount", "/etc/drbd.conf")
	}

	// Somebody has the device: mounted elsewhere, swap.
	command(t, "mount", dev, dir+"/m")
	tool(t, "mount", "echo 'mount: it is busy' >&2; exit 32")
	run(t, "Filesystem", dev, dir+"/other", "ext4", "start").fails(t, ": it is mounted on "+dir+"/m, unmount it there")
	command(t, "umount", dir+"/m")

	// A device of DRBD that is not Primary, not up, or of a DRBD that is not there.
	t.Cleanup(func() { command(t, "sh", "-c", "rm -rf /run/drbd") })
	const minor, link = "199", "/dev/drbd199"
	if _, err := os.Lstat(link); err == nil {
		t.Skipf("%s exists", link)
	}
	for _, c := range []struct{ proc, want string }{
		{"", "[" + link + "]. Expected /dev/??? to exist: DRBD does not run on this machine, start it with /etc/init.d/drbd start"},
		{"version: 8.4.11\n", ": no DRBD resource with this device is up here, see drbdadm status and drbd.conf"},
		{" " + minor + ": cs:Connected ro:Secondary/Primary ds:UpToDate/UpToDate C\n",
			": " + link + " is Secondary here, and only a Primary can be mounted. Put drbddisk::RESOURCE in front of Filesystem in haresources"},
	} {
		command(t, "sh", "-c", "rm -rf /run/drbd; mkdir /run/drbd")
		if c.proc != "" {
			put(t, "/run/drbd/proc", c.proc)
		}
		if _, err := os.Stat("/proc/drbd"); err == nil && c.proc == "" {
			continue
		}
		run(t, "Filesystem", link, dir+"/m", "ext4", "start").fails(t, c.want)
	}
	// The same where the device node exists.
	command(t, "mknod", link, "b", "7", strings.TrimPrefix(dev, "/dev/loop"))
	defer os.Remove(link)
	run(t, "Filesystem", link, dir+"/m", "ext4", "start").fails(t, "Couldn't mount device ["+link+"] as "+dir+"/m: "+link+" is Secondary here")
	put(t, "/run/drbd/proc", " "+minor+": cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C\n")
	run(t, "Filesystem", link, dir+"/m", "ext4", "start").fails(t, "Couldn't mount device ["+link+"] as "+dir+"/m: mount: it is busy")
}

func TestFilesystemByLabel(t *testing.T) {
	dev := disk(t, "hatestlabel")
	if out, err := exec.Command("blkid", "-L", "hatestlabel").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != dev {
		t.Skipf("labels cannot be looked up here: %s %v", out, err)
	}
	dir := t.TempDir() + "/m"
	for _, d := range []string{"-Lhatestlabel", "LABEL=hatestlabel"} {
		cycle(t, mounted(dir), "Filesystem", d, dir, "ext4")
	}
}

func TestFilesystemOfMemoryAndBindMounts(t *testing.T) {
	dir := t.TempDir()
	cycle(t, mounted(dir+"/t"), "Filesystem", "none", dir+"/t", "tmpfs", "size=1m")
	cycle(t, mounted(dir+"/b"), "Filesystem", "/etc/ha.d", dir+"/b", "none", "bind")
	if _, err := os.Stat("/etc/ha.d/harc"); err != nil {
		t.Error("the original of the bind mount is gone")
	}
}

// A mount point behind a symbolic link: the kernel lists the real path.
func TestFilesystemSymbolicLink(t *testing.T) {
	dev := disk(t, "x")
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/real", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	cycle(t, mounted(dir+"/real"), "Filesystem", dev, dir+"/link", "ext4")
}

func TestFilesystemFailures(t *testing.T) {
	dev, other := disk(t, "x"), disk(t, "y")
	dir := t.TempDir()
	// The slip of the article's haresources: a mount point without its slash.
	run(t, "Filesystem", "/dev/drbd0", "user", "ext3", "start").fails(t,
		`the mount point "user" does not begin with a slash: write the whole path in haresources, for example Filesystem::/dev/drbd0::/user::ext3`)
	status(t, false, "Filesystem", "/dev/drbd0", "user", "ext3")
	run(t, "Filesystem", "/dev/drbd0", "user", "ext3", "stop").ok(t)

	run(t, "Filesystem", "/dev/nosuch", dir+"/m", "ext4", "start").fails(t, "Couldn't find device [/dev/nosuch]. Expected /dev/??? to exist")
	run(t, "Filesystem", dev, dir+"/m", "xfs", "start").fails(t, "Couldn't mount device ["+dev+"] as "+dir+"/m")
	run(t, "Filesystem", dev, "/", "ext4", "start").fails(t, "the mount point / is the system's own")
	run(t, "Filesystem", dev).fails(t, "usage: ")
	if err := os.WriteFile(dir+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "Filesystem", dev, dir+"/file", "ext4", "start").fails(t, "Couldn't find directory")

	run(t, "Filesystem", dev, dir+"/m", "ext4", "start").ok(t)
	run(t, "Filesystem", other, dir+"/m", "ext4", "start").fails(t, dev+" is mounted on "+dir+"/m already, not "+other)
	command(t, "mkdir", dir+"/m/below")
	run(t, "Filesystem", other, dir+"/m/below", "ext4", "start").ok(t)
	run(t, "Filesystem", dev, dir+"/m", "ext4", "stop").ok(t) // mounts below it go first
	if mounted(dir+"/m")() || mounted(dir+"/m/below")() {
		t.Errorf("still mounted:\n%s", read("/proc/self/mounts"))
	}
	run(t, "Filesystem", other, dir+"/m2/below", "ext4", "start").ok(t)
	run(t, "Filesystem", dev, dir+"/m2", "ext4", "start").fails(t, "There is one or more mounts mounted under "+dir+"/m2.")
	run(t, "Filesystem", other, dir+"/m2/below", "ext4", "stop").ok(t)
}

// Stop ends what keeps the file system busy: politely first, then not.
func TestFilesystemBusy(t *testing.T) {
	for _, with := range []string{"fuser", "find"} {
		t.Run(with, func(t *testing.T) {
			dev := disk(t, "x")
			dir := t.TempDir() + "/m"
			if with == "fuser" {
				needs(t, "fuser")
			} else {
				coverProgram(t, "fuser", "/dev/null")
			}
			run(t, "Filesystem", dev, dir, "ext4", "start").ok(t)
			polite := exec.Command("sleep", "300")
			polite.Dir = dir
			stubborn := exec.Command("sh", "-c", `trap "" TERM; exec 3>"$0/open"; while :; do sleep 0.1; done`, dir)
			for _, c := range []*exec.Cmd{polite, stubborn} {
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				defer c.Process.Kill()
			}
			os.Remove("/run/ha-log")
			eventually(t, "the file to be open", func() bool { _, err := os.Stat(dir + "/open"); return err == nil })
			r := runEnv(t, []string{"HA_FS_ROUNDS=1"}, "Filesystem", dev, dir, "ext4", "stop").ok(t)
			if mounted(dir)() {
				t.Fatalf("still mounted\n%s%s", r.out, r.err)
			}
			for _, want := range []string{"sending signal TERM to:", "sending signal KILL to:", fmt.Sprintf(" sleep[%d]", polite.Process.Pid), fmt.Sprintf(" sh[%d]", stubborn.Process.Pid)} {
				eventually(t, "the log to name who was ended ("+want+")", func() bool { return strings.Contains(read("/run/ha-log"), want) })
			}
			if r.took > 6*time.Second {
				t.Errorf("stop took %s", r.took)
			}
			if err := polite.Wait(); err == nil || err.Error() != "signal: terminated" {
				t.Errorf("the process that stood there ended with %v, want TERM", err)
			}
			if err := stubborn.Wait(); err == nil || err.Error() != "signal: killed" {
				t.Errorf("the process that ignores TERM ended with %v, want KILL", err)
			}
		})
	}
}

// What cannot be unmounted is a failure, and the mount stays: never lazily.
func TestFilesystemThatCannotBeUnmounted(t *testing.T) {
	dev := disk(t, "x")
	dir := t.TempDir() + "/m"
	run(t, "Filesystem", dev, dir, "ext4", "start").ok(t)
	// The kernel itself holds it: a loop device on a file inside.
	command(t, "truncate", "-s", "1M", dir+"/inner")
	inner := strings.TrimSpace(command(t, "losetup", "-f", "--show", dir+"/inner"))
	runEnv(t, []string{"HA_FS_ROUNDS=1"}, "Filesystem", dev, dir, "ext4", "stop").fails(t, "Couldn't unmount "+dir+", giving up!")
	status(t, true, "Filesystem", dev, dir, "ext4")
	command(t, "losetup", "-d", inner)
	run(t, "Filesystem", dev, dir, "ext4", "stop").ok(t)
}
