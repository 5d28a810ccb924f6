package rig

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"classicha/tests/lab"
)

// TB is what a rig needs of a test; the demo and the benchmarks have their own.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Options describe a rig.
type Options struct {
	Image Image
	// Conf is /etc/drbd.conf of both machines.
	Conf string
	// Settings are lines of drbdd.cf.
	Settings []string
	// Etc are further files of both machines: place inside -> text. Those in
	// /etc/init.d, bin and sbin are executable.
	Etc map[string]string
	// Own, if set, gives further files of each machine.
	Own func(machine int) map[string]string
	// Cluster are the files of /etc/ha.d of machines that run Heartbeat, too (Image Pair).
	// They have a serial line.
	Cluster map[string]string
	// Segments are the networks; the first has the addresses Addr. One if it is empty.
	Segments []lab.Segment
	// Disks makes the disks of a machine: name in /dev -> disk. dir is empty and the
	// machine's own.
	Disks func(machine int, dir string) (map[string]Disk, error)
	// Allow lists parts of log lines that may come although they tell of a defect.
	Allow []string
}

// Names of the machines, as in the article.
var Names = [2]string{"serv-a", "serv-b"}

// Addr are the addresses of the machines.
var Addr = [2]string{"130.66.201.1", "130.66.201.2"}

// Rig is two machines.
type Rig struct {
	TB
	Lab   *lab.Lab
	A, B  *Node
	opt   Options
	dir   string
	start time.Time
}

// FileDisks makes one disk sda1 of a size, a file behind a loop device, for each
// machine.
func FileDisks(size int64) func(int, string) (map[string]Disk, error) {
	return func(_ int, dir string) (map[string]Disk, error) {
		d, err := NewFileDisk(filepath.Join(dir, "sda1"), size)
		return map[string]Disk{"sda1": d}, err
	}
}

// New boots two machines; drbdd does not run yet. What was written to the logs
// is shown when the test fails.
func New(t TB, opt Options) *Rig {
	t.Helper()
	img, err := image(opt.Image)
	if err != nil {
		t.Fatalf("%v", err)
	}
	dir, remove, err := lab.Scratch("drbdlab-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(remove)
	r := &Rig{TB: t, opt: opt, dir: dir, start: time.Now()}
	lo := lab.Options{
		Files:    opt.Cluster,
		Segments: opt.Segments,
		Lines:    [][2]string{},
	}
	if lo.Segments == nil {
		lo.Segments = []lab.Segment{{Prefix: netip.MustParsePrefix("130.66.201.0/24"), Hub: 254}}
	}
	if opt.Cluster != nil {
		lo.Lines = append(lo.Lines, Names)
	}
	var nodes []*Node
	for i, name := range Names {
		own := filepath.Join(dir, name)
		n := &Node{r: r, dir: own, index: i}
		binds, err := n.files(opt)
		if err != nil {
			t.Fatalf("%v", err)
		}
		lo.Nodes = append(lo.Nodes, lab.NodeSpec{Name: name, Host: i + 1, Image: img, Binds: binds})
		nodes = append(nodes, n)
	}
	r.A, r.B = nodes[0], nodes[1]
	if r.Lab, err = lab.New(lo); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(r.close)
	for i, n := range nodes {
		n.Node = r.Lab.Nodes[i]
		if err := n.plug(); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return r
}

// files makes what the machine has below /etc and /var, and its disks.
func (n *Node) files(opt Options) (map[string]string, error) {
	binds := map[string]string{}
	for sub, at := range map[string]string{"var-lib-drbd": "/var/lib/drbd", "drbd.d": "/etc/drbd.d", "disks": ""} {
		d := filepath.Join(n.dir, sub)
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
		if at != "" {
			binds[d] = at
		}
	}
	cf := strings.Join(append([]string{"logfile /var/log/drbd.log"}, opt.Settings...), "\n") + "\n"
	for name, text := range map[string]string{"drbd.conf": opt.Conf, "drbdd.cf": cf} {
		f := filepath.Join(n.dir, name)
		if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
			return nil, err
		}
		if name != "drbdd.cf" { // not on every machine: the daemon is given its place
			binds[f] = "/etc/" + name
		}
	}
	etc := map[string]string{}
	maps.Copy(etc, opt.Etc)
	if opt.Own != nil {
		maps.Copy(etc, opt.Own(n.index))
	}
	for at, text := range etc {
		f := filepath.Join(n.dir, strings.ReplaceAll(at, "/", "-"))
		mode := os.FileMode(0o644)
		if dir := filepath.Dir(at); dir == "/etc/init.d" || strings.HasSuffix(dir, "bin") {
			mode = 0o755
		}
		if err := os.WriteFile(f, []byte(text), mode); err != nil {
			return nil, err
		}
		binds[f] = at
	}
	var err error
	n.Disks, err = opt.Disks(n.index, filepath.Join(n.dir, "disks"))
	return binds, err
}

// close ends everything. What a test that failed wants to know comes before.
func (r *Rig) close() {
	if r.Failed() {
		for _, n := range []*Node{r.A, r.B} {
			lines := 60
			if n.Node != nil && n.Up() && n.Daemon() != 0 {
				if _, err := n.Status(""); err != nil {
					lines = 600
					n.dump()
				}
			}
			r.Logf("log of %s:\n%s", n.Name(), tail(n.DaemonLog(), lines))
		}
	} else {
		r.complain()
	}
	for _, n := range []*Node{r.A, r.B} {
		if n.Node == nil {
			continue
		}
		if err := n.off(false); err != nil {
			r.Logf("%s: %v", n.Name(), err)
		}
	}
	r.Lab.Close()
}

// alarming are parts of log lines that no test may cause unless it says so.
var alarming = []string{"panic", "internal error", "EMERGENCY", "fatal error", "goroutine "}

func (r *Rig) complain() {
	for _, n := range []*Node{r.A, r.B} {
		for line := range strings.Lines(n.DaemonLog()) {
			bad := slices.ContainsFunc(alarming, func(a string) bool { return strings.Contains(line, a) })
			ok := slices.ContainsFunc(r.opt.Allow, func(a string) bool { return strings.Contains(line, a) })
			if bad && !ok {
				r.Errorf("%s logged: %s", n.Name(), strings.TrimSpace(line))
			}
		}
	}
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return "\t" + strings.Join(all[max(0, len(all)-lines):], "\n\t")
}

// Step tells what the test does now.
func (r *Rig) Step(format string, args ...any) {
	r.Helper()
	r.Logf("%6.2fs  %s", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}

// Must ends the test on an error.
func (r *Rig) Must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%v", err)
	}
}

// Wait waits for a condition, for a limited time.
func (r *Rig) Wait(limit time.Duration, what string, cond func() bool) {
	r.Helper()
	r.Must(lab.Wait(limit, what, cond))
}

// Cut separates the machines, or joins them again.
func (r *Rig) Cut(cut bool) {
	r.Helper()
	if cut {
		r.Must(r.Lab.Partition())
	} else {
		r.Must(r.Lab.Heal())
	}
}
