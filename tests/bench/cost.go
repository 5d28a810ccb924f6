//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"classicha/tests/lab"
)

// usage is what a node's cluster processes use.
type usage struct {
	cpu      time.Duration
	rss, pss uint64 // bytes
	n        int
}

// costs measures an idle pair at keepalive 1 s.
func (p *plan) costs() error {
	fmt.Printf("\nAn idle pair, %s, over %v; per node, the larger of both\n", slow.name, p.cost)
	tab := newTable("", "CPU s/min", "resident MiB", "of it own MiB", "processes", "bytes/s sent", "both nodes bytes/s")
	for _, prog := range p.programs {
		progress("cost: %s, %v", prog.name(), p.cost)
		row, err := cost(prog, p.cost)
		if err != nil {
			return fmt.Errorf("%s: %w", prog.name(), err)
		}
		tab.row(append([]string{prog.name()}, row...)...)
	}
	tab.print()
	return nil
}

func cost(prog program, span time.Duration) ([]string, error) {
	l, err := lab.New(prog.options(slow))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	for _, n := range l.Nodes {
		if err := bring(prog, n); err != nil {
			return nil, err
		}
	}
	if err := lab.Wait(40*time.Second, "both nodes settled", func() bool { return prog.ready(l) && server(l) != nil }); err != nil {
		return nil, logged(l, err)
	}
	time.Sleep(12 * time.Second) // what follows a start is over: the 10 s of a real pair, early status messages
	tap, err := l.Tap(prog.packets)
	if err != nil {
		return nil, err
	}
	defer tap.Close()
	before := map[*lab.Node]usage{}
	for _, n := range l.Nodes {
		before[n] = used(prog, n)
	}
	begin := time.Now()
	time.Sleep(span)
	took := time.Since(begin).Seconds()
	var cpu, bytes, both float64
	var most usage
	for _, n := range l.Nodes {
		u := used(prog, n)
		cpu = max(cpu, (u.cpu-before[n].cpu).Seconds()*60/took)
		b := float64(tap.Sent(n.Name()).Bytes) / took
		bytes, both = max(bytes, b), both+b
		if u.rss > most.rss {
			most = u
		}
	}
	mib := func(b uint64) string { return fmt.Sprintf("%.1f", float64(b)/(1<<20)) }
	return []string{fmt.Sprintf("%.3f", cpu), mib(most.rss), mib(most.pss), fmt.Sprint(most.n), fmt.Sprintf("%.0f", bytes), fmt.Sprintf("%.0f", both)}, nil
}

// used adds up the program's processes on a node. Time comes from schedstat, in
// nanoseconds; the clock ticks of /proc/PID/stat are too coarse here.
func used(prog program, n *lab.Node) usage {
	var u usage
	for _, p := range n.Processes() {
		if !prog.own(p) {
			continue
		}
		u.n++
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid))
		for _, t := range tasks {
			raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", p.Pid, t.Name()))
			if f := strings.Fields(string(raw)); len(f) > 0 {
				ns, _ := strconv.ParseInt(f[0], 10, 64)
				u.cpu += time.Duration(ns)
			}
		}
		u.rss += kib(p.Pid, "Rss:")
		u.pss += kib(p.Pid, "Pss:")
	}
	return u
}

func kib(pid int, field string) uint64 {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			v, _ := strconv.ParseUint(f[1], 10, 64)
			return v << 10
		}
	}
	return 0
}
