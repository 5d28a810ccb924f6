package e2e

import (
	"crypto/sha256"
	"io"

	"classicha/tests/drbd/rig"
)

// crashDisks makes disks in memory that a power cut robs and that can be bad.
func crashDisks(size int64) func(int, string) (map[string]rig.Disk, error) {
	return func(machine int, _ string) (map[string]rig.Disk, error) {
		d, err := rig.NewCrashDisk("sda1", size, uint64(machine))
		return map[string]rig.Disk{"sda1": d}, err
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
