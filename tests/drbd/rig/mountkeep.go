package rig

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// mountKeeper is a process in a machine's mount namespace that is not among the
// machine's processes. When the machine is killed its mounts must not end with
// the last of its processes: that may be drbdd, which would unmount the file
// system on its own device at its end, wait for I/O that nobody else serves, and
// so never close /dev/fuse (seen on Linux 6.18: D state in jbd2_log_wait_commit).
// On a real machine process 1 holds the mounts.
type mountKeeper struct {
	cmd  *exec.Cmd
	pipe *os.File
}

// keepMounts starts one for the mount namespace of a process. It outlives this
// program by two seconds, enough for the machine to end before.
func keepMounts(pid string) (*mountKeeper, error) {
	if _, err := strconv.Atoi(pid); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("nsenter", "-t", pid, "-m", "--", "/bin/sh", "-c", "echo; read x; sleep 2")
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	r.Close()
	if err == nil {
		if _, err = out.Read(make([]byte, 1)); err != nil { // it is inside
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("keep the mounts: %w", err)
	}
	return &mountKeeper{cmd, w}, nil
}

// end lets the mounts go, and waits until they are gone.
func (k *mountKeeper) end() {
	if k == nil {
		return
	}
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
	k.pipe.Close()
}
