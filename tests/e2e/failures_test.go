package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestColdStart: both nodes of ours serve within three seconds of their start,
// where two real ones need their built-in ten.
func TestColdStart(t *testing.T) {
	t.Parallel()
	oursOnly(t, "waits ten seconds at a start")
	p := pair.New(t, pair.Config{Roles: roles(t), Keepalive: "1", Deadtime: "3", Initdead: "12"})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, 3*time.Second)
}

// TestStopFails: a resource that will not stop must not be started elsewhere.
// The emergency action is only logged here (HA_EMERGENCY=log).
func TestStopFails(t *testing.T) {
	t.Parallel()
	oursOnly(t, "knows no HA_EMERGENCY: it kills the node")
	p := pair.New(t, pair.Config{Roles: roles(t), Failback: "off", Allow: []string{"Return code 1", "Resource STOP failure", "ungracefully", "cannot be stopped", "could be stopped"}})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	p.Must(p.A.Conf("fail-stop-a", ""))
	at := time.Now()
	p.Must(p.A.Standby("local"))
	if _, err := p.A.WaitLog(at, "Resource STOP failure. Reboot required!", 30*time.Second); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Second)
	if !p.A.Runs("a") || p.B.Runs("a") {
		t.Errorf("a runs on node1: %v, on node2: %v; it could not be stopped on node1", p.A.Runs("a"), p.B.Runs("a"))
	}
	if _, err := os.Stat(p.A.LogPath("reboot-called")); err == nil {
		t.Error("the reboot command was called in spite of HA_EMERGENCY=log")
	}
}

// TestStartFails: a group whose second resource does not start is given up as a
// whole and served by the other node in the end.
func TestStartFails(t *testing.T) {
	t.Parallel()
	oursOnly(t, "leaves the group to nobody (heartbeat-behaviour 3)")
	p := pair.New(t, pair.Config{Roles: roles(t), Failback: "off", Allow: []string{"Return code 1", "Giving up resources", "could not be started"}})
	p.Must(p.A.Conf("fail-start-a2", ""))
	p.Start(p.A, p.B)
	p.Must(lab.Wait(70*time.Second, "node2 serves node1's group", func() bool {
		return !p.A.Runs("a") && p.B.Runs("a") && p.B.Runs("a2") && p.B.Runs("b")
	}))
}

