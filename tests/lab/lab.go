package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Options describe a lab. The zero value is two nodes, node1 and node2, with
// two Ethernet segments and one serial line, running the real Heartbeat.
type Options struct {
	Nodes    []NodeSpec
	Segments []Segment
	// Lines are null modem lines; line i is /dev/ttyS<i> on both nodes.
	Lines [][2]string
	// Files are put below /etc/ha.d of every node before its first boot, on top
	// of what the image brings. Names are relative.
	Files map[string]string
	// Logf, if set, is told what happens.
	Logf func(format string, args ...any)
}

// NodeSpec describes one node.
type NodeSpec struct {
	Name  string
	Host  int    // last byte of its addresses
	Image *Image // nil: Real
	// Binds are further mounts: a file or directory outside -> its place inside.
	Binds map[string]string
}

// Lab is a running cluster. Its methods may be used by several goroutines,
// those of one Node by one at a time.
type Lab struct {
	Nodes []*Node
	dir   string
	opt   Options
	hub   *space
	lines []*Line

	mu     sync.Mutex // guards fabric
	fabric fabric
}

// Missing says why no lab can be built here, or is empty. Losing and cutting
// packets needs nft too.
func Missing() string {
	if os.Geteuid() != 0 {
		return "root is needed (network, mount and PID namespaces)"
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		return "nsenter is needed (package util-linux)"
	}
	return ""
}

func (o *Options) setDefaults() {
	if o.Nodes == nil {
		o.Nodes = []NodeSpec{{Name: "node1", Host: 1}, {Name: "node2", Host: 2}}
	}
	if o.Segments == nil {
		o.Segments = []Segment{
			{Prefix: netip.MustParsePrefix("192.168.77.0/24"), Hub: 254},
			{Prefix: netip.MustParsePrefix("10.77.0.0/24"), Hub: 254},
		}
	}
	if o.Lines == nil && len(o.Nodes) == 2 {
		o.Lines = [][2]string{{o.Nodes[0].Name, o.Nodes[1].Name}}
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
}

// New builds a lab and boots its nodes; no cluster program runs yet. The caller
// must Close it.
func New(opt Options) (*Lab, error) {
	if why := Missing(); why != "" {
		return nil, fmt.Errorf("lab: %s", why)
	}
	opt.setDefaults()
	dir, err := os.MkdirTemp("", "hblab-")
	if err != nil {
		return nil, err
	}
	l := &Lab{dir: dir, opt: opt}
	l.fabric.cut = map[direction]bool{}
	if err := guard(dir); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := l.build(); err != nil {
		l.Close()
		return nil, fmt.Errorf("lab: %w", err)
	}
	return l, nil
}

func (l *Lab) build() error {
	if err := os.Chmod(l.dir, 0o755); err != nil { // hacluster's programs pass through
		return err
	}
	var err error
	if l.hub, err = newSpace(); err != nil {
		return err
	}
	if err := l.setUpHub(); err != nil {
		return err
	}
	for _, ends := range l.opt.Lines {
		line, err := newLine(ends[0], ends[1])
		if err != nil {
			return fmt.Errorf("serial line: %w", err)
		}
		l.lines = append(l.lines, line)
	}
	for _, spec := range l.opt.Nodes {
		if spec.Image == nil {
			spec.Image = Real
		}
		n := &Node{lab: l, spec: spec, dir: filepath.Join(l.dir, spec.Name)}
		l.Nodes = append(l.Nodes, n)
		if err := n.makeDisk(); err != nil {
			return err
		}
	}
	errs := make(chan error, len(l.Nodes))
	for _, n := range l.Nodes {
		go func() { errs <- n.Boot() }()
	}
	for range l.Nodes {
		if e := <-errs; e != nil && err == nil {
			err = e
		}
	}
	return err
}

// Node finds a node by name and panics if there is none.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.Nodes {
		if n.spec.Name == name {
			return n
		}
	}
	panic("lab: no node " + name)
}

// Line is null modem line i.
func (l *Lab) Line(i int) *Line { return l.lines[i] }

// Dir is a directory of this lab that goes away with it.
func (l *Lab) Dir() string { return l.dir }

// Close ends all nodes and removes everything. It may be called twice.
func (l *Lab) Close() {
	for _, n := range l.Nodes {
		_, _ = n.PowerCut()
	}
	for _, line := range l.lines {
		line.Close()
	}
	l.lines = nil
	if l.hub != nil {
		l.hub.Close()
		l.hub = nil
	}
	if l.dir != "" {
		if err := removeDir(l.dir); err != nil {
			l.opt.Logf("lab: %v", err)
		}
		unguard(l.dir)
		l.dir = ""
	}
}

// removeDir deletes a lab's directory. Nothing is mounted in it outside the
// nodes, and they are gone.
func removeDir(dir string) error {
	var err error
	for range 50 { // a dying node may still write a file
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// Wait polls cond every 10 ms until it is true; what names the thing waited for
// in the error that comes after the limit.
func Wait(limit time.Duration, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
	return nil
}
