package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// Status is the life cycle of a node (heartbeat-wire 11).
type Status uint8

const (
	StatusInit Status = iota
	StatusUp
	StatusActive
	StatusDead
	StatusPing
)

func (s Status) String() string {
	return [...]string{"init", "up", "active", "dead", "ping"}[s]
}

func parseStatus(s string) (Status, bool) {
	switch s {
	case "init":
		return StatusInit, true
	case "up":
		return StatusUp, true
	case "active":
		return StatusActive, true
	case "dead":
		return StatusDead, true
	case "ping":
		return StatusPing, true
	}
	return StatusInit, false
}

// Node is one member of the cluster. Its methods are not safe for concurrent use.
type Node struct {
	cfg    Config
	rng    rng
	broken mutation // a rule left out on purpose, by tests only

	now  time.Time
	acts []Action
	loop []*message.Message // our own messages, to be handled by ourselves

	started  time.Time
	promised time.Time // what Next said after the last Step

	self   *peer
	peers  []*peer // normal nodes in the order of ha.cf, self included
	pings  []*peer
	byName map[string]*peer

	nonce       string // what an answer of the present repeats
	load        string
	seq         uint64
	history     history
	keepaliveAt time.Time
	dtDropAt    time.Time // when the raised deadtime ends; zero: it ended
	commUp      bool
	stopping    bool // the daemon will exit or execute itself again

	join     joining
	jobs     jobs
	policy   policy
	fence    fencing
	shutdown shutdown
	ipfail   ipfail
	clients  map[string]bool // named API clients here
	initial  bool            // "Initial resource acquisition complete" was logged

	complaints map[string]*complaint
	counters   map[string]int64
}

// mutation names a rule that a test takes out, to see that the simulation notices.
type mutation uint8

const (
	soundRules mutation = iota
	takeoverWithoutDeadtime
	ignoreIsStable
	skipFencing
	believeUnsigned   // frames whose signature does not fit
	believeOldRuns    // a lower generation
	believeRecordings // nodes that have not answered in this run
	believeOldNumbers // sequence numbers that were there before, or are long over
	ignoreOwnPauses
	ignoreInitdead  // the simulation sets it to the dead time
	believeAnyFence // an answer to another reset
	stuckIsReleased // a group that could not be stopped
)

// New makes a node that has not sent anything yet; the first Step does.
// seed feeds the random delays of retransmission and acknowledgement.
func New(cfg Config, seed uint64, saved Saved) *Node {
	n := &Node{
		cfg:        cfg,
		rng:        rng(seed),
		byName:     map[string]*peer{},
		load:       "n/a",
		clients:    map[string]bool{},
		complaints: map[string]*complaint{},
		counters:   map[string]int64{},
	}
	n.history.init()
	n.nonce = extension + hex(cfg.Generation) + "." + hex(n.rng.next())
	for i, name := range cfg.Nodes {
		p := newPeer(name, i, &n.rng)
		for _, l := range cfg.Links {
			p.links = append(p.links, link{name: l})
		}
		n.peers = append(n.peers, p)
		n.byName[name] = p
		p.floor = cfg.Known[name]
		if name == cfg.Node {
			n.self, p.proved = p, true
			p.uuid, p.hasUUID, p.ours = cfg.UUID, true, true
			p.gen, p.hasGen = cfg.Generation, true
		}
	}
	if n.self == nil {
		panic("cluster: own node is not among the nodes")
	}
	for i, g := range cfg.Ping {
		p := newPeer(g.Name, len(cfg.Nodes)+i, &n.rng)
		p.ping, p.status = true, StatusDead
		p.links = []link{{name: g.Name}}
		n.pings = append(n.pings, p)
		n.byName[g.Name] = p
	}
	n.jobs.init(len(cfg.Groups))
	switch {
	case cfg.NoResources:
		n.policy = &unmanaged{n: n}
	case len(cfg.Nodes) > 2:
		n.policy = newMany(n, saved)
	case cfg.AutoFailback == FailbackLegacy:
		n.policy = newLegacy(n, saved)
	default:
		n.policy = newClassic(n, saved)
	}
	return n
}

