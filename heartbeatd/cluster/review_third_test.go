package cluster

import (
	"testing"
	"time"
)

// Holes that were known for a while, each with the schedule that shows it.

// killedReal: node2, a real one that holds everything, is killed and started again within
// its dead time. It reports that it holds nothing, while its scripts' services run.
func killedReal(t *testing.T, fencing bool, held string) *talk {
	k := newTalk(t, FailbackOff)
	k.n.cfg.Fencing = fencing
	k.boot(held)
	for len(k.job) > 0 {
		k.finish()
	}
	k.pass(20*time.Second, "active")
	k.hear("resource", "rsc_hold", held, "rtype", "full", "isstable", "1")
	k.sent = nil
	k.pass(time.Second, "")
	k.seq = 0
	k.comeBack("65")
	return k
}

// A real peer's daemon is killed and started again within the dead time.
func TestReview3KilledRealPeer(t *testing.T) {
	t.Run("fencing", func(t *testing.T) {
		k := killedReal(t, true, "all")
		k.passReal(20*time.Second, "65")
		if k.did("RUN acquire [0]") {
			t.Fatal("group 0 is started here, while it may run on node2")
		}
		k.logged("was started again without having stopped")
		k.expect("FENCE node2")
		k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: k.fenceID(), OK: false}))
		k.passReal(10*time.Second, "65")
		k.refuse("RUN acquire")
		k.expect("FENCE node2")
		k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: k.fenceID(), OK: true}))
		k.expect("stonith node=node2 result=OK", "RUN acquire [0 1]")
		// The reset machine boots: now there is no doubt any more.
		for len(k.job) > 0 {
			k.finish()
		}
		k.seq = 0
		k.comeBack("66")
		k.passReal(20*time.Second, "66")
		k.refuse("FENCE")
	})
	t.Run("no fencing", func(t *testing.T) {
		k := killedReal(t, false, "all")
		k.passReal(20*time.Second, "65")
		k.logged("what it held (all) may still run there, and on node1 too from now on")
	})
	t.Run("booted before the agent answered", func(t *testing.T) {
		k := killedReal(t, true, "all")
		k.passReal(5*time.Second, "65")
		k.expect("FENCE node2")
		k.seq = 0
		k.comeBack("66")
		k.passReal(20*time.Second, "66")
		k.refuse("FENCE") // one is under way
		k.refuse("RUN")
		k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: k.fenceID(), OK: true}))
		k.passReal(5*time.Second, "66")
		k.expect("RUN acquire [0]")
	})
	t.Run("its own class", func(t *testing.T) {
		// It starts its own class again, and finds it running.
		k := newTalk(t, FailbackOff)
		k.n.cfg.Fencing = true
		k.boot("local")
		k.finish()
		k.pass(20*time.Second, "active")
		k.seq = 0
		k.hear("status", "st", "active", "hg", "65")
		k.hear("starting", "hg", "65")
		k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "hg", "65")
		k.passReal(5*time.Second, "65")
		k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hg", "65")
		k.sent = nil
		k.passReal(40*time.Second, "65")
		k.refuse("FENCE")
		k.refuse("RUN")
		if k.n.byName["node2"].res.lost != HoldNone {
			t.Error("still in doubt")
		}
	})
	t.Run("restart in place", func(t *testing.T) {
		// SIGHUP with a changed ha.cf: it knows what it holds.
		k := newTalk(t, FailbackOff)
		k.n.cfg.Fencing = true
		k.boot("all")
		k.pass(20*time.Second, "active")
		k.seq = 0
		k.hear("status", "st", "init", "hg", "65")
		k.hear("status", "st", "active", "hg", "65")
		k.hear("starting", "hg", "65")
		k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "0", "hg", "65")
		k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "1", "hg", "65")
		k.sent = nil
		k.passReal(60*time.Second, "65")
		k.refuse("FENCE")
	})
	t.Run("graceful stop", func(t *testing.T) {
		k := newTalk(t, FailbackOff)
		k.n.cfg.Fencing = true
		k.boot("all")
		k.hear("shutdone", "st", "dead")
		for len(k.job) > 0 {
			k.finish()
		}
		k.sent = nil
		k.seq = 0
		k.comeBack("65")
		k.passReal(20*time.Second, "65")
		k.refuse("FENCE")
	})
	t.Run("while we start", func(t *testing.T) {
		k := newTalk(t, FailbackOff)
		k.n.cfg.Fencing = true
		k.boot("")
		k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "0") // itself waiting for its timer
		k.seq = 0
		k.comeBack("65")
		k.passReal(20*time.Second, "65")
		k.refuse("RUN")
		k.expect("FENCE node2")
		k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: k.fenceID(), OK: true}))
		k.expect("RUN acquire [0 1]")
	})
	t.Run("never says a word", func(t *testing.T) {
		k := newTalk(t, FailbackOff)
		k.n.cfg.Fencing = true
		k.boot("all")
		k.pass(5*time.Second, "active")
		k.seq = 0
		k.hear("status", "st", "active", "hg", "65")
		k.sent = nil
		k.passReal(60*time.Second, "65")
		k.expect("FENCE node2")
	})
}

