package cluster

import (
	"fmt"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// frozenCrowd: node1 to node3 run a, b, c; node3 dies and its reset fails again and again.
func frozenCrowd(t *testing.T) *crowd {
	k := newCrowd(t, true)
	k.bootWith("node2/b", "node3/c")
	k.live(3*time.Second, map[string]string{"node2": "64", "node3": "64"})
	if !k.n.policy.(*many).groups[0].held {
		t.Fatal("bad schedule: node1 does not run a")
	}
	k.sent = nil
	k.live(5*time.Second, map[string]string{"node2": "64"})
	k.expect("FENCE node3")
	k.take(k.n.Step(k.now, FenceDone{Node: "node3", ID: 1}))
	return k
}

// Three nodes: one dead node that cannot be reset must not freeze the groups that it had
// nothing to do with.
func TestReview3UnfencedNodeFreezesOnlyItsOwn(t *testing.T) {
	only2 := map[string]string{"node2": "64"}
	t.Run("failed elsewhere", func(t *testing.T) {
		k := frozenCrowd(t)
		k.from("node2", "resource", "rsc_hold", "none", "rtype", "full", "isstable", "1", "hbd_groups", "",
			"hbd_took", "", "hbd_away", "", "hbd_failed", "node2/b", "hbd_claims", "", "hbd_offers", "")
		k.live(5*time.Second, only2)
		if !k.did("RUN acquire [1]") {
			t.Error("node2 could not start b; node3, dead and not reset, never had it, and nobody takes it")
		}
		if k.did("RUN acquire [2]") {
			t.Error("c is started, which node3 may run")
		}
	})
	t.Run("standby", func(t *testing.T) {
		k := frozenCrowd(t)
		k.sent = nil
		k.take(k.n.Step(k.now, Standby{Class: HoldAll}))
		k.live(time.Second, nil)
		k.expect("RUN release [0]")
		k.from("node2", "hbd_claim", "claim", "1", "hbd_groups", "node1/a", "hbd_asked", "node2 node1")
		if k.n.policy.(*many).groups[0].grantee == nil {
			t.Error("a was released by its last owner and node2 is refused it")
		}
	})
	t.Run("promised to the dead one", func(t *testing.T) {
		k := newCrowd(t, true)
		k.bootWith("node2/b", "node3/c")
		k.live(3*time.Second, map[string]string{"node2": "64", "node3": "64"})
		// node2 hands b to node3, which claims it, is granted it, and is silent from then on.
		k.from("node2", "resource", "rsc_hold", "none", "rtype", "full", "isstable", "1", "hbd_groups", "",
			"hbd_took", "", "hbd_away", "node2/b", "hbd_failed", "", "hbd_claims", "", "hbd_offers", "node2/b>node3")
		k.from("node3", "hbd_claim", "claim", "1", "hbd_groups", "node2/b", "hbd_asked", "node3 node1 node2")
		k.sent = nil
		k.live(20*time.Second, only2)
		k.refuse("RUN acquire [1]")
		k.expect("FENCE node3")
		k.live(5*time.Second, only2)
		k.refuse("RUN acquire [1]")
	})
	t.Run("alone", func(t *testing.T) {
		// node2 dies too and is reset. What it had may have been taken over by node3, which
		// may be alive and have reset it as well.
		k := frozenCrowd(t)
		k.live(5*time.Second, nil)
		for id := uint64(2); id < 10; id++ {
			k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: id, OK: true}))
			k.take(k.n.Step(k.now, FenceDone{Node: "node3", ID: id}))
		}
		k.sent = nil
		k.live(10*time.Second, nil)
		k.refuse("RUN")
	})
	t.Run("never heard", func(t *testing.T) {
		// node2 booted when node3 was dead already: it knows nothing of it, and only the last
		// owner's word counts there.
		k := newCrowd(t, true)
		k.from("node2", "status", "st", "active")
		k.live(13*time.Second, only2)
		k.reports("node2", "node2/b")
		k.live(3*time.Second, only2)
		k.sent = nil
		k.from("node2", "hbd_claim", "claim", "1", "hbd_groups", "node1/a", "hbd_asked", "node2 node1")
		k.live(3*time.Second, only2)
		k.refuse("RUN")
		if k.n.policy.(*many).groups[0].grantee != nil {
			t.Error("a is granted, which node3 may run since before this node booted")
		}
	})
}

