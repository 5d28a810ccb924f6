package cluster

import (
	"strconv"
	"time"

	"classicha/heartbeatd/message"
)

// sequence follows the numbers of one sender (heartbeat-wire 10). There is no
// promise of order: what is missing is asked for and delivered when it comes.
type sequence struct {
	known   bool
	last    uint64
	missing []missing
}

type missing struct {
	seq  uint64
	ask  time.Time // when to ask for it next
	asks int
}

type seqVerdict uint8

const (
	seqDeliver seqVerdict = iota
	seqDuplicate
	seqDrop
)

const (
	maxGap     = 250 // a larger gap is given up at once
	maxMissing = 500
	maxAsks    = 240 // a minute at the default of max_rexmit_delay
)

func (s *sequence) reset() { *s = sequence{} }

func (s *sequence) accept(n *Node, p *peer, seq uint64) seqVerdict {
	switch {
	case !s.known:
		s.known, s.last = true, seq
		return seqDeliver
	case seq == s.last+1:
		s.last = seq
		return seqDeliver
	case seq == s.last && n.broken != believeOldNumbers:
		return seqDuplicate
	case seq <= s.last:
		if !s.found(seq) && n.broken != believeOldNumbers {
			n.counters["dropped: old sequence number"]++
			if p.status == StatusDead && s.last-seq > maxMissing {
				n.complain("packets of the past", "past "+p.name, Error,
					"node %s sends old packets (number %d after %d): it was set back in time, or somebody repeats them; restart heartbeat there", p.name, seq, s.last)
			}
			return seqDrop
		}
		if len(s.missing) == 0 {
			n.log(Info, "No pkts missing from %s!", p.name)
		}
		return seqDeliver
	}
	gap := seq - s.last - 1
	n.counters["packets lost"] += int64(gap)
	n.log(Warn, "%d lost packet(s) for [%s] [%d:%d]", gap, p.name, s.last, seq)
	if gap > maxGap || len(s.missing)+int(gap) > maxMissing {
		n.log(Error, "lost a lot of packets!")
		s.missing = nil
		s.last = seq
		return seqDeliver
	}
	for q := s.last + 1; q < seq; q++ {
		s.missing = append(s.missing, missing{seq: q, ask: n.now.Add(n.rexmitDelay())})
	}
	s.last = seq
	return seqDeliver
}

// rexmitDelay is random so that the receivers of a lost broadcast do not all ask at once.
func (n *Node) rexmitDelay() time.Duration {
	upper := int(n.cfg.MaxRexmitDelay / time.Millisecond)
	lower := 50
	if upper < 100 {
		lower = 0
	}
	return time.Duration(lower+n.rng.below(upper-lower+1)) * time.Millisecond
}

func (s *sequence) found(seq uint64) bool {
	for i := range s.missing {
		if s.missing[i].seq == seq {
			s.missing = append(s.missing[:i], s.missing[i+1:]...)
			return true
		}
	}
	return false
}

func (s *sequence) next() time.Time {
	var t earliest
	for i := range s.missing {
		t.add(s.missing[i].ask)
	}
	return t.at
}

// retransmitTimers asks again for what is missing, one request a number since the
// original does so too. A death takes the list away: what is missing from a dead node is
// missing since it was heard again, though its status did not get through yet.
func (n *Node) retransmitTimers() {
	for _, p := range n.peers {
		if p == n.self || len(p.rx.missing) == 0 {
			continue
		}
		keep := p.rx.missing[:0]
		for _, w := range p.rx.missing {
			if n.due(w.ask) {
				if w.asks >= maxAsks {
					n.log(Error, "Irretrievably lost packet: node %s seq %d", p.name, w.seq)
					continue
				}
				w.asks++
				w.ask = n.now.Add(n.cfg.MaxRexmitDelay)
				d := strconv.FormatUint(w.seq, 10)
				n.send(message.New("t", "NS_rexmit", "dest", p.name, "firstseq", d, "lastseq", d))
			}
			keep = append(keep, w)
		}
		p.rx.missing = keep
	}
}

// acknowledge tells the sender every tenth number (or the first one after a hole was
// filled) what arrived.
func (n *Node) acknowledge(p *peer, seq uint64) {
	if seq%10 == p.ackTrigger {
		p.ackOwed = true
	}
	if p.ackOwed && len(p.rx.missing) == 0 {
		p.ackOwed = false
		n.send(message.New("t", "NS_ackmsg", "dest", p.name, "ackseq", hex(p.rx.last)))
	}
}

// control handles the NS_ types, which are not numbered.
func (n *Node) control(p *peer, t string, m *message.Message) {
	switch t {
	case "NS_rexmit":
		n.resend(p, m)
	case "NS_nak_rexmit":
		seq, err := hexField(m, "firstseq")
		if err == nil && p.rx.found(seq) {
			n.log(Error, "Irretrievably lost packet: node %s seq %d", p.name, seq)
		}
	case "NS_ackmsg":
		seq, err := hexField(m, "ackseq")
		switch {
		case err != nil:
		case seq > n.seq && n.now.Sub(n.started) < n.cfg.Deadtime:
			// Meant for our last run, by a node that has not noticed that it ended: it may have
			// waited in a serial line or a socket.
			n.counters["dropped: acknowledgement of the last run"]++
		case seq > n.seq:
			n.complain("dropped: corrupt acknowledgement", "ack "+p.name, Error,
				"acknowledgement %d from %s is above what was sent (%d)", seq, p.name, n.seq)
		case seq > p.acked:
			p.acked = seq
		}
	}
}

const maxResend = 50 // messages a request may fetch

// resend answers NS_rexmit; its numbers are decimal, unlike all others.
func (n *Node) resend(p *peer, m *message.Message) {
	first, err1 := strconv.ParseUint(m.Get("firstseq"), 10, 63)
	last, err2 := strconv.ParseUint(m.Get("lastseq"), 10, 63)
	if err1 != nil || err2 != nil || last < first {
		n.counters["dropped: bad retransmission request"]++
		return
	}
	for i, seq := 0, first; seq <= last && i < maxResend; i, seq = i+1, seq+1 {
		if seq > n.seq {
			n.complain("retransmission of the future", "future "+p.name, Warn, "Rexmit of seq %d requested. %d is max.", seq, n.seq)
			return
		}
		s := n.history.find(seq)
		if s == nil {
			n.complain("retransmission refused", "norexmit "+p.name, Error, "Cannot rexmit pkt %d for %s: %s", seq, p.name, "seqno too low")
			n.send(message.New("t", "NS_nak_rexmit", "firstseq", hex(seq), "dest", p.name, "info", "seqno too low"))
			continue
		}
		if n.now.Sub(s.last) < n.cfg.MaxRexmitDelay-10*time.Millisecond && s.last.After(n.started) && s.resent {
			continue
		}
		s.last, s.resent = n.now, true
		n.counters["packets retransmitted"]++
		n.do(s.send)
	}
}