// A node boots while its line to the other is cut and somebody repeats what the other sent
// earlier: a farewell makes a reset unneeded, a status ends initdead, a report tells what is
// no longer true.
func TestReview3ReplayWhileBooting(t *testing.T) {
	replay := func(k *talk, d time.Duration, what func()) {
		for end := k.now.Add(d); k.now.Before(end); {
			k.seq = 0x100
			what()
			k.pass(250*time.Millisecond, "")
		}
	}
	boot := func(t *testing.T) *talk {
		k := newTalk(t, FailbackOff)
		k.n.cfg.Fencing, k.mute = true, true
		k.take(k.n.Step(k.now, Tick{}))
		return k
	}
	t.Run("farewell", func(t *testing.T) {
		k := boot(t)
		replay(k, 3*time.Second, func() {
			k.hear("status", "st", "active")
			k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "info", "shutdown")
			k.hear("shutdone", "st", "dead")
		})
		k.refuse("FENCE")
		k.refuse("RUN")
		k.refuse("stonith")
		k.pass(20*time.Second, "")
		k.refuse("RUN")
		k.refuse("stonith node=node2 result=unneeded")
		k.expect("FENCE node2")
	})
	t.Run("status", func(t *testing.T) {
		k := boot(t)
		k.hear("status", "st", "active")
		k.pass(11*time.Second, "")
		k.refuse("FENCE") // initdead is 12 s
		k.refuse("status st=active")
		k.pass(4*time.Second, "")
		k.expect("FENCE node2")
	})
	t.Run("report", func(t *testing.T) {
		k := boot(t)
		replay(k, time.Minute, func() {
			k.hear("status", "st", "active")
			k.hear("repnodes", "dest", "node1", "nodelist", "node1 node2 ", "delnodelist", " ")
			k.hear("starting")
			k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
		})
		k.refuse("RUN")
		k.logged("node node2 is heard but does not answer")
		// The line is mended: it answers, and is asked anew.
		k.mute, k.seq = false, 0x200
		k.sent = nil
		k.pass(20*time.Second, "active")
		k.expect("starting")
		k.refuse("RUN")
		k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
		k.expect("RUN acquire [0]")
	})
	t.Run("report sent again", func(t *testing.T) {
		// The line is good: after a repeated status the living node sends again, on request,
		// what it reported long ago.
		k := boot(t)
		k.seq = 0x100
		k.hear("status", "st", "active")
		k.mute, k.seq = false, 0x120
		k.pass(3*time.Second, "active")
		k.hear("repnodes", "dest", "node1", "nodelist", "node1 node2 ", "delnodelist", " ")
		last := k.seq
		k.seq = 0x110
		k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
		k.seq = last
		k.refuse("RUN")
		k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "1")
		k.refuse("RUN")
	})
	t.Run("older run", func(t *testing.T) {
		k := newTalk(t, FailbackOff)
		k.n.byName["node2"].floor = 0x64
		k.take(k.n.Step(k.now, Tick{}))
		k.mute = true
		k.hear("status", "st", "active", "hg", "63")
		if k.n.byName["node2"].heard {
			t.Error("a run that ended before the last one is heard")
		}
		// Its generation may have gone back: then it says so itself.
		k.mute = false
		k.hear("respond-cstatus", "dest", "node1", "to_id", k.n.nonce, "cs", "offline", "hg", "62")
		k.hear("status", "st", "active", "hg", "62")
		if p := k.n.byName["node2"]; !p.proved || p.gen != 0x62 || p.status != StatusActive {
			t.Errorf("node2 answered and is not believed: %+v", p)
		}
	})
	t.Run("kept for the next run", func(t *testing.T) {
		k := newTalk(t, FailbackOff)
		k.boot("local")
		k.seq = 0
		var kept []Remember
		for _, a := range k.n.Step(k.now, Packet{"eth0", peerFrame(k.n.cfg.Keys, "status", "seq", "1", "hg", "65", "st", "init")}) {
			if r, ok := a.(Remember); ok {
				kept = append(kept, r)
			}
		}
		if len(kept) != 1 || kept[0] != (Remember{"node2", 0x65}) {
			t.Errorf("remembered: %v", kept)
		}
	})
	t.Run("farewell before the answer", func(t *testing.T) {
		k := boot(t)
		k.hear("status", "st", "active")
		k.hear("shutdone", "st", "dead")
		k.refuse("RUN")
		k.answer(k.n.byName["node2"], nil)
		k.pass(20*time.Second, "")
		k.expect("stonith node=node2 result=unneeded")
	})
	t.Run("three nodes", func(t *testing.T) {
		k := newCrowd(t, true)
		k.mute = true
		for range 8 {
			k.seqs["node2"], k.seqs["node3"] = 0x100, 0x100
			for _, n := range []string{"node2", "node3"} {
				k.from(n, "status", "st", "active")
				k.from(n, "repnodes", "dest", "node1", "nodelist", "node1 node2 node3 ", "delnodelist", " ")
				k.reports(n, "")
				k.from(n, "shutdone", "st", "dead")
			}
			k.live(500*time.Millisecond, nil)
		}
		k.live(20*time.Second, nil)
		k.refuse("RUN")
		k.refuse("stonith node=node2 result=unneeded")
		k.expect("FENCE node2", "FENCE node3")
	})
}

