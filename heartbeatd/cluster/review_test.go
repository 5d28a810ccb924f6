package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// Holes that a review found, each with the schedule that showed it.

// world makes a quiet cluster for a hand-written schedule.
func reviewWorld(count int, f Failback, fencing bool, groups ...Group) *simWorld {
	w := newSimWorld(1, soundRules, true)
	for {
		w.draw()
		if len(w.nodes) == count && len(w.base.Groups) >= len(groups) {
			break
		}
		w.nodes = nil
	}
	w.nodes = w.nodes[:count]
	w.base.AutoFailback, w.base.Fencing = f, fencing
	w.base.Ipfail, w.base.Ping = false, nil
	w.base.Keepalive, w.base.Deadtime, w.base.Warntime, w.base.Initdead = time.Second, 10*time.Second, 5*time.Second, 20*time.Second
	w.base.Groups = groups
	w.fenceOK, w.slow, w.stuckP = 1, 0, 0
	for _, n := range w.nodes {
		n.active, n.crashed = make([]bool, len(groups)), make([]bool, len(groups))
	}
	return w
}

func (w *simWorld) startAll() {
	for _, n := range w.nodes {
		n.powerOn()
	}
	w.RunUntil(w.Now() + 15*time.Second)
}

func (w *simWorld) pass(d time.Duration) { w.RunUntil(w.Now() + d) }

func (w *simWorld) verdict(t *testing.T) {
	t.Helper()
	if len(w.errs) > 0 {
		tail := w.trace
		if len(tail) > 60 {
			tail = tail[len(tail)-60:]
		}
		t.Errorf("%s\n%s", strings.Join(w.errs, "\n"), strings.Join(tail, "\n"))
	}
}

// 1. The daemon is killed, its resources go on running, somebody starts it again within
// the dead time: it says "none", and another node starts its group beside them.
func TestReviewDaemonKilled(t *testing.T) {
	for name, c := range map[string]struct {
		count int
		f     Failback
	}{"classic": {2, FailbackOff}, "legacy": {2, FailbackLegacy}, "many": {3, FailbackOff}} {
		t.Run(name, func(t *testing.T) {
			w := reviewWorld(c.count, c.f, c.f != FailbackLegacy, Group{Home: "node1", Key: "A"}, Group{Home: "node2", Key: "B"})
			w.startAll()
			n2 := w.nodes[1]
			n2.crash(70 * time.Second) // fenced, taken over, comes back, holds nothing
			if c.f == FailbackLegacy {
				w.pass(69 * time.Second) // the daemon dies while node2 starts
			} else {
				w.pass(100 * time.Second)
			}
			var holder *simNode
			for _, n := range w.nodes {
				if n != n2 && n.active[1] {
					holder = n
				}
			}
			if holder == nil {
				t.Fatal("bad schedule: nobody but node2 runs B")
			}
			holder.kill(200 * time.Millisecond)
			w.pass(60 * time.Second)
			w.verdict(t)
		})
	}
}

// crowd plays the other nodes of a cluster of three of ours against node1.
type crowd struct {
	*talk
	seqs map[string]int
}

func newCrowd(t *testing.T, fencing bool) *crowd {
	c := testConfig("node1", "node2", "node3")
	c.AutoFailback, c.Fencing = FailbackOn, fencing
	c.Groups = []Group{{Home: "node1", Key: "a"}, {Home: "node2", Key: "b"}, {Home: "node3", Key: "c"}}
	k := &crowd{&talk{t: t, n: New(c, 1, Saved{}), now: t0}, map[string]int{}}
	k.speaks = k.from
	k.take(k.n.Step(k.now, Tick{}))
	return k
}

func (k *crowd) from(node, t string, kv ...string) {
	k.t.Helper()
	k.seqs[node]++
	kv = append(kv, "src", node, "hbd", "1", "seq", fmt.Sprintf("%x", k.seqs[node]))
	if t == "status" {
		kv = append(kv, "dt", "bb8", "protocol", "1")
	}
	k.take(k.n.Step(k.now, Packet{"eth0", peerFrame(k.n.cfg.Keys, t, kv...)}))
}

// reports says what node holds.
func (k *crowd) reports(node, groups string) {
	k.from(node, "resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", groups,
		"hbd_took", "", "hbd_away", "", "hbd_failed", "", "hbd_claims", "", "hbd_offers", "")
}