// A node that never heard the dead one resets it: its word is for generation 0 and nobody
// believes it, so all groups wait for ever. It must learn which run the others heard last.
func TestReview3WordOfOneWhoNeverHeardTheDead(t *testing.T) {
	t.Run("it learns the run", func(t *testing.T) {
		k := newCrowd(t, true) // node1 boots, node3 is dead for long
		k.from("node2", "status", "st", "active")
		k.live(13*time.Second, map[string]string{"node2": "64"})
		k.refuse("FENCE") // node2 may still say which run of node3 it was
		k.from("node2", "resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", "node2/b",
			"hbd_took", "", "hbd_away", "", "hbd_failed", "", "hbd_claims", "", "hbd_offers", "", "hbd_dead", "node3>64", "hbd_reset", "")
		k.live(time.Second, map[string]string{"node2": "64"})
		k.expect("FENCE node3")
		var gen string
		for _, a := range k.n.Step(k.now, FenceDone{Node: "node3", ID: 1, OK: true}) {
			if s, ok := a.(Send); ok && s.Type == "stonith" {
				gen = parsed(t, k.n, s).Get("hbd_gen")
			}
		}
		if gen != "64" {
			t.Errorf("the word of the reset is for run %q, not 64", gen)
		}
	})
	t.Run("it says so in its reports", func(t *testing.T) {
		// Here node1 heard node3 and waits; the word itself was lost.
		k := newCrowd(t, true)
		k.bootWith("node2/b", "node3/c")
		k.live(5*time.Second, map[string]string{"node2": "64"})
		for _, c := range []struct {
			reset string
			want  bool
		}{{"node3>0", false}, {"node3>63", false}, {"node3>64", true}} {
			k.from("node2", "resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", "node2/b",
				"hbd_took", "", "hbd_away", "", "hbd_failed", "", "hbd_claims", "", "hbd_offers", "", "hbd_dead", "", "hbd_reset", c.reset)
			if got := k.n.byName["node3"].res.recovered; got != c.want {
				t.Errorf("after %q node3 counts as reset: %v", c.reset, got)
			}
		}
	})
	t.Run("a reset for an earlier run is done again", func(t *testing.T) {
		k := newCrowd(t, true)
		k.from("node2", "status", "st", "active")
		k.reports("node2", "node2/b")
		k.live(13*time.Second, map[string]string{"node2": "64"})
		k.take(k.n.Step(k.now, FenceDone{Node: "node3", ID: 1, OK: true}))
		k.sent = nil
		k.from("node2", "resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", "node2/b",
			"hbd_took", "", "hbd_away", "", "hbd_failed", "", "hbd_claims", "", "hbd_offers", "", "hbd_dead", "node3>64", "hbd_reset", "")
		k.live(2*time.Second, map[string]string{"node2": "64"})
		k.expect("FENCE node3")
	})
}

// In the whole: three nodes, the last one is dead and cannot be reset while the others stop,
// boot, hand over.
func TestReview3LifeBesideAnUnfencedNode(t *testing.T) {
	w := reviewWorld(3, FailbackOn, true, Group{Home: "node1", Key: "A"}, Group{Home: "node2", Key: "B"}, Group{Home: "node3", Key: "C"})
	w.startAll()
	w.fenceOK = 0
	w.nodes[2].crash(0)
	w.pass(30 * time.Second)
	w.nodes[0].event(Standby{Class: HoldAll})
	w.pass(10 * time.Second)
	if !w.nodes[1].active[0] {
		t.Error("after hb_standby A does not run on node2")
	}
	w.nodes[0].event(FromScript{Frame: []byte(">>>\nt=hb_takeover\nrsc_hold=local\n<<<\n")})
	w.pass(20 * time.Second)
	for g, n := range []int{0, 1} {
		if !w.nodes[n].active[g] {
			t.Errorf("group %d does not run on %s", g, w.nodes[n].name)
		}
	}
	// node2 boots: it learns from node1 which run of node3 was the last.
	w.nodes[1].event(Stop{})
	w.pass(10 * time.Second)
	w.nodes[1].start(Saved{})
	w.pass(60 * time.Second)
	w.fenceOK = 1
	w.pass(60 * time.Second)
	for g := range w.base.Groups {
		on := ""
		for _, n := range w.nodes {
			if n.active[g] {
				on += " " + n.name
			}
		}
		if want := fmt.Sprintf(" node%d", g+1); on != want {
			t.Errorf("group %d runs on%s, not on%s", g, on, want)
		}
	}
	w.verdict(t)
}

func parsed(t *testing.T, n *Node, s Send) *message.Message {
	t.Helper()
	m, _, err := message.Parse(s.Datagram, n.cfg.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