// A node of ours whose ha.cf names two nodes speaks the other way of reporting. It must not
// end a node with three.
func TestReview3TwoNodeReportAmongThree(t *testing.T) {
	k := newCrowd(t, false)
	k.bootWith("node2/b", "node3/c")
	k.live(3*time.Second, map[string]string{"node2": "64", "node3": "64"})
	k.n.policy.(*many).groups[1].held = true // taken over in a partition
	for _, class := range []string{"all", "local", "foreign", "none"} {
		k.from("node2", "resource", "rsc_hold", class, "rtype", "full", "isstable", "1", "hbd_took", "foreign")
		k.live(time.Second, map[string]string{"node2": "64", "node3": "64"})
	}
}

// A hand-over: the scripts that stop take long, the taker crashes, is reset and boots meanwhile.
// It must hear that the class is not free yet.
func TestReview3TakerBootsDuringRelease(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.n.cfg.Fencing = true
	k.boot("local")
	k.finish()
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.take(k.n.Step(k.now, Standby{Class: HoldLocal}))
	k.hear("ask_resources", "rsc_hold", "local", "info", "other")
	k.expect("resource rsc_hold=none rtype=full isstable=0 info=standby", "RUN release [0]")
	k.seq = 0
	k.hear("status", "st", "init", "hg", "65")
	k.hear("starting", "hg", "65", "hbd", "1")
	k.refuse("resource rsc_hold=none")
	k.expect("resource rsc_hold=local rtype=full isstable=0")
	k.finish()
	k.expect("resource rsc_hold=none rtype=full isstable=1")
}
