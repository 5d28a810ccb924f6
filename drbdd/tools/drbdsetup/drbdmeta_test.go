package drbdsetup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
)

// TestMain lets the test program be drbdsetup for programs that execute it.
func TestMain(m *testing.M) {
	if os.Getenv("DRBDSETUP_IS_TEST") != "" {
		os.Exit(Main(os.Args[0], os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// drbd-cli 2.3: the real drbdmeta asks drbdsetup whether a device is in use before
// it touches the disk.
func TestRealDrbdmeta(t *testing.T) {
	drbdmeta, err := exec.LookPath("drbdmeta")
	if err != nil {
		t.Skip("drbd-utils is not installed")
	}
	const minor = "4711"
	lock := "/var/lock/drbd-147-" + minor
	if _, err := os.Stat(lock); os.IsNotExist(err) {
		t.Cleanup(func() { os.Remove(lock) })
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "drbdsetup")); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(dir, "disk")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	configured := connected(func(r *control.Resource) { r.View.Volumes[0].Minor = 4711 })
	d := startDaemon(t, nil)
	run := func(args ...string) (string, int) {
		cmd := exec.Command(drbdmeta, append([]string{"--force", minor, "v08", disk, "internal"}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "DRBDSETUP_IS_TEST=1", "DRBD_DONT_WARN_ON_VERSION_MISMATCH=1")
		timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer timer.Stop()
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	d.set(always(unknownMinor))
	if out, exit := run("create-md"); exit != 0 || len(d.seen()) == 0 {
		t.Fatalf("of a device that is not there: %d, %d questions\n%s", exit, len(d.seen()), out)
	}
	for range 3 {
		d.set(always(ofState(configured)))
		if out, exit := run("outdate"); exit != 20 || !strings.Contains(out, "Device '"+minor+"' is configured!") || brief(d.seen()[0]) != "dstate m"+minor {
			t.Fatalf("of a device in use: %d %v\n%s", exit, d.seen(), out)
		}
	}
	unused := unconfigured
	unused.View.Volumes = append(unused.View.Volumes[:0:0], unused.View.Volumes...)
	unused.View.Volumes[0].Minor = 4711
	d.set(always(ofState(unused)))
	if out, exit := run("get-gi"); exit != 0 {
		t.Errorf("of an unconfigured device: %d\n%s", exit, out)
	}
	t.Setenv("DRBDD_SOCKET", filepath.Join(dir, "none"))
	if out, exit := run("get-gi"); exit != 0 {
		t.Errorf("without a daemon: %d\n%s", exit, out)
	}
}
