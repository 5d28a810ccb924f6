package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// Holes that a second look found, each with the schedule that showed it.

func (k *talk) fenceID() (id uint64) {
	if s := k.n.fence.wait[k.n.byName["node2"]]; s != nil {
		id = s.id
	}
	return id
}

// A. A peer that was never heard is declared dead and is being reset; the agent is slow.
// It boots (heard for the first time: restarted() is not called, the reset goes on), takes
// its group, falls silent again. No second reset is begun, and the answer to the first one
// is taken for it: H1 with fencing. The simulation finds it when answers may be late.
func TestReview2FirstHeardPeerOldFence(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.n.cfg.Fencing = true
	k.take(k.n.Step(k.now, Tick{}))
	k.pass(13*time.Second, "")
	k.expect("FENCE node2")
	first := k.fenceID()
	k.comeBack("64") // the reset worked, its answer is still to come
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	for len(k.job) > 0 {
		k.finish()
	}
	k.pass(2*time.Second, "active")
	k.sent = nil
	k.pass(5*time.Second, "") // a broken cable
	if !k.did("FENCE node2") {
		t.Error("no second reset is begun")
	}
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: first, OK: true}))
	if k.did("RUN acquire [1]") {
		t.Error("group 1 is taken over on the answer to a reset from before its owner booted")
	}
}