// live lets time pass in which the named nodes send keepalives, grant every claim and
// jobs end at once.
func (k *crowd) live(d time.Duration, hg map[string]string) {
	end := k.now.Add(d)
	for k.now.Before(end) {
		k.now = k.now.Add(250 * time.Millisecond)
		for at := k.n.Next(); !at.IsZero() && at.Before(k.now); at = k.n.Next() {
			k.take(k.n.Step(at, Tick{}))
		}
		if k.now.Sub(t0)%time.Second == 0 {
			for _, node := range []string{"node2", "node3"} {
				if g, ok := hg[node]; ok {
					k.from(node, "status", "st", "active", "hg", g)
				}
			}
		}
		k.take(k.n.Step(k.now, Tick{}))
		for _, g := range k.n.policy.(*many).groups {
			for _, node := range []string{"node2", "node3"} {
				if gen, ok := hg[node]; ok && g.claim != 0 && g.waiting[k.n.byName[node]] {
					k.from(node, "hbd_grant", "hg", gen, "dest", "node1", "claim", fmt.Sprintf("%x", g.claim), "hbd_yes", "node1/a node2/b node3/c")
				}
			}
		}
		for len(k.job) > 0 {
			k.finish()
		}
	}
}

func (k *crowd) bootWith(hold2, hold3 string) {
	k.t.Helper()
	k.from("node2", "status", "st", "active")
	k.from("node3", "status", "st", "active")
	k.take(k.n.Step(k.now, Tick{}))
	k.from("node2", "repnodes", "dest", "node1", "nodelist", "node1 node2 node3 ", "delnodelist", " ")
	k.reports("node2", hold2)
	k.reports("node3", hold3)
	both := map[string]string{"node2": "64", "node3": "64"}
	k.live(time.Second, both)
}

// 2. Three nodes: node2's word that it reset node3 arrives after node3 has come back (sent
// again on request). The word is kept for ever, and the next time node3 is silent its group
// is taken over without a reset.
func TestReviewOldFenceWord(t *testing.T) {
	k := newCrowd(t, true)
	k.bootWith("node2/b", "node3/c")
	both := map[string]string{"node2": "64", "node3": "65"}
	k.seqs["node3"] = 0
	k.from("node3", "status", "st", "init", "hg", "65") // it was reset and boots
	k.from("node2", "stonith", "node", "node3", "result", "OK")
	k.from("node3", "status", "st", "active", "hg", "65")
	k.from("node3", "resource", "hg", "65", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", "node3/c")
	k.live(10*time.Second, both)
	// An hour later node2 stops and node3 falls silent: node1 is alone, and must reset it.
	k.from("node2", "resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "info", "shutdown", "hbd_groups", "")
	k.from("node2", "shutdone", "st", "dead")
	k.sent = nil
	k.live(10*time.Second, nil)
	if !k.did("FENCE node3") {
		t.Fatalf("bad schedule: no fence in:\n%s", strings.Join(k.sent, "\n"))
	}
	if k.did("RUN acquire [2]") {
		t.Errorf("group c is taken over from node3 before its reset was answered:\n%s", strings.Join(k.sent, "\n"))
	}
}

// 3. Three nodes: node2 is reset and taken over; then node3 dies and cannot be reset. node2
// comes back and gets its group back, but while node3 is not reset nobody starts anything:
// the group runs nowhere, for as long as the fence device fails.
func TestReviewFailbackBesideUnfencedNode(t *testing.T) {
	k := newCrowd(t, true)
	k.bootWith("node2/b", "node3/c") // node1 starts a
	only3 := map[string]string{"node3": "64"}
	k.from("node3", "resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd_groups", "node3/c", "hbd_failed", "node2/b")
	k.live(5*time.Second, only3)
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 1, OK: true}))
	k.live(3*time.Second, only3)
	if !k.did("RUN acquire [1]") {
		t.Fatalf("bad schedule: b was not taken over:\n%s", strings.Join(k.sent, "\n"))
	}
	k.live(5*time.Second, nil) // node3 falls silent
	k.take(k.n.Step(k.now, FenceDone{Node: "node3", ID: 2}))
	k.sent = nil
	k.seqs["node2"] = 0
	k.from("node2", "status", "st", "active", "hg", "65")
	k.from("node2", "resource", "hg", "65", "rsc_hold", "none", "rtype", "full", "isstable", "1", "hbd_groups", "")
	k.live(5*time.Second, map[string]string{"node2": "65"})
	if !k.did("RUN release [1]") {
		return
	}
	k.from("node2", "hbd_claim", "hg", "65", "claim", "1", "hbd_groups", "node2/b", "hbd_asked", "node2 node1")
	if g := k.n.policy.(*many).groups[1]; !g.held && g.grantee == nil {
		t.Errorf("b was released, and node2 is refused it:\n%s", strings.Join(k.sent, "\n"))
	}
}

