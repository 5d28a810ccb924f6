//go:build linux

package main

import (
	"strings"
	"time"

	"classicha/tests/demo/seed"
	"classicha/tests/drbd/rig"
)

const (
	limit = 60 * time.Second
	ready = "Connected Primary/Secondary UpToDate/UpToDate"
)

func play(s *stage) {
	s.heading("One disk on two machines")
	s.show(`
serv-a  130.66.201.1 ── eth0 ──┐  /dev/drbd0 on each, of /dev/sda1 (160 MiB)
serv-b  130.66.201.2 ── eth0 ──┘  /etc/drbd.conf: the article's of 2005, as printed:

    ` + strings.ReplaceAll(strings.TrimSpace(seed.DrbdConf), "\n", "\n    ") + "\n ")
	r := rig.New(s, rig.Options{Conf: seed.DrbdConf, Disks: rig.FileDisks(160 << 20), Settings: []string{"proc-format 0.7"}})
	a, b := r.A, r.B
	s.start = time.Now()

	s.heading("Metadata, daemon, connection")
	for _, n := range []*rig.Node{a, b} {
		s.say("%s", s.paint("36", n.Name()+"# drbdadm create-md user; drbdd & drbdadm up user"))
		n.Do("drbdadm", "--", "--force", "create-md", "user")
		n.Start()
		notes := n.Do("drbdadm", "up", "user")
		if n == a {
			s.show(notes)
		}
	}
	a.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", limit)
	s.do(a, "drbdadm proc")

	s.heading("serv-a has the data: the first sync")
	s.do(a, "drbdsetup /dev/drbd0 primary --do-what-I-say")
	watchSync(s, a)
	s.do(a, "drbdadm proc")

	s.heading("A file system and a large file")
	s.do(a, "mkfs.ext3 -q /dev/drbd0 && mkdir -p /run/user0 && mount -t ext3 /dev/drbd0 /run/user0")
	s.do(a, "dd if=/dev/urandom of=/run/user0/large bs=1M count=80 conv=fsync 2>&1 | tail -n 1")
	sum := s.do(a, "md5sum /run/user0/large")
	s.refused(a, "drbdadm secondary user 2>/run/err; code=$?; grep -v drbd.conf: /run/err; exit $code")

	s.heading("The other machine")
	s.do(a, "umount /run/user0")
	quiet(s, a, "drbdadm secondary user")
	quiet(s, b, "drbdadm primary user")
	s.do(b, "mkdir -p /run/user0 && mount -t ext3 /dev/drbd0 /run/user0")
	same(s, s.do(b, "md5sum /run/user0/large"), sum)

	s.heading("drbdd of serv-b is killed while the file system is written")
	end := make(chan string, 1)
	go func() {
		end <- b.Run("sh", "-c", "dd if=/dev/urandom of=/run/user0/second bs=64k count=800 oflag=dsync 2>&1 | tail -n 1").Out
	}()
	time.Sleep(300 * time.Millisecond)
	b.Kill()
	s.say("serv-b: kill -9 of drbdd; a new one is started")
	b.Start()
	s.say("serv-b: the new one answers; dd, which was not told of anything, ends with:")
	s.show(<-end)
	b.Expect(ready, limit)
	sum2 := s.do(b, "md5sum /run/user0/second")

	s.heading("The power of serv-b fails")
	b.Power()
	at := time.Now()
	for a.Run("drbdadm", "primary", "user").Code != 0 {
		if time.Since(at) > limit {
			s.Fatalf("serv-a does not become Primary")
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.say("serv-a is Primary %.1f s after the power cut", time.Since(at).Seconds())
	s.do(a, "mount -t ext3 /dev/drbd0 /run/user0")
	same(s, s.do(a, "md5sum /run/user0/large"), sum)
	same(s, s.do(a, "md5sum /run/user0/second"), sum2)
	s.do(a, "dd if=/dev/urandom of=/run/user0/third bs=1M count=10 conv=fsync 2>&1 | tail -n 1")

	s.heading("serv-b comes back: only what changed is copied")
	b.Restore()
	b.Start()
	quiet(s, b, "drbdadm up user")
	a.Expect(ready, limit)
	s.do(a, "drbdadm proc")
	s.do(a, "umount /run/user0")
	quiet(s, a, "drbdadm secondary user")
	size := a.DeviceSize(0)
	a.Expect("Connected Secondary/Secondary UpToDate/UpToDate", limit)
	r.Equal("sda1", size)
	s.say("the two disks are equal, block by block")
	s.heading("The machines, their networks, processes and files are gone again.")
}

// quiet is do without the notes about the old drbd.conf, which were shown once.
func quiet(s *stage, n *rig.Node, line string) { s.do(n, line+" 2>/dev/null") }

func same(s *stage, got, want string) {
	if got != want {
		s.Fatalf("md5sum is %q, was %q", got, want)
	}
}

// watchSync shows the progress of the first sync.
func watchSync(s *stage, n *rig.Node) {
	var last time.Time
	for end := time.Now().Add(limit); n.State(0) != ready; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("the sync does not end: %s", n.State(0))
		}
		for line := range strings.Lines(n.Do("drbdadm", "proc", "--style", "0.7")) {
			if line = strings.TrimSpace(line); strings.Contains(line, "sync'ed:") && time.Since(last) > 400*time.Millisecond {
				s.say("%s", line)
				last = time.Now()
			}
		}
	}
}
