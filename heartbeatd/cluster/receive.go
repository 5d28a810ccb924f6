package cluster

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"classicha/heartbeatd/message"
)

// receive is the pipeline of heartbeat-wire 9. Nothing before the signature check
// changes any state but counters.
func (n *Node) receive(linkName string, frame []byte) {
	n.counters["frames received"]++
	m, _, err := message.Parse(frame, n.cfg.Keys)
	if err != nil && n.broken == believeUnsigned {
		m, _, err = message.Parse(frame, nil)
	}
	if err != nil {
		n.badFrame(linkName, err)
		return
	}
	t, src := m.Get("t"), m.Get("src")
	if _, ok := m.Lookup("ts"); t == "" || src == "" || !ok {
		n.complain("dropped: incomplete", "incomplete", Error, "process_clustermsg: missing from/ts/type: iface %s, from %s", linkName, orUnknown(src))
		return
	}
	ts, err := strconv.ParseUint(m.Get("ts"), 16, 64)
	if err != nil || ts == 0 {
		n.counters["dropped: bad ts"]++
		return
	}
	if pn := n.byName[src]; pn != nil && pn.ping {
		n.pingReply(pn, linkName, t, m)
		return
	}
	var seq uint64
	if s, ok := m.Lookup("seq"); ok {
		if seq, err = strconv.ParseUint(s, 16, 64); err != nil {
			n.complain("dropped: bad seq", "badseq", Error, "process_clustermsg: %s: iface %s, bad cseq %.40q", src, linkName, s)
			return
		}
	} else if !isNS(t) {
		n.complain("dropped: no seq", "noseq", Error, "process_clustermsg: %s: iface %s, missing seqno", src, linkName)
		return
	}
	p := n.sender(m, src)
	if p == nil {
		n.complain("dropped: unknown node", "unknown", Error, "process_status_message: bad node [%.64s] in message", src)
		return
	}
	if p == n.self {
		n.heardOurselves(linkName, m)
		return
	}
	// A generation that is too low never touches a link or a time stamp.
	gen, err := hexField(m, "hg")
	if err != nil {
		n.counters["dropped: bad generation"]++
		return
	}
	if !p.proved && n.isProof(t, m) {
		n.proven(p, gen, seq)
	}
	if n.broken == believeRecordings {
		p.proved = true
	}
	if (p.hasGen && gen < p.gen || gen < p.floor) && n.broken != believeOldRuns {
		n.challenge(p) // its generation may really have gone back
		n.complain("dropped: replay", "replay "+p.name, Error,
			"should_drop_message: attempted replay attack [%s]? [gen = %d, curgen = %d]", p.name, gen, max(p.gen, p.floor))
		return
	}
	if isNS(t) {
		if d := m.Get("dest"); d != "" && d != n.cfg.Node {
			return
		}
		p.heard = true
		n.linkHeard(p, linkName)
		n.control(p, t, m)
		return
	}
	if t != "status" && (!p.hasGen || gen > p.gen) {
		// A new run is announced by a status; what overtakes it is asked for again
		// by sequence number once the new run is known.
		n.counters["held back: generation not announced"]++
		return
	}
	if t == "status" && !n.acceptGeneration(p, gen, seq, m) {
		return
	}
	if !p.heard && !n.commUp && len(n.join.asked) == 0 {
		n.join.at = n.now // perhaps it is the last one that we wait for
	}
	p.heard = true
	if bytes.Equal(m.Bin("srcuuid"), p.uuid[:]) || !p.hasUUID {
		n.learnUUID(p, m.Bin("srcuuid"))
	}
	if _, ok := m.Lookup(extension); ok {
		p.ours = true
	}
	n.challenge(p)
	verdict := p.rx.accept(n, p, seq)
	if verdict == seqDrop {
		return
	}
	n.linkHeard(p, linkName)
	if verdict == seqDuplicate {
		return
	}
	n.acknowledge(p, seq)
	if !n.forUs(m) {
		if t == "ip-request-resp" && m.Get("dest") == p.name && p.proved {
			n.policy.message(p, overheard, m)
		}
		return
	}
	if !n.tooEarly(p, t, m) {
		n.dispatch(p, m, linkName)
	}
}

// overheard is the type under which a policy gets what a node of legacy mode told itself:
// that it starts a group of its own.
const overheard = "ip-request-resp to itself"

func orUnknown(s string) string {
	if s == "" {
		return "<?>"
	}
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "?")
}

func hexField(m *message.Message, name string) (uint64, error) {
	s, ok := m.Lookup(name)
	if !ok {
		return 0, nil
	}
	return strconv.ParseUint(s, 16, 64)
}

