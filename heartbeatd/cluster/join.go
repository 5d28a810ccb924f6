package cluster

import (
	"sort"
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// joining is the way from up to active (heartbeat-wire 11): wait until every
// configured node was heard from or declared dead, ask one of them for the node
// list, go on when it answers or nobody is there.
type joining struct {
	at    time.Time // next look; zero while nothing is to be done
	asked []string  // nodes asked for their list
}

const (
	reqnodesTimeout = time.Second
	joinPoll        = 50 * time.Millisecond
)

func (n *Node) joinTimers() {
	if !n.due(n.join.at) {
		return
	}
	if n.commUp {
		n.join.at = time.Time{}
		return
	}
	for _, p := range n.peers {
		late := p.heard && n.due(n.started.Add(n.cfg.Initdead)) // it lives, but does not answer
		if !p.proved && p.status != StatusDead && !late {
			n.join.at = n.now.Add(joinPoll)
			return
		}
	}
	for _, p := range n.peers {
		if p == n.self || !p.alive() || n.join.wasAsked(p.name) {
			continue
		}
		n.join.asked = append(n.join.asked, p.name)
		n.join.at = n.now.Add(reqnodesTimeout)
		n.sendStatus() // it may not have heard one yet, and knows nobody without
		n.send(message.New("t", "reqnodes", "dest", p.name))
		return
	}
	n.goActive()
}

func (j *joining) wasAsked(name string) bool {
	for _, a := range j.asked {
		if a == name {
			return true
		}
	}
	return false
}

func (n *Node) goActive() {
	if n.commUp || n.shutdown.phase != running {
		n.join.at = time.Time{}
		return
	}
	n.commUp = true
	for _, p := range n.peers {
		if p != n.self && p.status != StatusDead { // its own dead time counts from now on, no longer initdead
			p.graceUntil = n.now.Add(max(p.dt, n.cfg.Deadtime))
		}
	}
	n.join.at = time.Time{}
	n.log(Info, "Comm_now_up(): updating status to active")
	n.setOwnStatus(StatusActive)
	n.sendStatus()
	n.do(CommUp{})
	n.ipfailJoin()
	n.policy.commUp()
	for _, p := range n.peers {
		if p != n.self && p.declared && p.status == StatusDead {
			n.recover(p)
		}
	}
}

// reqnodes: a node wants the list of nodes.
func (n *Node) reqnodes(p *peer) {
	if p == n.self {
		return
	}
	m := message.New("dest", p.name, "t", "repnodes",
		"nodelist", strings.Join(n.cfg.Nodes, " ")+" ", "delnodelist", " ")
	n.sendStatus() // a real node that has not heard our status believes itself alone
	n.send(m)
}

// repnodes: the answer. The original takes the list over; we keep what our own ha.cf
// says, since a difference is a mistake in one of the files, and say so.
func (n *Node) repnodes(p *peer, m *message.Message) {
	if p == n.self {
		return
	}
	theirs := strings.Fields(m.Get("nodelist"))
	ours := append([]string(nil), n.cfg.Nodes...)
	sort.Strings(theirs)
	sort.Strings(ours)
	if strings.Join(theirs, " ") != strings.Join(ours, " ") {
		n.complain("node lists differ", "nodelist "+p.name, Error,
			"node %s has other nodes in its ha.cf (%s) than this node (%s): make them the same", p.name,
			strings.Join(theirs, " "), strings.Join(ours, " "))
	}
	if n.join.wasAsked(p.name) {
		n.goActive()
	}
}
