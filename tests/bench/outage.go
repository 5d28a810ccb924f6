//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"classicha/tests/lab"
)

// cutResult is one power cut.
type cutResult struct {
	total     time.Duration // power cut to first answer
	detection time.Duration // last packet to "is dead"
	takeover  time.Duration // "is dead" to first answer
	scripts   time.Duration // of takeover: inside the resource script
}

// outage measures power cuts: each program and each setting, in turn.
func (p *plan) outage() error {
	results := map[string][]cutResult{}
	for _, t := range []timers{slow, fast} {
		for _, prog := range p.programs {
			progress("outage: %s, %s, %d power cuts", prog.name(), t.name, p.runs)
			r, err := cuts(prog, t, p.runs)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", prog.name(), t.name, err)
			}
			results[prog.name()] = r
		}
		fmt.Printf("\nPower cut of the serving node, %s: medians of %d (smallest to largest), ms\n", t.name, p.runs)
		tab := newTable("", "cut to answer", "detection", "over dead time", "take-over", "of it in scripts", "outside them")
		for _, prog := range p.programs {
			r := results[prog.name()]
			dead := prog.deadAfter(t)
			scripts, outside := "-", "-"
			if _, ok := prog.(heartbeat); ok {
				scripts = spread(r, func(c cutResult) time.Duration { return c.scripts })
				outside = spread(r, func(c cutResult) time.Duration { return c.takeover - c.scripts })
			}
			tab.row(prog.name(),
				spread(r, func(c cutResult) time.Duration { return c.total }),
				spread(r, func(c cutResult) time.Duration { return c.detection }),
				fmt.Sprintf("%+d", (median(r, func(c cutResult) time.Duration { return c.detection })-dead).Milliseconds()),
				spread(r, func(c cutResult) time.Duration { return c.takeover }),
				scripts, outside)
		}
		tab.print()
		ratio(p.programs, "cut to answer", func(name string) float64 {
			return median(results[name], func(c cutResult) time.Duration { return c.total }).Seconds()
		})
		ratio(p.programs, "take-over", func(name string) float64 {
			return median(results[name], func(c cutResult) time.Duration { return c.takeover }).Seconds()
		})
	}
	return nil
}

// cuts lets the two nodes die in turn, n times in all, each after the other has
// come back.
func cuts(prog program, t timers, n int) ([]cutResult, error) {
	l, err := lab.New(prog.options(t))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	started := map[*lab.Node]time.Time{}
	for _, node := range l.Nodes {
		started[node] = time.Now()
		if err := bring(prog, node); err != nil {
			return nil, err
		}
	}
	var out []cutResult
	for len(out) < n {
		if err := lab.Wait(40*time.Second, "both nodes settled", func() bool { return prog.ready(l) && server(l) != nil }); err != nil {
			return nil, logged(l, err)
		}
		victim := server(l)
		time.Sleep(max(500*time.Millisecond, time.Until(started[victim].Add(young))))
		r, err := cut(l, prog, t, victim)
		if err != nil {
			return nil, logged(l, err)
		}
		out = append(out, r)
		if err := victim.Boot(); err != nil {
			return nil, err
		}
		started[victim] = time.Now()
		if err := bring(prog, victim); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// young is how long after its start a Heartbeat node still announces a longer
// dead time (two seconds more for five seconds, heartbeat-wire 11).
const young = 7 * time.Second

// bring starts the web server and the cluster program on a node that has power.
func bring(prog program, n *lab.Node) error {
	if err := n.ServeName("80"); err != nil {
		return err
	}
	return prog.start(n)
}

// server is the node that has the service address, or nil.
func server(l *lab.Lab) *lab.Node {
	for _, n := range l.Nodes {
		if strings.Contains(n.Run("ip", "-4", "-br", "addr", "show", "dev", "eth0").Out, vip+"/") {
			return n
		}
	}
	return nil
}

// cut takes the power of the victim and measures.
func cut(l *lab.Lab, prog program, t timers, victim *lab.Node) (cutResult, error) {
	other := l.Nodes[0]
	if other == victim {
		other = l.Nodes[1]
	}
	tap, err := l.Tap(prog.packets)
	if err != nil {
		return cutResult{}, err
	}
	defer tap.Close()
	client := l.Client(vip+":80", 4*time.Millisecond, 300*time.Millisecond, nil)
	defer client.Stop()
	time.Sleep(400*time.Millisecond + time.Duration(rand.Int64N(int64(t.phase))))
	// The tap sees the last packet if one came since it was opened.
	if err := lab.Wait(3*time.Second, "a packet of the victim", func() bool { return tap.Sent(victim.Name()).Frames > 0 }); err != nil {
		return cutResult{}, err
	}
	if t.phase >= time.Second { // that wait has chosen the phase: choose it again
		time.Sleep(time.Duration(rand.Int64N(int64(t.phase))))
	}
	at, err := victim.PowerCut()
	if err != nil {
		return cutResult{}, err
	}
	var first lab.Shot
	if err := lab.Wait(20*time.Second, "an answer of the survivor", func() (ok bool) {
		_, first, ok = lab.Outage(client.Shots(), at)
		return ok
	}); err != nil {
		return cutResult{}, err
	}
	client.Stop()
	dead, err := other.WaitLog(at, prog.deadText(victim), 5*time.Second)
	if err != nil {
		return cutResult{}, err
	}
	if _, ok := prog.(heartbeat); ok {
		// The script ends after the address answers; only then it leaves its stamp.
		if err := lab.Wait(5*time.Second, "the end of the resource script", func() bool { return stampedStart(other, dead.Time) }); err != nil {
			return cutResult{}, err
		}
	}
	return cutResult{
		total:     first.Done.Sub(at),
		detection: dead.Time.Sub(tap.Sent(victim.Name()).Last),
		takeover:  first.Done.Sub(dead.Time),
		scripts:   inScripts(other, dead.Time, first.Done),
	}, nil
}

// stamp is one run of the resource script.
type stamp struct {
	start, end time.Time
	args       string
}

// stamps reads what the script Stamped has written on a node.
func stamps(n *lab.Node) []stamp {
	raw, _ := os.ReadFile(n.LogPath("stamps"))
	var out []stamp
	for line := range strings.Lines(string(raw)) {
		var a, b float64
		if _, err := fmt.Sscan(line, &a, &b); err == nil {
			out = append(out, stamp{time.UnixMicro(int64(a * 1e6)), time.UnixMicro(int64(b * 1e6)), strings.TrimSpace(line)})
		}
	}
	return out
}

// stampedStart says whether a start that began after a moment is through.
func stampedStart(n *lab.Node, after time.Time) bool {
	for _, s := range stamps(n) {
		if s.start.After(after) && strings.HasSuffix(s.args, " start") {
			return true
		}
	}
	return false
}

// inScripts is how much of the time between two moments the resource script ran.
func inScripts(n *lab.Node, from, to time.Time) time.Duration {
	var sum time.Duration
	for _, s := range stamps(n) {
		if s.start.Before(from) {
			s.start = from
		}
		if s.end.After(to) {
			s.end = to
		}
		if s.end.After(s.start) {
			sum += s.end.Sub(s.start)
		}
	}
	return sum
}

// logged adds the end of the nodes' logs to an error.
func logged(l *lab.Lab, err error) error {
	var b strings.Builder
	for _, n := range l.Nodes {
		all := n.Log()
		for _, line := range all[max(0, len(all)-15):] {
			fmt.Fprintf(&b, "\n  %s %s %s", line.Time.Format("15:04:05.000"), n.Name(), line.Text)
		}
	}
	return fmt.Errorf("%w%s", err, b.String())
}
