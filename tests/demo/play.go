//go:build linux

package main

import (
	"strings"
	"time"

	"classicha/tests/lab"
)

// play is the story; it returns when the last line of the timeline is out.
func (d *demo) play() error {
	for _, n := range d.lab.Nodes {
		if err := d.start(n); err != nil {
			return err
		}
	}
	if err := lab.Wait(40*time.Second, "the page from serv-a", d.served("serv-a")); err != nil {
		return err
	}
	first := time.Now()
	// For its first five seconds a node asks for two seconds more of patience
	// (heartbeat-wire 11); the power fails after that.
	time.Sleep(6 * time.Second)
	d.monitor(d.b)

	d.out.heading("The power of serv-a fails")
	cut, err := d.a.PowerCut()
	if err != nil {
		return err
	}
	d.out.event(cut, "serv-a", red, "power cut: no process, no network, no memory")
	if err := lab.Wait(30*time.Second, "the page from serv-b", d.served("serv-b")); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	d.monitor(d.b)

	d.out.heading("serv-a comes back")
	if err := d.a.Boot(); err != nil {
		return err
	}
	back := time.Now()
	d.out.event(back, "serv-a", bold, "power on")
	if err := d.start(d.a); err != nil {
		return err
	}
	if err := lab.Wait(40*time.Second, "the page from serv-a again", d.served("serv-a")); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	d.summary(first, cut, back)
	return nil
}

// summary prints the measured times.
func (d *demo) summary(first, cut, back time.Time) {
	d.mu.Lock()
	shots := append([]lab.Shot(nil), d.shots...)
	d.mu.Unlock()
	d.out.heading("Measured by the client")
	d.out.text("  from start to the first page            %6.2f s", first.Sub(d.out.start).Seconds())
	if gone, answer, ok := lab.Outage(shots, cut); ok {
		d.out.text("  power cut: without a page for           %6.2f s", gone.Seconds())
		if dead, ok := d.b.FindLog(cut, "node serv-a: is dead"); ok {
			d.out.text("      until serv-b was sure (deadtime 2)  %6.2f s", dead.Time.Sub(cut).Seconds())
			d.out.text("      from then to the first page         %6.2f s", answer.Done.Sub(dead.Time).Seconds())
		}
	}
	if gone, ok := moved(shots, back); ok {
		d.out.text("  failback to serv-a: without a page for  %6.2f s", gone.Seconds())
	}
	count := map[string]int{}
	var since int
	for _, s := range shots {
		if s.Sent.Before(first) {
			continue
		}
		since++
		switch {
		case !s.OK():
			count["none"]++
		case strings.Contains(s.Body, "serv-a"):
			count["serv-a"]++
		default:
			count["serv-b"]++
		}
	}
	d.out.text("  %d requests since then: %d answered by serv-a, %d by serv-b, %d not at all", since, count["serv-a"], count["serv-b"], count["none"])
}

// moved is the time between the last page of serv-b and the first of serv-a
// after it.
func moved(shots []lab.Shot, after time.Time) (time.Duration, bool) {
	var last, first time.Time
	for _, s := range shots {
		if !s.OK() || s.Sent.Before(after) {
			continue
		}
		if strings.Contains(s.Body, "serv-b") {
			last = s.Done
		} else if first.IsZero() {
			first = s.Done
		}
	}
	return first.Sub(last), !last.IsZero() && !first.IsZero()
}
