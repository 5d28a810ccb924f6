package outdate

import (
	"fmt"
	"slices"
	"time"

	"classicha/heartbeatd/message"
)

// Event is something that happened.
type Event interface{ isEvent() }

// Events.
type (
	// Asked: a program on this node asks. The state of the peer is what heartbeat says;
	// Type is empty for a node that it does not know.
	Asked struct {
		Client uint64
		Request
		Type, Status string
		Left         bool // it stopped gracefully
		Reset        bool // it is dead and was reset since
		// Promotes: the resource is Secondary here, and is to become Primary. Matters for a
		// peer that left.
		Promotes bool
	}
	// Gone: the program does not wait any more.
	Gone struct{ Client uint64 }
	// Heard: a message of the cluster, checked by heartbeat.
	Heard struct{ Msg *message.Message }
	// Ended: the command of Run has ended; Err says why it did not give a code.
	Ended struct {
		Resource string
		Code     int
		Err      string
	}
	// Reset: a node is dead and was reset.
	Reset struct{ Node string }
	// Tick: Next has come.
	Tick struct{}
)

func (Asked) isEvent() {}
func (Gone) isEvent()  {}
func (Heard) isEvent() {}
func (Ended) isEvent() {}
func (Reset) isEvent() {}
func (Tick) isEvent()  {}

// Action is something to do.
type Action interface{ isAction() }

// Actions.
type (
	// Send gives a message to the cluster.
	Send struct{ Msg *message.Message }
	// Run runs drbdadm outdate; Ended reports its end.
	Run struct{ Resource string }
	// Reply answers a program and ends its connection.
	Reply struct {
		Client uint64
		Value  int
	}
	// Demand has a dead node reset; Reset reports it.
	Demand struct{ Node string }
	// Log writes a line.
	Log struct {
		Warn bool
		Text string
	}
)

func (Send) isAction()   {}
func (Run) isAction()    {}
func (Reply) isAction()  {}
func (Demand) isAction() {}
func (Log) isAction()    {}

const (
	// silence is after how long a peer that does not answer is complained about. With STONITH
	// the question is then given up, to be asked again. It is longer than Patience and late.
	silence = 5 * time.Second
	// resetTime is how long the reset of a peer is waited for. Our outdater asks again while
	// it has time; one that hears nothing would call the peer unreachable in the end.
	resetTime = 2 * time.Second
	// maxRuns bounds the commands that run at a time.
	maxRuns = 64
	// Patience is how long a command that failed is repeated: a Secondary refuses to be
	// outdated until it has noticed, too, that the replication link is broken. An
	// outdater waits for 5 seconds and more; an answer that comes too late for it would
	// be taken for a dead peer.
	Patience = 4 * time.Second
	pause    = 500 * time.Millisecond
	// refusedAgain is when the same refusal is logged again.
	refusedAgain = time.Minute
	// late is for how long after that a command that still runs is waited for.
	late = 500 * time.Millisecond
)

// Machine is dopd on one node.
type Machine struct {
	// Patience is how long a command that failed is repeated.
	Patience time.Duration
	// Fencing: heartbeat has a STONITH device.
	Fencing bool

	node string
	asks []*ask
	runs []*run
	last uint64 // number of the last question

	refusals map[string]refusal // by resource: the last one that was logged
	actions  []Action
}

type refusal struct {
	why string
	at  time.Time
}

// run is a command of ours that other nodes wait for.
type run struct {
	resource string
	askers   []asker   // none: they were told that it takes too long
	until    time.Time // no repetition any more
	again    time.Time // zero: it runs
}

// asker is a node that waits for a command, with the number of its newest question.
type asker struct{ node, id string }

// ask is a question that another node has to answer.
type ask struct {
	Request
	id       string // no two questions have the same, in no two runs of dopd
	clients  []uint64
	complain time.Time // zero: was done
	dead     bool      // the peer's reset is waited for
	late     time.Time // when it is said that it was not reset yet
}

// New makes a Machine. node is our own name.
func New(node string) *Machine {
	return &Machine{node: node, Patience: Patience}
}

