package simworld

import (
	"bytes"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

// connection is two sockets between the nodes, from the handshake of the shells to
// their end.
type connection struct {
	w       *world
	nr      int
	dialect wire.Dialect
	ends    [2]*end
	broken  bool // the network forgot it: nothing arrives any more but what is near
}

// end is a node's side of a connection.
type end struct {
	c      *connection
	n      *node
	boot   int
	up     bool // Up was delivered
	full   bool // the core takes no more from the data socket
	closed bool // nothing may come any more: HangUp, Down, or the process is gone
	out    map[wire.Socket]*link
	// What Integrity said.
	sendAlg, recvAlg string
	timeout          time.Duration
}

// link is one direction of a socket: a queue in the daemon, then the network, which
// holds only so much.
type link struct {
	c        *connection
	from, to *end
	sock     wire.Socket
	queue    []*parcel
	net      []*parcel
	bytes    int
	room     int
	last     time.Duration // when the newest arrives
	progress time.Duration // when something was handed to the network last
	wake     *sim.Event
	stall    *sim.Event
}

// parcel is a packet under way: its bytes, without the data of a block, which
// travels as versions.
type parcel struct {
	head  []byte
	bulk  bool
	data  payload
	size  int
	token uint64
	at    time.Duration
	fin   bool
}

func (p *parcel) bytes() int { return len(p.head) + p.size }

var sockets = [...]wire.Socket{wire.DataSocket, wire.MetaSocket}

// tryConnect lets two nodes that look for each other find each other.
func (w *world) tryConnect() {
	if w.meeting != nil {
		return
	}
	ready := func() bool {
		for _, n := range w.nodes {
			if n.core == nil || n.dial == nil || n.end != nil {
				return false
			}
		}
		return !w.cut && w.deaf == [2]bool{}
	}
	if !ready() {
		return
	}
	d := w.Between(5*time.Millisecond, 300*time.Millisecond)
	if !w.calm && w.Chance(0.2) {
		d = w.Between(time.Second, 5*time.Second)
	}
	w.meeting = w.After(d, func() {
		w.meeting = nil
		if ready() {
			w.connect()
		}
	})
}

// connect makes a connection; each side hears of it in its own time.
func (w *world) connect() {
	d, err := wire.Agree(wire.Features{Min: 86, Max: w.nodes[0].version, Flags: w.nodes[0].features},
		wire.Features{Min: 86, Max: w.nodes[1].version, Flags: w.nodes[1].features})
	if err != nil {
		panic(err)
	}
	if !w.calm && w.outside == nil && w.Chance(0.01) {
		n := w.nodes[w.Intn(2)]
		n.dial = nil
		n.event(replica.GiveUp{Line: "the world does not like this connection"})
		return
	}
	w.stats.Connects++
	w.conns++
	c := &connection{w: w, nr: w.conns, dialect: d}
	resolve := w.Intn(2)
	for i, n := range w.nodes {
		c.ends[i] = &end{c: c, n: n, boot: n.boot, out: map[wire.Socket]*link{}, timeout: n.dial.Timeout}
		n.end = c.ends[i]
	}
	for i, e := range c.ends {
		for _, s := range sockets {
			e.out[s] = &link{c: c, from: e, to: c.ends[1-i], sock: s, room: w.p.netRoom}
		}
	}
	w.open = append(w.open, c)
	w.note("connection %d: version %d, features %s, %s resolves", c.nr, d.Version, d.Features, w.nodes[resolve])
	for i, e := range c.ends {
		i, e := i, e
		w.After(w.Between(0, w.p.upSkew), func() {
			if e.closed || e.n.boot != e.boot {
				return
			}
			e.up = true
			e.n.dial = nil
			e.n.event(replica.Up{Dialect: d, Resolve: i == resolve})
			for _, s := range sockets {
				c.ends[1-i].out[s].deliver()
			}
		})
	}
}

// send takes a Send action.
func (e *end) send(a replica.Send) {
	w := e.c.w
	p := &wire.Packet{Cmd: a.Cmd, Volume: uint16(a.Vol), Body: a.Body, Digest: a.Digest, Payload: a.Extra}
	x := &parcel{token: a.Token}
	switch a.Cmd {
	case wire.CmdData, wire.CmdDataReply, wire.CmdRSDataReply:
		x.bulk = true
		b := e.n.bufs.use(a.Buf, "Send "+a.Cmd.String())
		if b == nil || uint32(b.size) < a.Size || a.Size == 0 {
			w.fail("contract", "%s: Send %s of %d bytes, buffer %d", e.n, a.Cmd, a.Size, a.Buf)
			return
		}
		x.data, x.size = b.data, int(a.Size)
		x.data.sectors = a.Size / 512
		if e.sendAlg != "" {
			n, _ := wire.DigestSize(e.sendAlg)
			p.Digest = x.data.digest(n)
		}
	default:
		if a.Buf != 0 {
			w.fail("contract", "%s: Send %s with a buffer", e.n, a.Cmd)
		}
	}
	if a.Vol != 0 && e.c.dialect.Version < 100 {
		w.fail("wire", "%s: %s for volume %d in version %d", e.n, a.Cmd, a.Vol, e.c.dialect.Version)
	}
	d := e.c.dialect
	x.head = append(d.AppendHead(nil, p, x.size+len(a.Extra)), a.Extra...)
	l := e.out[a.Sock]
	if l == nil {
		w.fail("contract", "%s: Send %s on socket %d", e.n, a.Cmd, a.Sock)
		return
	}
	if w.out != nil {
		w.note("%s >%s %s size=%d", e.n, a.Sock, p, a.Size)
	}
	l.queue = append(l.queue, x)
	l.pump()
	l.watch()
}

// pump hands to the network what it takes.
func (l *link) pump() {
	w := l.c.w
	for len(l.queue) > 0 {
		x := l.queue[0]
		if len(l.net) > 0 && l.bytes+x.bytes() > l.room {
			return
		}
		l.queue = l.queue[1:]
		if l.c.broken {
			l.handed(x)
			continue
		}
		l.bytes += x.bytes()
		x.at = max(l.last, w.Now()+w.Between(w.p.netMin, w.p.netMax)+time.Duration(x.bytes())*w.p.perByte)
		l.last = x.at
		l.progress = w.Now()
		l.net = append(l.net, x)
		l.handed(x)
	}
	if len(l.net) > 0 && l.wake == nil {
		l.arm()
	}
}

// handed tells the core that the network has a packet.
func (l *link) handed(x *parcel) {
	if x.token != 0 && !l.from.closed {
		from, token := l.from, x.token
		l.c.w.After(0, func() { from.event(replica.Sent{Token: token}) })
	}
}

// arm waits for the oldest packet under way.
func (l *link) arm() {
	l.wake = l.c.w.After(l.net[0].at-l.c.w.Now(), func() {
		l.wake = nil
		l.deliver()
	})
}

// watch tells the core when sending makes no progress.
func (l *link) watch() {
	w := l.c.w
	if l.stall != nil || len(l.queue) == 0 || l.from.closed || l.from.timeout <= 0 {
		return
	}
	since := max(l.progress, w.Now()-l.from.timeout)
	l.stall = w.After(max(since+l.from.timeout-w.Now(), time.Millisecond), func() {
		l.stall = nil
		if len(l.queue) > 0 && !l.from.closed && l.progress+l.from.timeout <= w.Now() {
			l.progress = w.Now()
			l.from.event(replica.Stalled{Sock: l.sock})
		}
		l.watch()
	})
}

// event gives an event of the connection to the core, if it is still its.
func (e *end) event(ev replica.Event) {
	e.n.post(func() {
		if !e.closed && e.n.boot == e.boot {
			e.n.step(ev)
		} else if p, ok := ev.(replica.Packet); ok && p.Buf != 0 && e.n.boot == e.boot {
			delete(e.n.bufs.live, p.Buf) // it never got there
		}
	})
}

// deliver hands the oldest packet to the receiver, if it is time and somebody is
// there to take it.
func (l *link) deliver() {
	w := l.c.w
	if l.wake != nil || len(l.net) == 0 {
		return
	}
	x := l.net[0]
	if x.at > w.Now() {
		l.arm()
		return
	}
	if w.cut || w.deaf[l.to.n.i] {
		return // kick
	}
	if l.to.closed {
		l.drop()
		// The other host answers what it does not know with a reset.
		if w.nodes[l.to.n.i].power && !l.from.closed && !l.c.broken {
			from := l.from
			w.After(w.Between(0, 100*time.Millisecond), func() { from.lost(wire.BrokenPipe, "sock_recvmsg returned -104") })
		}
		return
	}
	if !l.to.up || l.to.n.asleep() || l.to.full && l.sock == wire.DataSocket {
		return // kick
	}
	l.net = l.net[1:]
	l.bytes -= x.bytes()
	l.pump()
	if len(l.net) > 0 && l.wake == nil {
		l.arm()
	}
	if x.fin {
		if l.sock == wire.DataSocket {
			l.to.lost(wire.BrokenPipe, "sock was shut down by peer")
		} else {
			l.to.lost(wire.NetworkFailure, "meta connection shut down by peer.")
		}
		return
	}
	l.receive(x)
}

// drop forgets what is under way.
func (l *link) drop() {
	l.net, l.queue, l.bytes = nil, nil, 0
	l.wake.Cancel()
	l.wake = nil
}

// receive reads a packet as the shell does.
func (l *link) receive(x *parcel) {
	w := l.c.w
	e := l.to
	d := e.c.dialect
	size, _ := wire.DigestSize(e.recvAlg)
	d.Digest = size
	h, n, err := d.ParseHeader(x.head)
	if err == nil && int(h.Length) != len(x.head)-n+x.size {
		w.fail("wire", "%s sent %s with length %d for %d bytes", l.from.n, h.Cmd, h.Length, len(x.head)-n+x.size)
		return
	}
	var plan wire.Plan
	if err == nil {
		plan, err = d.Plan(l.sock, h)
	}
	var body wire.Body
	if err == nil {
		body, err = d.ParseBody(h.Cmd, x.head[n:n+plan.Body])
	}
	if err != nil {
		w.fail("wire", "%s sent what its peer does not take: %v (version %d, features %s, % x)", l.from.n, err, d.Version, d.Features, x.head[:min(len(x.head), 48)])
		return
	}
	p := replica.Packet{Sock: l.sock, Vol: int(h.Volume), Cmd: h.Cmd, Body: body, Size: uint32(plan.Payload)}
	rest := x.head[n+plan.Body:]
	if plan.Bulk {
		if !bytes.Equal(rest, x.data.digest(plan.Digest)[:plan.Digest]) {
			w.fail("wire", "%s sent %s with digest % x under algorithm %q", l.from.n, h.Cmd, rest, e.recvAlg)
			return
		}
		p.Buf = e.n.bufs.give(x.data, plan.Payload, 0)
	} else {
		if plan.Digest > 0 {
			p.Digest = rest[:plan.Digest]
		}
		p.Payload = rest[plan.Digest:]
	}
	p.More = len(l.net) > 0 && !l.net[0].fin && w.Chance(0.5)
	e.event(p)
}
