package cluster

import "classicha/heartbeatd/message"

// dispatch hands a message in sequence, for us, to whoever deals with its type. It
// also gets our own messages (p == n.self).
func (n *Node) dispatch(p *peer, m *message.Message, linkName string) {
	switch t := m.Get("t"); t {
	case "status":
		n.status(p, m)
	case "reqnodes":
		n.reqnodes(p)
	case "repnodes":
		n.repnodes(p, m)
	case "starting":
		if p != n.self {
			p.res.left, p.res.leaving = false, false
		}
		n.policy.starting(p, m)
	case "resource":
		if p != n.self {
			if !n.newestReport(p, m) {
				return
			}
		}
		n.policy.resource(p, m)
		n.do(Deliver{Msg: m})
	case "ask_resources":
		n.policy.ask(p, m)
		n.do(Deliver{Msg: m})
	case "hb_takeover":
		n.policy.takeoverRequest(p, m)
	case "shutdone":
		if p != n.self && !p.res.left && n.newestReport(p, m) {
			n.log(Info, "Received shutdown notice from '%s'.", p.name)
			p.res.left = true
			n.policy.left(p)
		}
	case "stonith":
		n.policy.fencedBy(p, m)
		n.do(Deliver{Msg: m})
	case "query-cstatus":
		n.answerClientQuery(p, m)
	case "respond-cstatus":
		if m.Get("to_id") != n.nonce {
			n.clientAnswer(p, m)
		}
	case "hbapi-clstat":
		n.clientStatus(p, m)
	case "num_ping_nodes", "abort_giveup", "you_are_dead":
		if n.cfg.Ipfail {
			n.ipfailMessage(p, t, m)
		} else {
			n.do(Deliver{Msg: m})
		}
	default:
		if n.policy.message(p, t, m) {
			return
		}
		if m.Get("to_id") != "" {
			n.do(Deliver{Msg: m})
			return
		}
		n.do(RunRC{Type: t, Msg: m})
	}
}

// newestReport remembers the number of the newest resource report: reports are
// absolute, so one that arrives behind a newer one says nothing any more.
func (n *Node) newestReport(p *peer, m *message.Message) bool {
	seq, err := hexField(m, "seq")
	if err != nil || seq < p.res.seq && n.broken != believeOldNumbers {
		return false
	}
	p.res.seq = seq
	return true
}
