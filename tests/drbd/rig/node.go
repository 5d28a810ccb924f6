package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"classicha/tests/lab"
)

// Node is a machine.
type Node struct {
	*lab.Node
	Disks map[string]Disk // by their name in /dev

	r     *Rig
	dir   string
	index int
	mk    *mountKeeper // while the machine has power
	loops []*os.File   // loop devices of the machine's own files
}

// Socket is where the daemon listens, seen from outside.
func (n *Node) Socket() string { return n.Path("/run/drbdd/ctl") }

// plug makes the nodes in /dev, as a boot does.
func (n *Node) plug() (err error) {
	if n.mk, err = keepMounts(strings.Split(n.Path(""), "/")[2]); err != nil {
		return err
	}
	made := map[string]uint64{"fuse": unix.Mkdev(10, 229), "loop-control": unix.Mkdev(10, 237)}
	modes := map[string]uint32{"fuse": unix.S_IFCHR | 0o600, "loop-control": unix.S_IFCHR | 0o600}
	for name, d := range n.Disks {
		loop, err := d.Plug()
		if err != nil {
			return fmt.Errorf("disk %s of %s: %w", name, n.Name(), err)
		}
		made[name], modes[name] = unix.Mkdev(7, uint32(loop)), unix.S_IFBLK|0o660
	}
	for name, dev := range made {
		if err := unix.Mknod(n.Path("/dev/"+name), modes[name], int(dev)); err != nil {
			return fmt.Errorf("make /dev/%s of %s: %w", name, n.Name(), err)
		}
	}
	return nil
}

func (n *Node) unplug(cut bool) {
	for _, f := range n.loops {
		f.Close()
	}
	n.loops = nil
	for name, d := range n.Disks {
		if err := d.Unplug(cut); err != nil {
			n.r.Logf("disk %s of %s: %v", name, n.Name(), err)
		}
	}
}

// Power cuts the power, and Restore gives it back. Disks lose what a power cut
// may take.
func (n *Node) Power() {
	n.r.Helper()
	n.r.Must(n.off(true))
}

func (n *Node) off(cut bool) error {
	gone := make(chan error, 1)
	go func() { _, err := n.Node.PowerCut(); gone <- err }()
	var err error
	select {
	case err = <-gone:
	case <-time.After(3 * time.Second):
		n.mk.abort()
		err = <-gone
	}
	n.mk.end()
	n.mk = nil
	n.unplug(cut)
	return err
}

// Restore boots the machine again; drbdd does not run yet.
func (n *Node) Restore() {
	n.r.Helper()
	n.r.Must(n.Node.Boot())
	n.r.Must(n.plug())
}

// Start starts drbdd and waits until it answers.
func (n *Node) Start(words ...string) {
	n.r.Helper()
	cmd := "exec drbdd -f " + filepath.Join(n.dir, "drbdd.cf") + " " + strings.Join(words, " ") + " </dev/null >>/var/log/drbdd.out 2>&1"
	if r := n.Run("sh", "-c", "( "+cmd+" ) &"); r.Code != 0 {
		n.r.Fatalf("%s: start drbdd: %s", n.Name(), r.Out)
	}
	n.Answers()
}

// SetConf changes /etc/drbd.conf.
func (n *Node) SetConf(text string) error {
	return os.WriteFile(filepath.Join(n.dir, "drbd.conf"), []byte(text), 0o644) // the file that is mounted there
}

// Answers waits until drbdd answers.
func (n *Node) Answers() {
	n.r.Helper()
	if err := lab.Wait(15*time.Second, "drbdd of "+n.Name()+" answers", func() bool {
		_, err := n.Status("")
		return err == nil
	}); err != nil {
		out, _ := os.ReadFile(n.LogPath("drbdd.out"))
		n.r.Fatalf("%v\n%s", err, tail(string(out), 10))
	}
}

// Daemon is the process number of drbdd, outside; 0 for none.
func (n *Node) Daemon() int {
	return n.find(func(args string) bool { return !strings.Contains(args, "keeper") })
}

// Keeper is that of its keeper.
func (n *Node) Keeper() int {
	return n.find(func(args string) bool { return strings.Contains(args, "keeper") })
}

func (n *Node) find(which func(args string) bool) int {
	for _, p := range n.Processes() {
		f := strings.Fields(p.Args)
		if p.Exe == "drbdd" && len(f) > 0 && filepath.Base(f[0]) == "drbdd" && which(p.Args) {
			return p.Pid
		}
	}
	return 0
}

// Signal sends drbdd a signal.
func (n *Node) Signal(s syscall.Signal) {
	n.r.Helper()
	pid := n.Daemon()
	if pid == 0 {
		n.r.Fatalf("%s: no drbdd", n.Name())
	}
	n.r.Must(syscall.Kill(pid, s))
}

// dump makes a drbdd that does not answer say where it is, and end.
func (n *Node) dump() {
	pid := n.Daemon()
	_ = syscall.Kill(pid, syscall.SIGCONT)
	_ = syscall.Kill(pid, syscall.SIGQUIT)
	_ = lab.Wait(3*time.Second, "", func() bool { return n.Daemon() != pid })
}

// Kill ends drbdd with -9.
func (n *Node) Kill() { n.r.Helper(); n.Signal(syscall.SIGKILL) }

// Do runs a command that must succeed; what it printed.
func (n *Node) Do(args ...string) string {
	n.r.Helper()
	r := n.Run(args...)
	if r.Code != 0 {
		n.r.Fatalf("%s: %s: exit code %d\n%s", n.Name(), strings.Join(args, " "), r.Code, r.Out)
	}
	return r.Out
}

// Fails runs a command that must end with this code and print all of the texts.
func (n *Node) Fails(code int, texts []string, args ...string) string {
	n.r.Helper()
	r := n.Run(args...)
	if r.Code != code {
		n.r.Errorf("%s: %s: exit code %d, want %d\n%s", n.Name(), strings.Join(args, " "), r.Code, code, r.Out)
	}
	for _, t := range texts {
		if !strings.Contains(r.Out, t) {
			n.r.Errorf("%s: %s: does not say %q:\n%s", n.Name(), strings.Join(args, " "), t, r.Out)
		}
	}
	return r.Out
}

// DaemonLog is what drbdd logged, and what it wrote to its standard error.
func (n *Node) DaemonLog() string {
	if n.Node == nil {
		return ""
	}
	log, err := os.ReadFile(n.LogPath("drbd.log"))
	out, err2 := os.ReadFile(n.LogPath("drbdd.out"))
	if e := errors.Join(err, err2); e != nil && !errors.Is(e, os.ErrNotExist) {
		return e.Error()
	}
	// What drbdd logs goes to its standard error, too; what else is there comes from the runtime.
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "drbd[") {
			log = append(log, "stderr: "+line...)
		}
	}
	return string(log)
}

// Logged counts the lines of the log that contain a text.
func (n *Node) Logged(text string) (count int) {
	for line := range strings.Lines(n.DaemonLog()) {
		if strings.Contains(line, text) {
			count++
		}
	}
	return count
}
