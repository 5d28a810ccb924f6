package pair

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	view "classicha/heartbeatd/cluster"
	"classicha/tests/drbd/rig"
	"classicha/tests/kernel/vm"
	"classicha/tests/lab"
)

// slowTiming and slowNet are those of a cluster in an emulated machine, which stands still for some
// seconds when the computer under it has other things to do.
const (
	slowTiming   = "keepalive 500ms\nwarntime 7\ndeadtime 10\ninitdead 20\n"
	slowDeadtime = 10 * time.Second
	slowNet      = "net { ping-int 10; connect-int 10; timeout 60; ping-timeout 50; }"
)

// TestClockStep: the clock of a machine is set, to later and to earlier, by up to ten years, while
// records are written. Nobody is declared dead, nothing moves, nothing is started again; a daemon
// that is started after the clock went back is accepted; and a dead machine is dead after deadtime,
// whatever the clock did meanwhile.
//
// There is one clock for all namespaces. So this program runs itself in a virtual machine, with
// the whole cluster, and steps the clock there.
func TestClockStep(t *testing.T) {
	if inMachine() {
		clockSteps(t)
		return
	}
	if os.Getenv("INTEROP_KERNEL") != "1" {
		t.Skip("needs a virtual machine, whose clock may be set; make interop-kernel runs it")
	}
	if why := vm.MissingShared(); why != "" {
		t.Skip(why)
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	dir, remove, err := lab.Scratch("clock-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	repo, err := rig.Repo()
	if err != nil {
		t.Fatal(err)
	}
	installed, err := lab.Install(repo, dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := vm.RunShared(ctx, dir, 20*time.Minute, t.Logf, rig.InstalledEnv+"="+installed.Root,
		self, "-test.v", "-test.run=^TestClockStep$", "-test.timeout=19m")
	t.Logf("in the machine:\n%s", r.Out)
	if err != nil || r.Code != 0 {
		t.Fatalf("exit code %d, %v", r.Code, err)
	}
	if strings.Contains(r.Out, "--- SKIP") {
		t.Skip("the machine lacks something; see above")
	}
}

// inMachine tells whether this is a virtual machine of package vm.
func inMachine() bool {
	line, _ := os.ReadFile("/proc/cmdline")
	return strings.Contains(string(line), " classicha.share=")
}

// clockSteps is the test, in the virtual machine.
func clockSteps(t *testing.T) {
	limit = 3 * time.Minute
	c := newCluster(t, options{slow: true})
	s := &stepper{cluster: c, wall: time.Now().Round(0), began: time.Now()}
	t.Cleanup(func() { s.set(0) })
	a, b := c.active()
	const hour, years = time.Hour, 10 * 365 * 24 * time.Hour
	old := time.Until(time.Unix(86400, 0).Add(time.Second)) // the second day of 1970
	s.note()
	for _, d := range []time.Duration{hour, 0, -hour, years, 0, old, 0, old, years, old} {
		s.set(d)
		s.quiet(slowDeadtime*5/4, a)
	}

	c.Step("in 1970, heartbeatd of %s is started again", b.Name())
	s.restartHeartbeat(b, a)
	s.set(years)
	c.Step("in ten years, heartbeatd of %s is started again", b.Name())
	s.restartHeartbeat(b, a)
	s.set(old)
	c.Step("back in 1970, both heartbeatd are started again, first the one that serves")
	s.restartHeartbeat(a, b)
	c.movedTo(b)
	s.restartHeartbeat(b, a)
	c.movedTo(a)
	c.Step("drbdd of %s is killed, and started again", b.Name())
	b.Kill()
	s.set(0)
	b.Start()
	b.Expect("Connected Secondary/Primary UpToDate/UpToDate", limit)
	s.set(old)
	s.note()
	s.quiet(slowDeadtime*5/4, a)

	c.Step("%s dies in 1970, and then it is ten years later", a.Name())
	c.killHeartbeat(a)
	at := time.Now()
	time.Sleep(slowDeadtime / 3)
	s.set(years)
	time.Sleep(slowDeadtime / 3)
	if c.wasFenced(a) {
		t.Errorf("%s was declared dead after %.1f s, before deadtime", a.Name(), time.Since(at).Seconds())
	}
	s.set(-hour)
	c.Wait(2*slowDeadtime, "the reset", func() bool { return c.wasFenced(a) })
	c.Step("%s was reset after %.1f s, deadtime is %v", a.Name(), time.Since(at).Seconds(), slowDeadtime)
	c.movedTo(b)
	s.set(0)
	c.verdict()
}

// stepper steps the clock and looks at what that changes.
type stepper struct {
	*cluster
	wall, began time.Time // the right time, and when it was that
	lines       map[string]int
}

// set makes the clock differ from the right time by d.
func (s *stepper) set(d time.Duration) {
	to := s.wall.Add(time.Since(s.began)).Add(d)
	ts := unix.NsecToTimespec(to.UnixNano())
	if !inMachine() {
		panic("the clock of this machine is not ours")
	}
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &ts); err != nil {
		s.t.Fatal(err)
	}
	s.Step("the clock is set to %s", to.UTC().Format(time.DateTime))
}

// note remembers where the logs end.
func (s *stepper) note() {
	s.lines = map[string]int{}
	for _, n := range s.nodes() {
		s.lines[n.Name()] = len(n.Log())
		s.lines["drbdd "+n.Name()] = len(n.DaemonLog())
	}
}

// unwanted are lines that a step of the clock must not cause: a node's death or return, scripts,
// refused packets, changes of state. slowness are some that it need not have caused.
var (
	unwanted = regexp.MustCompile(`WARN|ERROR|CRIT|dead|replay|[Rr]unning |now in state|takeover|acquir|conn\(|disk\(|pdsk\(|role\(`)
	slowness = regexp.MustCompile(`this node stood still|Late heartbeat`)
)

// quiet waits, and checks that the cluster stays as it was.
func (s *stepper) quiet(span time.Duration, serves *rig.Node) {
	s.t.Helper()
	time.Sleep(span)
	for _, n := range s.nodes() {
		slow := 0
		for _, l := range n.Log()[s.lines[n.Name()]:] {
			if slowness.MatchString(l.Text) {
				s.Step("%s: %s", n.Name(), l.Text)
				slow++
			} else if unwanted.MatchString(l.Text) {
				s.Errorf("%s logged %q", n.Name(), l.Text)
			}
		}
		if slow > 4 {
			s.Errorf("%s logged %d lines of slowness in %v", n.Name(), slow, span)
		}
		for line := range strings.Lines(n.DaemonLog()[s.lines["drbdd "+n.Name()]:]) {
			if unwanted.MatchString(line) {
				s.Errorf("drbdd of %s logged %q", n.Name(), strings.TrimSpace(line))
			}
		}
		if v := n.Volume(0); v.Conn.String() != "Connected" {
			s.Errorf("drbdd of %s is %s", n.Name(), n.State(0))
		}
	}
	s.note()
	s.acknowledged(1)
	if s.where() != serves.Name() || len(s.resets()) > 0 {
		s.Errorf("%q serves instead of %s, %v were reset", s.where(), serves.Name(), s.resets())
	}
	if r := serves.Run("hb_mon", "-1"); !strings.HasPrefix(r.Out, "OK: ") {
		s.Errorf("hb_mon of %s: %s", serves.Name(), r.Out)
	}
	var v view.View
	if r := serves.Run("hb_mon", "-j"); json.Unmarshal([]byte(r.Out), &v) != nil || v.Now.Sub(v.Started) < span || v.Now.Sub(v.Started) > time.Hour {
		s.Errorf("heartbeatd of %s began at %s, as it says, and now it is %s", serves.Name(), v.Started, v.Now)
	}
}

// restartHeartbeat stops Heartbeat on a machine and starts it again. Its peer must accept it.
func (s *stepper) restartHeartbeat(n, peer *rig.Node) {
	s.t.Helper()
	before := s.generation(n)
	s.Must(n.Node.Stop(limit))
	s.heartbeat(n)
	s.Wait(limit, fmt.Sprintf("%s and %s see each other", n.Name(), peer.Name()), func() bool {
		return n.Sees(peer.Name()) == "active" && peer.Sees(n.Name()) == "active"
	})
	after := s.generation(n)
	if after <= before {
		s.Errorf("the generation of %s was %q, and is %q", n.Name(), before, after)
	}
	for _, l := range peer.Log()[s.lines[peer.Name()]:] {
		if strings.Contains(l.Text, "replay") {
			s.Errorf("%s logged %q", peer.Name(), l.Text)
		}
	}
	s.note()
}

// generation is what stands in the file, with a fixed width.
func (s *stepper) generation(n *rig.Node) string {
	b, err := os.ReadFile(n.Path("/var/lib/heartbeat/hb_generation"))
	s.Must(err)
	return string(b)
}
