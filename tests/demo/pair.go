//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
	"classicha/tests/lab/records"
)

// pair is the performance of the whole article: heartbeatd, drbdd and the four files.
type pair struct {
	*rig.Script
	out  *timeline
	r    *rig.Rig
	a, b *rig.Node
	rec  *records.Writer
	by   string

	files map[string]string
	mu    sync.Mutex
	page1 string // who sent the last page

	measured []string // for the end
}

func newPair(out *timeline) *pair {
	p := &pair{out: out}
	p.Script = rig.NewScript(func(text string) { p.out.text("  %s", text) })
	return p
}

func (p *pair) run() error {
	err := p.Run(func() {
		p.build()
		stop, quiet := make(chan struct{}), make(chan struct{})
		go func() { defer close(quiet); p.out.follow(p.r.Lab.Nodes, stop) }()
		defer func() { close(stop); <-quiet }()
		p.disks()
		p.service()
		p.powerCut()
		p.comeBack()
		p.bothServe()
		p.rec.Stop()
		p.summary()
	})
	rig.Cleanup()
	if err == nil {
		p.out.text("\nThe machines, their networks, disks, processes and files are gone again.")
	}
	return err
}

func (p *pair) build() {
	p.out.heading("The whole article: a database on two machines, by heartbeatd and drbdd")
	f, err := pairFiles()
	p.must(err)
	p.files = f
	p.out.text(`
  serv-a  130.66.201.1 ─── eth0 ──┐
    ║ /dev/ttyS0                  ├── client 130.66.201.254 writes numbered records into the
  serv-b  130.66.201.2 ─── eth0 ──┘   database at ` + vip + ` and keeps what was acknowledged

  Its four files: ha.cf, haresources, authkeys, drbd.conf (tests/demo/seed), with these changes:`)
	for _, c := range forPair {
		p.out.text("      %-12s %-22s →  %s", c.file, c.old, c.new)
	}
	p.out.text(`  /dev/sda1 is a disk in memory that loses, when the power fails, what was not flushed.
  mail is a script that writes into a mailbox.`)
	cluster := map[string]string{"ha.cf": f["ha.cf"], "authkeys": f["authkeys"], "haresources": f["haresources"]}
	p.r = rig.New(p, rig.Options{
		Image: rig.Pair, Conf: f["drbd.conf"], Cluster: cluster, Own: machineFiles, Settings: []string{"proc-format 0.7"},
		Disks: func(machine int, _ string) (map[string]rig.Disk, error) {
			disks := map[string]rig.Disk{}
			for i, name := range []string{"sda1", "sdb1"} {
				d, err := rig.NewCrashDisk(name, diskSize, uint64(7+2*machine+i))
				if err != nil {
					return nil, err
				}
				disks[name] = d
			}
			return disks, nil
		},
	})
	p.a, p.b = p.r.A, p.r.B
	for _, n := range p.nodes() {
		p.must(os.MkdirAll(n.LogPath("apache2"), 0o755))
	}
	p.out.start = time.Now()
}

func (p *pair) nodes() []*rig.Node { return []*rig.Node{p.a, p.b} }

func (p *pair) must(err error) {
	if err != nil {
		p.Fatalf("%v", err)
	}
}

// note is an event of a machine, command one that its administrator types.
func (p *pair) note(n *rig.Node, style, format string, args ...any) {
	p.out.event(time.Now(), n.Name(), style, format, args...)
}

// do runs a command on a machine and shows it. It must succeed.
func (p *pair) do(n *rig.Node, line string) string {
	p.note(n, bold, "# %s", line)
	return n.Do("sh", "-c", line+" 2>&1")
}

// show prints what a command said.
func (p *pair) show(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		p.out.text("                     %s", strings.TrimRight(line, "\n"))
	}
}

func (p *pair) heartbeat(n *rig.Node) {
	p.note(n, bold, "/etc/init.d/heartbeat start")
	p.must(n.Node.Start())
}

// served is told by the client who answers.
func (p *pair) served(at time.Time, by string) {
	switch {
	case by == p.by:
		return
	case by == "":
		p.out.event(at, "client", red, "✗ no acknowledgement")
	default:
		p.out.event(at, "client", green, "◀ the database of %s acknowledges", by)
	}
	p.by = by
}

// page returns what hears of the pages of the second service.
func (p *pair) page() func(lab.Shot) {
	var last time.Time
	return func(s lab.Shot) {
		by := strings.TrimSpace(s.Body)
		if !s.OK() {
			by = ""
		}
		p.mu.Lock()
		same := by == p.page1 || s.Sent.Before(last)
		if !same {
			p.page1, last = by, s.Sent
		}
		p.mu.Unlock()
		switch {
		case same:
		case by == "":
			p.out.event(s.Sent, "client", red, "✗ no page from %s", vip2)
		default:
			p.out.event(s.Done, "client", green, "◀ %s", by)
		}
	}
}

func (p *pair) pageBy() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, by, _ := strings.Cut(p.page1, " of ")
	return by
}

// until waits for a condition with a limit.
func (p *pair) until(limit time.Duration, what string, cond func() bool) {
	p.must(lab.Wait(limit, what, cond))
}

// acknowledged waits until some more records are.
func (p *pair) acknowledged(more int, limit time.Duration) {
	n := p.rec.Count()
	p.until(limit, "more acknowledged records", func() bool { return p.rec.Count() >= n+more })
}

// complete checks that all that was acknowledged is there.
func (p *pair) complete(where string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n, lost, err := p.rec.Missing(ctx)
	p.must(err)
	if len(lost) > 0 {
		p.Fatalf("%d of %d acknowledged records are lost: %v", len(lost), n, lost[:min(len(lost), 10)])
	}
	p.out.event(time.Now(), "client", green, "✓ all %d acknowledged records read back %s", n, where)
}

// measure notes a line for the end.
func (p *pair) measure(what string, d time.Duration) {
	p.measured = append(p.measured, fmt.Sprintf("%-52s %6.2f s", what, d.Seconds()))
}

// steps measures what a machine's scripts took since a time, up to the end of the group.
func (p *pair) steps(n *rig.Node, since time.Time, end string) {
	type step struct {
		name string
		at   time.Time
	}
	var all []step
	for _, l := range n.Log() {
		if l.Time.Before(since) {
			continue
		}
		_, msg, _ := strings.Cut(l.Text, "]: ")
		if f := strings.Fields(msg); strings.Contains(msg, "Running /etc/") && f[len(f)-1] == "start" {
			for i, w := range f {
				if w == "Running" {
					all = append(all, step{filepath.Base(f[i+1]), l.Time})
				}
			}
		}
		if strings.Contains(msg, end) && len(all) > 0 {
			all = append(all, step{"", l.Time})
			break
		}
	}
	for i := 0; i+1 < len(all); i++ {
		p.measure("        "+all[i].name, all[i+1].at.Sub(all[i].at))
	}
}

func (p *pair) summary() {
	p.out.heading("Measured")
	for _, m := range p.measured {
		p.out.text("  %s", m)
	}
	box, _ := os.ReadFile(p.b.LogPath("mailbox-root"))
	p.out.text("\n  Mail to root on serv-b:")
	for line := range strings.Lines(string(box)) {
		if s, ok := strings.CutPrefix(line, "Subject: "); ok {
			p.out.text("      %s", strings.TrimSpace(s))
		}
	}
}
