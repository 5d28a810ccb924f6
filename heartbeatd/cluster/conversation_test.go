package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// talk plays a real 3.0.6 peer, node2, against a node of ours, node1, message by
// message, as heartbeat-wire 13.4 has them from captures.
type talk struct {
	t      *testing.T
	n      *Node
	now    time.Time
	seq    int
	sent   []string // what node1 sent and did since the last expect
	logs   []string
	job    []Run
	mute   bool                               // the others do not answer the question whether they live
	speaks func(node, t string, kv ...string) // more than one other node: hear from this one
}

func newTalk(t *testing.T, f Failback) *talk {
	c := testConfig("node1", "node2")
	c.AutoFailback = f
	return &talk{t: t, n: New(c, 1, Saved{}), now: t0}
}

func (k *talk) take(acts []Action) {
	for _, a := range append([]Action(nil), acts...) {
		switch a := a.(type) {
		case Send:
			m, _, err := message.Parse(a.Datagram, k.n.cfg.Keys)
			if err != nil {
				k.t.Fatalf("node1 sends a bad frame: %v", err)
			}
			if t := m.Get("t"); t == "NS_ackmsg" || t == "status" && m.Get("st") == "active" && k.n.commUp && len(k.sent) > 0 {
				continue
			}
			s := m.Get("t")
			if s == "query-cstatus" {
				if p := k.n.byName[m.Get("dest")]; !k.mute && p.hasGen {
					k.answer(p, m)
				}
				continue
			}
			for _, f := range []string{"st", "dest", "rsc_hold", "rtype", "isstable", "info", "ipaddr", "weown", "node", "result"} {
				if v, ok := m.Lookup(f); ok {
					s += " " + f + "=" + v
				}
			}
			k.sent = append(k.sent, s)
		case Run:
			k.sent = append(k.sent, fmt.Sprintf("RUN %s %v", a.Kind, a.Groups))
			k.job = append(k.job, a)
		case Log:
			k.logs = append(k.logs, a.Text)
		case Exit:
			k.sent = append(k.sent, "EXIT")
		case Fence:
			k.sent = append(k.sent, "FENCE "+a.Node)
		}
	}
}

// answer is what every release says to a question for a client that it does not have.
func (k *talk) answer(p *peer, ask *message.Message) {
	if ask == nil {
		k.n.challenge(p)
		ask = message.New("cn", k.n.nonce, "from_id", k.n.nonce)
	}
	hear := func(t string, kv ...string) { k.hear(t, append(kv, "src", p.name)...) }
	if k.speaks != nil {
		hear = func(t string, kv ...string) { k.speaks(p.name, t, kv...) }
	}
	hear("respond-cstatus", "dest", k.n.cfg.Node, "result", "OK", "cn", ask.Get("cn"), "to_id", ask.Get("from_id"),
		"cs", "offline", "hg", hex(p.gen))
}

func (k *talk) hear(t string, kv ...string) {
	k.t.Helper()
	k.seq++
	if t == "status" {
		kv = append(kv, "dt", "bb8", "protocol", "1")
	}
	kv = append(kv, "seq", fmt.Sprintf("%x", k.seq))
	k.take(k.n.Step(k.now, Packet{"eth0", peerFrame(k.n.cfg.Keys, t, kv...)}))
}

// finish ends the running job.
func (k *talk) finish(failed ...int) {
	k.t.Helper()
	if len(k.job) == 0 {
		k.t.Fatal("no job runs")
	}
	j := k.job[0]
	k.job = k.job[1:]
	k.take(k.n.Step(k.now, JobDone{Job: j.Job, Failed: failed}))
}

// pass lets time go by in which the peer keeps sending keepalives (st "" for silence).
func (k *talk) pass(d time.Duration, st string) {
	end := k.now.Add(d)
	for k.now.Before(end) {
		k.now = k.now.Add(250 * time.Millisecond)
		for at := k.n.Next(); !at.IsZero() && at.Before(k.now); at = k.n.Next() {
			k.take(k.n.Step(at, Tick{}))
		}
		if st != "" && k.now.Sub(t0)%time.Second == 0 {
			k.hear("status", "st", st)
		}
		k.take(k.n.Step(k.now, Tick{}))
	}
}

