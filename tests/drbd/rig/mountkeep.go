package rig

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// mountKeeper is a process in a machine's mount namespace that is not among the
// machine's processes. On a real machine process 1 holds the mounts and outlives
// everybody. Here all processes are killed at once, and the last of them may be a
// thread of drbdd that, at its end, unmounts the file system on its own device or
// closes that device while I/O is in flight: it waits for I/O that nobody serves,
// before it comes to close /dev/fuse, for ever (seen on Linux 6.18: D state in
// jbd2_log_wait_commit and in blkdev_flush_mapping). So this process holds the
// mounts until the others are gone, and ends FUSE connections that hold them up.
type mountKeeper struct {
	cmd  *exec.Cmd
	pipe *os.File
}

// keeperScript: a line on standard input is the order to end the connections of
// drbdd. When this program is gone, the machine ends, too, and then they are ended
// in any case. /proc is mounted again for its own number, which the machine does
// not know.
const keeperScript = `
mount -t proc proc ` + private + ` && mount -t fusectl none /sys/fs/fuse/connections || exit
abort() {
	while read -r _ _ dev _ at _; do
		case $at in /run/*) echo 1 >/sys/fs/fuse/connections/${dev#*:}/abort ;; esac
	done <` + private + `/self/mountinfo 2>/dev/null
}
echo up
while read -r _; do abort; done
sleep 1; abort; sleep 1
`

// keepMounts starts one for the mount namespace of a process.
func keepMounts(pid string) (*mountKeeper, error) {
	if _, err := strconv.Atoi(pid); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("nsenter", "-t", pid, "-m", "--", "/bin/sh", "-c", keeperScript)
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	r.Close()
	if err == nil {
		if _, err = out.Read(make([]byte, 3)); err != nil {
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

// abort ends the connections of drbdd.
func (k *mountKeeper) abort() {
	if k != nil {
		fmt.Fprintln(k.pipe)
	}
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