// TestKilled: the daemon is killed, its resources stay. The other node takes
// over after the dead time; that the resources run on both until the killed node
// is reset is what fencing is for, and is tolerated here.
func TestKilled(t *testing.T) {
	t.Parallel()
	p := pair.New(t, pair.Config{Roles: roles(t)})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	p.Tolerate(true)
	killed := 0
	for _, proc := range p.A.Processes() {
		if proc.IsHeartbeat() {
			if pr, err := os.FindProcess(proc.Pid); err == nil && pr.Kill() == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		t.Fatal("found no daemon to kill")
	}
	p.Must(lab.Wait(takeoverLimit, "takeover by node2", func() bool { return p.B.Runs("a") && p.B.Holding() == "all" }))
	p.Cut(p.A)
	p.Tolerate(false)
	p.Start(p.A)
	p.Expect(pair.Home, bootLimit)
}

// TestKilledAndStartedAgain: a daemon that is killed and started again within the dead time
// knows what its predecessor left running: nothing is started beside it.
func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	oursOnly(t, "forgets what runs")
	p := pair.New(t, pair.Config{Roles: roles(t), Failback: "off", Keepalive: "1", Deadtime: "6", Initdead: "12"})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	p.Must(p.A.Standby("all"))
	p.Expect(pair.AllB, moveLimit)
	at := time.Now()
	killed := 0
	for _, proc := range p.B.Processes() {
		if proc.IsHeartbeat() {
			if pr, err := os.FindProcess(proc.Pid); err == nil && pr.Kill() == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		t.Fatal("found no daemon to kill")
	}
	p.Must(lab.Wait(3*time.Second, "end of the killed daemon", func() bool {
		for _, proc := range p.B.Processes() {
			if proc.IsHeartbeat() {
				return false
			}
		}
		return true
	}))
	p.Start(p.B)
	if _, err := p.B.WaitLog(at, "still runs here: an earlier heartbeat was killed", 10*time.Second); err != nil {
		t.Error(err)
	}
	time.Sleep(8 * time.Second) // longer than the dead time
	p.Expect(pair.AllB, moveLimit)
}

// TestNoise: bytes that nobody sent, long lines without an end and halves of
// frames on the serial line, the only medium. The frames between them get
// through and nobody dies.
func TestNoise(t *testing.T) {
	t.Parallel()
	p := pair.New(t, pair.Config{Roles: roles(t), Media: "serial", Deadtime: "2", Initdead: "4", Failback: "off", Allow: []string{"ERROR"}})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	start := time.Now()
	for i := range 30 {
		noise := [][]byte{{0, 0xff, '\n'}, []byte(">>>\nt=status\n"), []byte(strings.Repeat("x", 300)), []byte("\n<<<\n")}[i%4]
		p.Must(p.Line(0).Inject(i%2, noise))
		time.Sleep(100 * time.Millisecond)
	}
	for _, n := range p.Nodes {
		p.Quiet(n, start, "is dead")
	}
	p.Must(p.A.Standby("all"))
	p.Expect(pair.AllB, moveLimit)
}

// TestLinks: of three ways between the nodes two go; nobody dies. Each change is
// logged.
func TestLinks(t *testing.T) {
	t.Parallel()
	p := pair.New(t, pair.Config{Roles: roles(t), Media: "all"})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	time.Sleep(2 * time.Second) // all links up
	start := time.Now()
	p.Must(p.B.Cable(0, false))
	p.Line(0).Cut()
	for _, link := range []string{"Link node2:eth0 dead.", "Link node2:/dev/ttyS0 dead."} {
		if _, err := p.A.WaitLog(start, link, 5*time.Second); err != nil {
			t.Error(err)
		}
	}
	p.Stays(pair.Home, 2*time.Second)
	p.Must(p.B.Cable(0, true))
	p.Line(0).Join()
	for _, link := range []string{"Link node2:eth0 up.", "Link node2:/dev/ttyS0 up."} {
		if _, err := p.A.WaitLog(start, link, 5*time.Second); err != nil {
			t.Error(err)
		}
	}
	for _, n := range p.Nodes {
		p.Quiet(n, start, "is dead")
	}
}

// TestIpfail: the owner loses the cable to the outside, over which a ping node
// is seen; a second way to the other node is left, which takes over.
func TestIpfail(t *testing.T) {
	t.Parallel()
	p := pair.New(t, pair.Config{
		Roles: roles(t), Failback: "off", Deadtime: "2", Initdead: "4", Resources: "node1 LabRsc::a\n",
		Extra: []string{"bcast eth1", "ping 192.168.77.254", "respawn hacluster /usr/libexec/heartbeat/ipfail", "apiauth ipfail uid=hacluster"},
	})
	p.Start(p.A, p.B)
	p.Must(lab.Wait(bootLimit, "service on node1", func() bool { return p.A.Runs("a") && p.A.Holding() == "local" }))
	time.Sleep(12 * time.Second) // two real nodes settle in ten
	p.Must(p.A.Cable(0, false))
	p.Must(lab.Wait(25*time.Second, "node2 serves", func() bool { return p.B.Runs("a") && !p.A.Runs("a") }))
}

// TestOneWay: node2 hears node1 no more, node1 hears node2. Both must end with
// each service once when the way is whole again.
func TestOneWay(t *testing.T) {
	t.Parallel()
	p := pair.New(t, pair.Config{Roles: roles(t), Allow: []string{"returning after partition", "Late heartbeat", "Both machines own", "No one owns", "Ignored standby", "both nodes run the"}})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	p.Tolerate(true)
	p.Must(p.CutOneWay("node1", "node2"))
	at := time.Now()
	if _, err := p.B.WaitLog(at, "node node1: is dead", takeoverLimit); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	p.Must(p.Heal())
	p.Must(lab.Wait(60*time.Second, "each service once, at home", func() bool {
		return p.A.Runs("a") && p.B.Runs("b") && !p.A.Runs("b") && !p.B.Runs("a") && p.A.Holding() == "local" && p.B.Holding() == "local"
	}))
	p.Tolerate(false)
	p.Stays(pair.Home, 3*time.Second)
}
