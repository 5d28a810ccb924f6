package simworld

import (
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// State is what the tools show of a node.
type State struct {
	Running    bool // the daemon answers
	Configured bool // drbdadm up is through
	Asleep     bool
	Primary    bool // to its last knowledge; for the device of a killed daemon, too
	Serving    bool // the device answers
	Conn       wire.ConnState
	Disk, Pdsk wire.DiskState
	Degraded   bool // it was Primary without its peer when it went down
	Suspended  bool
	Network    bool // not StandAlone
	Met        bool // it has found its peer
	Open       int  // requests that are not answered
}

// State asks a node.
func (p *Pair) State(i int) (s State) {
	n := p.w.nodes[i]
	s.Asleep = n.asleep()
	if n.app != nil {
		s.Primary, s.Serving, s.Open = true, n.app.serving && n.core != nil, len(n.app.open)
	}
	if n.core == nil {
		return s
	}
	s.Running, s.Configured = true, n.ready
	view := n.look()
	s.Suspended, s.Network = view.Susp || view.SuspFen || view.SuspNod, view.Net != nil
	if x := n.vol(0); x != nil {
		s.Conn, s.Disk, s.Pdsk, s.Degraded = x.Conn, x.Disk, x.Pdsk, x.Degraded
		s.Met = x.Conn >= wire.Connected
		s.Primary = s.Primary || x.Role == wire.Primary
	}
	return s
}

// History is that of the data which a Primary serves.
func (p *Pair) History(i int) int { return p.w.vols[0].served(p.w.nodes[i]).id }

// Promote is drbdadm primary. then is called in any case.
func (p *Pair) Promote(i int, force bool, then func(ok bool)) {
	n := p.w.nodes[i]
	then = p.once(i, then)
	switch {
	case n.core == nil:
		then(false)
	case n.app != nil && n.app.serving:
		then(true)
	default:
		n.promote(force, then)
	}
}

// Demote is drbdadm secondary of a device that nobody has open.
func (p *Pair) Demote(i int, then func(ok bool)) {
	n := p.w.nodes[i]
	then = p.once(i, then)
	switch {
	case n.core == nil:
		then(n.app == nil)
	case n.app == nil && n.look().Role == wire.Primary:
		n.order(replica.SecondaryCmd{Vol: 0}, func(r replica.Reply) { then(ok(r)) })
	case n.app == nil:
		then(true)
	default:
		n.demote(then)
	}
}

// Outdate is drbdadm outdate, with its exit code.
func (p *Pair) Outdate(i int, done func(code int)) {
	n := p.w.nodes[i]
	if n.core != nil && n.vol(0) == nil {
		done(exitFailed)
		return
	}
	n.outdated(func(code int) {
		switch code {
		case 4:
			code = 0
		case 3:
			code = exitInconsistent
		case 6:
			code = exitPrimary
		default:
			code = exitFailed
		}
		done(code)
	})
}

// Exit codes of drbdadm outdate.
const (
	exitInconsistent = 5
	exitPrimary      = 17
	exitFailed       = 20
)

// Probe has the daemon ask its peer for a sign of life.
func (p *Pair) Probe(i int) {
	if n := p.w.nodes[i]; n.core != nil {
		n.command(replica.Probe{}, nil)
	}
}

// NextWrite is the version that the next Write makes.
func (p *Pair) NextWrite() uint32 { return uint32(len(p.w.writes)) }

// Write writes a record. A device whose daemon was killed answers when there is a successor;
// without a device done(false) comes at once, after a power cut nothing.
func (p *Pair) Write(i, record int, done func(ok bool)) {
	p.io(i, &request{op: replica.Write, sector: p.block(record) * perBlock, sectors: perBlock}, done)
}

// Flush makes durable what was answered.
func (p *Pair) Flush(i int, done func(ok bool)) { p.io(i, &request{op: replica.Flush}, done) }

// Read reads a record: the version that it has.
func (p *Pair) Read(i, record int, done func(version uint32, ok bool)) {
	r := &request{op: replica.Read, sector: p.block(record) * perBlock, sectors: perBlock}
	p.io(i, r, func(ok bool) {
		version := uint32(0)
		if len(r.got.cells) > 0 {
			version = writeOf(r.got.cells[0].val)
		}
		for _, c := range r.got.cells {
			if writeOf(c.val) != version {
				// A block is written as one piece, or the file system notices.
				p.w.note("record %d is torn: %s", record, p.w.name(c.val, r.sector+uint64(c.off)))
			}
		}
		done(version, ok)
	})
}

func (p *Pair) io(i int, r *request, done func(ok bool)) {
	n := p.w.nodes[i]
	if n.app == nil || len(p.w.bad) > 0 {
		p.w.After(0, func() { done(false) })
		return
	}
	p.w.lastID++
	r.id = p.w.lastID
	r.then = func(err replica.Errno) { p.w.After(0, func() { done(err == replica.OK) }) }
	n.app.begin(r)
}
