package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// nodePath is PATH for everything that the lab starts in a node.
const nodePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Node is one machine of a lab.
type Node struct {
	lab   *Lab
	spec  NodeSpec
	dir   string // its disk: ha.d, lib, log; and stage
	image *Image // that ha.d was filled from
	files map[string]string

	cmd   *exec.Cmd // process 1; nil without power
	pipe  *os.File  // its standard input
	space *space
	pid   atomic.Int64 // of process 1; 0 without power. Observers read it at any time

	mu    sync.Mutex // guards boots
	boots []boot
}

// boot notes what a node ran from when on.
type boot struct {
	at    time.Time
	image *Image
}

// Name is the node's name (uname -n).
func (n *Node) Name() string { return n.spec.Name }

// Image is what the node runs, from its next Boot on if it was just set.
func (n *Node) Image() *Image { return n.spec.Image }

// SetImage chooses what the node runs after its next Boot.
func (n *Node) SetImage(i *Image) { n.spec.Image = i }

// Up says whether the node has power.
func (n *Node) Up() bool { return n.pid.Load() != 0 }

// makeDisk makes the directories that outlive a power cut.
func (n *Node) makeDisk() error {
	n.files = map[string]string{}
	for _, d := range []string{"ha.d", "lib", "log"} {
		if err := os.MkdirAll(filepath.Join(n.dir, d), 0o755); err != nil {
			return err
		}
	}
	mask := "#!/bin/sh\ncase \"${0##*/} $*\" in\nsystemctl*reboot*|systemctl*halt*|systemctl*poweroff*) ;;\nsystemctl*) exit 1;;\nesac\n" +
		"echo \"$(date +%s.%N) $0 $*\" >>/var/log/reboot-called\nkill -9 -1\n"
	if err := os.WriteFile(filepath.Join(n.dir, "mask"), []byte(mask), 0o755); err != nil {
		return err
	}
	for name, text := range n.lab.opt.Files {
		n.files[name] = text
	}
	if _, ok := n.files["resource.d/LabRsc"]; !ok {
		n.files["resource.d/LabRsc"] = labRsc
	}
	return nil
}

// fill brings the image's files onto the disk: /etc/ha.d without old scripts of
// another image, with what the lab wrote on top; /var/lib/heartbeat is kept.
func (n *Node) fill() error {
	if n.image == n.spec.Image {
		return nil
	}
	had := filepath.Join(n.dir, "ha.d")
	for _, old := range []string{"resource.d", "rc.d", "harc", "shellfuncs"} {
		if err := os.RemoveAll(filepath.Join(had, old)); err != nil {
			return err
		}
	}
	if err := n.spec.Image.tree("/etc/ha.d", had); err != nil {
		return err
	}
	if n.image == nil {
		lib := filepath.Join(n.dir, "lib")
		if err := n.spec.Image.tree("/var/lib/heartbeat", lib); err != nil {
			return err
		}
		for _, f := range []string{"hb_generation", "hb_uuid", "hostcache", "delhostcache", "fifo"} {
			_ = os.Remove(filepath.Join(lib, f)) // this machine's own identity
		}
	}
	n.image = n.spec.Image
	for name, text := range n.files {
		if err := n.Conf(name, text); err != nil {
			return err
		}
	}
	return nil
}

