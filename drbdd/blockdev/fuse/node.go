package fuse

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// makeNode makes a block device node for loop device n, with the owner and mode of the loop
// device's own node. What is there already is replaced if it is a block device.
func makeNode(path string, n int) error {
	if st, err := os.Lstat(path); err == nil && st.Mode()&(os.ModeDevice|os.ModeCharDevice) != os.ModeDevice && st.Mode().Type() != os.ModeSymlink {
		return fmt.Errorf("%s is in the way and is not a block device", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode, gid := uint32(0o660), 0
	var st unix.Stat_t
	if unix.Stat(fmt.Sprintf("/dev/loop%d", n), &st) == nil {
		mode, gid = st.Mode&0o777, int(st.Gid)
	}
	tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
	os.Remove(tmp)
	if err := unix.Mknod(tmp, unix.S_IFBLK|mode, int(unix.Mkdev(loopMajor, uint32(n)))); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	err := os.Chmod(tmp, os.FileMode(mode)) // mknod obeys the umask
	if err == nil {
		err = os.Chown(tmp, 0, gid)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// removeNode removes the node if it still is that of loop device n.
func removeNode(path string, n int) {
	if isNode(path, n) {
		os.Remove(path)
	}
}

func isNode(path string, n int) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == unix.Mkdev(loopMajor, uint32(n))
}
