package rig

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"classicha/tests/lab"
)

// private is a directory that only we and our machines see. What a killed program
// leaves mounted there is in nobody's way.
const private = "/mnt"

// isolatedEnv marks a program that is in its own mount namespace.
const isolatedEnv = "DRBD_RIG_ISOLATED"

// Isolate runs this program again in a mount namespace of its own. It returns
// in the new one, or in the old one without root.
func Isolate() {
	if os.Getenv(isolatedEnv) != "" || os.Geteuid() != 0 {
		os.Unsetenv(isolatedEnv)
		return
	}
	runtime.LockOSThread() // exec keeps the namespaces of the calling thread
	defer runtime.UnlockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = unix.Mount("rig", private, "tmpfs", 0, "mode=700")
	}
	if err == nil {
		err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), isolatedEnv+"=1"))
	}
	fmt.Fprintln(os.Stderr, "rig: no mount namespace:", err)
	os.Exit(1)
}

// Main is TestMain of a package whose tests use rigs. Several may run at a time,
// for mostly they wait.
func Main(m interface{ Run() int }) {
	Isolate()
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "3")
	}
	code := m.Run()
	Cleanup()
	os.Exit(code)
}

// Missing says why no rig can be built here, or is empty. programs are those
// that the caller needs on the machine.
func Missing(programs ...string) string {
	if why := lab.Missing(); why != "" {
		return why
	}
	for _, dev := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(dev); err != nil {
			return dev + " is needed"
		}
	}
	for _, p := range programs {
		if !installed(p) {
			return p + " is needed (package " + pkg(p) + ")"
		}
	}
	return ""
}

func installed(program string) bool {
	for _, dir := range []string{"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"} {
		if st, err := os.Stat(dir + program); err == nil && st.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// pkg is the Debian package of a program.
func pkg(program string) string {
	switch program {
	case "drbdadm":
		return "drbd-utils"
	case "qemu-storage-daemon", "qemu-img", "qemu-nbd", "qemu-io":
		return "qemu-utils"
	case "mkfs.ext3", "mkfs.ext4", "e2fsck", "resize2fs":
		return "e2fsprogs"
	case "losetup", "mount", "fsfreeze", "blkdiscard":
		return "util-linux"
	}
	return program
}
