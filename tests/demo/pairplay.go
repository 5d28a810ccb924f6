//go:build linux

package main

import (
	"strings"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
	"classicha/tests/lab/records"
)

const (
	up    = 60 * time.Second
	ready = "Connected Primary/Secondary UpToDate/UpToDate"
)

// disks: section 4.3, the first sync and a file system.
func (p *pair) disks() {
	p.out.heading("The disks")
	for _, n := range p.nodes() {
		p.do(n, "drbdadm -- --force create-md user")
		n.Start()
		p.do(n, "drbdadm up user")
	}
	p.a.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", up)
	p.do(p.a, "drbdsetup /dev/drbd0 primary --do-what-I-say")
	p.a.Expect(ready, up)
	p.show(p.do(p.a, "drbdadm proc"))
	p.do(p.a, "mkfs.ext3 -q -E nodiscard /dev/drbd0 && mkdir -p "+mount1+" && mount -t ext3 /dev/drbd0 "+mount1+
		" && install -d -o redis "+mount1+"/redis && umount "+mount1)
	p.do(p.a, "drbdadm secondary user")
}

// service: heartbeat brings it up.
func (p *pair) service() {
	p.out.heading("The service")
	for _, n := range p.nodes() {
		n.Do("mkdir", "-p", mount1, mount2)
		p.heartbeat(n)
	}
	p.rec = &records.Writer{Lab: p.r.Lab, Addr: vip + ":6379", Every: 3 * time.Millisecond, Served: p.served}
	p.rec.Start()
	p.acknowledged(1, up)
	// For its first five seconds a node asks for two seconds more of patience (heartbeat-wire 11).
	time.Sleep(6 * time.Second)
	p.out.text("\n  what \"hb_mon -1\" shows on serv-b:\n")
	p.show(p.b.Do("hb_mon", "-1"))
}

// powerCut: serv-a dies while it writes.
func (p *pair) powerCut() {
	p.out.heading("The power of serv-a fails in the middle of a write")
	at := time.Now()
	p.note(p.a, red, "power cut: no process, no network, no memory; its disk loses what was not flushed")
	p.a.Power()
	p.until(up, "the database on serv-b", func() bool { return p.by == "serv-b" })
	p.acknowledged(50, up)
	p.complete("from serv-b")
	pause, first := p.rec.Pause(at)
	p.measure("power cut: without an acknowledgement for", pause)
	if dead, ok := p.b.FindLog(at, "node serv-a: is dead"); ok {
		p.measure("    until serv-b was sure (deadtime 2)", dead.Time.Sub(at))
		p.measure("    from then to the first acknowledgement", first.Sub(dead.Time))
		p.steps(p.b, at, "takeover complete")
	}
	time.Sleep(time.Second)
	p.show(p.b.Do("drbdadm", "proc"))
}

// comeBack: serv-a returns, gets what changed and takes its service again.
func (p *pair) comeBack() {
	p.out.heading("serv-a comes back: only what changed is copied, then the service returns")
	at := time.Now()
	p.a.Restore()
	p.note(p.a, bold, "power on; drbdd and heartbeat start as after a boot")
	p.a.Start()
	p.a.Do("sh", "-c", "drbdadm up user 2>/dev/null")
	p.a.Do("mkdir", "-p", mount1, mount2)
	p.resync(p.b)
	for line := range strings.Lines(p.b.DaemonLog()) {
		if strings.Contains(line, "will sync") || strings.Contains(line, "Resync done") {
			p.show(line)
		}
	}
	p.measure("power on to both copies equal again", time.Since(at))
	p.heartbeat(p.a)
	p.until(up, "the database on serv-a again", func() bool { return p.by == "serv-a" })
	p.acknowledged(50, up)
	p.complete("from serv-a")
	pause, _ := p.rec.Pause(at)
	p.measure("failback: without an acknowledgement for", pause)
	time.Sleep(time.Second)
}

// bothServe: a second group whose home is serv-b.
func (p *pair) bothServe() {
	p.out.heading("Active/active: serv-b gets a service of its own, and serv-a both when serv-b fails")
	p.out.text("  added to haresources:  " + strings.TrimSpace(secondGroup))
	p.out.text("  added to drbd.conf:    resource site, /dev/drbd1 on /dev/sdb1, port 7789\n")
	for _, n := range p.nodes() {
		p.must(n.SetConf(p.files["drbd.conf"] + secondResource))
	}
	for _, n := range p.nodes() {
		p.do(n, "drbdadm -- --force create-md site && drbdadm up site")
	}
	p.b.ExpectOf(1, "Connected Secondary/Secondary Inconsistent/Inconsistent", up)
	p.do(p.b, "drbdadm -- --overwrite-data-of-peer primary site")
	p.b.ExpectOf(1, ready, up)
	p.do(p.b, "mkfs.ext3 -q -E nodiscard /dev/drbd1 && mount -t ext3 /dev/drbd1 "+mount2+" && mkdir "+mount2+
		"/html && echo '"+sitePage+"' >"+mount2+"/html/index.html && umount "+mount2)
	p.do(p.b, "drbdadm secondary site")
	for _, n := range p.nodes() {
		p.must(n.Conf("haresources", p.files["haresources"]+secondGroup))
	}
	for _, n := range p.nodes() {
		p.do(n, "kill -HUP $(cat /run/heartbeat.pid)")
	}
	time.Sleep(3 * time.Second) // they execute themselves again and hear each other
	page := p.r.Lab.Client(vip2+":80", 20*time.Millisecond, 300*time.Millisecond, p.page())
	defer page.Stop()
	// Both hold their own groups already; the new one is started by the next move.
	asked := time.Now()
	p.do(p.b, "/usr/share/heartbeat/hb_standby local")
	p.until(up, "the page from serv-a", func() bool { return p.pageBy() == "serv-a" })
	// The page comes before the last script has ended, and during one move another is refused.
	_, err := p.b.WaitLog(asked, "Other node completed standby takeover", up)
	p.must(err)
	p.do(p.b, "/usr/share/heartbeat/hb_takeover local")
	p.until(up, "the page from serv-b", func() bool { return p.pageBy() == "serv-b" })
	time.Sleep(2 * time.Second)
	p.show(p.a.Do("hb_mon", "-1"))

	at := time.Now()
	p.note(p.b, red, "power cut")
	p.b.Power()
	p.until(up, "the page from serv-a", func() bool { return p.pageBy() == "serv-a" })
	time.Sleep(time.Second)
	if gone, _, ok := lab.Outage(page.Stop(), at); ok {
		p.measure("power cut of serv-b: without its page for", gone)
	}
	p.acknowledged(50, up)
	pause, _ := p.rec.Pause(at)
	p.measure("    meanwhile the database of serv-a waited for (ping-int 10)", pause)
	p.complete("from serv-a")
}

// resync waits for the end of a resync and shows its progress.
func (p *pair) resync(n *rig.Node) {
	shown := time.Now()
	p.until(up, "the end of the resync", func() bool {
		if time.Since(shown) > time.Second {
			shown = time.Now()
			for line := range strings.Lines(n.Do("drbdadm", "proc")) {
				if line = strings.TrimSpace(line); strings.Contains(line, "sync'ed:") {
					p.note(n, plain, "%s", line)
				}
			}
		}
		return n.State(0) == ready
	})
}
