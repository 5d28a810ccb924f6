package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// This file tells a living node from a recording of it. A node that boots remembers little
// of the others, and every message of an earlier time is signed as well as one of now. So
// each node that is heard is asked, once in each run of ours, for the state of an API client
// whose name was never used before (query-cstatus); every release repeats the name in its
// answer. From then on the run of that node, and every later one, is of the present, and the
// sequence numbers see to the rest.
//
// Until then its statuses count as signs of life, which can only make us wait. Nothing
// else that it says is believed, it does not end initdead, and if it falls silent it may
// hold everything.

const (
	proveAgain = time.Second // doubled with each try
	proveMax   = 16 * time.Second
	maxEarly   = 64 // messages kept until the answer comes
)

// challenge asks p to prove that it lives now.
func (n *Node) challenge(p *peer) {
	if p.proved || p.proveAt.After(n.now) {
		return
	}
	wait := min(proveAgain<<min(p.proofs, 10), proveMax)
	p.proofs++
	p.proveAt = n.now.Add(wait)
	n.send(message.New("t", "query-cstatus", "dest", p.name, "cn", n.nonce, "from_id", n.nonce))
	if p.proofs == 5 {
		n.log(Warn, "node %s is heard but does not answer: what it says is not believed, since somebody may be repeating old packets", p.name)
	}
}

// isProof: m is the answer to challenge.
func (n *Node) isProof(t string, m *message.Message) bool {
	return t == "respond-cstatus" && m.Get("to_id") == n.nonce && n.forUs(m)
}

// proven: p lives in the run gen. What it sent before is history, of which we heard an unknown
// part; it is asked anew for what it holds.
func (n *Node) proven(p *peer, gen, seq uint64) {
	if p.hasGen && gen < p.gen {
		seq = 0 // the answer was on its way while p began another run, which is later still
	} else if !p.hasGen || p.gen != gen {
		known := p.hasGen
		p.prev = endedRun{gen: p.gen, ours: p.ours}
		p.gen, p.hasGen = gen, true
		p.rx.reset()
		p.early = nil
		if known {
			n.peerRestarted(p)
		}
	}
	p.proved, p.proveAt, p.floor = true, time.Time{}, 0
	p.rx.missing = nil
	n.do(Remember{Node: p.name, Generation: p.gen})
	early := p.early
	p.early = nil
	for _, m := range early {
		n.dispatch(p, m, "")
	}
	p.res.seq = max(p.res.seq, seq)
	n.policy.proved(p)
	if !n.commUp {
		n.join.at = n.now
	}
}

// tooEarly: a message of a node that has not proved to be of the present is not believed.
// What is said once only is kept until it has.
func (n *Node) tooEarly(p *peer, t string, m *message.Message) bool {
	if p.proved {
		return false
	}
	switch t {
	case "status", "reqnodes", "repnodes", "query-cstatus", "respond-cstatus", "hbd_claim":
		return false
	case "starting", "shutdone", "ip-request":
		if len(p.early) < maxEarly {
			p.early = append(p.early, m)
		}
	}
	n.counters["held back: its sender has not answered yet"]++
	return true
}
