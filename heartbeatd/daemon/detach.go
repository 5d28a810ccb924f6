package daemon

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// childMark is set in the environment of the detached process; its value is the
// descriptor on which the caller waits for the verdict.
const childMark = "HEARTBEATD_CHILD"

// detach runs this program again in a session of its own and waits until that has
// started or failed, so that our exit code tells which: the original's parent leaves
// after the configuration was checked and the media were opened.
func detach(stderr io.Writer) int {
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintf(stderr, "heartbeat: %v\n", err)
		return 1
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), childMark+"=3")
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		fmt.Fprintf(stderr, "heartbeat: %v\n", err)
		return 1
	}
	var verdict [1]byte
	if n, _ := r.Read(verdict[:]); n == 1 {
		return int(verdict[0])
	}
	// It ended before it could say anything.
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	fmt.Fprintf(stderr, "heartbeat: the daemon died while it started: %v\n", err)
	return 1
}

// isChild: this is the detached process.
func isChild() bool { return os.Getenv(childMark) != "" }

// takeVerdict returns how to tell the waiting parent, once, that all is well. In other
// processes it does nothing. It must not be called before the last exec of the start.
func takeVerdict() (good func()) {
	fd, err := strconv.Atoi(os.Getenv(childMark))
	os.Unsetenv(childMark)
	if err != nil || fd < 3 {
		return func() {}
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "verdict")
	return func() {
		_, _ = f.Write([]byte{0}) // a parent that was killed does not matter
		f.Close()
	}
}

// leaveTerminal gives standard input and outputs away.
func leaveTerminal() {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	for fd := range 3 {
		_ = unix.Dup3(int(null.Fd()), fd, 0)
	}
}
