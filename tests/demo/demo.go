//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"classicha/tests/demo/seed"
	"classicha/tests/lab"
)

const vip = "130.66.201.3"

// demo is one performance.
type demo struct {
	real bool
	out  *timeline
	lab  *lab.Lab
	a, b *lab.Node

	mu    sync.Mutex
	shots []lab.Shot
}

func (d *demo) run() error {
	tmp, remove, err := lab.Scratch("hbdemo-")
	if err != nil {
		return err
	}
	defer remove()
	if err := d.build(tmp); err != nil {
		return err
	}
	defer d.lab.Close()

	d.out.heading("The two machines start")
	d.out.start = time.Now()
	stop, quiet := make(chan struct{}), make(chan struct{})
	go func() { defer close(quiet); d.out.follow(d.lab.Nodes, stop) }()
	client := d.lab.Client(vip+":80", 10*time.Millisecond, 400*time.Millisecond, d.hear())
	err = d.play()
	client.Stop()
	close(stop)
	<-quiet
	if err != nil {
		d.failure()
		return err
	}
	d.out.text("\nThe machines, their networks, processes and files are gone again.")
	return nil
}

// build explains and makes the scene.
func (d *demo) build(tmp string) error {
	img, changes, program := lab.Real, append(append([]change{}, shorter...), forReal...), "the real Heartbeat 3.0.6"
	if !d.real {
		var err error
		if img, err = lab.Install(".", tmp); err != nil {
			return err
		}
		changes, program = shorter, "heartbeatd"
	}
	ha, err := files(map[string]string{"ha.cf": seed.HaCf, "authkeys": seed.Authkeys, "haresources": seed.HaresourcesApache}, changes)
	if err != nil {
		return err
	}
	d.out.heading("One web service on two machines, kept by " + program)
	d.out.text(`
  serv-a  130.66.201.1 ─── eth0 ──┐
    ║ /dev/ttyS0                  ├── client 130.66.201.254, fetches http://` + vip + `/
  serv-b  130.66.201.2 ─── eth0 ──┘   100 times a second

  /etc/ha.d/haresources on both:   ` + strings.TrimSpace(ha["haresources"]) + `
  /etc/ha.d/ha.cf and authkeys:    as in tests/demo/seed, with these lines changed:`)
	for _, c := range changes {
		d.out.text("      %-12s %-18s →  %s", c.file, c.old, c.new)
	}
	opt := lab.Options{
		Files:    ha,
		Segments: []lab.Segment{{Prefix: netip.MustParsePrefix("130.66.201.0/24"), Hub: 254}},
		Lines:    [][2]string{{"serv-a", "serv-b"}},
	}
	for i, name := range []string{"serv-a", "serv-b"} {
		binds, err := web(tmp, name)
		if err != nil {
			return err
		}
		opt.Nodes = append(opt.Nodes, lab.NodeSpec{Name: name, Host: i + 1, Image: img, Binds: binds})
	}
	if d.lab, err = lab.New(opt); err != nil {
		return err
	}
	d.a, d.b = d.lab.Nodes[0], d.lab.Nodes[1]
	for _, n := range d.lab.Nodes {
		if err := os.Mkdir(n.LogPath("apache2"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// web makes a machine's private web server configuration and page.
func web(tmp, name string) (map[string]string, error) {
	dir := filepath.Join(tmp, name)
	for path, text := range map[string]string{
		"apache2/apache2.conf": apacheConf,
		"apache2/envvars":      apacheEnv,
		"html/index.html":      "This page comes from " + name + ".\n",
	} {
		p := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return map[string]string{
		filepath.Join(dir, "apache2"): "/etc/apache2",
		filepath.Join(dir, "html"):    "/var/www/html",
	}, nil
}

// hear returns what the client calls for each request: it prints when answers
// begin to come from somewhere else, or from nowhere.
func (d *demo) hear() func(lab.Shot) {
	from := ""
	var last time.Time
	return func(s lab.Shot) {
		d.mu.Lock()
		d.shots = append(d.shots, s)
		d.mu.Unlock()
		switch {
		case s.OK():
			if last.Before(s.Done) {
				last = s.Done
			}
			if by := strings.TrimSpace(s.Body); by != from {
				d.out.event(s.Done, "client", green, "◀ %s", by)
				from = by
			}
		case from != "" && s.Sent.After(last):
			d.out.event(s.Sent, "client", red, "✗ no answer")
			from = ""
		}
	}
}

// served says whether the newest answer came from a machine.
func (d *demo) served(by string) func() bool {
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.shots) == 0 {
			return false
		}
		s := d.shots[len(d.shots)-1]
		return s.OK() && strings.Contains(s.Body, by)
	}
}

// failure prints the end of the logs: something went wrong.
func (d *demo) failure() {
	for _, n := range d.lab.Nodes {
		d.out.text("\nLast log lines of %s:", n.Name())
		all := n.Log()
		for _, l := range all[max(0, len(all)-25):] {
			d.out.text("  %8.2fs %s", l.Time.Sub(d.out.start).Seconds(), l.Text)
		}
	}
}

// monitor shows a machine's own picture of the cluster.
func (d *demo) monitor(n *lab.Node) {
	if d.real {
		return
	}
	if r := n.Run("hb_mon", "-1"); r.Code == 0 {
		d.out.text("\n  what \"hb_mon -1\" shows on %s:\n\n      %s", n.Name(), strings.ReplaceAll(strings.TrimRight(r.Out, "\n"), "\n", "\n      "))
	}
}

func (d *demo) start(n *lab.Node) error {
	d.out.event(time.Now(), n.Name(), bold, "/etc/init.d/heartbeat start")
	if err := n.Start(); err != nil {
		return fmt.Errorf("%w\n(the log above says more)", err)
	}
	return nil
}