// 4. Real peer, auto_failback off, we hold everything since it died once; it is back and
// holds nothing. A cut of one direction for a few seconds that it does not notice makes us
// give its class up. It does not take it: the group runs nowhere for good.
func TestReviewOneWayCutDropsWhatNobodyHas(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.pass(4*time.Second, "") // it dies
	k.finish()
	k.seq = 0
	k.comeBack("65")
	k.sent = nil
	k.silentFor(4*time.Second, "65")
	k.passReal(15*time.Second, "65")
	if k.did("RUN release") {
		t.Errorf("the class of node2 is released, which holds nothing:\n%s", strings.Join(k.sent, "\n"))
		for len(k.job) > 0 {
			k.finish()
		}
		k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1", "hg", "65") // the original's answer
		k.sent = nil
		k.passReal(60*time.Second, "65")
		if !k.did("RUN acquire") {
			t.Error("a minute later group 1 runs nowhere")
		}
	}
}

// comeBack: node2 boots anew into the cluster with generation hg and ends holding nothing.
func (k *talk) comeBack(hg string) {
	k.t.Helper()
	k.hear("status", "st", "init", "hg", hg)
	k.hear("status", "st", "up", "hg", hg)
	k.hear("reqnodes", "dest", "node1", "hg", hg)
	k.hear("status", "st", "active", "hg", hg)
	k.hear("starting", "hg", hg)
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "hg", hg)
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1", "hg", hg)
	k.passReal(3*time.Second, hg)
}

func (k *talk) passReal(d time.Duration, hg string) {
	for end := k.now.Add(d); k.now.Before(end); {
		k.silentFor(500*time.Millisecond, hg)
		k.hear("status", "st", "active", "hg", hg)
	}
}

func (k *talk) silentFor(d time.Duration, _ string) { k.pass(d, "") }