// expect checks that what was sent begins as wanted, in this order; other messages may
// stand between, but never one that starts with a wanted line's first two words twice.
func (k *talk) expect(want ...string) {
	k.t.Helper()
	i := 0
	for _, s := range k.sent {
		if i < len(want) && strings.HasPrefix(s, want[i]) {
			i++
		}
	}
	if i < len(want) {
		k.t.Errorf("missing %q (number %d of %d) in:\n%s", want[i], i+1, len(want), strings.Join(k.sent, "\n"))
	}
	k.sent = nil
}

func (k *talk) refuse(prefix string) {
	k.t.Helper()
	for _, s := range k.sent {
		if strings.HasPrefix(s, prefix) {
			k.t.Errorf("%q should not have been sent:\n%s", s, strings.Join(k.sent, "\n"))
		}
	}
}

func (k *talk) logged(text string) {
	k.t.Helper()
	for _, l := range k.logs {
		if strings.Contains(l, text) {
			return
		}
	}
	k.t.Errorf("%q was not logged", text)
}

// boot: node2 is up, active, stable and holds class.
func (k *talk) boot(class string) {
	k.t.Helper()
	k.take(k.n.Step(k.now, Tick{}))
	k.expect("status st=init", "status st=up")
	k.hear("status", "st", "active")
	k.take(k.n.Step(k.now, Tick{}))
	k.expect("reqnodes dest=node2")
	k.hear("repnodes", "dest", "node1", "nodelist", "node1 node2 ", "delnodelist", " ")
	k.expect("status st=active", "starting")
	k.logged("Comm_now_up(): updating status to active")
	if class != "" {
		k.hear("resource", "rsc_hold", class, "rtype", "full", "isstable", "1")
	}
}

func TestBootIntoClusterAndFailback(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("all")
	k.refuse("RUN")
	k.expect("resource rsc_hold=none rtype=full isstable=1")
	k.logged("Local Resource acquisition completed. (none)")
	k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "1")
	k.hear("ask_resources", "rsc_hold", "foreign", "info", "me")
	k.expect("ask_resources rsc_hold=foreign info=other")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "0", "info", "standby")
	k.refuse("RUN") // the peer still stops
	k.hear("ask_resources", "rsc_hold", "foreign", "info", "done")
	k.expect("RUN acquire [0]")
	k.finish()
	k.expect("ask_resources rsc_hold=foreign info=done", "resource rsc_hold=local rtype=full isstable=1")
	k.logged("standby: acquire [foreign] resources from node2")
}

func TestBootTogetherWithReal(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("")
	k.hear("starting")
	k.expect("resource rsc_hold=none rtype=full isstable=0")
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0")
	k.pass(9*time.Second, "active")
	k.refuse("RUN") // a real node waits ten seconds, and may hold something by then
	k.pass(2*time.Second, "active")
	k.expect("resource rsc_hold=local rtype=full isstable=1", "RUN acquire [0]")
	k.finish()
	k.expect("resource rsc_hold=local rtype=full isstable=1 info=req_our_resources()")
}

func TestPeerStopsGracefully(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.sent = nil
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "info", "shutdown")
	k.pass(time.Second, "active")
	k.refuse("RUN") // it is still stopping
	k.hear("shutdone", "st", "dead")
	k.expect("RUN acquire [1]")
	k.finish()
	k.expect("ask_resources rsc_hold=all info=done", "resource rsc_hold=all rtype=full isstable=1", "resource rsc_hold=foreign info=mach_down")
	k.pass(4*time.Second, "")
	k.expect("stonith node=node2 result=unneeded")
	k.logged("Dead node node2 gave up resources.")
}