// Step applies one event. The result is valid until the next call.
func (m *Machine) Step(now time.Time, ev Event) []Action {
	m.actions = m.actions[:0]
	switch ev := ev.(type) {
	case Asked:
		m.asked(now, ev)
	case Gone:
		m.gone(ev.Client)
	case Heard:
		m.heard(now, ev.Msg)
	case Ended:
		m.ended(now, ev)
	case Reset:
		m.reset(ev.Node)
	}
	for _, r := range m.runs {
		if !r.again.IsZero() && !now.Before(r.again) {
			r.again = time.Time{}
			m.do(Run{r.resource})
		}
		if at := r.answerBy(); !at.IsZero() && !now.Before(at) {
			m.warnf("drbdadm outdate %s does not end", r.resource)
			m.answer(r, Failed)
		}
	}
	for _, a := range slices.Clone(m.asks) {
		if a.complain.IsZero() || now.Before(a.complain) {
			continue
		}
		a.complain = time.Time{}
		m.warnf("no answer from dopd of %s for resource %s yet: does heartbeat there start dopd?", a.Peer, a.Resource)
		if m.Fencing {
			m.finish(a, Ignorance(m.Fencing)) // the outdater asks again
		}
	}
	for _, a := range slices.Clone(m.asks) {
		if a.dead && !now.Before(a.late) {
			m.finish(a, Failed)
		}
	}
	return m.actions
}

// Next is when Step wants a Tick; zero means never.
func (m *Machine) Next() (t time.Time) {
	sooner := func(u time.Time) {
		if !u.IsZero() && (t.IsZero() || u.Before(t)) {
			t = u
		}
	}
	for _, a := range m.asks {
		sooner(a.complain)
		if a.dead {
			sooner(a.late)
		}
	}
	for _, r := range m.runs {
		sooner(r.again)
		sooner(r.answerBy())
	}
	return t
}

func (m *Machine) do(a Action) { m.actions = append(m.actions, a) }

func (m *Machine) logf(format string, args ...any) {
	m.do(Log{Text: fmt.Sprintf(format, args...)})
}

func (m *Machine) warnf(format string, args ...any) {
	m.do(Log{Warn: true, Text: fmt.Sprintf(format, args...)})
}

// asked: the peer is asked, unless heartbeat knows that this is in vain.
func (m *Machine) asked(now time.Time, ev Asked) {
	refuse := func(value int, format string, args ...any) {
		m.refused(now, ev.Resource, fmt.Sprintf(format, args...))
		m.do(Reply{ev.Client, value})
	}
	switch {
	case ev.Peer == m.node:
		refuse(Ignorance(m.Fencing), "drbd peer node %s is me!", ev.Peer)
		return
	case ev.Type == "":
		refuse(Ignorance(m.Fencing), "drbd peer %s was not found: it is no node of this cluster", ev.Peer)
		return
	case ev.Type != "normal":
		refuse(Ignorance(m.Fencing), "Cluster node: %s: status: %s is not a normal node", ev.Peer, ev.Status)
		return
	case ev.Status == "dead" && m.Fencing && ev.Reset:
		m.warnf("resource %s: Cluster node: %s: status: dead, and it was reset", ev.Resource, ev.Peer)
		m.do(Reply{ev.Client, Stonithed})
		return
	case ev.Left && m.Fencing && !ev.Promotes:
		// A drbd that says goodbye to a Primary is Outdated, and nobody asks. So it was
		// connected, may be alive, and heartbeat there may be started again.
		refuse(Failed, "Cluster node: %s: heartbeat was stopped there, and drbd may still run: stop drbd there too, or drbdadm outdate %s there; if the machine is off, drbdadm resume-io %s here",
			ev.Peer, ev.Resource, ev.Resource)
		return
	case ev.Left || ev.Status == "dead" && !m.Fencing:
		refuse(Unreachable, "Cluster node: %s: status: %s: its data cannot be outdated", ev.Peer, ev.Status)
		return
	}
	for _, a := range m.asks {
		switch {
		case a.Resource != ev.Resource:
		case a.Peer == ev.Peer: // one that waits for somebody killed, most likely
			a.clients = append(a.clients, ev.Client)
			if !a.dead {
				m.start(a)
			}
			return
		default:
			refuse(Busy, "%s is being asked about it already", a.Peer)
			return
		}
	}
	m.last++
	a := &ask{Request: ev.Request, clients: []uint64{ev.Client}, complain: now.Add(silence)}
	a.id = fmt.Sprintf("%x.%x", now.UnixNano(), m.last)
	m.asks = append(m.asks, a)
	if ev.Status == "dead" {
		m.waitReset(now, a)
		return
	}
	m.start(a)
}

