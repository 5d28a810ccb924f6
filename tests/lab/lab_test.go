package lab

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newLab builds a lab that ends with the test.
func newLab(t *testing.T, opt Options) *Lab {
	t.Helper()
	if why := Missing(); why != "" {
		t.Skip(why)
	}
	opt.Logf = t.Logf
	l, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestNodesAreSeparateAndConnected(t *testing.T) {
	start := time.Now()
	l := newLab(t, Options{Files: map[string]string{"haresources": "node1 LabRsc::a\n"}})
	t.Logf("two nodes up in %v", time.Since(start))
	for i, n := range l.Nodes {
		r := n.Run("sh", "-c", "uname -n; cat /etc/ha.d/haresources; ps ax | wc -l; ls /run; ip -4 -br addr; test -c /dev/ttyS0 && echo serial")
		for _, want := range []string{n.Name() + "\n", "LabRsc::a", "serial", fmt.Sprintf("192.168.77.%d/24", i+1), fmt.Sprintf("10.77.0.%d/24", i+1)} {
			if !strings.Contains(r.Out, want) {
				t.Errorf("%s: want %q in\n%s", n.Name(), want, r.Out)
			}
		}
	}
	if r := l.Nodes[0].Run("ping", "-c1", "-W1", "192.168.77.2"); r.Code != 0 {
		t.Errorf("node1 does not reach node2: %s", r.Out)
	}
}

// On a machine without the packages the places to mount on do not exist.
func TestBindsWhereNothingIs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", []byte("here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, Options{Nodes: []NodeSpec{{Name: "only", Host: 1, Binds: map[string]string{
		dir: "/usr/libexec/lab-test/deep", dir + "/file": "/etc/lab-test/file"}}}})
	r := l.Nodes[0].Run("sh", "-c", "cat /usr/libexec/lab-test/deep/file /etc/lab-test/file; test -s /etc/passwd && ls -d /etc/init.d /etc/alternatives/ >/dev/null && echo rest")
	if r.Out != "here\nhere\nrest\n" {
		t.Errorf("got %q", r.Out)
	}
	for _, p := range []string{"/usr/libexec/lab-test", "/etc/lab-test"} {
		if exists(p) {
			t.Errorf("%s was made on the machine itself", p)
		}
	}
}

func TestPowerCutLosesMemoryAndKeepsDisk(t *testing.T) {
	l := newLab(t, Options{})
	n := l.Node("node1")
	n.Run("sh", "-c", "echo x >/run/gone; echo y >/var/lib/heartbeat/kept; sleep 1000 & logger -t lab hello")
	if _, err := n.WaitLog(time.Time{}, "hello", time.Second); err != nil {
		t.Error(err)
	}
	if err := Wait(5*time.Second, "the sleep alone", func() bool {
		p := n.Processes()
		return len(p) == 1 && strings.HasPrefix(p[0].Args, "sleep")
	}); err != nil {
		t.Errorf("%v: processes of node1: %v", err, n.Processes())
	}
	if _, err := n.PowerCut(); err != nil {
		t.Fatal(err)
	}
	if r := l.Node("node2").Run("ping", "-c1", "-W1", "192.168.77.1"); r.Code == 0 {
		t.Error("a node without power answers")
	}
	start := time.Now()
	if err := n.Boot(); err != nil {
		t.Fatal(err)
	}
	t.Logf("booted in %v", time.Since(start))
	if r := n.Run("sh", "-c", "ls /run/gone; cat /var/lib/heartbeat/kept; ps ax"); strings.Contains(r.Out, "\n/run/gone") || !strings.Contains(r.Out, "y\n") || strings.Contains(r.Out, "sleep") {
		t.Errorf("after the boot:\n%s", r.Out)
	}
	// The neighbour that did not answer is asked for again after a while.
	if err := Wait(10*time.Second, "node1 answers after its boot", func() bool {
		return l.Node("node2").Run("ping", "-c1", "-W1", "192.168.77.1").Code == 0
	}); err != nil {
		t.Error(err)
	}
}

func TestRebootCommandKillsOnlyTheNode(t *testing.T) {
	l := newLab(t, Options{})
	n := l.Node("node1")
	n.Run("sh", "-c", "sleep 1000 & exec /sbin/reboot -nf")
	if b, err := os.ReadFile(n.LogPath("reboot-called")); err != nil || !strings.Contains(string(b), "reboot -nf") {
		t.Errorf("the call was not recorded: %q %v", b, err)
	}
	if err := Wait(5*time.Second, "all processes of the node have ended", func() bool { return len(n.Processes()) == 0 }); err != nil {
		t.Errorf("%v: %v", err, n.Processes())
	}
}