func (k *talk) did(prefix string) bool {
	for _, s := range k.sent {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// 5. Real peer, auto_failback off: we hold everything, restart within the dead time (a
// virtual machine boots in ten seconds) and begin with nothing. The original only logs that
// nobody owns its resources; so do we: its group runs nowhere for good.
func TestReviewQuickRestartBesideRealPeer(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("none")
	k.finish()
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
	k.sent = nil
	k.pass(60*time.Second, "active")
	k.logged("No one owns foreign resources!")
	if !k.did("RUN acquire [1]") {
		t.Error("after a minute group 1 runs nowhere, and nobody will start it")
	}
}

// 6. A one-way cut that the real peer did not notice while we held everything: what it
// holds stays unknown, since it answers only a change from unstable to stable. We ask every
// two seconds for ever and refuse every standby.
func TestReviewAskedForEver(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("none")
	k.finish()
	k.n.policy.(*classic).held = HoldAll
	k.n.jobs.state[1] = GroupRunning
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
	k.pass(4*time.Second, "")
	k.passReal(60*time.Second, "64")
	k.sent = nil
	k.passReal(60*time.Second, "64")
	asked := 0
	for _, s := range k.sent {
		if strings.HasPrefix(s, "resource") {
			asked++
		}
	}
	if asked > 3 {
		t.Errorf("%d reports in a quiet minute", asked)
	}
	k.take(k.n.Step(k.now, Standby{Class: HoldAll}))
	k.hear("ask_resources", "rsc_hold", "all", "info", "other")
	if !k.did("RUN release") {
		t.Error("two minutes after the cut hb_standby is still refused")
	}
}

// 7. hb_standby at our node while it starts its own groups: we refuse it, but the request
// went over the wire and a real peer waits in state OTHER for an hour.
func TestReviewRefusedStandbyIsSentAnyway(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local") // its start script runs: isstable=1 all the same
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.sent = nil
	k.take(k.n.Step(k.now, FromScript{Frame: []byte(">>>\nt=ask_resources\nrsc_hold=all\ninfo=me\n<<<\n")}))
	k.logged("ignored.  Local resources are in flux.")
	k.refuse("ask_resources rsc_hold=all info=me")
}

// 8. The same the other way round: the real peer sends "me" and refuses it itself. It never
// begins to release; we wait an hour and refuse everything.
func TestReviewOtherNeverBegins(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.hear("ask_resources", "rsc_hold", "all", "info", "me")
	k.expect("ask_resources rsc_hold=all info=other")
	k.pass(60*time.Second, "active") // no report with info=standby
	k.sent = nil
	k.hear("ask_resources", "rsc_hold", "all", "info", "me") // the operator tries again
	if !k.did("ask_resources rsc_hold=all info=other") {
		t.Error("a minute later the peer's second standby is still refused")
	}
}

// 9. The taker's "done" is lost for good (the real node answers a request for its newest
// message with a NAK), but its report says that it has the class.
func TestReviewLostDoneOfRealTaker(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.take(k.n.Step(k.now, Standby{Class: HoldAll}))
	k.hear("ask_resources", "rsc_hold", "all", "info", "other")
	k.finish()
	k.seq++ // done
	k.hear("NS_nak_rexmit", "dest", "node1", "firstseq", fmt.Sprintf("%x", k.seq))
	k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "1")
	k.hear("NS_nak_rexmit", "dest", "node1", "firstseq", fmt.Sprintf("%x", k.seq-1))
	k.pass(5*time.Minute, "active")
	if s := k.n.policy.(*classic).standby; s.state != standbyNot {
		t.Errorf("after five minutes the hand-over is still in state %q", s.state)
	}
}

// 10. A group cannot be stopped in a standby (HA_EMERGENCY=log) while the other dies: what
// was taken over meanwhile is forgotten. We run all groups and report one class, and the
// returning node starts its own beside ours.
func TestReviewStuckReleaseForgetsTakeover(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.n.cfg.Fencing = true
	k.boot("local")
	k.finish()
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.take(k.n.Step(k.now, Standby{Class: HoldLocal}))
	k.hear("ask_resources", "rsc_hold", "local", "info", "other")
	k.pass(4*time.Second, "")
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 1, OK: true}))
	k.finish(0) // could not be stopped
	for len(k.job) > 0 {
		k.finish()
	}
	c := k.n.policy.(*classic)
	if k.n.jobs.state[1] == GroupRunning && c.held != HoldAll {
		t.Errorf("groups %v run here, but %s is reported", k.n.runningGroups(), c.held)
	}
}

// 11. haresources gives a running group another home, both nodes are reloaded: the new run
// keeps it running and reports only the class bits of before, and its new home starts it.
func TestReviewReloadWithAnotherHome(t *testing.T) {
	c := testConfig("node1", "node2")
	c.AutoFailback, c.Fencing = FailbackOff, true
	// Group b was node1's until the reload.
	k := &talk{t: t, n: New(c, 1, Saved{Held: HoldLocal, Groups: []string{"LabRsc::a", "LabRsc::b"}}), now: t0}
	k.boot("none")
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "1")
	k.pass(10*time.Second, "active")
	h := k.n.policy.(*classic).held
	if k.n.jobs.state[1] == GroupRunning && h&HoldForeign == 0 && !k.did("RUN release") {
		t.Errorf("group b runs here, %s is reported, and nothing stops it: node2 will start it", h)
	}
}

// 12. A fence that began for an earlier death (a slow agent, meatware) ends during a later
// one: its answer is taken for that of the later.
func TestReviewAnswerOfAnOlderFence(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.n.cfg.Fencing = true
	k.boot("local")
	k.finish()
	k.pass(4*time.Second, "")
	k.expect("FENCE node2") // number one: meatware, waits for a person
	k.seq = 0
	k.comeBack("65") // node2 was switched on again
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hg", "65")
	for len(k.job) > 0 {
		k.finish()
	}
	k.pass(4*time.Second, "")
	k.expect("FENCE node2")                                            // number two
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 1, OK: true})) // of number one
	if k.did("RUN acquire [1]") {
		t.Error("taken over on the word of a fence that was for another death ")
	}
}

// 13. Our kind: an old report that is sent again after shutdone makes us give up what we
// just took.
func TestReviewReportBehindShutdone(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.hear("status", "st", "active", "hbd", "1")
	k.seq++ // resource local/1, lost
	k.seq++ // resource none info=shutdown, lost
	k.hear("shutdone", "st", "dead", "hbd", "1")
	k.finish()
	k.sent = nil
	last := k.seq
	k.seq = last - 3
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd", "1")
	k.seq = last - 2
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "info", "shutdown", "hbd", "1")
	if k.did("RUN release [1]") {
		t.Error("the stopped node's groups are stopped here again because of a report from before its end")
	}
}