func TestPeerDies(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.sent = nil
	k.pass(2750*time.Millisecond, "")
	k.refuse("stonith")
	k.pass(500*time.Millisecond, "")
	k.expect("stonith node=node2 result=n_stnth", "RUN acquire [1]")
	k.logged("node node2: is dead")
	k.logged("Resources being acquired from node2.")
	k.finish()
	k.expect("resource rsc_hold=all rtype=full isstable=1 info=req_our_resources()", "resource rsc_hold=foreign info=mach_down")
	// It comes back: a new run.
	k.seq = 0
	k.hear("status", "st", "init", "hg", "65")
	k.logged("Heartbeat restart on node node2")
}

func TestFencingComesFirst(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.n.cfg.Fencing = true
	k.boot("local")
	k.finish()
	k.pass(4*time.Second, "")
	k.expect("FENCE node2")
	k.refuse("RUN")
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 1, OK: false, Result: "bad"}))
	k.expect("stonith node=node2 result=bad")
	k.pass(5500*time.Millisecond, "")
	k.refuse("RUN")
	k.expect("FENCE node2")
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 2, OK: true}))
	k.expect("stonith node=node2 result=OK", "RUN acquire [1]")
}

func TestOwnStandby(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.sent = nil
	k.take(k.n.Step(k.now, FromScript{Frame: []byte(">>>\nt=ask_resources\nrsc_hold=all\ninfo=me\n<<<\n")}))
	k.expect("ask_resources rsc_hold=all info=me")
	k.logged("node1 wants to go standby [all]")
	k.hear("ask_resources", "rsc_hold", "all", "info", "other")
	k.expect("resource rsc_hold=none rtype=full isstable=0 info=standby", "RUN release [0 1]")
	k.logged("standby: node2 can take our all resources")
	k.finish()
	k.expect("ask_resources rsc_hold=all info=done")
	k.logged("Local standby process completed [all].")
	k.hear("ask_resources", "rsc_hold", "all", "info", "done")
	k.expect("resource rsc_hold=none rtype=full isstable=1")
	k.logged("Other node completed standby takeover of all resources.")
}

func TestStandbyWithoutReply(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.take(k.n.Step(k.now, FromScript{Frame: []byte(">>>\nt=ask_resources\nrsc_hold=all\ninfo=me\n<<<\n")}))
	k.sent = nil
	k.pass(11*time.Second, "active")
	k.refuse("RUN")
	k.logged("No reply to standby request.  Standby request cancelled.")
}

func TestOwnStop(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.sent = nil
	k.take(k.n.Step(k.now, Stop{}))
	k.expect("resource rsc_hold=none rtype=full isstable=0 info=shutdown", "RUN release [0 1]")
	k.finish()
	k.expect("shutdone st=dead")
	k.pass(1500*time.Millisecond, "active")
	k.expect("EXIT")
	k.logged("node1 Heartbeat shutdown complete.")
}

func TestTakeoverRequestOfPeer(t *testing.T) {
	for word, want := range map[string]string{"all": "all", "failback": "all", "local": "foreign", "foreign": "local"} {
		k := newTalk(t, FailbackOff)
		k.boot("none")
		k.finish()
		k.n.policy.(*classic).held = HoldAll
		k.hear("hb_takeover", "rsc_hold", word)
		k.expect("ask_resources rsc_hold=" + want + " info=me")
	}
}

func TestPartitionWithRealPeerKeepsServices(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.pass(4*time.Second, "")
	k.finish() // took the peer's
	k.sent = nil
	k.hear("status", "st", "active")
	k.logged("Cluster node node2 returning after partition.")
	k.pass(2*time.Second, "active")
	k.hear("resource", "rsc_hold", "none", "rtype", "full", "isstable", "0", "info", "shutdown")
	k.hear("shutdone", "st", "dead")
	k.pass(20*time.Second, "")
	k.refuse("RUN release")
}

