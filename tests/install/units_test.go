package install

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

// booted is a system whose systemd runs, in namespaces and a control group of its own.
type booted struct {
	*system
	pid int
	end chan error
}

// bootScript gives systemd what a container manager gives it, and becomes it.
const bootScript = `set -e
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 dev /dev; mkdir /dev/pts /dev/shm
for d in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "fuse 10 229" "loop-control 10 237"; do set -- $d; mknod -m 666 /dev/$1 c $2 $3; done
mknod /dev/sda1 b 7 $LOOP
mount -t devpts -o newinstance,ptmxmode=666 pts /dev/pts; ln -s pts/ptmx /dev/ptmx
mount -t tmpfs run /run; mount -t tmpfs tmp /tmp; hostname serv-a
ip link set lo up; ip link add eth0 type veth peer name nobody; ip addr add 192.168.77.1/24 brd + dev eth0; ip link set eth0 up; ip link set nobody up
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console systemd.unit=multi-user.target`

// boot starts systemd on a system whose disk is a loop device.
func (s *system) boot(loop int) *booted {
	s.t.Helper()
	group := ""
	mounts, _ := os.ReadFile("/proc/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[2] == "cgroup2" {
			group = filepath.Join(f[1], filepath.Base(filepath.Dir(s.dir)))
		}
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		s.t.Skipf("no control group (version 2) for a systemd: %v", err)
	}
	fd, err := unix.Open(group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer unix.Close(fd)
	console, err := os.Create(filepath.Join(filepath.Dir(s.dir), "console"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", bootScript)
	cmd.Dir, cmd.Env = "/", append(environment, fmt.Sprint("LOOP=", loop))
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: s.dir, Setsid: true, UseCgroupFD: true, CgroupFD: fd, Unshareflags: unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if err := cmd.Start(); err != nil {
		s.t.Skipf("a systemd cannot be booted here: %v", err)
	}
	b := &booted{s, cmd.Process.Pid, make(chan error, 1)}
	go func() { b.end <- cmd.Wait() }()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with it all that is in its process namespace
		if b.end != nil {
			<-b.end
		}
		console.Close()
		if text, _ := os.ReadFile(console.Name()); s.t.Failed() {
			s.t.Logf("console:\n%s", text)
		}
		for range 50 { // those that were killed take a moment
			for _, depth := range []string{"*/*/*", "*/*", "*", ""} {
				dirs, _ := filepath.Glob(filepath.Join(group, depth))
				for _, d := range dirs {
					_ = unix.Rmdir(d)
				}
			}
			if _, err := os.Stat(group); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		s.t.Errorf("%s cannot be removed", group)
	})
	return b
}

// try runs a command on the machine.
func (b *booted) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(b.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"}, args...)...)
	cmd.Env = environment
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

func (b *booted) must(args ...string) string {
	b.t.Helper()
	out, err := b.try(args...)
	if err != nil {
		journal, _ := b.try("journalctl", "--no-pager", "-n", "60")
		b.t.Fatalf("%v: %v\n%s\njournal:\n%s", args, err, out, journal)
	}
	return out
}

// await waits until a command prints a text.
func (b *booted) await(text string, args ...string) {
	b.t.Helper()
	out := ""
	if err := lab.Wait(60*time.Second, fmt.Sprintf("%q in what %v prints", text, args), func() bool {
		out, _ = b.try(args...)
		return strings.Contains(out, text)
	}); err != nil {
		journal, _ := b.try("journalctl", "--no-pager", "-n", "60")
		b.t.Fatalf("%v, which is:\n%s\njournal:\n%s", err, out, journal)
	}
}

// TestUnits: the packages on a machine that systemd boots. The units start in their order, a
// restart of drbdd and its death leave a mounted file system alone, and when the machine is
// powered off the services end before what they stand on.
// It boots a systemd, which not every machine lets one do: make units.
func TestUnits(t *testing.T) {
	if os.Getenv("INSTALL_SYSTEMD") == "" {
		t.Skip("INSTALL_SYSTEMD=1 lets it boot a systemd of its own")
	}
	for _, p := range []string{"nsenter", "mkfs.ext4", "/lib/systemd/systemd"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(err)
		}
	}
	for _, p := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(p); err != nil {
			t.Skip(err)
		}
	}
	t.Parallel()
	needRoot(t)
	dir, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	s := &system{t, filepath.Join(dir, "root")}
	if err := makeBase(s.dir, "systemd", "systemd-sysv", "e2fsprogs"); err != nil {
		t.Skipf("no system with systemd: %v", err)
	}
	s.install(pack(t, "heartbeatd", "deb"), pack(t, "drbdd", "deb"))
	for file, text := range map[string]string{
		"/etc/ha.d/ha.cf":       "logfile /var/log/ha-log\nlogfacility local0\nkeepalive 200ms\ndeadtime 2\ninitdead 3\nbcast eth0\nnode serv-a serv-b\nauto_failback on\n",
		"/etc/ha.d/haresources": "serv-a drbddisk::user Filesystem::/dev/drbd0::/srv::ext4\n", "/etc/ha.d/authkeys": articleAuthkeys,
		"/etc/drbd.conf": strings.Replace(articleDrbdConf, "wfc-timeout 30; degr-wfc-timeout 30;", "wfc-timeout 2; degr-wfc-timeout 2;", 1),
		"/etc/drbdd.cf":  "logfile /var/log/drbdd.log\n", "/etc/hostname": "serv-a\n", "/etc/machine-id": "", "/srv/.": "",
		"/etc/default/heartbeat": "HA_EMERGENCY=log\n",
	} {
		if strings.HasSuffix(file, "/.") {
			if err := os.MkdirAll(s.path(file), 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		s.write(file, text, 0o600)
	}
	for _, unit := range []string{"drbdd", "drbd", "heartbeat"} {
		s.run("systemctl", "enable", unit)
	}
	disk, err := rig.NewFileDisk(filepath.Join(dir, "disk"), 4*diskSize)
	if err != nil {
		t.Fatal(err)
	}
	loop, err := disk.Plug()
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	t.Cleanup(func() { _ = disk.Unplug(false) })
	b := s.boot(loop)

	b.await("active", "systemctl", "is-active", "drbdd")
	b.must("drbdadm", "--", "--force", "create-md", "user")
	b.must("systemctl", "restart", "drbd")
	b.must("drbdadm", "primary", "--force", "user")
	b.must("mkfs.ext4", "-q", "/dev/drbd0")
	b.must("drbdadm", "secondary", "user")
	b.must("systemctl", "restart", "heartbeat")
	b.await("/dev/drbd0", "findmnt", "-n", "-o", "SOURCE", "/srv")
	if journal := b.must("journalctl", "--no-pager", "-u", "heartbeat"); strings.Count(journal, "Configuration validated") > 2 {
		t.Errorf("lines of the start are in the journal twice:\n%s", journal)
	}

	b.must("sh", "-c", "(for i in $(seq 150); do echo $i >>/srv/log && sync /srv/log; sleep 0.02; done; touch /srv/all) </dev/null >/tmp/err 2>&1 &")
	b.await("20", "tail", "-1", "/srv/log")
	b.must("systemctl", "restart", "drbdd")
	b.await("Primary", "drbdadm", "role", "user")
	b.must("systemctl", "kill", "-s", "KILL", "--kill-who=main", "drbdd")
	b.await("Primary", "drbdadm", "role", "user")
	b.await("all is written", "sh", "-c", "test -e /srv/all && echo all is written")
	if log := b.must("cat", "/srv/log"); strings.Count(log, "\n") != 149 || !strings.HasSuffix(log, "150") {
		out := b.must("cat", "/tmp/err")
		t.Errorf("the application wrote %d lines of 150\n%s", strings.Count(log, "\n")+1, out)
	}
	log := b.must("cat", "/var/log/drbdd.log")
	if n := strings.Count(log, "role( Primary -> Secondary )"); n != 2 || strings.Contains(log, "ends as Primary") {
		t.Errorf("the restart was no handing over:\n%s", log)
	}

	_, _ = b.try("systemctl", "poweroff") // it may be gone before it answers
	select {
	case <-b.end:
		b.end = nil
	case <-time.After(60 * time.Second):
		t.Fatal("the machine does not power off")
	}
	ha := s.read("/var/log/ha-log")
	last := -1
	for _, line := range []string{"Filesystem /dev/drbd0 /srv ext4 stop", "drbddisk user stop", "Heartbeat shutdown complete"} {
		at := strings.LastIndex(ha, line)
		if at <= last {
			t.Errorf("%q does not follow what is before it:\n%s", line, ha)
		}
		last = at
	}
	if log := s.read("/var/log/drbdd.log"); strings.Count(log, "role( Primary -> Secondary )") != 3 || strings.Contains(log, "ends as Primary") {
		t.Errorf("drbdd ended before heartbeat had released its resource:\n%s", log)
	}
}
