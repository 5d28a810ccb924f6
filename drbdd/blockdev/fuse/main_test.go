package fuse

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// base is where the devices of the tests are; TestMain names it for the process that runs them.
var base = os.Getenv("FUSE_TEST_BASE")

// TestMain runs the tests in a child, so that whatever happens there (a panic, a timeout)
// somebody is left to end its processes and to remove its mounts and loop devices.
func TestMain(m *testing.M) {
	if helper := os.Getenv("FUSE_TEST_HELPER"); helper != "" {
		os.Exit(helpers[helper](os.Args[1:]))
	}
	if base != "" {
		goleak.VerifyTestMain(m)
	}
	dir, err := os.MkdirTemp("", "drbdfuse")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "FUSE_TEST_BASE="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	code := 1
	if err = cmd.Start(); err == nil {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
		over := make(chan error, 1)
		go func() { over <- cmd.Wait() }()
		select {
		case err = <-over:
		case s := <-stop: // its threads may hang in requests that only the end of the mounts ends
			err = fmt.Errorf("ended by %v", s)
			syscall.Kill(-cmd.Process.Pid, syscall.SIGQUIT)
			time.Sleep(time.Second)
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if err == nil {
			code = 0
		}
	}
	if err != nil {
		fmt.Println("tests:", err)
	}
	killAll(dir)
	if left := sweep(dir); left != "" {
		fmt.Println("left behind, and removed:\n" + left)
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// killAll ends the helpers that a broken test left: whoever has this directory in its
// environment, and nobody else.
func killAll(dir string) {
	procs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range procs {
		b, _ := os.ReadFile(p)
		pid, err := strconv.Atoi(strings.Split(p, "/")[2])
		if err == nil && pid != os.Getpid() && slices.Contains(strings.Split(string(b), "\x00"), "FUSE_TEST_BASE="+dir) {
			fmt.Println("left behind, and killed: process", pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// sweep removes mounts and loop devices below dir and says what there was.
func sweep(dir string) (left string) {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir) && !strings.Contains(line, "fuse.drbdd") {
			left += "mount on " + f[4] + "\n"
			syscall.Unmount(unescape(f[4]), 2)
		}
	}
	files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	seen := map[string]bool{}
	for _, f := range files {
		name, _ := os.ReadFile(f)
		if path := strings.TrimSuffix(strings.TrimSpace(string(name)), " (deleted)"); strings.HasPrefix(path, dir) {
			left += "loop device on " + path + "\n"
			seen[path] = true
		}
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir) && strings.Contains(line, "fuse.drbdd") {
			left += "mount on " + f[4] + "\n"
			seen[unescape(f[4])] = true
		}
	}
	for path := range seen {
		syscall.Unmount(path, syscall.MNT_FORCE) // ends the connection, the mount stays while it is busy
		if err := Clean(path, path+".node"); err != nil {
			left += err.Error() + "\n"
		}
	}
	return left
}

// helpers are processes of tests, by name: this program again with FUSE_TEST_HELPER set.
var helpers = map[string]func(args []string) int{}

// needDevices skips where the kernel or the rights for real devices are missing.
func needDevices(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts and loop devices")
	}
	for _, name := range []string{"/dev/fuse", "/dev/loop-control"} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Skipf("needs %s: %v", name, err)
		}
		f.Close()
	}
}