func TestOneWayPartitionWithRealPeer(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.pass(4*time.Second, "")
	k.finish()
	k.sent = nil
	k.hear("status", "st", "active")
	k.pass(12*time.Second, "active") // it never noticed, and keeps what it has
	k.expect("resource rsc_hold=local rtype=full isstable=0 info=standby", "RUN release [1]")
	k.logged("did not notice the partition")
}

func TestFailedStartIsOfferedToTheOther(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.finish(0)
	k.sent = nil
	k.pass(3*time.Second, "active")
	k.expect("ask_resources rsc_hold=local info=me")
	k.hear("ask_resources", "rsc_hold", "local", "info", "other")
	k.expect("resource rsc_hold=none", "RUN release [0]")
}

func TestLegacy(t *testing.T) {
	k := newTalk(t, FailbackLegacy)
	k.take(k.n.Step(k.now, Tick{}))
	k.hear("status", "st", "active")
	k.take(k.n.Step(k.now, Tick{}))
	k.hear("repnodes", "dest", "node1", "nodelist", "node1 node2 ", "delnodelist", " ")
	k.refuse("starting")
	k.refuse("RUN")
	k.expect("ip-request ipaddr=LabRsc::a")
	k.hear("ip-request-resp", "dest", "node1", "ipaddr", "LabRsc::a", "weown", "yes", "ok", "OK")
	k.expect("RUN acquire [0]")
	k.finish()
	k.hear("ip-request", "ipaddr", "LabRsc::b")
	k.expect("ip-request-resp dest=node2 ipaddr=LabRsc::b weown=no")
	k.pass(4*time.Second, "")
	k.expect("RUN acquire [1]")
	k.finish()
	k.seq = 0
	k.hear("status", "st", "active", "hg", "70")
	k.seq = 0x100
	k.hear("status", "st", "active", "hg", "70")
	k.hear("ip-request", "ipaddr", "LabRsc::b", "hg", "70")
	k.expect("RUN release [1]")
	k.finish()
	k.expect("ip-request-resp dest=node2 ipaddr=LabRsc::b weown=yes")
}

// TestRetransmission: wire 10, from both sides.
func TestRetransmission(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.sent = nil
	k.hear("NS_rexmit", "dest", "node1", "firstseq", "2", "lastseq", "2")
	k.expect("status st=up") // number 2 again, as it was
	k.hear("NS_rexmit", "dest", "node1", "firstseq", "99999", "lastseq", "99999")
	k.logged("Rexmit of seq 99999 requested.")
	k.seq += 3
	k.hear("status", "st", "active")
	k.logged("lost packet(s) for [node2]")
	k.pass(time.Second, "")
	asked := 0
	for _, s := range k.sent {
		if strings.HasPrefix(s, "NS_rexmit dest=node2") {
			asked++
		}
	}
	if asked < 3 {
		t.Errorf("asked %d times for 3 lost packets", asked)
	}
}

// TestStaleAcknowledgement: what was meant for our last run is no error; later, it is one.
func TestStaleAcknowledgement(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.n.started = k.now
	k.hear("NS_ackmsg", "dest", "node1", "ackseq", "9049")
	if n := k.n.counters["dropped: acknowledgement of the last run"]; n != 1 {
		t.Errorf("counted %d", n)
	}
	k.n.started = k.now.Add(-k.n.cfg.Deadtime)
	k.hear("NS_ackmsg", "dest", "node1", "ackseq", "9049")
	k.logged("acknowledgement 36937 from node2 is above what was sent")
}

