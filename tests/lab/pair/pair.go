package pair

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
)

// Pair is the cluster of a test. Its methods fail the test when something is
// not as expected.
type Pair struct {
	*lab.Lab
	T     testing.TB
	A, B  *lab.Node // node1, node2
	cfg   Config
	watch *watcher
	began time.Time

	unquiet []string // what Quiet found, printed after the logs
}

// New builds the pair; its nodes have power, nothing is started. It ends with
// the test, after the final checks: no resource ever ran twice outside a
// partition, no unexpected errors in the logs.
func New(t testing.TB, cfg Config) *Pair {
	t.Helper()
	opt := lab.Options{Files: cfg.files(), Logf: t.Logf}
	for i, role := range cfg.Roles {
		img, err := Image(role)
		if err != nil {
			t.Fatal(err)
		}
		opt.Nodes = append(opt.Nodes, lab.NodeSpec{Name: fmt.Sprintf("node%d", i+1), Host: i + 1, Image: img})
	}
	l, err := lab.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	p := &Pair{Lab: l, T: t, A: l.Nodes[0], B: l.Nodes[1], cfg: cfg, began: time.Now()}
	var all []string
	for _, g := range cfg.groups() {
		all = append(all, g...)
	}
	sort.Strings(all)
	p.watch = watch(l.Nodes, all)
	t.Cleanup(p.finish)
	return p
}

func (p *Pair) finish() {
	found := append(append(p.unquiet, p.watch.end()...), p.severeLines()...)
	if len(found) > 0 || p.T.Failed() {
		p.dump()
	}
	// After the logs, where a reader of the last lines finds it.
	for _, f := range found {
		p.T.Error(f)
	}
	p.Close()
}

// Step notes in the test's log what happens next.
func (p *Pair) Step(format string, args ...any) {
	p.T.Logf("%6.2fs  %s", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// Start starts Heartbeat on the nodes in this order, after giving power to those
// that have none.
func (p *Pair) Start(nodes ...*lab.Node) {
	p.T.Helper()
	for _, n := range nodes {
		if !n.Up() {
			if err := n.Boot(); err != nil {
				p.T.Fatal(err)
			}
		}
		p.Step("start %s (%s)", n.Name(), n.Image().Name)
		if err := n.Start(); err != nil {
			p.T.Fatal(err)
		}
	}
}

// Cut takes a node's power away.
func (p *Pair) Cut(n *lab.Node) time.Time {
	p.T.Helper()
	p.Step("power cut of %s (%s)", n.Name(), n.Image().Name)
	at, err := n.PowerCut()
	if err != nil {
		p.T.Fatal(err)
	}
	return at
}

// Stop stops Heartbeat on a node gracefully.
func (p *Pair) Stop(n *lab.Node) {
	p.T.Helper()
	p.Step("stop %s (%s)", n.Name(), n.Image().Name)
	if err := n.Stop(30 * time.Second); err != nil {
		p.T.Fatal(err)
	}
}

// Tolerate says whether resources may run twice, as in a partition.
func (p *Pair) Tolerate(yes bool) { p.watch.allow(yes) }

// Peer is the other node.
func (p *Pair) Peer(n *lab.Node) *lab.Node {
	if n == p.A {
		return p.B
	}
	return p.A
}

// Must fails the test on an error.
func (p *Pair) Must(err error) {
	p.T.Helper()
	if err != nil {
		p.T.Fatal(err)
	}
}

// Quiet fails the test if a node logged a text since then.
func (p *Pair) Quiet(n *lab.Node, since time.Time, text string) {
	p.T.Helper()
	if l, ok := n.FindLog(since, text); ok {
		p.unquiet = append(p.unquiet, fmt.Sprintf("%s (%s) logged %q, which nothing explains", n.Name(), n.Image().Name, l.Text))
	}
}

// dump prints both nodes' logs, merged, and keeps them in $HB_LOGS if set.
func (p *Pair) dump() {
	type entry struct {
		at   time.Time
		text string
	}
	var all []entry
	for _, n := range p.Nodes {
		for _, l := range n.Log() {
			all = append(all, entry{l.Time, fmt.Sprintf("%8.3f %s(%s) %s", l.Time.Sub(p.began).Seconds(), n.Name(), l.By.Name, l.Text)})
		}
		calls, _ := os.ReadFile(n.LogPath("labrsc"))
		for line := range strings.Lines(string(calls)) {
			var sec float64
			stamp, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if _, err := fmt.Sscan(stamp, &sec); err == nil {
				at := time.UnixMicro(int64(sec * 1e6))
				all = append(all, entry{at, fmt.Sprintf("%8.3f %s   script: LabRsc %s", at.Sub(p.began).Seconds(), n.Name(), rest)})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at.Before(all[j].at) })
	var b strings.Builder
	for _, e := range all {
		b.WriteString(e.text + "\n")
	}
	if dir := os.Getenv("HB_LOGS"); dir != "" {
		name := strings.NewReplacer("/", "_", " ", "_").Replace(p.T.Name())
		for _, n := range p.Nodes {
			for _, f := range []string{"ha-log", "ha-debug"} {
				if raw, err := os.ReadFile(n.LogPath(f)); err == nil {
					_ = os.WriteFile(filepath.Join(dir, name+"."+n.Name()+"."+f), raw, 0o644)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name+".log"), []byte(b.String()), 0o644); err == nil {
			return
		}
	}
	p.T.Logf("what the nodes logged:\n%s", b.String())
}
