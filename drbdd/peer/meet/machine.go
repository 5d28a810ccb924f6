package meet

import (
	"time"

	"classicha/drbdd/wire"
)

// phase is where an attempt is.
type phase uint8

const (
	begin      phase = iota
	connecting       // an outgoing attempt is under way
	waiting          // for an incoming connection
	settling         // both sockets are there; the pause before they are looked at
	features         // the peer's P_CONNECTION_FEATURES is expected
	challenge        // its P_AUTH_CHALLENGE
	response         // its P_AUTH_RESPONSE
	over
)

func (p phase) String() string {
	return [...]string{"begin", "connecting", "waiting", "settling", "features", "challenge", "response", "over"}[p]
}

const (
	// maxQueue bounds the incoming connections that wait for their turn.
	maxQueue = 5
	// rejectPause is the least time between an attempt and one that a bad incoming
	// connection causes, so that a flood of these does not become one of ours.
	rejectPause = time.Second
)

// checking is what the answer to a Check is for.
type checking uint8

const (
	notChecking checking = iota
	checkSettled
	checkIncoming
)

// Machine is one attempt to meet the peer.
type Machine struct {
	cfg   Config
	now   time.Time
	rand  uint64
	out   []Action
	phase phase

	deadline time.Time // of the phase
	attempt  int
	dialed   time.Time // begin of the last attempt
	data     Conn
	meta     Conn
	resolve  bool // RESOLVE_CONFLICTS
	check    checking
	pending  FirstPacket   // for checkIncoming
	queue    []FirstPacket // came while pending was looked at

	dialect wire.Dialect
}

// New makes a Machine. The first Step is with a Tick.
func New(cfg Config) *Machine {
	if cfg.SockCheck == 0 {
		cfg.SockCheck = cfg.PingTimeout
	}
	return &Machine{cfg: cfg, rand: cfg.Seed, dialect: wire.Initial}
}

// Next is when Step wants a Tick; zero means never.
func (m *Machine) Next() time.Time { return m.deadline }

// Over tells whether the last action was given.
func (m *Machine) Over() bool { return m.phase == over }

// Step applies one event. The result is valid until the next call.
func (m *Machine) Step(now time.Time, ev Event) []Action {
	m.now, m.out = now, m.out[:0]
	switch ev := ev.(type) {
	case Tick:
		m.tick()
	case ListenFailed:
		if m.phase < features { // afterwards nobody needs to connect
			m.log(Err, ev.Text)
			m.giveUp(ev.Text)
		}
	case Connected:
		m.connected(ev)
	case ConnectFailed:
		m.connectFailed(ev)
	case FirstPacket:
		m.incoming(ev)
	case Checked:
		m.checked(ev)
	case Got:
		m.got(ev)
	case Lost:
		m.lost(ev)
	}
	return m.out
}

func (m *Machine) do(a ...Action) { m.out = append(m.out, a...) }

func (m *Machine) log(l Level, text string) { m.do(Log{l, text}) }

func (m *Machine) enter(p phase, timeout time.Duration) {
	m.phase, m.deadline = p, m.now.Add(timeout)
}

// coin is a random bit.
func (m *Machine) coin() bool { return m.random(2) == 1 }

// random is a number below n (splitmix64).
func (m *Machine) random(n uint64) uint64 {
	m.rand += 0x9e3779b97f4a7c15
	z := m.rand
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z ^ z>>31) % n
}

func (m *Machine) both() bool { return m.data != 0 && m.meta != 0 }

func (m *Machine) tick() {
	if m.phase == begin {
		m.do(Listen{})
		m.connect()
		return
	}
	if m.phase == over || m.check != notChecking || m.now.Before(m.deadline) {
		return
	}
	switch m.phase {
	case connecting:
		m.do(CancelConnect{m.attempt})
		m.wait()
	case waiting:
		m.proceed()
	case settling:
		m.check = checkSettled
		m.do(Check{m.data, m.meta})
	default:
		m.stepLost("") // no answer in time
	}
}

func (m *Machine) connect() {
	m.attempt++
	m.dialed = m.now
	m.enter(connecting, m.cfg.ConnectInt)
	m.do(Connect{m.attempt})
	m.drain()
}

// wait begins to wait for an incoming connection: connect-int and a seventh more or
// less, so that two nodes do not stay in step.
func (m *Machine) wait() {
	d := m.cfg.ConnectInt
	if m.coin() {
		d += d / 7
	} else {
		d -= d / 7
	}
	m.enter(waiting, d)
	m.drain()
}

// waitBriefly waits for the other half of two connections that crossed. The kernel
// waits for all of connect-int; who comes first does not matter, only that it is not
// both at once.
func (m *Machine) waitBriefly() {
	d := m.cfg.SockCheck
	m.enter(waiting, min(d+d*time.Duration(m.random(16))/4, m.cfg.ConnectInt))
	m.drain()
}

// proceed goes on after a wait: look at the sockets, or connect.
func (m *Machine) proceed() {
	if m.both() {
		m.enter(settling, m.cfg.SockCheck)
		return
	}
	m.connect()
}

func (m *Machine) connected(ev Connected) {
	if m.phase != connecting || ev.Attempt != m.attempt || m.both() {
		m.do(Drop{ev.Conn}) // came after it was cancelled
		return
	}
	cmd := wire.CmdInitialData
	if m.data == 0 {
		m.data = ev.Conn
	} else {
		m.meta, m.resolve = ev.Conn, false
		cmd = wire.CmdInitialMeta
	}
	m.do(Send{ev.Conn, wire.Initial, wire.Packet{Cmd: cmd}})
	if m.both() {
		m.enter(settling, m.cfg.SockCheck)
		return
	}
	if m.check == notChecking {
		m.wait()
		return
	}
	// An incoming connection is just being looked at; checked goes on.
	m.enter(waiting, m.cfg.ConnectInt)
}

func (m *Machine) connectFailed(ev ConnectFailed) {
	if m.phase != connecting || ev.Attempt != m.attempt {
		return
	}
	if ev.Text != "" {
		m.log(Err, ev.Text)
	}
	switch {
	case ev.Fatal:
		m.phase = waiting // nothing to cancel
		m.giveUp(ev.Text)
	case m.check != notChecking:
		m.enter(waiting, m.cfg.ConnectInt)
	default:
		m.wait()
	}
}

// giveUp ends with the line of the kernel. reason is the line before it.
func (m *Machine) giveUp(reason string) {
	m.log(Warn, "Discarding network configuration.")
	m.end()
	m.do(GiveUp{reason})
}

func (m *Machine) retry(reason string) {
	m.end()
	m.do(Retry{reason})
}

// end closes what there is.
func (m *Machine) end() {
	if m.phase == connecting {
		m.do(CancelConnect{m.attempt})
	}
	for _, c := range []Conn{m.data, m.meta} {
		if c != 0 {
			m.do(Drop{c})
		}
	}
	if m.check == checkIncoming {
		m.do(Drop{m.pending.Conn})
	}
	m.dropQueue()
	m.data, m.meta, m.check = 0, 0, notChecking
	m.phase, m.deadline = over, time.Time{}
}

func (m *Machine) dropQueue() {
	for _, f := range m.queue {
		m.do(Drop{f.Conn})
	}
	m.queue = nil
}
