package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/message"
)

// reset is what a power cut does to a machine: nothing runs there any more.
func (n *testNode) reset() {
	n.halt()
	ups, _ := filepath.Glob(filepath.Join(n.dir, "up-*"))
	for _, f := range ups {
		os.Remove(f)
	}
}

func (n *testNode) calls(call string) int {
	b, _ := os.ReadFile(filepath.Join(n.dir, "calls"))
	return strings.Count("\n"+strings.ReplaceAll(string(b), "\n", "\n\n"), "\n"+call+"\n")
}

func TestTakeoverAndFailback(t *testing.T) {
	a, b, _ := bootPair(t)
	a.reset()
	b.runsOnly("a", "a2", "b")
	for _, text := range []string{"WARN: node node1: is dead", "Link node1:lo dead.", "Taking over resource group Rsc::a",
		"Acquiring resource group: node1 Rsc::a Rsc::a2", "/resource.d/Rsc a start", "mach_down takeover complete."} {
		b.logged(text)
	}
	if b.calls("a2 status") != 1 || b.calls("a2 start") != 1 {
		t.Error("a2 was not asked for its status once and started once")
	}
	a.boot(options{})
	a.runsOnly("a", "a2")
	b.runsOnly("b")
	b.logged("Heartbeat restart on node node1")
	b.settled()
	v := b.view()
	if len(v.Warnings) != 0 || v.Version != version || v.Groups[0].Owner != "node1" {
		t.Errorf("the view after the failback: %+v", v)
	}
}

func TestGracefulStop(t *testing.T) {
	a, b, _ := bootPair(t)
	d := a.d
	d.signalled(syscall.SIGTERM)
	if e := a.end(); e.code != 0 || e.again != nil {
		t.Errorf("ended with %+v, want code 0", e)
	}
	b.runsOnly("a", "a2", "b")
	a.runsOnly()
	if a.calls("b stop") != 1 {
		t.Error("a graceful stop stops all groups of the file, the other node's too")
	}
	if strings.Contains(b.log(), "is dead") {
		t.Error("the peer waited for the dead time although it was told")
	}
	for _, path := range []string{a.paths.register(), a.paths.control()} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left behind", path)
		}
	}
}

