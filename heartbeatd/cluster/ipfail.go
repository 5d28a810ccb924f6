package cluster

import (
	"strconv"
	"time"

	"classicha/heartbeatd/message"
)

// ipfail is the built-in twin of the original's ipfail client (heartbeat-behaviour 7):
// the node that reaches fewer ping nodes gives its resources to the other. It speaks
// the messages of the original, so a real ipfail on the other node is its partner.
type ipfail struct {
	twin     bool // the other node runs one
	theirs   int  // ping nodes that the other sees, as far as we know
	giveUpAt time.Time
	class    Class
	retryAt  time.Time
}

const ipfailUnstable = 10 * time.Second

func (f *ipfail) next() time.Time {
	var t earliest
	t.add(f.giveUpAt)
	t.add(f.retryAt)
	return t.at
}

func (n *Node) ipfailJoin() {
	if !n.cfg.Ipfail {
		return
	}
	if n.cfg.AutoFailback == FailbackLegacy || n.cfg.NoResources || len(n.peers) != 2 {
		n.logAs("ipfail", Info, "ipfail needs two nodes, resources and auto_failback on or off: it does nothing here")
		n.cfg.Ipfail = false
		return
	}
	n.announceClient("ipfail", "join", "signon")
	n.ipfailSendCount()
}

func (n *Node) other() *peer {
	for _, p := range n.peers {
		if p != n.self {
			return p
		}
	}
	return nil
}

func (n *Node) pingCount() (alive int) {
	for _, p := range n.pings {
		if p.status == StatusPing {
			alive++
		}
	}
	return alive
}

func (n *Node) ipfailSendCount() {
	o := n.other()
	if !n.cfg.Ipfail || !n.commUp || o == nil || !o.active() {
		return
	}
	n.ipfailSend("num_ping_nodes", "num_ping", strconv.Itoa(n.pingCount()))
}

func (n *Node) ipfailSend(t string, more ...string) {
	m := message.New("t", t)
	for i := 0; i+1 < len(more); i += 2 {
		m.Add(more[i], more[i+1])
	}
	m.Set("dest", n.other().name)
	m.Set("from_id", "ipfail")
	m.Set("to_id", "ipfail")
	m.Set("client_gen", "0")
	n.send(m)
}

// ipfailPingChanged: a ping node came or went.
func (n *Node) ipfailPingChanged() {
	if n.cfg.Ipfail && n.commUp {
		n.ipfailSendCount()
	}
}

// ipfailLinkChanged: a link of the other node died; perhaps it is our cable.
func (n *Node) ipfailLinkChanged(p *peer, l *link) {
	if n.cfg.Ipfail && n.commUp && !p.ping && p != n.self && !l.up {
		n.logAs("ipfail", Info, "Link Status update: Link %s/%s now has status dead", p.name, l.name)
		n.ipfailSendCount()
	}
}

func (n *Node) ipfailMessage(p *peer, t string, m *message.Message) {
	if p == n.self || !n.commUp {
		return
	}
	if seq, _ := hexField(m, "seq"); seq < p.ipfailSeq {
		return // overtaken by a newer word
	} else {
		p.ipfailSeq = seq
	}
	switch t {
	case "num_ping_nodes":
		theirs, err := strconv.Atoi(m.Get("num_ping"))
		if err != nil {
			return
		}
		n.ipfail.theirs = theirs
		switch ours := n.pingCount(); {
		case ours > theirs:
			n.logAs("ipfail", Info, "Telling other node that we have more visible ping nodes.")
			n.ipfail.cancel()
			n.ipfailSend("you_are_dead")
		case ours < theirs:
			n.logAs("ipfail", Info, "Giving up because we have less visible ping nodes.")
			n.ipfailGiveUp(HoldAll)
		default:
			n.logAs("ipfail", Info, "Ping node count is balanced.")
			n.ipfail.cancel()
			n.ipfailSend("abort_giveup")
			if n.cfg.AutoFailback == FailbackOn {
				n.ipfailGiveUp(HoldForeign)
			}
		}
	case "you_are_dead":
		n.logAs("ipfail", Info, "Giving up because we were told that we have less ping nodes.")
		n.ipfail.theirs = max(n.ipfail.theirs, n.pingCount()+1)
		first := n.ipfail.giveUpAt.IsZero() || n.ipfail.class != HoldAll
		n.ipfailGiveUp(HoldAll)
		if first {
			n.ipfailSendCount() // the verdict may rest on an old count: the other looks again
		}
	case "abort_giveup":
		if n.ipfail.giveUpAt.IsZero() && n.ipfail.retryAt.IsZero() {
			return
		}
		n.logAs("ipfail", Info, "Aborted delayed giveup")
		n.ipfail.cancel()
	}
}

func (f *ipfail) cancel() { f.giveUpAt, f.retryAt = time.Time{}, time.Time{} }

// ipfailGiveUp waits two keepalives, in which the other's own notice may come.
func (n *Node) ipfailGiveUp(c Class) {
	if n.ipfail.giveUpAt.IsZero() || c > n.ipfail.class {
		n.ipfail.class = c
	}
	n.logAs("ipfail", Info, "Delayed giveup in %d seconds.", int((2*n.cfg.Keepalive+time.Second-1)/time.Second))
	n.ipfail.giveUpAt = n.now.Add(2 * n.cfg.Keepalive)
}

func (n *Node) ipfailTimers() {
	if !n.due(n.ipfail.giveUpAt) && !n.due(n.ipfail.retryAt) {
		return
	}
	n.ipfail.cancel()
	if n.shutdown.phase != running {
		return
	}
	if n.ipfail.class == HoldAll && n.pingCount() >= n.ipfail.theirs {
		n.logAs("ipfail", Info, "Aborted delayed giveup")
		n.ipfailSendCount() // we have caught up since
		return
	}
	c, ok := n.policy.(*classic)
	if !ok || c.held&n.ipfail.class == HoldNone {
		return
	}
	if !c.quiet() {
		n.ipfail.retryAt = n.now.Add(ipfailUnstable)
		return
	}
	n.logAs("ipfail", Info, "giveup() called (timeout worked)")
	m := message.New("t", "ask_resources", "rsc_hold", n.ipfail.class.String(), "src", n.cfg.Node, "info", "me")
	m.Set("from_id", "ipfail")
	m.Set("to_id", "ipfail")
	m.Set("client_gen", "0")
	n.send(m)
}