// Conf writes a file below the node's /etc/ha.d, with the mode that fits it.
func (n *Node) Conf(name, text string) error {
	n.files[name] = text
	p := filepath.Join(n.dir, "ha.d", name)
	mode := os.FileMode(0o644)
	switch {
	case name == "authkeys":
		mode = 0o600
	case strings.HasPrefix(name, "resource.d/"), strings.HasPrefix(name, "rc.d/"):
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(p, mode)
}

// Boot gives the node power: namespaces, mounts, cables, addresses, an empty
// /run. No cluster program is started.
func (n *Node) Boot() error {
	if n.Up() {
		return fmt.Errorf("%s is up already", n.Name())
	}
	if err := n.fill(); err != nil {
		return err
	}
	n.mu.Lock()
	n.boots = append(n.boots, boot{time.Now(), n.spec.Image})
	n.mu.Unlock()
	cfg, err := n.initConfig()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := self("node")
	cmd.Stdin = r
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	r.Close()
	if err != nil {
		w.Close()
		return fmt.Errorf("start %s: %w", n.Name(), err)
	}
	n.cmd, n.pipe = cmd, w
	n.pid.Store(int64(cmd.Process.Pid))
	if err := n.finishBoot(cfg, bufio.NewReader(out)); err != nil {
		_, _ = n.PowerCut()
		return fmt.Errorf("boot %s: %w", n.Name(), err)
	}
	return nil
}

func (n *Node) finishBoot(cfg *initConfig, out *bufio.Reader) error {
	line, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	if _, err := n.pipe.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := n.plug(); err != nil {
		return err
	}
	answer, err := out.ReadString('\n')
	if answer = strings.TrimSpace(answer); answer != "up" {
		return fmt.Errorf("process 1 says %q (%v)", answer, err)
	}
	return nil
}

func (n *Node) initConfig() (*initConfig, error) {
	stage := filepath.Join(n.dir, "stage")
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return nil, err
	}
	c := &initConfig{Hostname: n.Name(), Stage: stage, TTYs: map[string]string{}, Mask: filepath.Join(n.dir, "mask"), RunDirs: true}
	for i, line := range n.lab.lines {
		for end := range line.ends {
			if e := &line.ends[end]; e.node == n.Name() {
				line.flush(end)
				c.TTYs[fmt.Sprintf("ttyS%d", i)] = e.tty.Name()
			}
		}
	}
	for _, d := range [][2]string{{"ha.d", "/etc/ha.d"}, {"lib", "/var/lib/heartbeat"}, {"log", "/var/log"}} {
		c.Binds = append(c.Binds, bind{filepath.Join(n.dir, d[0]), d[1]})
	}
	c.Binds = append(c.Binds, n.spec.Image.binds()...)
	for src, dst := range n.spec.Binds {
		c.Binds = append(c.Binds, bind{src, dst})
	}
	return c, n.accounts(c)
}

// accounts finds hacluster and haclient, or gives the node its own passwd and
// group files that have them.
func (n *Node) accounts(c *initConfig) error {
	if u, err := user.Lookup("hacluster"); err == nil {
		c.Uid, _ = strconv.Atoi(u.Uid)
		if g, err := user.LookupGroup("haclient"); err == nil {
			c.Gid, _ = strconv.Atoi(g.Gid)
			return nil
		}
	}
	c.Uid, c.Gid = 996, 996
	for file, line := range map[string]string{
		"/etc/passwd": "hacluster:x:996:996::/var/lib/heartbeat:/usr/sbin/nologin\n",
		"/etc/group":  "haclient:x:996:\n",
	} {
		old, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		own := filepath.Join(n.dir, filepath.Base(file))
		if err := os.WriteFile(own, append(old, line...), 0o644); err != nil {
			return err
		}
		c.Binds = append(c.Binds, bind{own, file})
	}
	return nil
}

// PowerCut takes the power away: the cables go dead, then everything on the node
// is killed, and its memory (/run, addresses, /dev) is lost. The time is that of
// the first of these. A node without power stays as it is.
func (n *Node) PowerCut() (time.Time, error) {
	at := time.Now()
	if !n.Up() {
		return at, nil
	}
	if n.lab.hub != nil && n.space != nil {
		for i := range n.lab.opt.Segments {
			_ = n.Cable(i, false)
		}
	}
	err := n.cmd.Process.Kill()
	n.pid.Store(0)
	_ = n.cmd.Wait() // returns when the last process of the namespace is gone
	n.pipe.Close()
	if n.lab.hub != nil {
		n.unplug()
	}
	n.cmd, n.pipe = nil, nil
	return at, err
}