// B. Three nodes: the word of a reset is lost at first and comes (sent again) when the node
// has booted and is dead once more; or just after its last status. It was for the old run.
func TestReview2OldFenceWord(t *testing.T) {
	for _, late := range []bool{true, false} {
		t.Run(fmt.Sprintf("dead again %v", late), func(t *testing.T) {
			k := newCrowd(t, true)
			k.bootWith("node2/b", "node3/c")
			k.seqs["node3"] = 0
			k.from("node3", "status", "st", "init", "hg", "65") // reset by node2, boots
			k.from("node3", "resource", "hg", "65", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", "node3/c")
			both := map[string]string{"node2": "64", "node3": "65"}
			k.live(2*time.Second, both)
			k.seqs["node2"]++ // the word: lost
			word := k.seqs["node2"]
			deliver := func() {
				n := k.seqs["node2"]
				k.seqs["node2"] = word - 1
				k.from("node2", "stonith", "node", "node3", "result", "OK")
				k.seqs["node2"] = n
			}
			k.live(2*time.Second, both)
			k.sent = nil
			only2 := map[string]string{"node2": "64"}
			if late {
				k.live(4*time.Second, only2)
				deliver()
			} else {
				deliver()
				k.live(4*time.Second, only2)
			}
			k.live(time.Second, only2)
			if k.n.byName["node3"].res.recovered {
				t.Error("node3 (hg 65) counts as reset on the word of a reset of its run before")
			}
		})
	}
}

// oneWay: node2's packets are lost for 4 s; it hears us all the time and notices nothing.
func (k *talk) oneWay() {
	k.pass(4*time.Second, "")
	for len(k.job) > 0 {
		k.finish()
	}
}

// D. A one-way cut that flaps: at the second death what the real peer held is already
// forgotten, so afterwards neither side gives way: no fencing, group 1 runs on both for good.
func TestReview2FlappingOneWayCut(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local") // node2 holds its own
	k.finish()
	k.oneWay()
	k.passReal(2*time.Second, "64")
	k.oneWay()
	k.sent = nil
	k.passReal(30*time.Second, "64")
	if !k.did("RUN release [1]") {
		t.Errorf("node2 never noticed and runs group 1; so do we:\n%s", strings.Join(k.sent, "\n"))
	}
}

// E. The same with one cut, but the real peer has said something since (a report that it sent
// in the cut is fetched again): then nobody looks any more.
func TestReview2ReportAfterOneWayCut(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.oneWay()
	k.sent = nil
	k.passReal(time.Second, "64")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.passReal(30*time.Second, "64")
	if !k.did("RUN release [1]") {
		t.Error("both reports say that both nodes run group 1, and nobody gives way")
	}
}

// F. A restart in place keeps the class bits. What did not run before (a failed group, one that
// is new in haresources, one whose home is now this node) is not started, since the other
// node may run it by its old haresources: the log says so.
func TestReview2ReloadStartsNothing(t *testing.T) {
	c := testConfig("node1", "node2")
	c.AutoFailback = FailbackOff
	c.Groups = []Group{{Home: "node1", Key: "LabRsc::a"}, {Home: "node1", Key: "LabRsc::new"}, {Home: "node2", Key: "LabRsc::b"}}
	k := &talk{t: t, n: New(c, 1, Saved{Held: HoldLocal, Groups: []string{"LabRsc::a"}}), now: t0}
	k.boot("local")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.pass(2*time.Minute, "active")
	k.logged("group LabRsc::new does not run after the restart")
	k.refuse("RUN acquire")
}

// G. hb_standby all, one group cannot be stopped (HA_EMERGENCY=log): "standby cancelled". The
// groups that did stop are not started again, and their class is reported as held.
func TestReview2CancelledStandbyLeavesGroupsDown(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("none")
	k.finish()
	k.n.policy.(*classic).held = HoldAll
	k.n.jobs.state[1] = GroupRunning
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
	k.take(k.n.Step(k.now, Standby{Class: HoldAll}))
	k.hear("ask_resources", "rsc_hold", "all", "info", "other")
	k.finish(0) // group 1 stopped, group 0 did not
	k.logged("standby cancelled")
	k.sent = nil
	k.pass(time.Minute, "active")
	if k.n.jobs.state[1] == GroupStopped && len(k.job) == 0 {
		t.Errorf("group 1 is stopped and stays so; held is %s", k.n.policy.(*classic).held)
	}
}

// H. Both nodes fail to start their own group at about the same time and offer it to each
// other: the offers cross, both time out, and both try again at the same times for ever.
func TestReview2CrossingOffers(t *testing.T) {
	w := reviewWorld(2, FailbackOff, false, Group{Home: "node1", Key: "A"}, Group{Home: "node2", Key: "B"})
	w.broken["0/0"], w.broken["1/1"] = true, true
	for _, m := range w.media {
		for a := range w.nodes {
			for b := range w.nodes {
				p := w.net.Path(m, a, b)
				p.Min, p.Max = 40*time.Millisecond, 50*time.Millisecond
			}
		}
	}
	w.startAll()
	w.pass(10 * time.Minute)
	if !w.nodes[0].active[1] || !w.nodes[1].active[0] {
		t.Errorf("after ten minutes A runs on node2: %v, B runs on node1: %v", w.nodes[1].active[0], w.nodes[0].active[1])
	}
}

// I. Our kind, no fencing: after a partition both run group 0's class; its home failed to
// start it, the other runs it. The home "keeps" it, the running one is stopped, and it is
// never offered again.
func TestReview2ContestIgnoresFailure(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.pass(time.Second, "active")
	k.pass(4*time.Second, "") // node2 seems dead; we take its group b, which runs well here
	for len(k.job) > 0 {
		k.finish()
	}
	k.sent = nil
	k.hear("status", "st", "active", "hbd", "1") // back; it could not start b in the meantime
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd", "1", "hbd_took", "none", "hbd_failed", "LabRsc::b")
	if k.did("RUN release [1]") {
		t.Error("b is stopped here although node2 says that it failed there (hbd_failed is never read)")
	}
}

// K. ipfail, both nodes boot: the other counts its ping node some milliseconds before we do
// and before its status "active" is here. Our own count rises at once, but is not told since
// the other is not active yet, and nobody compares again: two seconds later we give up all.
func TestReview2IpfailAtBoot(t *testing.T) {
	c := testConfig("node1", "node2")
	c.Ipfail, c.Ping = true, []PingNode{{Name: "10.0.0.254"}}
	k := &talk{t: t, n: New(c, 1, Saved{}), now: t0}
	k.take(k.n.Step(k.now, Tick{}))
	k.hear("status", "st", "up")
	k.take(k.n.Step(k.now, Tick{}))
	k.hear("repnodes", "dest", "node1", "nodelist", "node1 node2 ", "delnodelist", " ")
	k.seq++ // its status active comes a millisecond late
	active := k.seq
	k.hear("num_ping_nodes", "num_ping", "1", "dest", "node1", "from_id", "ipfail", "to_id", "ipfail")
	m := message.New("t", "NS_st", "st", "ping", "info", "ping", "src", "10.0.0.254", "ts", "1")
	k.take(k.n.Step(k.now, Packet{"10.0.0.254", m.AppendNetstring(nil, c.Keys, true)}))
	last := k.seq
	k.seq = active - 1
	k.hear("status", "st", "active")
	k.seq = last
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	for len(k.job) > 0 {
		k.finish()
	}
	for range 12 {
		k.pass(250*time.Millisecond, "active")
		k.take(k.n.Step(k.now, Packet{"10.0.0.254", m.AppendNetstring(nil, c.Keys, true)}))
	}
	if k.did("ask_resources rsc_hold=all info=me") {
		t.Errorf("%d ping nodes here, 1 there, and everything is given up", k.n.pingCount())
	}
}

// L. A named client (the real ipfail) asks for standby while we are in flux: refused here, but
// sent; a real peer waits for an hour (the same as for hb_standby, which is checked now).
func TestReview2ClientStandbyIsSentAnyway(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local") // the start job runs
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.sent = nil
	k.take(k.n.Step(k.now, FromClient{Name: "ipfail", Msg: message.New("t", "ask_resources", "rsc_hold", "all", "info", "me")}))
	k.refuse("ask_resources rsc_hold=all info=me")
}

// N. The check H1 of the simulation: a wrong death is forgotten only when the node that was
// wrong logs a restart or a return. If it crashes itself, every later double start of that
// pair is excused for the rest of the run.
func TestReview2ExcuseNeverEnds(t *testing.T) {
	w := reviewWorld(2, FailbackOff, false, Group{Home: "node1", Key: "A"}, Group{Home: "node2", Key: "B"})
	w.startAll()
	w.cut(w.nodes[0], true, true, true, 15*time.Second)
	w.pass(14 * time.Second) // both are wrong
	w.nodes[0].crash(time.Second)
	w.nodes[1].crash(time.Second)
	w.pass(10 * time.Minute) // long healed
	w.errs = nil
	w.activate(w.nodes[1], 0) // a double start
	if len(w.errs) == 0 {
		t.Errorf("a double start ten minutes after the only partition is excused: %v", w.false_)
	}
}

// The other half of G: of a cancelled standby only what was ours is started again, never what
// the other node runs.
func TestReview2CancelledStandbyTakesNothing(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.take(k.n.Step(k.now, Standby{Class: HoldAll}))
	k.hear("ask_resources", "rsc_hold", "all", "info", "other")
	k.sent = nil
	k.finish(0)
	k.refuse("RUN acquire")
}
