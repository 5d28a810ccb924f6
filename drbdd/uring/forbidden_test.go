package uring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestForbidden: where a filter of system calls forbids io_uring, as containers have
// it, Start says so.
func TestForbidden(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), "URING_FORBIDDEN=1")
	out, err := cmd.CombinedOutput()
	if strings.HasPrefix(string(out), "skip") {
		t.Skip(string(out))
	}
	if err != nil || !strings.Contains(string(out), "EPERM") {
		t.Errorf("%v: %s", err, out)
	}
}

// forbidden is the program that the test runs: it takes io_uring_setup away from itself.
func forbidden() int {
	load := func(off uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}
	}
	ret := func(v uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v} }
	filter := []unix.SockFilter{
		load(0), // number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: unix.SYS_IO_URING_SETUP},
		ret(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)),
		ret(unix.SECCOMP_RET_ALLOW),
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fmt.Println("skip:", err)
		return 0
	}
	_, _, no := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if no != 0 {
		fmt.Println("skip:", no)
		return 0
	}
	_, err := Start(Options{})
	if errors.Is(err, unix.EPERM) {
		fmt.Println("EPERM:", err)
		return 0
	}
	fmt.Println("Start returned", err)
	return 1
}