// refused logs why a question was answered at once; not again each second, in which an
// outdater asks again.
func (m *Machine) refused(now time.Time, resource, why string) {
	last := m.refusals[resource]
	if d := now.Sub(last.at); last.why == why && d >= 0 && d < refusedAgain {
		return
	}
	if m.refusals == nil || len(m.refusals) >= maxRuns {
		m.refusals = map[string]refusal{}
	}
	m.refusals[resource] = refusal{why, now}
	m.warnf("resource %s: %s", resource, why)
}

// waitReset: the peer is dead, and may be alive behind broken links and take our place: with
// data that lack whatever is acknowledged from now on. With STONITH nothing is said before it
// was reset.
func (m *Machine) waitReset(now time.Time, a *ask) {
	a.dead, a.complain, a.late = true, time.Time{}, now.Add(resetTime)
	m.warnf("Cluster node: %s: status: dead: resource %s waits for its reset", a.Peer, a.Resource)
	m.do(Demand{a.Peer})
}

func (m *Machine) reset(node string) {
	for _, a := range slices.Clone(m.asks) {
		if a.Peer == node {
			m.logf("resource %s: %s was reset", a.Resource, node)
			m.finish(a, Stonithed)
		}
	}
}

func (m *Machine) start(a *ask) {
	m.logf("sending start_outdate message to the other node %s -> %s (resource %s)", m.node, a.Peer, a.Resource)
	m.do(Send{startMessage(m.node, a.Peer, a.Resource, a.id)})
}

// finish answers all who wait for a question.
func (m *Machine) finish(a *ask, value int) {
	for _, c := range a.clients {
		m.do(Reply{c, value})
	}
	m.asks = slices.DeleteFunc(m.asks, func(b *ask) bool { return a == b })
}

func (m *Machine) gone(client uint64) {
	for _, a := range slices.Clone(m.asks) {
		if i := slices.Index(a.clients, client); i >= 0 {
			a.clients = slices.Delete(a.clients, i, i+1)
		}
		if len(a.clients) == 0 {
			m.logf("resource %s: nobody waits for the answer of %s any more", a.Resource, a.Peer)
			m.finish(a, 0)
		}
	}
}

// heard deals with what comes over heartbeat's links. What is not for us, or is our
// own, is left alone.
func (m *Machine) heard(now time.Time, msg *message.Message) {
	src := msg.Get("src")
	if src == "" || src == m.node {
		return
	}
	if dest, ok := msg.Lookup("dest"); ok && dest != m.node {
		return
	}
	switch msg.Get("t") {
	case "start_outdate":
		m.startOutdate(now, src, msg.Get("dop_res"), idOf(msg))
	case "outdate_rc":
		m.outdateRC(src, msg)
	case "status":
		switch msg.Get("st") {
		case "dead":
			m.died(now, src)
		case "active":
			m.alive(now, src)
		}
	case "hbapi-clstat":
		if msg.Get("from_id") == Client && msg.Get("st") == "join" {
			m.joined(src)
		}
	}
}

