package install

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packaged is where a package has what make install puts at a path.
func packaged(path string) string {
	for from, to := range map[string]string{"/etc/systemd/system/": "/usr/lib/systemd/system/", "/etc/udev/rules.d/": "/usr/lib/udev/rules.d/"} {
		if rest, ok := strings.CutPrefix(path, from); ok {
			return to + rest
		}
	}
	if strings.HasPrefix(path, "/usr/share/man/") {
		return path + ".gz"
	}
	return path
}

// TestDebInstall: a package has all that make install installs, its configuration is
// known to dpkg as such, and what the originals' packages set up is set up.
func TestDebInstall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.install(pack(t, "heartbeatd", "deb"), pack(t, "drbdd", "deb"))

	files := 0
	err := filepath.WalkDir(made.stage, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		name := packaged(strings.TrimPrefix(path, made.stage))
		if d.Type()&os.ModeSymlink != 0 {
			want, _ := os.Readlink(path)
			if to, err := os.Readlink(s.path(name)); err != nil || to != want {
				t.Errorf("%s leads to %q (%v), want %q", name, to, err, want)
			}
			return nil
		}
		wantMode, err := d.Info()
		if err != nil {
			return err
		}
		mode, err := os.Stat(s.path(name))
		if err != nil {
			t.Error(err)
			return nil
		}
		if mode.Mode() != wantMode.Mode() {
			t.Errorf("%s has mode %v, want %v", name, mode.Mode(), wantMode.Mode())
		}
		want, _ := os.ReadFile(path)
		if got := s.read(name); !strings.HasSuffix(name, ".gz") && len(want) < 1<<20 && got != string(want) {
			t.Errorf("%s is not what make install installs", name)
		}
		return nil
	})
	if err != nil || files < 60 {
		t.Fatalf("%d files compared: %v", files, err)
	}

	conffiles := " " + s.run("dpkg-query", "-W", "-f", "${Conffiles}\n", "heartbeatd", "drbdd")
	for name := range strings.Lines(s.run("dpkg-query", "-L", "heartbeatd", "drbdd")) {
		name = strings.TrimSpace(name)
		if st, err := os.Lstat(s.path(name)); err == nil && st.Mode().IsRegular() && strings.HasPrefix(name, "/etc/") && !strings.Contains(conffiles, " "+name+" ") {
			t.Errorf("dpkg does not know that %s is configuration", name)
		}
	}
	// What an administrator writes, no package has: it could only be in the way.
	s.want(false, "/etc/ha.d/ha.cf", "/etc/ha.d/haresources", "/etc/ha.d/authkeys", "/etc/ha.d/haext.cf", "/etc/drbd.conf", "/etc/drbdd.cf")
	if out := s.run("dpkg", "--verify", "heartbeatd", "drbdd"); out != "" {
		t.Errorf("dpkg --verify: %s", out)
	}
	if passwd := s.read("/etc/passwd"); !strings.Contains(passwd, "\nhacluster:") || !strings.Contains(s.read("/etc/group"), "\nhaclient:") {
		t.Errorf("no user hacluster, or no group haclient:\n%s", passwd)
	}
	// As the originals': heartbeat is started at boot, drbd if the administrator says so.
	s.want(true, "/etc/systemd/system/multi-user.target.wants/heartbeat.service")
	s.want(false, "/etc/systemd/system/multi-user.target.wants/drbd.service", "/etc/systemd/system/multi-user.target.wants/drbdd.service")
	for script, want := range map[string]int{"heartbeat": 1, "drbd": 0} {
		if found, _ := filepath.Glob(s.path("/etc/rc3.d/S*" + script)); len(found) != want {
			t.Errorf("/etc/rc3.d has %q for %s, want %d", found, script, want)
		}
	}
	for command, want := range map[string]string{
		"heartbeat -V": "3.0.6", "cl_status hbstatus": "Heartbeat is stopped", "hb_check": "Configuration in /etc/ha.d", "drbdadm --version": "DRBDADM_",
		"drbdsetup-84 --help": "drbdsetup", "/etc/init.d/heartbeat status": "Heartbeat not configured", "/usr/lib/drbdd/drbdsetup-84 --help": "drbdsetup",
	} {
		out, _ := runIn(s.dir, "", append([]string{"env", "PATH=/usr/sbin:/usr/bin:/usr/libexec/heartbeat"}, strings.Fields(command)...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%s says %q, want %q", command, out, want)
		}
	}
}