// badFrame counts and, once, logs a frame that did not parse or verify, in the words
// of the original (heartbeat-wire 6).
func (n *Node) badFrame(linkName string, err error) {
	var pe *message.ParseError
	if !errors.As(err, &pe) {
		n.counters["dropped: garbage"]++
		return
	}
	counter := "dropped: " + pe.Reason.String()
	lines, _ := pe.LogLines()
	if !n.cfg.LogBadPack || len(lines) == 0 {
		n.counters[counter]++
		return
	}
	text, level := strings.TrimPrefix(lines[0], "WARN: "), Warn
	if strings.HasPrefix(text, "ERROR: ") {
		text, level = strings.TrimPrefix(text, "ERROR: "), Error
	}
	n.complain(counter, counter+linkName, level, "%s", text)
}

// sender finds the member by uuid, then by name exactly.
func (n *Node) sender(m *message.Message, src string) *peer {
	if u := m.Bin("srcuuid"); len(u) == 16 {
		for _, p := range n.peers {
			if p.hasUUID && bytes.Equal(p.uuid[:], u) {
				if p.name == src || strings.EqualFold(p.name, src) {
					return p
				}
			}
		}
	}
	p := n.byName[src]
	if p == nil {
		p = n.byName[strings.ToLower(src)] // seen from real peers; ours are lower case
	}
	if p != nil && !p.ping {
		if u := m.Bin("srcuuid"); len(u) == 16 && p.hasUUID && !bytes.Equal(p.uuid[:], u) {
			if p == n.self {
				n.complain("dropped: our name from another machine", "twin", Error,
					"another machine calls itself %s: every node needs a name of its own", src)
				return nil
			}
			n.log(Info, "node %s changed its uuid to %x", p.name, u)
			p.hasUUID = false
		}
		return p
	}
	return nil
}

func (n *Node) learnUUID(p *peer, u []byte) {
	if len(u) == 16 {
		copy(p.uuid[:], u)
		p.hasUUID = true
	}
}

// heardOurselves: a broadcast comes back to its sender, which shows that the link works.
func (n *Node) heardOurselves(linkName string, m *message.Message) {
	if g, err := hexField(m, "hg"); err == nil && g == n.cfg.Generation {
		n.linkHeard(n.self, linkName)
	}
}

// forUs: destuuid decides alone if present, else dest (heartbeat-wire 9, 10).
func (n *Node) forUs(m *message.Message) bool {
	if u := m.Bin("destuuid"); len(u) == 16 {
		return bytes.Equal(u, n.cfg.UUID[:])
	}
	d := m.Get("dest")
	return d == "" || d == n.cfg.Node
}

// acceptGeneration handles the generation of a status (heartbeat-wire 9, 8). False: drop it.
func (n *Node) acceptGeneration(p *peer, gen, seq uint64, m *message.Message) bool {
	switch {
	case !p.hasGen:
		p.gen, p.hasGen = gen, true
	case gen > p.gen:
		n.log(Info, "Heartbeat restart on node %s", p.name)
		p.early = nil
		if p.proved {
			n.do(Remember{Node: p.name, Generation: gen})
		}
		p.prev = endedRun{gen: p.gen, ours: p.ours}
		p.gen = gen
		p.rx.reset()
		p.graceUntil = n.now
		p.acked = 0
		p.ours = false
		if _, ok := m.Lookup(extension); ok {
			p.ours = true
		}
		n.peerRestarted(p)
	}
	return true
}

// fromScript takes a frame from the FIFO: its fields are trusted, the header is ours.
func (n *Node) fromScript(frame []byte) {
	m, _, err := message.Parse(frame, nil)
	if err != nil || m.Get("t") == "" {
		n.complain("dropped: bad FIFO message", "fifo", Error, "a message in the FIFO is malformed and was dropped: %v", err)
		return
	}
	if t := m.Get("t"); isNS(t) || t == "status" {
		n.complain("dropped: bad FIFO message", "fifo type", Error, "a message of type %.40s in the FIFO was dropped: only the daemon sends it", t)
		return
	}
	for _, f := range []string{"seq", "hg", "ts", "ld", "ttl", "auth", "srcuuid", "destuuid", "src"} {
		m.Del(f)
	}
	if m.Get("t") == "hb_takeover" && n.shutdown.phase != running {
		n.log(Warn, "hb_takeover ignored: this node is shutting down")
		return
	}
	if m.Get("t") == "ask_resources" && m.Get("info") == "me" && !n.policy.mayAsk() {
		return
	}
	n.send(m)
}
