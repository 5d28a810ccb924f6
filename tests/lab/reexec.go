package lab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// roleEnv names the part that a copy of this program plays. The lab starts
// copies of the program it is linked into, so no helper binary is needed.
const roleEnv = "HBLAB_ROLE"

// init turns a re-executed copy into a node's process 1, the reaper, or a small
// server, and never returns then.
func init() {
	role := os.Getenv(roleEnv)
	if role == "" {
		return
	}
	os.Unsetenv(roleEnv)
	var err error
	switch role {
	case "node":
		err = nodeMain()
	case "reaper":
		err = reaperMain()
	case "httpd":
		err = httpdMain(os.Args[1:])
	case "burn":
		burnMain()
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// selfPath is this program's file, for starting copies inside nodes, where
// /proc/self would be another.
var selfPath, _ = os.Executable()

// self prepares a copy of this program in the given role.
func self(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = []string{roleEnv + "=" + role, "GOMAXPROCS=2", "PATH=" + nodePath}
	return cmd
}

// reaper removes the directories of labs whose program died before Close. One
// serves all labs of a program; it lives until the pipe to it closes.
var reaper struct {
	sync.Mutex
	cmd  *exec.Cmd
	pipe *os.File
	labs int
}

// guard tells the reaper about a directory that has to go in any case.
func guard(dir string) error {
	reaper.Lock()
	defer reaper.Unlock()
	if reaper.cmd == nil {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		cmd := self("reaper")
		cmd.Stdin = r
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // not hit by the terminal's ^C
		err = cmd.Start()
		r.Close()
		if err != nil {
			w.Close()
			return fmt.Errorf("start the reaper: %w", err)
		}
		reaper.cmd, reaper.pipe = cmd, w
	}
	reaper.labs++
	_, err := fmt.Fprintf(reaper.pipe, "+%s\n", dir)
	return err
}

// Scratch makes a directory that everyone can read. It goes away with the
// function returned or, if the program dies first, by the reaper.
func Scratch(prefix string) (string, func(), error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", nil, err
	}
	if err := guard(dir); err != nil {
		_ = os.Remove(dir)
		return "", nil, err
	}
	remove := func() {
		_ = removeDir(dir) // else the reaper tries again
		unguard(dir)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// unguard says that the directory is done with; the last one ends the reaper,
// which tries again to remove what is still there.
func unguard(dir string) {
	reaper.Lock()
	defer reaper.Unlock()
	if reaper.cmd == nil {
		return
	}
	if !exists(dir) {
		fmt.Fprintf(reaper.pipe, "-%s\n", dir)
	}
	if reaper.labs--; reaper.labs == 0 {
		reaper.pipe.Close()
		_ = reaper.cmd.Wait()
		reaper.cmd, reaper.pipe = nil, nil
	}
}

func reaperMain() error {
	dirs := map[string]bool{}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if dir, ok := strings.CutPrefix(in.Text(), "+"); ok {
			dirs[dir] = true
		} else {
			delete(dirs, strings.TrimPrefix(in.Text(), "-"))
		}
	}
	for dir := range dirs {
		if err := removeDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// Burn starts a process that keeps one processor busy until stop is called.
func Burn() (stop func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := self("burn")
	cmd.Stdin = r
	err = cmd.Start()
	r.Close()
	if err != nil {
		w.Close()
		return nil, err
	}
	return func() { w.Close(); _ = cmd.Wait() }, nil
}

// burnMain uses one processor until its standard input closes.
func burnMain() {
	go func() {
		for x := 1; ; x = x*1103515245 + 12345 {
			_ = x
		}
	}()
	var b [1]byte
	_, _ = os.Stdin.Read(b[:])
}