func TestStandbyByFIFOAndControlSocket(t *testing.T) {
	a, b, _ := bootPair(t)
	f, err := os.OpenFile(a.paths.fifo(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := message.New("t", "ask_resources", "rsc_hold", "all", "info", "me")
	if _, err := f.Write(m.AppendText(nil, nil, false)); err != nil {
		t.Fatal(err)
	}
	b.runsOnly("a", "a2", "b")
	a.logged("Local standby process completed [all].")
	b.logged("Running " + b.paths.Conf + "/resource.d/Rsc a start") // one slash: a takeover has two
	a.settled()
	b.settled()
	if err := a.ask("takeover", "local"); err != nil {
		t.Fatal(err)
	}
	a.runsOnly("a", "a2")
	b.runsOnly("b")
	a.settled()
	b.settled()
	if err := b.ask("standby", "local"); err != nil {
		t.Fatal(err)
	}
	a.runsOnly("a", "a2", "b")
	for _, bad := range [][]string{{"standby", "none"}, {"takeover", "everything"}, {"dance"}} {
		if err := a.ask(bad[0], bad[1:]...); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestClientAPI(t *testing.T) {
	a, b, _ := bootPair(t, "apiauth default uid=root", "apiauth anon uid=root")
	c, err := clientapi.Dial(a.paths.register(), "", time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if st, err := c.NodeStatus("node2"); st != "active" || err != nil {
		t.Errorf("status of node2: %q %v", st, err)
	}
	if st, err := c.LinkStatus("node2", "lo"); st != "up" || err != nil {
		t.Errorf("link of node2: %q %v", st, err)
	}
	if r, err := c.Resources(); r != "local" || err != nil {
		t.Errorf("resources: %q %v", r, err)
	}
	if v, ok, _ := c.Param("deadtime"); v != "400ms" || !ok {
		t.Errorf("deadtime: %q %v", v, ok)
	}
	named, err := clientapi.Dial(b.paths.register(), "probe", time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	a.until("client probe of node2 seen on node1", func() bool {
		cs, err := c.ClientStatus("node2", "probe", time.Second)
		return err == nil && cs == "online"
	})
	if cs, err := c.ClientStatus("node1", "probe", time.Second); cs != "offline" || err != nil {
		t.Errorf("probe on node1: %q %v, want offline", cs, err)
	}
	// A message between twins.
	twin, err := clientapi.Dial(a.paths.register(), "probe", time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	if err := named.SendToCluster(message.New("t", "hello", "text", "one two")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		m, err := twin.Receive()
		if err != nil || time.Now().After(end) {
			t.Fatalf("the twin did not get the message: %v", err)
		}
		if m.Get("t") == "hello" {
			if m.Get("src") != "node2" || m.Get("from_id") != "probe" || m.Get("text") != "one two" {
				t.Errorf("the twin got %s", m)
			}
			break
		}
	}
}

func TestPingNodesAndIpfail(t *testing.T) {
	a, b, hub := bootPair(t, "ping 192.0.2.1", "deadping 400ms", "respawn root /usr/lib/heartbeat/ipfail")
	a.logged("ipfail is built in")
	a.until("ping node alive", func() bool { return pingAlive(a) && pingAlive(b) })
	hub.PingHost("192.0.2.1", false)
	a.until("ping node dead", func() bool { return !pingAlive(a) && !pingAlive(b) })
	a.logged("node 192.0.2.1: is dead")
	if !a.runs("a") || !b.runs("b") {
		t.Error("something moved although both lost the ping node")
	}
}

func pingAlive(n *testNode) bool {
	for _, nv := range n.view().Nodes {
		if nv.Type == "ping" {
			return nv.Status == "ping"
		}
	}
	return false
}

// A loop that was held up judges by what has arrived meanwhile: nobody died.
func TestHeldUpLoop(t *testing.T) {
	a, b, _ := bootPair(t)
	// The dead time is raised to 2.4 s after a start; on a busy machine node2 may stand still too and wait longer.
	a.d.call(func() { time.Sleep(6 * time.Second) })
	b.logged("node node1: is dead")
	a.logged("this node stood still")
	if strings.Contains(a.log(), "node node2: is dead") {
		t.Errorf("the node that was held up declared the other dead:\n%s", a.log())
	}
	a.until("one owner each", func() bool { return a.runs("a") != b.runs("a") && a.runs("b") != b.runs("b") })
}

func TestTestingFile(t *testing.T) {
	b := newLossy(t)
	b.until("active alone", func() bool { return b.view().Status == "active" })
	if got := b.view().Nodes[0].Status; got != "dead" {
		t.Errorf("node1 is %s for a node that loses every packet, want dead", got)
	}
	b.logged("WARNING: Enabling Test Code")
}

func newLossy(t *testing.T) *testNode {
	_, b, _ := bootPair(t)
	b.reset()
	b.write("OnlyForTesting", "rcvloss=1\n", 0o644)
	b.boot(options{})
	return b
}

func TestWatchedLinkKinds(t *testing.T) {
	// A second link of another kind: its packets are text.
	a, b, hub := bootPair(t, "serial /dev/null")
	for _, n := range []*testNode{a, b} {
		n.until("both links up", func() bool {
			for _, nv := range n.view().Nodes {
				if nv.Name == n.name {
					continue
				}
				for _, l := range nv.Links {
					if l.Status != "up" {
						return false
					}
				}
			}
			return true
		})
	}
	hub.Cut("lo", "node1", "node2")
	a.logged("Link node2:lo dead.")
	if v := a.view(); v.Nodes[1].Status != cluster.StatusActive.String() || len(v.Warnings) == 0 {
		t.Errorf("one of two links cut: node2 is %s, warnings %v", v.Nodes[1].Status, v.Warnings)
	}
	var ms []MediumStatus
	if err := ctl.Do(context.Background(), a.paths.control(), &ms, "media"); err != nil || len(ms) != 2 || ms[1].Kind != media.KindSerial || ms[1].Sent == 0 {
		t.Errorf("media: %+v %v", ms, err)
	}
}
