//go:build linux

package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"classicha/tests/lab"
)

// underLoad runs a pair with the short timers while every processor has two busy
// processes besides, and counts the deaths that were declared.
func (p *plan) underLoad() error {
	fmt.Printf("\nUnder load (%d busy processes on %d processors), %s, %v\n", 2*runtime.NumCPU(), runtime.NumCPU(), fast.name, p.load)
	tab := newTable("", "false deaths", "late heartbeats", "largest gap between packets, ms")
	for _, prog := range p.programs {
		if _, ok := prog.(heartbeat); !ok {
			continue
		}
		progress("load: %s, %v", prog.name(), p.load)
		row, err := loaded(prog, p.load)
		if err != nil {
			return fmt.Errorf("%s: %w", prog.name(), err)
		}
		tab.row(append([]string{prog.name()}, row...)...)
	}
	tab.print()
	return nil
}

func loaded(prog program, span time.Duration) ([]string, error) {
	l, err := lab.New(prog.options(fast))
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
	tap, err := l.Tap(prog.packets)
	if err != nil {
		return nil, err
	}
	defer tap.Close()
	var stops []func()
	for range 2 * runtime.NumCPU() {
		stop, err := lab.Burn()
		if err != nil {
			return nil, err
		}
		stops = append(stops, stop)
	}
	begin := time.Now()
	time.Sleep(span)
	for _, stop := range stops {
		stop()
	}
	deaths, late := 0, 0
	for _, n := range l.Nodes {
		for _, line := range n.Log() {
			if line.Time.Before(begin) {
				continue
			}
			if strings.Contains(line.Text, ": is dead") {
				deaths++
			}
			if strings.Contains(line.Text, "Late heartbeat") {
				late++
			}
		}
	}
	var gap time.Duration
	for _, n := range l.Nodes {
		gap = max(gap, tap.Sent(n.Name()).Gap)
	}
	return []string{fmt.Sprint(deaths), fmt.Sprint(late), fmt.Sprint(gap.Milliseconds())}, nil
}