// TestDebLife: what an administrator wrote is kept by everything but a purge, and a purge
// leaves what is not configuration or state of ours.
func TestDebLife(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	heartbeatd, drbdd := pack(t, "heartbeatd", "deb"), pack(t, "drbdd", "deb")
	written := map[string]string{ // before anything is installed
		"/etc/ha.d/ha.cf": "node serv-a serv-b\nbcast eth0\n", "/etc/ha.d/haresources": "serv-a 10.0.0.9\n", "/etc/ha.d/authkeys": "auth 1\n1 crc\n",
		"/etc/drbd.conf": "include \"drbd.d/*.res\";\n", "/etc/drbd.d/user.res": "resource user { }\n", "/etc/drbdd.cf": "front-end export\n",
	}
	for name, text := range written {
		s.write(name, text, 0o600)
	}
	// ha.cf is there, so that it would be started; init scripts may be forbidden to.
	s.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	s.install(heartbeatd, drbdd)
	kept := func(when string) {
		t.Helper()
		for name, text := range written {
			if got, err := os.ReadFile(s.path(name)); err != nil || string(got) != text {
				t.Errorf("%s: %s is %q (%v), want %q", when, name, got, err, text)
			}
		}
	}
	kept("installed over it")

	// The administrator changes one file, removes one, and adds one.
	for _, name := range []string{"/etc/ha.d/resource.d/Filesystem", "/etc/default/heartbeat", "/etc/init.d/drbd"} {
		written[name] = s.read(name) + "# ours is different\n"
		s.write(name, written[name], 0o755)
	}
	written["/etc/ha.d/resource.d/Own"] = "#!/bin/sh\n"
	s.write("/etc/ha.d/resource.d/Own", "#!/bin/sh\n", 0o755)
	if err := os.Remove(s.path("/etc/ha.d/rc.d/ip-request")); err != nil {
		t.Fatal(err)
	}
	state := []string{"/var/lib/heartbeat/hb_uuid", "/var/lib/heartbeat/hb_generation", "/var/lib/heartbeat/hb_peers", "/var/lib/drbd/drbd-minor-0.lkbd"}
	for _, name := range append(state, "/var/lib/drbd/disk.img", "/var/lib/heartbeat/cores/root/core") {
		s.write(name, "x", 0o600)
	}
	s.install(heartbeatd, drbdd)
	kept("installed again")

	// The next version has other texts of three files.
	next := nextVersion(t, heartbeatd, "etc/ha.d/resource.d/Filesystem", "etc/ha.d/resource.d/Delay", "etc/default/heartbeat")
	s.copyIn(next)
	out, err := runIn(s.dir, "\n\n\n", "dpkg", "--install", "/root/"+filepath.Base(next)) // Enter: what is proposed
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kept("upgraded")
	if !strings.HasSuffix(s.read("/etc/ha.d/resource.d/Delay"), "# next version\n") {
		t.Error("a file that nobody changed is not that of the next version")
	}
	s.want(true, "/etc/ha.d/resource.d/Filesystem.dpkg-dist")
	s.want(false, "/etc/ha.d/rc.d/ip-request")

	s.run("dpkg", "--remove", "heartbeatd", "drbdd")
	kept("removed")
	s.want(true, append(state, "/etc/init.d/heartbeat", "/etc/ha.d/harc", "/var/lib/drbd/disk.img")...)
	s.want(false, "/usr/libexec/heartbeat/heartbeatd", "/usr/bin/cl_status", "/usr/share/heartbeat/hb_takeover", "/usr/sbin/drbdd", "/usr/sbin/drbdadm",
		"/usr/lib/systemd/system/heartbeat.service", "/usr/share/man/man8/heartbeatd.8.gz")

	// Purged while the originals are there again: theirs are the files, then.
	s.write("/usr/libexec/heartbeat/heartbeat", "theirs", 0o755)
	s.write("/usr/sbin/drbdadm", "theirs", 0o755)
	s.run("dpkg", "--purge", "heartbeatd", "drbdd")
	for _, name := range []string{"/etc/ha.d/resource.d/Filesystem", "/etc/default/heartbeat", "/etc/init.d/drbd"} {
		delete(written, name) // dpkg itself removes those
	}
	kept("purged beside the originals")
	s.want(true, state...)

	s.install(heartbeatd, drbdd)
	s.run("dpkg", "--purge", "heartbeatd", "drbdd")
	for name := range written {
		s.want(name == "/etc/ha.d/resource.d/Own", name)
	}
	s.want(false, append(state, "/etc/ha.d/harc", "/etc/ha.d/rc.d", "/etc/init.d/heartbeat", "/etc/init.d/drbd", "/etc/default/drbdd", "/etc/drbd.d",
		"/etc/systemd/system/multi-user.target.wants/heartbeat.service")...)
	s.want(true, "/var/lib/drbd/disk.img", "/var/lib/heartbeat/cores/root/core")
	if left, _ := filepath.Glob(s.path("/etc/rc?.d/*heartbeat")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if out, _ := runIn(s.dir, "", "dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n", "heartbeatd", "drbdd"); strings.Contains(out, "ii") || strings.Contains(out, "rc") {
		t.Errorf("dpkg still knows them: %s", out)
	}
}

// nextVersion makes the next version of a package, in which some files differ.
func nextVersion(t *testing.T, file string, changed ...string) string {
	t.Helper()
	dir := t.TempDir()
	tree, next := filepath.Join(dir, "tree"), filepath.Join(dir, "next.deb")
	script := `dpkg-deb -R "$1" "$2" && sed -i 's/^Version: .*/Version: 999/' "$2/DEBIAN/control" && out=$3 && cd "$2" && shift 3 &&
		for f; do echo "# next version" >>"$f"; done && dpkg-deb --root-owner-group -b . "$out"`
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", file, tree, next}, changed...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return next
}

// other makes a package that stands for one of Debian's: the same files, as text.
func other(t *testing.T, name string, conffiles, programs []string) string {
	t.Helper()
	dir := t.TempDir()
	put := func(file, text string) {
		t.Helper()
		p := filepath.Join(dir, "tree", file)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put("DEBIAN/control", "Package: "+name+"\nVersion: 1\nArchitecture: all\nMaintainer: nobody <root@localhost>\nDescription: stands for "+name+"\n")
	var list bytes.Buffer
	for _, f := range conffiles {
		list.WriteString(f + "\n")
	}
	put("DEBIAN/conffiles", list.String())
	for _, f := range append(conffiles, programs...) {
		put(f, "of "+name+"\n")
	}
	file := filepath.Join(dir, name+".deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", filepath.Join(dir, "tree"), file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

// TestDebBesideOthers: ours and the originals' exclude each other, before anything is
// unpacked; programs that resource-agents has too come back to it; and purging what was
// there before takes nothing from us.
func TestDebBesideOthers(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	heartbeatd, drbdd := pack(t, "heartbeatd", "deb"), pack(t, "drbdd", "deb")
	s.install(
		other(t, "heartbeat", []string{"/etc/init.d/heartbeat", "/etc/ha.d/harc", "/etc/ha.d/resource.d/IPaddr2"}, []string{"/usr/libexec/heartbeat/heartbeat", "/lib/systemd/system/heartbeat.service"}),
		other(t, "drbd-utils", []string{"/etc/drbd.conf", "/etc/init.d/drbd", "/etc/ha.d/resource.d/drbddisk"}, []string{"/sbin/drbdadm", "/lib/systemd/system/drbd.service"}),
		other(t, "resource-agents", []string{"/etc/ha.d/shellfuncs"}, []string{"/usr/libexec/heartbeat/findif", "/usr/libexec/heartbeat/send_arp"}))

	for name, file := range map[string]string{"heartbeat": heartbeatd, "drbd-utils": drbdd} {
		s.copyIn(file)
		if out, err := runIn(s.dir, "", "dpkg", "--install", "/root/"+filepath.Base(file)); err == nil || !strings.Contains(out, "conflicts with "+name) {
			t.Errorf("dpkg installed %s beside %s (%v):\n%s", filepath.Base(file), name, err, out)
		}
	}
	if s.read("/usr/libexec/heartbeat/heartbeat") != "of heartbeat\n" || s.read("/usr/sbin/drbdadm") != "of drbd-utils\n" {
		t.Error("a refused installation changed something")
	}

	// heartbeatd on top of the DRBD of the kernel, and in the place of heartbeat.
	answers := "\n\n\n\n\n\n\n\n" // keep what is there, where dpkg asks
	s.run("dpkg", "--remove", "heartbeat")
	if out, err := runIn(s.dir, answers, "dpkg", "--install", "--force-confnew", "/root/"+filepath.Base(heartbeatd)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range []string{"findif", "send_arp"} {
		if to, _ := os.Readlink(s.path("/usr/libexec/heartbeat/" + f)); to != "heartbeatd" {
			t.Errorf("%s leads to %q, want heartbeatd", f, to)
		}
	}
	if s.read("/usr/sbin/drbdadm") != "of drbd-utils\n" {
		t.Error("the drbdadm of drbd-utils is gone")
	}
	for _, f := range []string{"/etc/ha.d/resource.d/drbddisk", "/etc/ha.d/shellfuncs", "/etc/ha.d/resource.d/IPaddr2", "/etc/init.d/heartbeat"} {
		if strings.HasPrefix(s.read(f), "of ") {
			t.Errorf("%s is still %q", f, s.read(f))
		}
	}
	s.run("dpkg", "--purge", "heartbeat")
	s.want(true, "/etc/init.d/heartbeat", "/etc/ha.d/harc", "/etc/ha.d/resource.d/IPaddr2", "/usr/lib/systemd/system/heartbeat.service")

	// drbdd in the place of drbd-utils.
	s.run("dpkg", "--remove", "drbd-utils")
	if out, err := runIn(s.dir, answers, "dpkg", "--install", "--force-confnew", "/root/"+filepath.Base(drbdd)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.want(true, "/usr/sbin/drbdadm", "/usr/lib/systemd/system/drbd.service", "/etc/drbd.conf")
	s.run("dpkg", "--remove", "drbdd")
	s.want(true, "/etc/drbd.conf")
	s.run("dpkg", "--purge", "drbdd")
	s.want(true, "/etc/drbd.conf") // drbd-utils may come back for it

	s.run("dpkg", "--remove", "heartbeatd")
	for _, f := range []string{"findif", "send_arp"} {
		if s.read("/usr/libexec/heartbeat/"+f) != "of resource-agents\n" {
			t.Errorf("%s is not that of resource-agents again", f)
		}
	}
	s.want(false, "/usr/libexec/heartbeat/findif.resource-agents")
}