// TestIpfail: behaviour 7, our node against a real ipfail on the other.
func TestIpfail(t *testing.T) {
	talkWithPing := func() *talk {
		c := testConfig("node1", "node2")
		c.Ipfail, c.Ping = true, []PingNode{{Name: "10.0.0.254"}}
		k := &talk{t: t, n: New(c, 1, Saved{}), now: t0}
		k.boot("none")
		k.finish()
		k.hear("hbapi-clstat", "st", "join", "from_id", "ipfail", "to_id", "ipfail", "info", "signon")
		k.expect("num_ping_nodes dest=node2")
		return k
	}
	echo := func(k *talk) {
		m := message.New("t", "NS_st", "st", "ping", "info", "ping", "src", "10.0.0.254", "ts", "1")
		k.take(k.n.Step(k.now, Packet{"10.0.0.254", m.AppendNetstring(nil, k.n.cfg.Keys, true)}))
	}

	k := talkWithPing() // it sees more ping nodes than we do
	k.hear("num_ping_nodes", "num_ping", "1", "dest", "node1", "from_id", "ipfail", "to_id", "ipfail")
	k.logged("Giving up because we have less visible ping nodes.")
	k.pass(3*time.Second, "active")
	k.expect("ask_resources rsc_hold=all info=me")

	k = talkWithPing() // we see more
	echo(k)
	k.hear("num_ping_nodes", "num_ping", "0", "dest", "node1", "from_id", "ipfail", "to_id", "ipfail")
	k.expect("you_are_dead dest=node2")

	k = talkWithPing() // told to give up, then told not to
	k.hear("you_are_dead", "dest", "node1", "from_id", "ipfail", "to_id", "ipfail")
	k.hear("abort_giveup", "dest", "node1", "from_id", "ipfail", "to_id", "ipfail")
	k.pass(5*time.Second, "active")
	k.refuse("ask_resources")

	// A reply on the wrong link, or forged in the name of the ping node, is no sign of it.
	k = talkWithPing()
	m := message.New("t", "NS_st", "st", "ping", "src", "10.0.0.254", "ts", "1")
	k.take(k.n.Step(k.now, Packet{"eth0", m.AppendNetstring(nil, k.n.cfg.Keys, true)}))
	if k.n.pingCount() != 0 {
		t.Error("a ping reply on eth0 was believed")
	}
}

// TestOwnPause: a node that stood still judges the others by fresh packets only.
func TestOwnPause(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.boot("local")
	k.finish()
	k.sent = nil
	k.now = k.now.Add(20 * time.Second) // stopped
	k.take(k.n.Step(k.now, Tick{}))
	k.refuse("RUN")
	k.logged("this node stood still")
	k.hear("status", "st", "active")
	k.pass(2*time.Second, "active")
	k.refuse("RUN")
	k.pass(4*time.Second, "")
	k.expect("stonith", "RUN acquire [1]")
}

// TestSuspicion: a silent node is suspected once, before it is declared dead.
func TestSuspicion(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.finish()
	k.hear("status", "st", "active")
	last := k.now
	var suspected []time.Duration
	for k.now.Sub(last) < k.n.cfg.Deadtime+time.Second {
		k.now = k.n.Next()
		for _, a := range k.n.Step(k.now, Tick{}) {
			if s, ok := a.(Suspect); ok && s.Node == "node2" {
				suspected = append(suspected, k.now.Sub(last))
			}
		}
	}
	if want := k.n.cfg.Deadtime - suspectBefore; len(suspected) != 1 || suspected[0] < want-time.Millisecond || suspected[0] > want+time.Millisecond {
		t.Errorf("suspected after %v, want once after %v", suspected, want)
	}
}

