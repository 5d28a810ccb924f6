package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/media/mediatest"
	"classicha/heartbeatd/resource"
)

func TestFailedStartIsShownAndGivenAway(t *testing.T) {
	hub := mediatest.NewHub(1)
	a, b := newTestNode(t, hub, "node1"), newTestNode(t, hub, "node2")
	if err := os.WriteFile(filepath.Join(a.dir, "fail-start-a2"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	a.boot(options{})
	b.boot(options{})
	a.logged("ERROR: Return code 1 from " + a.paths.Conf + "//resource.d/Rsc")
	a.logged("CRIT: Giving up resources due to failure of Rsc::a2")
	b.runsOnly("a", "a2", "b")
	a.runsOnly()
	a.until("failure in the view", func() bool {
		g := a.view().Groups[0]
		return g.Reason == "start of Rsc::a2: exit code 1" || g.Owner == "node2"
	})
}

func TestFailedStopIsAnEmergency(t *testing.T) {
	a, b, _ := bootPair(t, "env STOPRETRYMAX=1")
	if err := os.WriteFile(filepath.Join(a.dir, "fail-stop-a"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := a.ask("standby", "all"); err != nil {
		t.Fatal(err)
	}
	a.logged("CRIT: Resource STOP failure. Reboot required!")
	a.logged("HA_EMERGENCY=log, nothing is done")
	// The other node has nothing of the group, so what did stop is started here again.
	a.until("the whole group here", func() bool {
		return a.runs("a") && a.runs("a2") && a.view().Groups[0].State == "running"
	})
	if b.runs("a") || b.runs("a2") {
		t.Error("the peer took a group that could not be stopped")
	}
	if n := a.calls("a stop"); n != 2 {
		t.Errorf("a was asked to stop %d times, want 2 (one retry)", n)
	}
}

// Only after the fence has succeeded is anything taken over; a device that cannot is no end,
// the next one is tried.
func TestFencing(t *testing.T) {
	hub := mediatest.NewHub(1)
	a, b := newTestNode(t, hub, "node1", "stonith_host * null x"), newTestNode(t, hub, "node2", "stonith_host * null x")
	b.devices = []resource.Device{{Type: "fence_nothing"}}
	a.boot(options{})
	b.boot(options{})
	a.runsOnly("a", "a2")
	b.runsOnly("b")
	a.reset()
	b.logged("STONITH of node1 failed.  Retrying...")
	if b.runs("a") {
		t.Error("taken over although the node could not be reset")
	}
	if !b.d.call(func() {
		b.d.devices = append(b.d.devices, resource.Device{Type: "null", Params: []string{"node1", "node2"}})
	}) {
		t.Fatal("node2 has ended")
	}
	b.runsOnly("a", "a2", "b")
	b.logged("node node1 now reset.")
}

func TestFencingWithNullDevice(t *testing.T) {
	a, b, _ := bootPair(t, "stonith_host * null node1 node2")
	b.logged("Checking status of STONITH device [NULL STONITH device]")
	a.reset()
	b.logged("Resetting node node1 with [NULL STONITH device]")
	b.logged("node node1 now reset.")
	b.runsOnly("a", "a2", "b")
	if strings.Contains(b.log(), "No STONITH device configured.") {
		t.Error("the log says that there is no device")
	}
	if !b.view().Fencing {
		t.Error("the view says that there is no fencing")
	}
}

// rc.d scripts run behind a takeover, with the message in their environment.
func TestRCScripts(t *testing.T) {
	a, b, _ := bootPair(t)
	b.write("rc.d/status", "#!/bin/sh\necho \"$HA_src $HA_st $HA_OSTATUS $HA_NICEFAILBACK $HA_CURHOST $HA_deadtime\" >>"+b.dir+"/rc\n", 0o755)
	a.reset()
	b.runsOnly("a", "a2", "b")
	b.until("rc.d/status ran", func() bool {
		text, _ := os.ReadFile(filepath.Join(b.dir, "rc"))
		return strings.Contains(string(text), "node1 dead active yes node2 400ms\n")
	})
}

func TestBrokenParts(t *testing.T) {
	for _, c := range []struct {
		what  string
		spoil func(n *testNode)
		want  string
	}{
		{"state directory is a file", func(n *testNode) { os.WriteFile(n.paths.State, nil, 0o644) }, "is not a directory"},
		{"test options", func(n *testNode) { n.write("OnlyForTesting", "rcvloss=much\n", 0o644) }, "is no probability"},
	} {
		hub := mediatest.NewHub(1)
		n := newTestNode(t, hub, "node1")
		c.spoil(n)
		err := n.tryStart()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.what, err, c.want)
		}
	}
}

// The generation of the other node is kept for the next run.
func TestPeersAreRemembered(t *testing.T) {
	a, b, _ := bootPair(t)
	gen := b.view().Generation
	a.until("the generation of node2 in the file", func() bool { return state.ReadPeers(a.paths.peers())["node2"] == gen })
	var m memory
	if known := m.load(a.paths.peers(), []string{"node1", "node2"}); known["node2"] != gen || len(known) != 1 {
		t.Errorf("the next run would know %v", known)
	}
	if known := m.load(a.paths.peers(), []string{"node1"}); len(known) != 0 {
		t.Errorf("a node that is not configured is known: %v", known)
	}
}

// TestLeftBehindByItsLaterResource: heartbeat was killed, and what its first resource stands on as
// well: that one says stopped. The rest of the group runs all the same.
func TestLeftBehindByItsLaterResource(t *testing.T) {
	n := newTestNode(t, mediatest.NewHub(1), "node1")
	if err := os.MkdirAll(n.paths.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.paths.running(), []byte(`["Rsc::a"]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "up-a2"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	n.boot(options{})
	n.logged("group Rsc::a still runs here: an earlier heartbeat was killed")
}
