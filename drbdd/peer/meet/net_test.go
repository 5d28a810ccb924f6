package meet

import (
	"time"

	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

// network is two nodes and the TCP connections between them: delays, cuts, resets.
type network struct {
	*sim.World
	nodes    [2]node
	min, max time.Duration // one way
	cutUntil time.Duration // nothing arrives before
	ends     []*end
	calm     bool // no faults
}

// node is one side: ours or the model of the kernel's.
type node interface {
	listening() bool
	accepted(e *end)
	readable(e *end) // a message or the end of the stream is there
	// paired is the two sockets of an established connection, nil if there is none.
	paired() (data, meta *end, resolve bool)
	stop()
	start()
}

// end is one side of a connection.
type end struct {
	net     *network
	owner   int
	other   *end
	inbox   []message
	eof     bool // of the other side, or a reset
	closed  bool // by its owner
	arrival time.Duration
	id      Conn
}

// message is a packet in the dialect it was sent in.
type message struct {
	dialect wire.Dialect
	packet  wire.Packet
}

// arrive tells when something sent now arrives.
func (n *network) arrive() time.Duration {
	at := n.Now() + n.Between(n.min, n.max)
	if n.Now() < n.cutUntil { // the cable is out: sent again after a while
		at = n.cutUntil + n.Between(n.min, n.max+n.cutUntil-n.Now())
	}
	return at
}

// connect is an outgoing attempt; done gets nil when it was refused.
func (n *network) connect(from int, done func(*end)) {
	n.After(n.arrive()-n.Now(), func() {
		to := n.nodes[1-from]
		if !to.listening() {
			n.After(n.arrive()-n.Now(), func() { done(nil) })
			return
		}
		a, b := &end{net: n, owner: from}, &end{net: n, owner: 1 - from}
		a.other, b.other = b, a
		n.ends = append(n.ends, a, b)
		n.After(n.arrive()-n.Now(), func() { done(a) })
		to.accepted(b)
	})
}

func (e *end) deliver(f func()) {
	at := max(e.net.arrive(), e.other.arrival) // in order
	e.other.arrival = at
	e.net.After(at-e.net.Now(), func() {
		if e.other.closed {
			if !e.eof {
				e.eof = true // reset
				e.net.nodes[e.owner].readable(e)
			}
			return
		}
		f()
		e.net.nodes[e.other.owner].readable(e.other)
	})
}

func (e *end) send(m message) {
	if !e.closed {
		e.deliver(func() { e.other.inbox = append(e.other.inbox, m) })
	}
}

func (e *end) close() {
	if !e.closed {
		e.closed = true
		e.deliver(func() { e.other.eof = true })
	}
}

// alive is the peek.
func (e *end) alive() bool { return !e.closed && (len(e.inbox) > 0 || !e.eof) }

// our is a node with a Machine.
type our struct {
	net     *network
	id      int
	cfg     Config
	m       *Machine
	on      bool // runs
	listen  bool
	ends    map[Conn]*end
	next    Conn
	half    map[*end]bool // accepted, without a first packet yet
	expect  *Expect
	done    *Established
	timer   *sim.Event
	life    int // counts starts, so that old timers know
	logs    []string
	gaveUp  bool
	retries int
	lost    int // established, and then one socket was not what the peer took it for
	onLog   func(string)
}

func newOur(n *network, id int, cfg Config) *our { return &our{net: n, id: id, cfg: cfg} }

func (o *our) now() time.Time {
	return time.Unix(1e9, 0).Add(o.net.Now())
}

func (o *our) start() {
	o.on, o.gaveUp = true, false
	o.life++
	o.ends, o.half, o.done, o.expect = map[Conn]*end{}, map[*end]bool{}, nil, nil
	cfg := o.cfg
	cfg.Seed = o.net.Uint64()
	for i := range cfg.Challenge {
		cfg.Challenge[i] = byte(o.net.Uint64())
	}
	o.m = New(cfg)
	o.step(Tick{})
}

// again is a start after the usual pause.
func (o *our) again() {
	o.shut()
	life := o.life
	o.net.After(RetryDelay, func() {
		if o.on && life == o.life {
			o.start()
		}
	})
}

func (o *our) shut() {
	o.timer.Cancel()
	o.listen, o.m, o.done = false, nil, nil
	for e := range o.half {
		e.close()
	}
	for _, e := range o.ends {
		e.close()
	}
}

func (o *our) stop() {
	o.on = false
	o.shut()
}

func (o *our) listening() bool { return o.listen }

func (o *our) add(e *end) Conn {
	o.next++
	e.id = o.next
	o.ends[e.id] = e
	return e.id
}

func (o *our) accepted(e *end) {
	o.half[e] = true
	life := o.life
	o.net.After(4*o.cfg.PingTimeout, func() {
		if life == o.life && o.half[e] {
			delete(o.half, e)
			o.step(FirstPacket{Conn: o.add(e)})
		}
	})
}

func (o *our) readable(e *end) {
	switch {
	case o.half[e]:
		delete(o.half, e)
		f := FirstPacket{Conn: o.add(e)}
		if len(e.inbox) > 0 {
			f.Cmd = e.inbox[0].packet.Cmd
			e.inbox = e.inbox[1:]
		}
		o.step(f)
	case o.done != nil && e.eof && (e.id == o.done.Data || e.id == o.done.Meta) && o.ends[e.id] == e:
		o.lost++
		o.again()
	default:
		o.read()
	}
}

// read carries out Expect.
func (o *our) read() {
	if o.expect == nil || o.m == nil {
		return
	}
	e := o.ends[o.expect.Conn]
	switch {
	case len(e.inbox) > 0:
		m := e.inbox[0]
		e.inbox = e.inbox[1:]
		d := o.expect.Dialect
		o.expect = nil
		// Through the bytes, as on the wire.
		b := m.dialect.Append(nil, &m.packet)
		h, _, err := d.ParseHeader(b)
		if err != nil {
			o.step(Lost{err.Error()})
			return
		}
		p, _, err := d.Next(wire.DataSocket, b)
		o.step(Got{Header: h, Body: p.Body, Payload: p.Payload, Err: err})
	case e.eof:
		o.expect = nil
		o.step(Lost{"sock was shut down by peer"})
	}
}

func (o *our) step(ev Event) {
	for o.m != nil && ev != nil {
		actions := append([]Action{}, o.m.Step(o.now(), ev)...)
		ev = nil
		for _, a := range actions {
			if c, ok := a.(Check); ok {
				alive := func(c Conn) bool { return c != 0 && o.ends[c].alive() }
				ev = Checked{alive(c.Data), alive(c.Meta)}
				continue
			}
			o.do(a)
		}
	}
	if o.m == nil {
		return
	}
	o.timer.Cancel()
	if t := o.m.Next(); !t.IsZero() {
		o.timer = o.net.After(t.Sub(o.now()), func() { o.step(Tick{}) })
	}
	o.read()
}

func (o *our) do(a Action) {
	switch a := a.(type) {
	case Listen:
		o.listen = true
	case Connect:
		life := o.life
		o.net.connect(o.id, func(e *end) {
			switch {
			case e == nil && life == o.life:
				o.step(ConnectFailed{Attempt: a.Attempt})
			case e != nil && (life != o.life || o.m == nil):
				e.close()
			case e != nil:
				o.step(Connected{a.Attempt, o.add(e)})
			}
		})
	case Drop:
		o.ends[a.Conn].close()
		delete(o.ends, a.Conn)
	case Settled:
		o.listen = false
		for e := range o.half {
			e.close()
		}
		clear(o.half)
	case Send:
		o.ends[a.Conn].send(message{a.Dialect, a.Packet})
	case Expect:
		o.expect = &a
	case Log:
		o.logs = append(o.logs, a.Text)
		if o.onLog != nil {
			o.onLog(a.Text)
		}
	case Established:
		o.done = &a
		for _, c := range []Conn{a.Data, a.Meta} {
			if o.ends[c].eof && len(o.ends[c].inbox) == 0 {
				o.lost++
				o.net.After(0, o.again)
				return
			}
		}
	case Retry:
		o.retries++
		o.again()
	case GiveUp:
		o.gaveUp = true
		o.shut()
	}
}

func (o *our) paired() (data, meta *end, resolve bool) {
	if o.done == nil {
		return nil, nil, false
	}
	return o.ends[o.done.Data], o.ends[o.done.Meta], o.done.ResolveConflicts
}
