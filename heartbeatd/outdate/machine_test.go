package outdate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

var start = time.Unix(1000, 0)

// said prints actions, one a line. The number of a question is different each time.
func said(actions []Action) string {
	var b strings.Builder
	for _, a := range actions {
		switch a := a.(type) {
		case Send:
			b.WriteString("send")
			for _, f := range a.Msg.Fields {
				if f.Name == IDField {
					continue
				}
				fmt.Fprintf(&b, " %s=%s", f.Name, f.Value)
			}
		case Run:
			b.WriteString("run " + a.Resource)
		case Reply:
			fmt.Fprintf(&b, "reply %d %d", a.Client, a.Value)
		case Demand:
			b.WriteString("demand " + a.Node)
		case Log:
			if !a.Warn {
				continue
			}
			b.WriteString("warn " + a.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type step struct {
	after time.Duration
	ev    Event
	want  string
}

func ask1(client uint64, peer, resource string) Asked {
	return Asked{Client: client, Request: Request{peer, resource}, Type: "normal", Status: "active"}
}

func heard(kv ...string) Heard { return Heard{message.New(kv...)} }

const asksB = "send t=start_outdate src=node1 dop_res=r0 dest=node2\n"

func TestMachine(t *testing.T) {
	answer := heard("t", "outdate_rc", "dop_value", "4", "dop_res", "r0", "src", "node2", "dest", "node1")
	request := heard("t", "start_outdate", "src", "node2", "dop_res", "r0", "dest", "node1")
	rc := func(value int) string {
		return fmt.Sprintf("send t=outdate_rc dop_value=%d dop_res=r0 src=node1 dest=node2\n", value)
	}
	for name, steps := range map[string][]step{
		"a question and its answer": {
			{0, ask1(1, "node2", "r0"), asksB},
			{0, answer, "reply 1 4\n"},
			{0, answer, ""},
			{0, Gone{1}, ""},
		},
		"heartbeat knows that the peer cannot be asked": {
			{0, ask1(1, "node1", "r0"), "warn resource r0: drbd peer node node1 is me!\nreply 1 5\n"},
			{0, Asked{Client: 2, Request: Request{"node9", "r0"}}, "warn resource r0: drbd peer node9 was not found: it is no node of this cluster\nreply 2 5\n"},
			{0, Asked{Client: 3, Request: Request{"gate", "r0"}, Type: "ping", Status: "ping"}, "warn resource r0: Cluster node: gate: status: ping is not a normal node\nreply 3 5\n"},
			{0, Asked{Client: 4, Request: Request{"node2", "r0"}, Type: "normal", Status: "dead"}, "warn resource r0: Cluster node: node2: status: dead: its data cannot be outdated\nreply 4 5\n"},
		},
		"the peer dies": {
			{0, ask1(1, "node2", "r0"), asksB},
			{0, heard("t", "status", "st", "dead", "src", "node3"), ""},
			{0, heard("t", "status", "st", "active", "src", "node2"), ""},
			{0, heard("t", "status", "st", "dead", "src", "node2"), "warn Cluster node: node2: status: dead: resource r0 there cannot be outdated\nreply 1 5\n"},
		},
		"the peer is silent, its dopd comes later": {
			{0, ask1(1, "node2", "r0"), asksB},
			{silence - 1, Tick{}, ""},
			{1, Tick{}, "warn no answer from dopd of node2 for resource r0 yet: does heartbeat there start dopd?\n"},
			{time.Hour, Tick{}, ""},
			{0, heard("t", "hbapi-clstat", "st", "join", "from_id", "ipfail", "src", "node2"), ""},
			{0, heard("t", "hbapi-clstat", "st", "leave", "from_id", "dopd", "src", "node2"), ""},
			{0, heard("t", "hbapi-clstat", "st", "join", "from_id", "dopd", "src", "node2"), asksB},
			{0, answer, "reply 1 4\n"},
		},
		"two ask the same": {
			{0, ask1(1, "node2", "r0"), asksB},
			{0, ask1(2, "node2", "r0"), asksB},
			{0, ask1(3, "node3", "r0"), "warn resource r0: node2 is being asked about it already\nreply 3 21\n"},
			{0, ask1(4, "node3", "r1"), "send t=start_outdate src=node1 dop_res=r1 dest=node3\n"},
			{0, Gone{1}, ""},
			{0, answer, "reply 2 4\n"},
		},
		"nobody waits any more": {
			{0, ask1(1, "node2", "r0"), asksB},
			{0, Gone{1}, ""},
			{0, answer, ""},
			{time.Hour, Tick{}, ""},
		},
		"answers that do not count": {
			{0, ask1(1, "node2", "r0"), asksB},
			{0, heard("t", "outdate_rc", "dop_value", "4", "dop_res", "r0", "src", "node3", "dest", "node1"), ""},
			{0, heard("t", "outdate_rc", "dop_value", "4", "dop_res", "r1", "src", "node2", "dest", "node1"), ""},
			{0, heard("t", "outdate_rc", "dop_value", "4", "dop_res", "r0", "src", "node2", "dest", "node4"), ""},
			{0, heard("t", "outdate_rc", "dop_value", "4", "dop_res", "r0"), ""},
			{0, heard("t", "outdate_rc", "dop_value", "-4", "dop_res", "r0", "src", "node2", "dest", "node1"),
				"warn node2 answered for resource r0: value \"-4\" is none\nreply 1 20\n"},
		},
		"outdated by the other node": {
			{0, request, "run r0\n"},
			{0, request, ""}, // again: one command is enough, and one answer
			{0, heard("t", "start_outdate", "src", "node3", "dop_res", "r0", "dest", "node1"), ""},
			{0, Ended{Resource: "r1"}, ""},
			{0, Ended{Resource: "r0"}, rc(4) + strings.Replace(rc(4), "node2", "node3", 1)},
			{0, request, "run r0\n"},
			{0, Ended{Resource: "r0", Code: 5}, rc(3)},
			{0, request, "run r0\n"},
			{0, Ended{Resource: "r0", Code: 17}, rc(6)},
			{0, request, "run r0\n"},
			{Patience, Ended{Resource: "r0", Code: 1}, "warn drbdadm outdate r0: unknown exit code 1\n" + rc(20)},
			{0, request, "run r0\n"},
			{Patience, Ended{Resource: "r0", Err: "killed"}, "warn drbdadm outdate r0: killed\n" + rc(20)},
		},
		"our drbd has not noticed yet": {
			{0, request, "run r0\n"},
			{0, Ended{Resource: "r0", Code: 20}, ""},
			{0, Ended{Resource: "r0", Code: 20}, ""},
			{pause - 1, request, ""},
			{1, Tick{}, "run r0\n"},
			{0, Tick{}, ""},
			{Patience - 2*pause, Ended{Resource: "r0", Code: 20}, ""},
			{pause, Tick{}, "run r0\n"},
			{0, Ended{Resource: "r0"}, rc(4)},
		},
		"what is no resource": {
			{0, heard("t", "start_outdate", "src", "node2", "dop_res", "all", "dest", "node1"),
				"warn node2 wants \"all\" outdated, which is no name of a resource\nsend t=outdate_rc dop_value=20 dop_res=all src=node1 dest=node2\n"},
			{0, heard("t", "start_outdate", "src", "node2", "dop_res", "-c/tmp/x", "dest", "node1"),
				"warn node2 wants \"-c/tmp/x\" outdated, which is no name of a resource\nsend t=outdate_rc dop_value=20 dop_res=-c/tmp/x src=node1 dest=node2\n"},
		},
		"not for us, or from us": {
			{0, heard("t", "start_outdate", "src", "node2", "dop_res", "r0", "dest", "node3"), ""},
			{0, heard("t", "start_outdate", "src", "node1", "dop_res", "r0", "dest", "node2"), ""},
			{0, heard("t", "start_outdate", "dop_res", "r0", "dest", "node1"), ""},
			{0, heard("t", "other", "src", "node2"), ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, now := New("node1"), start
			for i, s := range steps {
				now = now.Add(s.after)
				if got := said(m.Step(now, s.ev)); got != s.want {
					t.Fatalf("step %d, %T:\n%swant:\n%s", i, s.ev, got, s.want)
				}
			}
			if len(m.asks) > 0 && name != "two ask the same" || len(m.runs) > 0 {
				t.Errorf("left over: %d questions, %d commands", len(m.asks), len(m.runs))
			}
		})
	}
}

// The commands that run at a time are bounded.
func TestManyResources(t *testing.T) {
	m := New("node1")
	for i := range maxRuns {
		m.Step(start, heard("t", "start_outdate", "src", "node2", "dop_res", fmt.Sprint("r", i), "dest", "node1"))
	}
	got := said(m.Step(start, heard("t", "start_outdate", "src", "node2", "dop_res", "rx", "dest", "node1")))
	if !strings.Contains(got, "dop_value=20 dop_res=rx") || strings.Contains(got, "run rx") {
		t.Errorf("one more than %d commands: %s", maxRuns, got)
	}
}

// The timer of Next is the one that Step obeys.
func TestNext(t *testing.T) {
	m := New("node1")
	if !m.Next().IsZero() {
		t.Error("a timer without a question")
	}
	m.Step(start, ask1(1, "node2", "r0"))
	if want := start.Add(silence); !m.Next().Equal(want) {
		t.Errorf("Next %v, want %v", m.Next(), want)
	}
	m.Step(start, heard("t", "start_outdate", "src", "node2", "dop_res", "r0", "dest", "node1"))
	m.Step(start, Ended{Resource: "r0", Code: 20})
	if want := start.Add(pause); !m.Next().Equal(want) {
		t.Errorf("Next %v, want %v", m.Next(), want)
	}
	m.Step(m.Next(), Tick{})
	if want := start.Add(Patience + late); !m.Next().Equal(want) {
		t.Errorf("Next %v, want %v: the command runs", m.Next(), want)
	}
	m.Step(m.Next(), Tick{})
	m.Step(m.Next(), Tick{})
	if !m.Next().IsZero() {
		t.Error("the complaint would be repeated")
	}
}

// What was seen on the sockets of the real programs is what we write and read.
func TestMessagesOfTheOriginal(t *testing.T) {
	text := func(m *message.Message) string { return string(m.AppendText(nil, nil, false)) }
	for _, c := range []struct {
		got  *message.Message
		want string
	}{
		{Request{"node2", "r0"}.Message(), ">>>\nt=outdater\nsrc=drbd-peer-outdater\noutdater_peer=node2\noutdater_res=r0\nhbd_tell=1\n<<<\n"},
		{Answer("node1", 4), ">>>\nt=outdater_rc\nsrc=node1\ndop_value=4\n<<<\n"},
		{startMessage("node1", "node2", "r0", "1"), ">>>\nt=start_outdate\nsrc=node1\ndop_res=r0\ndest=node2\nhbd_id=1\n<<<\n"},
		{rcMessage("node2", "node1", "r0", "", 4), ">>>\nt=outdate_rc\ndop_value=4\ndop_res=r0\nsrc=node2\ndest=node1\n<<<\n"},
	} {
		if got := strings.TrimRight(text(c.got), "\x00"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if v, src, err := ParseAnswer(Answer("node1", 21)); v != 21 || src != "node1" || err != nil {
		t.Error(v, src, err)
	}
	if r, err := ParseRequest(Request{"Node2", "r0"}.Message()); r != (Request{"node2", "r0"}) || err != nil {
		t.Error(r, err)
	}
	for _, bad := range []*message.Message{
		Answer("x", -1), Answer("x", 256), message.New("t", "outdater_rc"), message.New("t", "x", "dop_value", "4"),
	} {
		if _, _, err := ParseAnswer(bad); err == nil {
			t.Errorf("%q is no answer", text(bad))
		}
	}
	for _, bad := range []Request{{"", "r0"}, {"a", ""}, {"a b", "r0"}, {"a", "r 0"}, {"a", "all"}, {"a", "-x"}, {"a", "r0/0"}, {"a", "r0,r1"}, {"a", strings.Repeat("x", 200)}, {"a", "x\n"}} {
		if _, err := ParseRequest(bad.Message()); err == nil {
			t.Errorf("%q is no request", bad)
		}
	}
}

// Two machines with a link between them.
func TestTwoMachines(t *testing.T) {
	nodes := map[string]*Machine{"node1": New("node1"), "node2": New("node2")}
	var replies []Reply
	var carry func(actions []Action)
	carry = func(actions []Action) {
		for _, a := range slices.Clone(actions) {
			switch a := a.(type) {
			case Send:
				for _, n := range nodes { // a broadcast; the sender hears itself
					carry(n.Step(start, Heard{a.Msg}))
				}
			case Run:
				carry(nodes["node2"].Step(start, Ended{Resource: a.Resource, Code: 5}))
			case Reply:
				replies = append(replies, a)
			}
		}
	}
	carry(nodes["node1"].Step(start, ask1(7, "node2", "r0")))
	if len(replies) != 1 || replies[0] != (Reply{7, 3}) {
		t.Errorf("replies %+v, want one of 3 to client 7", replies)
	}
}

// FuzzMachine: whatever comes from the cluster, no command gets a strange name, and who
// waits gets a value that an exit code can be.
func FuzzMachine(f *testing.F) {
	for _, s := range []string{
		">>>\nt=start_outdate\nsrc=node2\ndop_res=r0\ndest=node1\n<<<\n",
		">>>\nt=outdate_rc\ndop_value=4\ndop_res=r0\nsrc=node2\ndest=node1\n<<<\n",
		">>>\nt=hbapi-clstat\nst=join\nfrom_id=dopd\nsrc=node2\n<<<\n",
		">>>\nt=status\nst=dead\nsrc=node2\n<<<\n",
		">>>\nt=outdater\nsrc=x\noutdater_peer=node2\noutdater_res=-r\n<<<\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		msg, _, err := message.Parse(frame, nil)
		if err != nil {
			return
		}
		if r, err := ParseRequest(msg); err == nil && (!validResource(r.Resource) || r.Peer == "") {
			t.Errorf("request %q", r)
		}
		if v, _, err := ParseAnswer(msg); err == nil && (v < 0 || v > maxValue) {
			t.Errorf("value %d", v)
		}
		m := New("node1")
		m.Step(start, ask1(1, "node2", "r0"))
		for _, a := range m.Step(start, Heard{msg}) {
			switch a := a.(type) {
			case Run:
				if !validResource(a.Resource) {
					t.Errorf("runs drbdadm outdate %q", a.Resource)
				}
			case Reply:
				if a.Value < 0 || a.Value > maxValue {
					t.Errorf("replies %d", a.Value)
				}
			}
		}
	})
}

// TestFencing: with STONITH a dead peer is as good as outdated when it was reset, not before.
func TestFencing(t *testing.T) {
	dead := func(client uint64, left, reset bool) Asked {
		a := ask1(client, "node2", "r0")
		a.Status, a.Left, a.Reset = "dead", left, reset
		return a
	}
	promotes := func(a Asked) Asked { a.Promotes = true; return a }
	const leftWarning = "warn resource r0: Cluster node: node2: heartbeat was stopped there, and drbd may still run: " +
		"stop drbd there too, or drbdadm outdate r0 there; if the machine is off, drbdadm resume-io r0 here\n"
	const silentWarning = "warn no answer from dopd of node2 for resource r0 yet: does heartbeat there start dopd?\n"
	const waits = "warn Cluster node: node2: status: dead: resource r0 waits for its reset\ndemand node2\n"
	died := heard("t", "status", "st", "dead", "src", "node2")
	alive := heard("t", "status", "st", "active", "src", "node2")
	for name, steps := range map[string][]step{
		"dead, then reset": {
			{0, dead(1, false, false), waits},
			{0, dead(2, false, false), ""},
			{time.Second, Tick{}, ""},
			{0, Reset{"node3"}, ""},
			{0, Reset{"node2"}, "reply 1 7\nreply 2 7\n"},
		},
		"not reset in time":          {{0, dead(1, false, false), waits}, {resetTime, Tick{}, "reply 1 20\n"}, {0, dead(2, false, false), waits}, {0, Reset{"node2"}, "reply 2 7\n"}},
		"was reset already":          {{0, dead(1, false, true), "warn resource r0: Cluster node: node2: status: dead, and it was reset\nreply 1 7\n"}},
		"stopped gracefully":         {{0, dead(1, true, false), leftWarning + "reply 1 20\n"}},
		"stopped, this one promotes": {{0, promotes(dead(1, true, false)), "warn resource r0: Cluster node: node2: status: dead: its data cannot be outdated\nreply 1 5\n"}},
		"dies while it is asked":     {{0, ask1(1, "node2", "r0"), asksB}, {0, died, waits}, {0, Reset{"node2"}, "reply 1 7\n"}},
		"dead, but it is back":       {{0, dead(1, false, false), waits}, {0, alive, asksB}, {0, Reset{"node2"}, "reply 1 7\n"}},
		"back, and says nothing":     {{0, dead(1, false, false), waits}, {time.Second, alive, asksB}, {silence, Tick{}, silentWarning + "reply 1 20\n"}},
		"silent, asked again":        {{0, ask1(1, "node2", "r0"), asksB}, {silence, Tick{}, silentWarning + "reply 1 20\n"}, {time.Second, ask1(2, "node2", "r0"), asksB}},
		"refused each second":        {{0, ask1(1, "node1", "r0"), "warn resource r0: drbd peer node node1 is me!\nreply 1 20\n"}, {time.Second, ask1(2, "node1", "r0"), "reply 2 20\n"}},
		"me":                         {{0, ask1(1, "node1", "r0"), "warn resource r0: drbd peer node node1 is me!\nreply 1 20\n"}},
		"no node of the cluster":     {{0, Asked{Client: 2, Request: Request{"unknown", "r0"}}, "warn resource r0: drbd peer unknown was not found: it is no node of this cluster\nreply 2 20\n"}},
		"a ping node":                {{0, Asked{Client: 3, Request: Request{"gate", "r0"}, Type: "ping", Status: "ping"}, "warn resource r0: Cluster node: gate: status: ping is not a normal node\nreply 3 20\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := New("node1")
			m.Fencing = true
			now := start
			for i, s := range steps {
				now = now.Add(s.after)
				if got := said(m.Step(now, s.ev)); got != s.want {
					t.Errorf("step %d:\n%swant:\n%s", i+1, got, s.want)
				}
			}
		})
	}
}

// TestSilentPeerWithFencing: with STONITH a peer that is heard and does not answer is not left
// to the time limit of the outdater.
func TestSilentPeerWithFencing(t *testing.T) {
	m, now, replied := New("node1"), start, ""
	m.Fencing = true
	m.Step(start, ask1(1, "node2", "r0"))
	for range 40 {
		now = now.Add(500 * time.Millisecond)
		replied += said(m.Step(now, Tick{}))
	}
	if !strings.HasSuffix(replied, "reply 1 20\n") {
		t.Errorf("20 s without a word: %q", replied)
	}
}

// TestHangingDrbdadm: a command that does not end is answered while the asking node still waits, and
// the next question has its own answer.
func TestHangingDrbdadm(t *testing.T) {
	m, now := New("node1"), start
	request := heard("t", "start_outdate", "src", "node2", "dop_res", "r0", "dest", "node1")
	const failed = "warn drbdadm outdate r0 does not end\nsend t=outdate_rc dop_value=20 dop_res=r0 src=node1 dest=node2\n"
	if got := said(m.Step(now, request)); got != "run r0\n" {
		t.Error(got)
	}
	for range 3 {
		now = m.Next()
		if got := said(m.Step(now, Tick{})); got != failed {
			t.Errorf("at %v: %q, want %q", now.Sub(start), got, failed)
		}
		if !m.Next().IsZero() {
			t.Errorf("again at %v", m.Next())
		}
		now = now.Add(time.Second)
		if got := said(m.Step(now, request)); got != "" {
			t.Errorf("a second command: %q", got)
		}
	}
	if got := said(m.Step(now, Ended{Resource: "r0"})); got != "send t=outdate_rc dop_value=4 dop_res=r0 src=node1 dest=node2\n" {
		t.Errorf("it ends after all: %q", got)
	}
	if got := said(m.Step(now, request)); got != "run r0\n" {
		t.Error(got)
	}
	m.Step(m.Next(), Tick{})
	if got := said(m.Step(now.Add(time.Minute), Ended{Resource: "r0", Err: "killed"})); got != "warn drbdadm outdate r0: killed\n" || len(m.runs) > 0 {
		t.Errorf("killed, and nobody waits: %q, %d commands", got, len(m.runs))
	}
}

// TestAnswerOfAnEarlierQuestion: an answer that was under way when its question was given up is
// none to the next question.
func TestAnswerOfAnEarlierQuestion(t *testing.T) {
	m, b := New("node1"), New("node2")
	question := func(acts []Action) Heard {
		t.Helper()
		for _, a := range acts {
			if s, ok := a.(Send); ok {
				return Heard{s.Msg}
			}
		}
		t.Fatal("nothing is sent")
		return Heard{}
	}
	first := question(m.Step(start, ask1(1, "node2", "r0")))
	m.Step(start.Add(time.Second), Gone{1})
	now := start.Add(5 * time.Second)
	second := question(m.Step(now, ask1(2, "node2", "r0")))
	b.Step(now, first)
	old := question(b.Step(now, Ended{Resource: "r0"}))
	if got := said(m.Step(now, old)); got != "" {
		t.Errorf("the answer of the first question: %q", got)
	}
	b.Step(now, first)
	b.Step(now, second)
	if got := said(m.Step(now, question(b.Step(now, Ended{Resource: "r0"})))); got != "reply 2 4\n" {
		t.Errorf("the answer of the second question: %q", got)
	}
	// Another run of dopd, in the same second.
	again := New("node1")
	again.Step(start.Add(time.Millisecond), ask1(1, "node2", "r0"))
	if got := said(again.Step(now, old)); got != "" {
		t.Errorf("the answer to the run before: %q", got)
	}
	// A dopd of 3.0.6 does not repeat the number.
	m.Step(now, ask1(3, "node2", "r0"))
	if got := said(m.Step(now, heard("t", "outdate_rc", "dop_value", "4", "dop_res", "r0", "src", "node2", "dest", "node1"))); got != "reply 3 4\n" {
		t.Errorf("an answer without a number: %q", got)
	}
}

// TestLeftAndActive: who left has no dopd any more, whatever its last status says.
func TestLeftAndActive(t *testing.T) {
	for _, fencing := range []bool{false, true} {
		m, ev := New("node1"), ask1(1, "node2", "r0")
		m.Fencing, ev.Left = fencing, true
		want := fmt.Sprintf("reply 1 %d\n", Ignorance(fencing))
		if got := said(m.Step(start, ev)); !strings.HasSuffix(got, want) || strings.Contains(got, "send") {
			t.Errorf("STONITH %v: %q, want %q", fencing, got, want)
		}
	}
}

// TestLongName: a name that is refused is not sent back as a whole.
func TestLongName(t *testing.T) {
	m := New("node1")
	for _, a := range m.Step(start, heard("t", "start_outdate", "src", "node2", "dop_res", strings.Repeat("x", 60000), "dest", "node1", IDField, strings.Repeat("y", 60000))) {
		if s, ok := a.(Send); ok && len(s.Msg.AppendText(nil, nil, false)) > 300 {
			t.Errorf("%d bytes are sent back", len(s.Msg.AppendText(nil, nil, false)))
		}
	}
}
