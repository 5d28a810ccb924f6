package cluster

import (
	"strings"

	"classicha/heartbeatd/message"
)

// This file is the part of the client API that goes to the cluster
// (heartbeat-behaviour 6); who may connect is the daemon's business.

func (n *Node) clientJoined(name string) {
	n.clients[name] = true
	n.announceClient(name, "join", "signon")
}

func (n *Node) clientLeft(name, reason string) {
	if n.clients[name] {
		delete(n.clients, name)
		n.announceClient(name, "leave", reason)
	}
}

func (n *Node) announceClient(name, st, info string) {
	n.send(message.New("t", "hbapi-clstat", "st", st, "from_id", name, "to_id", name,
		"src", n.cfg.Node, "info", info, "client_gen", "0"))
}

func (n *Node) clientStatus(p *peer, m *message.Message) {
	n.do(Deliver{Msg: m})
	if p != n.self && n.cfg.Ipfail && m.Get("from_id") == "ipfail" && m.Get("st") == "join" {
		n.ipfail.twin = true
		n.ipfailSendCount()
	}
}

// reserved are the types in which the daemon speaks for itself.
var reserved = map[string]bool{
	"status": true, "starting": true, "shutdone": true, "resource": true, "stonith": true, "reqnodes": true, "repnodes": true,
	"ip-request": true, "ip-request-resp": true, "hbapi-clstat": true, "query-cstatus": true, "respond-cstatus": true, "hb_takeover": true,
	"addnode": true, "delnode": true, "setweight": true, "setsite": true,
}

// fromClient sends a named client's own message to the cluster.
func (n *Node) fromClient(name string, m *message.Message) {
	t := m.Get("t")
	if t == "" || isNS(t) || strings.HasPrefix(t, extension) || reserved[t] {
		n.complain("dropped: client message", "client "+name, Error, "client %s may not send a message of type %.40q", name, t)
		return
	}
	for _, f := range []string{"seq", "hg", "ts", "ld", "ttl", "auth", "srcuuid", "destuuid"} {
		m.Del(f)
	}
	m.Set("from_id", name)
	m.Set("to_id", name)
	m.Set("client_gen", "0")
	if t == "ask_resources" && m.Get("info") == "me" && !n.policy.mayAsk() {
		return
	}
	n.send(m)
}

func (n *Node) askClient(ev AskClient) {
	p := n.byName[ev.Node]
	switch {
	case p == nil || p.ping:
		n.do(Answer{ID: ev.ID, Err: "unknown node"})
	case p == n.self:
		n.do(Answer{ID: ev.ID, Online: n.hasClient(ev.Client)})
	case !p.active():
		n.do(Answer{ID: ev.ID, Online: false})
	default:
		n.send(message.New("t", "query-cstatus", "dest", p.name, "cn", ev.Client, "from_id", ev.ID))
	}
}

func (n *Node) hasClient(name string) bool {
	return n.clients[name] || name == "ipfail" && n.cfg.Ipfail && n.commUp
}

func (n *Node) answerClientQuery(p *peer, m *message.Message) {
	if p == n.self {
		return
	}
	cs := "offline"
	if n.hasClient(m.Get("cn")) {
		cs = "online"
	}
	n.send(message.New("t", "respond-cstatus", "dest", p.name, "result", "OK",
		"cn", m.Get("cn"), "to_id", m.Get("from_id"), "cs", cs))
}

func (n *Node) clientAnswer(p *peer, m *message.Message) {
	if p != n.self {
		n.do(Answer{ID: m.Get("to_id"), Online: m.Get("cs") == "online"})
	}
}
