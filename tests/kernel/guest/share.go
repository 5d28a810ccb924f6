package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// share makes a copy of the harness's file system the root: what is written is kept in
// memory, and nothing reaches the original.
func share(tag string) error {
	type mount struct{ what, at, kind, data string }
	for _, m := range []mount{
		{tag, "/lower", "virtiofs", ""},
		{"upper", "/upper", "tmpfs", ""},
		{"root", "/root", "overlay", "lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work"},
		{"proc", "/root/proc", "proc", ""},
		{"sys", "/root/sys", "sysfs", ""},
		{"dev", "/root/dev", "devtmpfs", ""},
		{"pts", "/root/dev/pts", "devpts", "ptmxmode=666"},
		{"shm", "/root/dev/shm", "tmpfs", "mode=1777"},
		{"run", "/root/run", "tmpfs", "mode=755"},
	} {
		for _, d := range []string{m.at, "/upper/files", "/upper/work"} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		var flags uintptr
		if m.kind == "virtiofs" {
			flags = unix.MS_RDONLY
		}
		if err := unix.Mount(m.what, m.at, m.kind, flags, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.at, err)
		}
	}
	if err := os.Chdir("/root"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return os.Chdir("/")
}