// 14. A group failed here and is offered to the other node once. It does not answer (in
// flux): it is never offered again, although the other could run it.
func TestReviewOfferedOnlyOnce(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.finish(0)
	k.pass(3*time.Second, "active")
	k.expect("ask_resources rsc_hold=local info=me")
	k.pass(12*time.Second, "active")
	k.logged("No reply to standby request.")
	k.sent = nil
	k.pass(2*time.Minute, "active")
	if !k.did("ask_resources rsc_hold=local info=me") {
		t.Error("the failed group is never offered again: it runs nowhere")
	}
}

// 15. A survivor whose loop is often late by a little more than a quarter of the dead time
// (swapping, a busy hypervisor) never declares anybody dead.
func TestReviewLateLoopNeverDeclaresDead(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.sent = nil
	for end := k.now.Add(10 * time.Minute); k.now.Before(end); {
		k.now = k.n.Next().Add(800 * time.Millisecond)
		k.take(k.n.Step(k.now, Tick{}))
	}
	if !k.did("RUN acquire [1]") {
		t.Error("ten minutes after its last packet node2 (deadtime 3 s) is not dead")
	}
}

// 16. A peer that goes back in time (a virtual machine reverted to a snapshot) has its old
// generation and lower numbers. The original sees a partition; here it looks like a replay,
// which it may be: it stays dead, and the log says what to do.
func TestReviewRevertedPeer(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.pass(20*time.Second, "active")
	k.seq = 5000
	k.hear("status", "st", "active")
	k.pass(10*time.Second, "")
	k.seq = 100
	k.pass(time.Minute, "active")
	k.logged("restart heartbeat there")
}

// 17. The log of a refused netstring frame holds the digest that it should have had: who
// can read the log, or the syslog on its way, can sign.
func TestReviewLogTellsTheDigest(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	wrong := &message.Keys{Current: 1, ByNum: map[int]message.Key{1: {Method: message.SHA1, Secret: []byte("guess")}}}
	k.take(k.n.Step(k.now, Packet{"eth0", peerFrame(wrong, "shutdone", "seq", "50", "st", "dead")}))
	good := peerFrame(k.n.cfg.Keys, "shutdone", "seq", "50", "st", "dead")
	for _, l := range k.logs {
		if i := strings.Index(l, "authstr="); i >= 0 && len(l) > i+len("authstr=") {
			digest := strings.Fields(l[i+len("authstr="):])[0]
			t.Logf("%s", l)
			forged := peerFrame(wrong, "shutdone", "seq", "50", "st", "dead")
			at := strings.LastIndex(string(forged), "1 ")
			forged = append(append(append([]byte(nil), forged[:at+2]...), digest...), forged[at+2+len(digest):]...)
			if _, _, err := message.Parse(forged, k.n.cfg.Keys); err == nil {
				t.Errorf("a frame made from the log verifies (%d bytes, as the good one has %d)", len(forged), len(good))
			}
		}
	}
}

// 18. Classic mode: ip-request and ip-request-resp go to rc.d. In an /etc/ha.d that was
// copied from a Heartbeat machine these scripts stop and start groups behind our back.
func TestReviewLegacyRequestsInClassicMode(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	for _, typ := range []string{"ip-request", "ip-request-resp"} {
		k.seq++
		for _, a := range k.n.Step(k.now, Packet{"eth0", peerFrame(k.n.cfg.Keys, typ, "seq", fmt.Sprintf("%x", k.seq), "dest", "node1", "ipaddr", "LabRsc::b", "ok", "OK", "weown", "yes")}) {
			if r, ok := a.(RunRC); ok {
				t.Errorf("rc.d/%s is run", r.Type)
			}
		}
	}
}

// 19. A named API client may speak for the daemon.
func TestReviewClientReportsResources(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	for _, typ := range []string{"resource", "stonith", "hbd_claim", "hbd_grant", "repnodes", "ip-request-resp"} {
		k.sent = nil
		k.take(k.n.Step(k.now, FromClient{Name: "app", Msg: message.New("t", typ, "rsc_hold", "none", "rtype", "full", "isstable", "1", "node", "node2", "result", "OK")}))
		if k.did(typ) {
			t.Errorf("a client sent %s in our name", typ)
		}
	}
}