// Step applies one event at time now. The result is valid until the next call.
func (n *Node) Step(now time.Time, ev Event) []Action {
	n.acts = n.acts[:0]
	first := n.started.IsZero()
	n.now = now
	if first {
		n.begin()
	}
	n.noticePause()
	switch ev := ev.(type) {
	case Tick:
	case Packet:
		n.receive(ev.Link, ev.Frame)
	case FromScript:
		n.fromScript(ev.Frame)
	case Load:
		n.load = ev.Text
	case Stop:
		n.beginShutdown()
	case Reload:
		n.beginReload()
	case NewKeys:
		n.cfg.Keys = ev.Keys
	case Standby:
		if n.policy.mayAsk() {
			n.send(message.New("t", "ask_resources", "rsc_hold", ev.Class.String(), "info", "me"))
		}
	case GroupChanged:
		n.jobs.changed(ev.Group, ev.State)
	case JobDone:
		n.jobDone(ev)
	case FenceDone:
		n.fenceDone(ev)
	case WantReset:
		n.wantReset(n.byName[ev.Node])
	case ClientJoined:
		n.clientJoined(ev.Name)
	case ClientLeft:
		n.clientLeft(ev.Name, ev.Reason)
	case FromClient:
		n.fromClient(ev.Name, ev.Msg)
	case AskClient:
		n.askClient(ev)
	}
	n.drainLoop()
	if !n.stopping {
		n.timers()
		n.drainLoop()
	}
	n.startJob()
	n.promised = n.Next()
	if !n.promised.IsZero() && n.promised.Before(n.now) {
		n.promised = n.now // a deadline that has just become an earlier one
	}
	return n.acts
}

// drainLoop lets the node handle what it sent itself. A policy may send more while
// it does; each round is finite since no policy answers its own message for ever.
func (n *Node) drainLoop() {
	for len(n.loop) > 0 {
		m := n.loop[0]
		n.loop = n.loop[1:]
		n.dispatch(n.self, m, "")
	}
	n.loop = nil
}

// timers does everything that is due at n.now.
func (n *Node) timers() {
	n.membershipTimers()
	n.joinTimers()
	n.retransmitTimers()
	n.fenceTimers()
	n.policy.timers()
	n.shutdownTimers()
	n.ipfailTimers()
}

// Next is the earliest time at which Step wants a Tick; zero means never.
func (n *Node) Next() time.Time {
	if n.started.IsZero() {
		return time.Time{}
	}
	var t earliest
	t.add(n.shutdown.at)
	if n.stopping {
		return t.at
	}
	t.add(n.keepaliveAt)
	t.add(n.dtDropAt)
	t.add(n.join.at)
	t.add(n.fence.next())
	t.add(n.policy.next())
	t.add(n.ipfail.next())
	for _, p := range n.peers {
		if p != n.self {
			t.add(n.deadline(p))
			t.add(n.suspicion(p))
			t.add(p.rx.next())
		}
		n.linkDeadlines(p, &t)
	}
	for _, p := range n.pings {
		t.add(n.deadline(p))
	}
	return t.at
}

// earliest collects the smallest non-zero time.
type earliest struct{ at time.Time }

func (e *earliest) add(t time.Time) {
	if !t.IsZero() && (e.at.IsZero() || t.Before(e.at)) {
		e.at = t
	}
}

func (n *Node) due(t time.Time) bool { return !t.IsZero() && !n.now.Before(t) }

func (n *Node) do(a Action) { n.acts = append(n.acts, a) }

// rng is splitmix64: small, seeded, good enough for delays.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, limit).
func (r *rng) below(limit int) int {
	if limit <= 0 {
		return 0
	}
	return int(r.next() % uint64(limit))
}
