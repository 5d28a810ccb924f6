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
