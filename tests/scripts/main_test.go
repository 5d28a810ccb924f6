// Package scripts runs the resource scripts and the shell files of /etc/ha.d for
// real: as root, in namespaces of their own, with a network cable, a loop device
// and the programs of the distribution.
//
// The test binary starts itself again in new namespaces (network, mounts, host
// name, processes) with an /etc/ha.d of its own made from this source tree. When
// it ends, the kernel takes everything away: processes, addresses, mounts.
//
//	eth0 (10.88.0.1/24, fd88::1/64) ---- cable ---- wire (no address; announcements are heard here)
package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	switch os.Getenv(stageVar) {
	case "tests":
		wd, err := os.Getwd()
		if err != nil {
			panic(err)
		}
		root = filepath.Join(wd, "../..")
		_, err = os.Stat(debian + "/resource.d/IPaddr2")
		hasDebian = err == nil
		os.Exit(m.Run())
	case "init":
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "scripts: preparing the namespaces:", err)
			os.Exit(1)
		}
		os.Exit(initProcess())
	}
	if os.Getuid() != 0 {
		fmt.Println("skipping the tests of resource scripts: they need root (namespaces, loop devices)")
		os.Exit(0)
	}
	cmd := again("init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC}
	if err := cmd.Run(); err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			os.Exit(e.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "scripts:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// stageVar tells the test binary what it is this time.
const stageVar = "SCRIPTS_TEST_STAGE"

func again(stage string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), stageVar+"="+stage)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// initProcess is process 1 of the namespace: it runs the tests and takes in the
// orphans that scripts leave, as init does. Its end is everyone's end.
func initProcess() int {
	cmd := again("tests")
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "scripts:", err)
		return 1
	}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1
		case pid == cmd.Process.Pid:
			return ws.ExitStatus()
		}
	}
}

// places of this test; all vanish with the mount namespace.
const (
	stage  = "/run/stage"         // originals of what is covered up
	debian = stage + "/debian-ha" // /etc/ha.d of the distribution's heartbeat package, if installed
	calls  = "/run/calls"         // what stand-in programs were called with
)

var (
	root      string // of the source tree
	hasDebian bool
)

func prepare() error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	root = filepath.Join(wd, "../..")
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return shell(`set -e
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 scripts /run
mkdir -p ` + stage + ` /run/resource-agents /run/lock /run/heartbeat /run/ha.d /run/bin
[ ! -d /etc/ha.d ] || cp -a /etc/ha.d ` + debian + `
mkdir -p /etc/ha.d
cp -a "$ROOT"/etc/ha.d/. /run/ha.d/
mkdir -p /run/ha.d/resource.d
cp -a "$ROOT"/resource.d/. /run/ha.d/resource.d/
mount --bind /run/ha.d /etc/ha.d
hostname node1
ip link set lo up
ip link add eth0 type veth peer name wire
ip link set eth0 up
ip link set wire up
ip addr add 10.88.0.1/24 brd + dev eth0
ip -6 addr add fd88::1/64 dev eth0 nodad
`)
}

func shell(script string) error {
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "ROOT="+root)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
