package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// env is the environment of everything that the lab starts in a node.
func (n *Node) env() []string {
	return []string{"PATH=" + n.spec.Image.path(), "HOME=/root", "TERM=dumb", "LANG=C", "HA_EMERGENCY=log"}
}

// Command prepares a program to run inside the node.
func (n *Node) Command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"-t", strconv.FormatInt(n.pid.Load(), 10), "-n", "-m", "-u", "-i", "-p", "--", "/usr/bin/env", "--"}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", all...)
	cmd.Env = n.env()
	return cmd
}

// Result is what a program printed and how it ended.
type Result struct {
	Out  string // standard output and standard error, in the order written
	Code int    // exit code, -1 if it did not run or was killed
}

// Run runs a program inside the node for at most a minute. Its output goes
// through a file, so that a daemon that it leaves behind holds nobody up.
func (n *Node) Run(args ...string) Result { return n.RunFor(time.Minute, args...) }

// RunFor is Run with another limit.
func (n *Node) RunFor(limit time.Duration, args ...string) Result {
	if !n.Up() {
		return Result{Out: n.Name() + " has no power", Code: -1}
	}
	f, err := os.CreateTemp(n.dir, "out-")
	if err != nil {
		return Result{Out: err.Error(), Code: -1}
	}
	defer os.Remove(f.Name())
	defer f.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := n.Command(ctx, args...)
	cmd.Stdout, cmd.Stderr = f, f
	err = cmd.Run()
	out, _ := os.ReadFile(f.Name())
	r := Result{Out: string(out), Code: cmd.ProcessState.ExitCode()}
	if err != nil && r.Code < 0 {
		r.Out += fmt.Sprintf("%v", err)
	}
	return r
}

// Path is where a file of the running node can be found from outside.
func (n *Node) Path(inside string) string {
	pid := n.pid.Load()
	if pid == 0 {
		return filepath.Join(n.dir, "no-power", inside)
	}
	return filepath.Join("/proc", strconv.FormatInt(pid, 10), "root", inside)
}

// LogPath is a file of the node's /var/log; it can be read without power too.
func (n *Node) LogPath(name string) string { return filepath.Join(n.dir, "log", name) }

// Process is one process of a node, seen from outside.
type Process struct {
	Pid  int // outside
	Args string
	Exe  string // base name of the program file
}

// IsHeartbeat says whether this is one of Heartbeat's own processes, real or ours.
func (p Process) IsHeartbeat() bool { return p.Exe == "heartbeat" || p.Exe == "heartbeatd" }

// Processes lists what runs on the node besides process 1.
func (n *Node) Processes() []Process {
	own := int(n.pid.Load())
	if own == 0 {
		return nil
	}
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", own))
	if err != nil {
		return nil
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var out []Process
	for _, d := range dirs {
		if l, err := os.Readlink(d + "/ns/pid"); err != nil || l != ns {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(d))
		if pid == own {
			continue
		}
		args, _ := os.ReadFile(d + "/cmdline")
		exe, _ := os.Readlink(d + "/exe")
		out = append(out, Process{Pid: pid, Args: strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " ")), Exe: filepath.Base(strings.TrimSuffix(exe, " (deleted)"))})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Pid < out[j].Pid })
	return out
}
