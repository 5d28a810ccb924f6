//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"classicha/tests/lab"
)

// start measures from the start of both nodes, at once, to the first answer.
func (p *plan) start() error {
	runs := max(2, p.runs/4)
	results := map[string][]time.Duration{}
	for _, prog := range p.programs {
		progress("start: %s, %d times", prog.name(), runs)
		for range runs {
			d, err := coldStart(prog)
			if err != nil {
				return fmt.Errorf("%s: %w", prog.name(), err)
			}
			results[prog.name()] = append(results[prog.name()], d)
		}
	}
	fmt.Printf("\nStart of both nodes to the first answer, %s: medians of %d, ms\n", slow.name, runs)
	same := func(d time.Duration) time.Duration { return d }
	tab := newTable("", "start to answer")
	for _, prog := range p.programs {
		tab.row(prog.name(), spread(results[prog.name()], same))
	}
	tab.print()
	ratio(p.programs, "start", func(n string) float64 { return median(results[n], same).Seconds() })
	return nil
}

func coldStart(prog program) (time.Duration, error) {
	l, err := lab.New(prog.options(slow))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	for _, n := range l.Nodes {
		if err := n.ServeName("80"); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	for _, n := range l.Nodes {
		if err := prog.start(n); err != nil {
			return 0, err
		}
	}
	err = lab.Wait(40*time.Second, "the first answer", func() bool {
		_, err := l.Get(context.Background(), vip+":80", 200*time.Millisecond)
		return err == nil
	})
	if err != nil {
		return 0, logged(l, err)
	}
	return time.Since(begin), nil
}
