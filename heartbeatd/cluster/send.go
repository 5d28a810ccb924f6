package cluster

import (
	"strconv"
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// extension marks our messages for our own kind: real 3.0.6 nodes pass unknown
// fields through without looking at them (heartbeat-wire 2).
const extension = "hbd"

func hex(v uint64) string { return strconv.FormatUint(v, 16) }

func millis(d time.Duration) uint64 {
	if d < 0 {
		return 0
	}
	return uint64(d / time.Millisecond)
}

func isNS(t string) bool { return strings.HasPrefix(t, "NS_") }

// send adds the header (heartbeat-wire 8), signs, records for retransmission, puts the
// message on all media and into our own loop.
func (n *Node) send(m *message.Message) {
	t := m.Get("t")
	if d := m.Get("dest"); d != "" {
		if p := n.byName[d]; p != nil && p.hasUUID && p.proved {
			m.SetBin("destuuid", p.uuid[:])
		}
	}
	m.Set("src", n.cfg.Node)
	m.SetBin("srcuuid", n.cfg.UUID[:])
	ns := isNS(t)
	var seq uint64
	if !ns {
		n.seq++
		seq = n.seq
		m.Set("seq", hex(seq))
	}
	m.Set("hg", hex(n.cfg.Generation))
	m.Set("ts", hex(uint64(n.now.Unix())))
	if !ns {
		m.Set("ld", n.load)
	}
	m.Set("ttl", strconv.Itoa(n.cfg.HopFudge+len(n.peers)+len(n.pings)))
	s := n.encode(t, m)
	if !ns {
		n.history.add(seq, s, n.now)
		n.loop = append(n.loop, m)
	}
	n.do(s)
}

// encode makes both forms of a message: the datagram of UDP media and the text of
// serial lines (heartbeat-wire 7: classic text on UDP for msgfmt classic).
func (n *Node) encode(t string, m *message.Message) Send {
	var s Send
	s.Type = t
	if n.cfg.Netstring {
		s.Datagram = m.AppendNetstring(nil, n.cfg.Keys, false)
		s.Line = m.AppendText(nil, n.cfg.Keys, false)
	} else {
		s.Datagram = m.AppendText(nil, n.cfg.Keys, true)
		s.Line = s.Datagram[:len(s.Datagram)-1]
	}
	if n.cfg.CompressAbove > 0 && len(s.Datagram) > n.cfg.CompressAbove {
		if z, err := m.AppendCompressed(nil, n.cfg.Keys); err == nil && len(z) < len(s.Datagram) {
			s.Datagram = z
		}
	}
	return s
}

// sendStatus sends our own status: the keepalive (heartbeat-wire 11). Every status
// also pings the ping nodes (12.3).
func (n *Node) sendStatus() { n.sendStatusDT(n.announcedDT()) }

func (n *Node) sendStatusDT(dt time.Duration) {
	n.send(message.New("t", "status", "st", n.self.status.String(),
		"dt", hex(millis(dt)), "protocol", "1", extension, "1"))
	for i, p := range n.pings {
		info := n.cfg.Ping[i].info()
		m := message.New("t", "NS_st", "st", "ping", "info", info, "src", p.name, "ts", hex(uint64(n.now.Unix())))
		n.do(Echo{Node: p.name, Frame: m.AppendNetstring(nil, n.cfg.Keys, true)})
	}
}

// announcedDT is our deadtime as told to others: raised for the first seconds, in
// which a starting machine is slow.
func (n *Node) announcedDT() time.Duration {
	if !n.dtDropAt.IsZero() {
		return n.cfg.Deadtime + raisedBy
	}
	return n.cfg.Deadtime
}

const (
	raisedBy  = 2000 * time.Millisecond
	raisedFor = 5 * time.Second
)

// history keeps what was sent last, for retransmission (heartbeat-wire 10).
type history struct {
	ring []sent
}

type sent struct {
	seq    uint64
	send   Send
	last   time.Time // when it went out last
	resent bool
}

const historySize = 500

func (h *history) init() { h.ring = make([]sent, historySize) }

func (h *history) add(seq uint64, s Send, now time.Time) {
	h.ring[seq%historySize] = sent{seq: seq, send: s, last: now}
}

func (h *history) find(seq uint64) *sent {
	s := &h.ring[seq%historySize]
	if s.seq != seq || seq == 0 {
		return nil
	}
	return s
}
