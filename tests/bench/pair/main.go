//go:build linux

// Command pair measures a power cut of the machine that serves from a mirrored disk: the
// time without an answer on the service address, and what each step took. The group is
// drbddisk, Filesystem (ext4, 1 GiB, idle) and IPaddr2; keepalive 1 s, deadtime 3 s.
//
//	go run ./tests/bench/pair [-runs 10]
//
// It prints a table and judges nothing. Root is needed.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

const (
	vip     = "130.66.201.3"
	mount   = "/run/data"
	size    = 1<<30 + 64<<20
	patient = 60 * time.Second
)

const haCf = `logfacility local0
keepalive 1
deadtime 3
initdead 6
bcast eth0
serial /dev/ttyS0
auto_failback off
node serv-a
node serv-b
`

const haresources = "serv-a drbddisk::r0 Filesystem::/dev/drbd0::" + mount + "::ext4 IPaddr2::" + vip + "/24/eth0:0\n"

const drbdConf = `resource r0 {
	protocol C;
	disk { c-min-rate 0; }
	device /dev/drbd0;
	disk /dev/sda1;
	meta-disk internal;
	on serv-a { address 130.66.201.1:7788; }
	on serv-b { address 130.66.201.2:7788; }
}
`

func main() {
	rig.Isolate()
	runs := flag.Int("runs", 10, "power cuts")
	flag.Parse()
	if why := rig.Missing("mkfs.ext4", "mount"); why != "" {
		fmt.Fprintln(os.Stderr, "bench:", why)
		os.Exit(1)
	}
	s := rig.NewScript(func(text string) { fmt.Fprintln(os.Stderr, text) })
	err := s.Run(func() { measure(s, *runs) })
	rig.Cleanup()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// steps of an outage, in their order.
var steps = []string{"detection (power cut to \"is dead\")", "drbddisk", "Filesystem", "IPaddr2", "end of IPaddr2 to the answer", "beyond detection", "outage"}

func measure(s *rig.Script, runs int) {
	r := rig.New(s, rig.Options{
		Image: rig.Pair, Conf: drbdConf, Disks: rig.FileDisks(size),
		Cluster: map[string]string{"ha.cf": haCf, "authkeys": "auth 1\n1 sha1 secret\n", "haresources": haresources},
	})
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("drbdadm", "--", "--force", "create-md", "r0")
		n.Start()
		n.Do("drbdadm", "up", "r0")
	}
	r.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", patient)
	r.A.Do("drbdadm", "--", "--clear-bitmap", "new-current-uuid", "r0")
	r.A.Do("drbdadm", "primary", "r0")
	r.A.Do("mkfs.ext4", "-q", "-E", "nodiscard", "/dev/drbd0")
	r.A.Do("drbdadm", "secondary", "r0")
	serve(r.A)
	serve(r.B)
	client := r.Lab.Client(vip+":80", 5*time.Millisecond, 300*time.Millisecond, nil)
	defer client.Stop()
	r.Wait(patient, "the service runs", func() bool { return answers(client, r.A.Name()) })

	got := map[string][]time.Duration{}
	active, other := r.A, r.B
	for i := range runs {
		time.Sleep(6*time.Second + time.Duration(i*137%1000)*time.Millisecond) // at another phase each time
		at := time.Now()
		active.Power()
		r.Wait(patient, "take-over", func() bool { return answers(client, other.Name()) })
		for what, d := range split(s, other, at, client.Shots()) {
			got[what] = append(got[what], d)
		}
		active.Restore()
		active.Start()
		active.Do("drbdadm", "up", "r0")
		other.Expect("Connected Primary/Secondary UpToDate/UpToDate", patient)
		serve(active)
		r.Wait(patient, "both active", func() bool { return active.Node.Sees(other.Name()) == "active" })
		active, other = other, active
		fmt.Fprintf(os.Stderr, "run %d of %d\n", i+1, runs)
	}
	fmt.Printf("power cut with a mirrored ext4 of 1 GiB, keepalive 1 s, deadtime 3 s: %d runs, ms\n", runs)
	fmt.Printf("  %-40s %7s %7s %7s\n", "", "min", "median", "max")
	for _, what := range steps {
		d := got[what]
		slices.Sort(d)
		fmt.Printf("  %-40s %7d %7d %7d\n", what, d[0].Milliseconds(), d[len(d)/2].Milliseconds(), d[len(d)-1].Milliseconds())
	}
}

// serve starts what a boot starts besides drbdd: a web server with the machine's name and Heartbeat.
func serve(n *rig.Node) {
	n.Do("mkdir", "-p", mount)
	if err := n.ServeName("80"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err := n.Node.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// answers tells whether the last answer came from a machine.
func answers(c *lab.Client, name string) bool {
	shots := c.Shots()
	for _, s := range slices.Backward(shots) {
		if s.OK() {
			return strings.Contains(s.Body, name)
		}
	}
	return false
}

// split takes one outage apart by the log of the machine that took over.
func split(s *rig.Script, n *rig.Node, at time.Time, shots []lab.Shot) map[string]time.Duration {
	gone, first, ok := lab.Outage(shots, at)
	dead, found := n.FindLog(at, ": is dead")
	if !ok || !found {
		s.Fatalf("no answer, or no death in the log of %s", n.Name())
	}
	out := map[string]time.Duration{
		steps[0]: dead.Time.Sub(at), "beyond detection": first.Done.Sub(dead.Time), "outage": gone,
	}
	name, began := "", time.Time{}
	step := func(next string, t time.Time) {
		if name != "" {
			out[name] = t.Sub(began)
		}
		name, began = next, t
	}
	for _, l := range n.Log() {
		if l.Time.Before(at) {
			continue
		}
		f := strings.Fields(l.Text)
		if i := slices.Index(f, "Running"); i >= 0 && i+1 < len(f) && f[len(f)-1] == "start" && strings.Contains(f[i+1], "resource.d") {
			step(filepath.Base(f[i+1]), l.Time)
		}
		if strings.Contains(l.Text, "takeover complete") {
			step("", l.Time)
			out[steps[4]] = first.Done.Sub(l.Time)
			break
		}
	}
	return out
}