func TestCutsAndLoss(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is missing (package nftables)")
	}
	l := newLab(t, Options{})
	ping := func(from, to string) bool {
		return l.Node(from).Run("ping", "-c1", "-W2", to).Code == 0 // ARP asks again after 1 s
	}
	if err := l.Partition(); err != nil {
		t.Fatal(err)
	}
	if ping("node1", "192.168.77.2") || ping("node2", "10.77.0.1") {
		t.Error("a ping crosses the partition")
	}
	if !ping("node1", "192.168.77.254") {
		t.Error("the client is cut off too")
	}
	if err := l.Heal(); err != nil {
		t.Fatal(err)
	}
	if !ping("node1", "192.168.77.2") {
		t.Error("no ping after healing")
	}
	l.Node("node1").Run("ip", "neigh", "replace", "192.168.77.2", "lladdr", macOf(l.Node("node2")), "dev", "eth0")
	l.Node("node2").Run("ip", "neigh", "replace", "192.168.77.1", "lladdr", macOf(l.Node("node1")), "dev", "eth0")
	if err := l.SetLoss(30); err != nil {
		t.Fatal(err)
	}
	r := l.Node("node1").Run("ping", "-q", "-c200", "-i0.002", "-W1", "192.168.77.2")
	var lost float64
	_, after, _ := strings.Cut(r.Out, "received, ")
	if _, err := fmt.Sscanf(after, "%f%%", &lost); err != nil || lost < 35 || lost > 68 {
		t.Errorf("30 %% lost each way loses 51 %% of pings, got %v (%v)\n%s", lost, err, r.Out)
	}
	if err := l.Node("node2").Cable(0, false); err != nil {
		t.Fatal(err)
	}
	if r := l.Node("node2").Run("cat", "/sys/class/net/eth0/carrier"); strings.TrimSpace(r.Out) != "0" {
		t.Errorf("carrier after the cable was pulled: %q", r.Out)
	}
}

func macOf(n *Node) string {
	return strings.TrimSpace(n.Run("cat", "/sys/class/net/eth0/address").Out)
}

func TestClientAndTapFollowAnAddress(t *testing.T) {
	l := newLab(t, Options{})
	a, b := l.Nodes[0], l.Nodes[1]
	for _, n := range l.Nodes {
		if err := n.ServeName("80"); err != nil {
			t.Fatal(err)
		}
	}
	tap, err := l.Tap(func(Frame) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	a.Run("ip", "addr", "add", "192.168.77.50/24", "dev", "eth0")
	c := l.Client("192.168.77.50:80", 5*time.Millisecond, 200*time.Millisecond, nil)
	defer c.Stop()
	answered := func(by string) func() bool {
		return func() bool {
			s := c.Shots()
			return len(s) > 0 && s[len(s)-1].OK() && s[len(s)-1].Body == by+"\n"
		}
	}
	if err := Wait(3*time.Second, "answer of node1", answered("node1")); err != nil {
		t.Fatal(err, c.Stop())
	}
	at, err := a.PowerCut()
	if err != nil {
		t.Fatal(err)
	}
	if last := tap.Sent("node1").Last; last.After(at.Add(50*time.Millisecond)) || at.Sub(last) > time.Second {
		t.Errorf("last frame of node1 at %v, power cut at %v", last, at)
	}
	b.Run("ip", "addr", "add", "192.168.77.50/24", "dev", "eth0")
	// The client knows node1's hardware address still; announcing is the cluster's job.
	if err := l.hub.do(func() error { return exec.Command("ip", "neigh", "flush", "dev", "br0").Run() }); err != nil {
		t.Fatal(err)
	}
	if err := Wait(5*time.Second, "answer of node2", answered("node2")); err != nil {
		t.Fatal(err)
	}
	late := func(s Shot) bool {
		return s.Body == "node1\n" && s.Sent.After(at) && s.Done.Sub(at) < 200*time.Millisecond
	} // it was under way
	out, first, ok := Outage(slices.DeleteFunc(c.Stop(), late), at)
	if !ok || out <= 0 || out > 5*time.Second || first.Body != "node2\n" {
		t.Errorf("outage %v, first answer %+v", out, first)
	}
}

func TestSerialLine(t *testing.T) {
	l := newLab(t, Options{})
	send := func(text string) string {
		t.Helper()
		r := l.Node("node2").Run("sh", "-c", "timeout 1.5 cat /dev/ttyS0 >/run/x.$$ & sleep 0.1; true; wait; cat /run/x.$$; rm /run/x.$$")
		return r.Out
	}
	go func() {
		time.Sleep(500 * time.Millisecond)
		l.Node("node1").Run("sh", "-c", "printf '>>>\\nt=x\\n' >/dev/ttyS0")
	}()
	if got := send(""); got != ">>>\nt=x\n" {
		t.Errorf("across the line: got %q", got)
	}
	l.Line(0).Cut()
	l.Node("node1").Run("sh", "-c", "echo lost >/dev/ttyS0")
	time.Sleep(time.Second) // it is on its way until the line has read it
	l.Line(0).Join()
	if got := send(""); got != "" {
		t.Errorf("a cut line carried %q", got)
	}
}

func TestRealPair(t *testing.T) {
	if why := RealMissing(); why != "" {
		t.Skip(why)
	}
	l := newLab(t, Options{Files: map[string]string{
		"ha.cf":       "logfacility local0\nkeepalive 200ms\ndeadtime 1\ninitdead 3\nbcast eth0\nserial /dev/ttyS0\nauto_failback on\nnode node1 node2\n",
		"haresources": "node1 LabRsc::a\nnode2 LabRsc::b\n",
		"authkeys":    "auth 1\n1 sha1 secret\n",
	}})
	for _, n := range l.Nodes {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := l.Nodes[0], l.Nodes[1]
	if err := Wait(25*time.Second, "both services", func() bool { return a.Runs("a") && b.Runs("b") }); err != nil {
		t.Fatalf("%v\n%v", err, a.Log())
	}
	at, err := a.PowerCut()
	if err != nil {
		t.Fatal(err)
	}
	if err := Wait(5*time.Second, "takeover", func() bool { return b.Runs("a") && b.Holding() == "all" }); err != nil {
		t.Fatal(err)
	}
	dead, err := b.WaitLog(at, "node node1: is dead", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("declared dead %v after the cut", dead.Time.Sub(at))
}
