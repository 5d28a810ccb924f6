package e2e

import (
	"crypto/sha256"
	"io"
	"os"
	"strings"
	"testing"

	"classicha/tests/drbd/rig"
)

// crashDisks makes disks in memory that a power cut robs and that can be bad.
func crashDisks(size int64) func(int, string) (map[string]rig.Disk, error) {
	return func(machine int, _ string) (map[string]rig.Disk, error) {
		d, err := rig.NewCrashDisk("sda1", size, uint64(machine))
		return map[string]rig.Disk{"sda1": d}, err
	}
}

// initScript are the files of a machine that starts drbdd by /etc/init.d/drbd, with settings of
// drbdd.cf.
func initScript(t *testing.T, settings ...string) map[string]string {
	t.Helper()
	repo, err := rig.Repo()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(repo + "/etc/init.d/drbd")
	if err != nil {
		t.Fatal(err)
	}
	sbin, err := rig.Programs(rig.Ours)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"/etc/init.d/drbd":  string(script),
		"/etc/default/drbd": "PATH=" + sbin + ":$PATH\n",
		"/etc/drbdd.cf":     strings.Join(append([]string{"logfile /var/log/drbd.log"}, settings...), "\n") + "\n",
	}
}

// content is a checksum of a machine's disk, as far as the device goes.
func content(r *rig.Rig, n *rig.Node) [32]byte {
	r.Helper()
	p := make([]byte, n.DeviceSize(0))
	if _, err := n.Disks["sda1"].ReadAt(p, 0); err != nil && err != io.EOF {
		r.Fatalf("%v", err)
	}
	return sha256.Sum256(p)
}
