package meet

import "classicha/drbdd/wire"

// incoming has the first packet of a connection that the peer opened.
func (m *Machine) incoming(f FirstPacket) {
	if m.phase > settling || m.phase == begin {
		m.do(Drop{f.Conn}) // both sockets exist: extra connections are not for us
		return
	}
	if len(m.queue) == maxQueue {
		m.do(Drop{m.queue[0].Conn})
		m.queue = m.queue[1:]
	}
	m.queue = append(m.queue, f)
	m.drain()
}

// drain takes the next incoming connection. The existing sockets are looked at first,
// so that a dead one is not taken for crossed.
func (m *Machine) drain() {
	if len(m.queue) == 0 || m.check != notChecking || m.phase == begin || m.phase > settling {
		return
	}
	m.pending, m.queue = m.queue[0], m.queue[1:]
	m.check = checkIncoming
	m.do(Check{m.data, m.meta})
}

// checked has what a look at both sockets showed.
func (m *Machine) checked(ev Checked) {
	what := m.check
	if what == notChecking {
		return
	}
	m.check = notChecking
	for _, s := range []struct {
		conn  *Conn
		alive bool
	}{{&m.data, ev.DataAlive}, {&m.meta, ev.MetaAlive}} {
		if *s.conn != 0 && !s.alive {
			m.do(Drop{*s.conn})
			*s.conn = 0
		}
	}
	switch {
	case what == checkIncoming && m.phase <= settling:
		m.take(m.pending)
	case what == checkSettled && m.both():
		m.settled()
	case what == checkSettled:
		m.connect()
	}
}

// take gives an incoming connection its place.
func (m *Machine) take(f FirstPacket) {
	randomize := false
	switch f.Cmd {
	case wire.CmdInitialData:
		if randomize = m.data != 0; randomize {
			m.log(Warn, "initial packet S crossed")
			m.do(Drop{m.data})
		}
		m.data = f.Conn
	case wire.CmdInitialMeta:
		m.resolve = true
		if randomize = m.meta != 0; randomize {
			m.log(Warn, "initial packet M crossed")
			m.do(Drop{m.meta})
		}
		m.meta = f.Conn
	default:
		m.log(Warn, "Error receiving initial packet")
		m.do(Drop{f.Conn})
		if m.phase == waiting && m.now.Sub(m.dialed) >= rejectPause && !m.coin() {
			m.proceed()
			return
		}
		m.drain()
		return
	}
	// While both settle others are taken, too: that is a wait already.
	if randomize && !m.both() && m.coin() {
		m.cancel()
		m.waitBriefly()
		return
	}
	if m.both() {
		m.cancel()
	}
	if m.phase == connecting {
		m.drain() // the attempt goes on, for the other socket
		return
	}
	m.proceed()
}

// cancel ends an outgoing attempt.
func (m *Machine) cancel() {
	if m.phase == connecting {
		m.do(CancelConnect{m.attempt})
		m.phase = waiting
	}
}