// TestResetOnce: a dead node that was reset is not reset again when somebody asks for it, even
// if it was never heard; in its next death it is.
func TestResetOnce(t *testing.T) {
	k := newTalk(t, FailbackOn)
	k.n.cfg.Fencing = true
	want := func(again, reset bool) {
		t.Helper()
		said := false
		acts := append([]Action(nil), k.n.Step(k.now, WantReset{Node: "node2"})...)
		for _, a := range acts {
			_, is := a.(WasReset)
			said = said || is
		}
		if said != reset {
			t.Errorf("WasReset: %v, want %v", said, reset)
		}
		k.sent = nil
		k.take(acts)
		if again {
			k.expect("FENCE node2")
		} else {
			k.refuse("FENCE")
		}
	}
	k.pass(15*time.Second, "")
	k.expect("FENCE node2")
	want(false, false) // it is under way
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 1, OK: true}))
	k.finish()
	want(false, true)
	if v := k.n.View().Nodes[1]; v.Name != "node2" || !v.Reset {
		t.Errorf("the view says %+v", v)
	}
	k.pass(resetCounts, "")
	want(true, false) // it may have booted behind the same broken links
	k.take(k.n.Step(k.now, FenceDone{Node: "node2", ID: 2, OK: true}))
	want(false, true)
	k.hear("status", "st", "up", "hg", "70")
	k.hear("status", "st", "active", "hg", "70")
	k.pass(time.Second, "active")
	want(false, false) // it lives
	k.sent = nil
	k.pass(5*time.Second, "")
	k.expect("FENCE node2")
}

// TestTakeoverRetriesWhatFailed: both nodes could not start a group. When the cause is gone,
// hb_takeover on the node that should have it starts it again.
func TestTakeoverRetriesWhatFailed(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.finish(0)
	k.pass(3*time.Second, "active")
	k.expect("ask_resources rsc_hold=local info=me")
	k.pass(15*time.Second, "active") // refused: it failed there, too
	k.sent = nil
	k.take(k.n.Step(k.now, FromScript{Frame: []byte(">>>\nt=hb_takeover\nrsc_hold=foreign\n<<<\n")}))
	k.refuse("RUN")
	k.take(k.n.Step(k.now, FromScript{Frame: []byte(">>>\nt=hb_takeover\nrsc_hold=local\n<<<\n")}))
	k.expect("RUN acquire [0]")
	k.finish()
	k.pass(time.Second, "active")
	k.sent = nil
	k.take(k.n.Step(k.now, FromScript{Frame: []byte(">>>\nt=hb_takeover\nrsc_hold=local\n<<<\n")}))
	k.refuse("RUN")
}

// TestOfferIsRepeated: the other node seemed to be dead when what had failed here was offered to
// it. It is back, and the group runs nowhere.
func TestOfferIsRepeated(t *testing.T) {
	k := newTalk(t, FailbackOff)
	k.boot("local")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1")
	k.finish(0)
	k.pass(3*time.Second, "active")
	k.expect("ask_resources rsc_hold=local info=me")
	k.pass(4*time.Second, "") // no answer: it stands still
	for len(k.job) > 0 {
		k.finish()
	}
	k.hear("status", "st", "active", "hbd", "1")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd", "1")
	k.pass(time.Second, "active")
	for len(k.job) > 0 {
		k.finish()
	}
	k.sent = nil
	k.pass(offerAgain+5*time.Second, "active")
	k.expect("ask_resources rsc_hold=local info=me")
}

// TestAdoptedIsCompletedAfterAContest: what a killed daemon left is completed when the other node
// has nothing of it. That one held it, and seemed to be dead before it gave it up; when it is back it is this
// node that gives up last, and no report follows.
func TestAdoptedIsCompletedAfterAContest(t *testing.T) {
	c := testConfig("node1", "node2")
	c.AutoFailback = FailbackOff
	k := &talk{t: t, n: New(c, 1, Saved{Groups: []string{c.Groups[0].Key}, Found: true}), now: t0}
	k.boot("")
	k.hear("resource", "rsc_hold", "all", "rtype", "full", "isstable", "1", "hbd", "1", "hbd_took", "foreign")
	k.pass(time.Second, "active")
	k.refuse("RUN acquire [0]") // the other has it, too
	k.pass(5*time.Second, "")   // and is silent
	for len(k.job) > 0 {
		k.finish()
	}
	k.sent = nil
	k.hear("status", "st", "active", "hbd", "1")
	k.hear("resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "hbd", "1", "hbd_took", "none")
	k.expect("RUN release [1]")
	k.finish()
	k.pass(3*time.Second, "active")
	k.expect("RUN acquire [0]")
}