// startOutdate: another node wants our data outdated.
func (m *Machine) startOutdate(now time.Time, src, resource, id string) {
	refuse := func() { m.do(Send{rcMessage(m.node, src, resource[:min(len(resource), maxName)], id, Failed)}) }
	if !validResource(resource) {
		m.warnf("%s wants %.40q outdated, which is no name of a resource", src, resource)
		refuse()
		return
	}
	if i := m.running(resource); i >= 0 {
		r := m.runs[i]
		r.until = now.Add(m.Patience)
		if i := slices.IndexFunc(r.askers, func(a asker) bool { return a.node == src }); i >= 0 {
			r.askers[i].id = id
		} else {
			r.askers = append(r.askers, asker{src, id})
		}
		return
	}
	if len(m.runs) >= maxRuns {
		m.warnf("%s wants resource %s outdated, but %d commands run already", src, resource, maxRuns)
		refuse()
		return
	}
	m.logf("%s has resource %s and does not reach our drbd: outdating our data", src, resource)
	m.runs = append(m.runs, &run{resource: resource, askers: []asker{{src, id}}, until: now.Add(m.Patience)})
	m.do(Run{resource})
}

// answerBy is when those who wait for a command that still runs are told that it failed: an
// outdater that hears nothing would call us unreachable. Zero: never.
func (r *run) answerBy() time.Time {
	if len(r.askers) == 0 || !r.again.IsZero() {
		return time.Time{}
	}
	return r.until.Add(late)
}

// answer tells all who wait for a command.
func (m *Machine) answer(r *run, value int) {
	for _, a := range r.askers {
		m.logf("sending return code: %d, %s -> %s (resource %s: %s)", value, m.node, a.node, r.resource, Meaning(value))
		m.do(Send{rcMessage(m.node, a.node, r.resource, a.id, value)})
	}
	r.askers = nil
}

func (m *Machine) running(resource string) int {
	return slices.IndexFunc(m.runs, func(r *run) bool { return r.resource == resource })
}

func (m *Machine) ended(now time.Time, ev Ended) {
	i := m.running(ev.Resource)
	if i < 0 || !m.runs[i].again.IsZero() {
		return
	}
	r := m.runs[i]
	value := valueOf(ev.Code)
	if ev.Err != "" {
		value = Failed
	}
	if value == Failed {
		if next := now.Add(pause); !next.After(r.until) {
			r.again = next
			return
		}
		why := fmt.Sprintf("unknown exit code %d", ev.Code)
		if ev.Err != "" {
			why = ev.Err
		}
		m.warnf("drbdadm outdate %s: %s", ev.Resource, why)
	}
	m.runs = slices.Delete(m.runs, i, i+1)
	m.answer(r, value)
}

// outdateRC: a peer has answered.
func (m *Machine) outdateRC(src string, msg *message.Message) {
	resource := msg.Get("dop_res")
	i := slices.IndexFunc(m.asks, func(a *ask) bool { return a.Resource == resource && a.Peer == src })
	if i < 0 {
		m.logf("%s answered for resource %.40q, which nobody waits for", src, resource)
		return
	}
	// A dopd of 3.0.6 does not say which question it answers.
	if id := idOf(msg); id != "" && id != m.asks[i].id {
		m.logf("%s answered an earlier question for resource %s: that does not count", src, resource)
		return
	}
	value, err := parseValue(msg)
	if err != nil {
		m.warnf("%s answered for resource %s: %v", src, resource, err)
		value = Failed
	}
	m.logf("%s answered for resource %s: %d (%s)", src, resource, value, Meaning(value))
	m.finish(m.asks[i], value)
}

// died: who waits for a dead node waits in vain.
func (m *Machine) died(now time.Time, node string) {
	for _, a := range slices.Clone(m.asks) {
		switch {
		case a.Peer != node:
		case m.Fencing:
			m.waitReset(now, a)
		default:
			m.warnf("Cluster node: %s: status: dead: resource %s there cannot be outdated", node, a.Resource)
			m.finish(a, Unreachable)
		}
	}
}

// alive: nobody has to be reset.
func (m *Machine) alive(now time.Time, node string) {
	for _, a := range m.asks {
		if a.Peer == node && a.dead {
			a.dead, a.complain = false, now.Add(silence)
			m.start(a)
		}
	}
}

// joined: the peer's dopd has just come and may have missed the question.
func (m *Machine) joined(node string) {
	for _, a := range m.asks {
		if a.Peer == node {
			m.start(a)
		}
	}
}
