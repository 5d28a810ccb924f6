package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstallDrbdd: make install-drbdd puts the program and its names where drbdadm(8)
// says, keeps what drbd-utils had there, and leaves the configuration alone.
func TestInstallDrbdd(t *testing.T) {
	src, to := copySources(t), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(src+"/bin/drbdd", "#!/bin/sh\necho \"${0##*/}\"\n") // GO=: builds nothing
	write(to+"/usr/sbin/drbdadm", "theirs\n")
	write(to+"/etc/init.d/drbd", "theirs\n")
	write(to+"/etc/drbd.conf", "mine\n")
	for range 2 {
		out, err := exec.Command("make", "-s", "-C", src, "GO=:", "install-drbdd", "DESTDIR="+to).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for name, want := range map[string]string{
		"usr/sbin/drbdadm.before": "theirs\n", "etc/init.d/drbd.before": "theirs\n", "etc/drbd.conf": "mine\n",
	} {
		if b, err := os.ReadFile(filepath.Join(to, name)); string(b) != want {
			t.Errorf("%s: %q %v, want %q", name, b, err, want)
		}
	}
	for _, name := range []string{"sbin/drbdd", "sbin/drbdadm", "sbin/drbdsetup", "sbin/drbdsetup-84", "sbin/drbdsetup-83", "sbin/drbdmeta", "sbin/drbd-overview",
		"lib/drbdd/drbdsetup", "lib/drbdd/drbdsetup-84"} {
		out, err := exec.Command(filepath.Join(to, "usr", name)).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != filepath.Base(name) {
			t.Errorf("%s: called as %q, %v", name, got, err)
		}
	}
	// The drbdadm of drbd-utils must not find ours in this directory.
	if found, _ := filepath.Glob(to + "/usr/lib/drbdd/*"); len(found) != 2 {
		t.Errorf("usr/lib/drbdd has %q", found)
	}
	for _, name := range []string{"etc/systemd/system/drbdd.service", "etc/systemd/system/drbd.service", "etc/udev/rules.d/65-drbdd.rules",
		"usr/share/doc/drbdd/drbdd.cf", "usr/share/man/man8/drbdadm.8", "usr/share/man/man5/drbd.conf.5", "var/lib/drbd"} {
		if _, err := os.Stat(filepath.Join(to, name)); err != nil {
			t.Error(err)
		}
	}
}
