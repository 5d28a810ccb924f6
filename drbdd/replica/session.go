package replica

import (
	"fmt"
	"time"

	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// session is one connection to the peer, from Up to Down.
type session struct {
	up        bool
	number    uint64 // of the session, to tell what belongs to an earlier one
	dialect   wire.Dialect
	resolve   bool // RESOLVE_CONFLICTS
	stateSent bool // P_STATE of the handshake was sent, the peer's was not handled yet
	protocol  bool // the peer's P_PROTOCOL was accepted
	tentative bool // the peer only tries

	// blocked counts what the data socket waits for; its packets stay in queue.
	blocked int
	queue   []Packet
	paused  bool
	epoch   *peerEpoch
	// promises are answers to barriers that go with the next acknowledgement of a write, of
	// which owed are still to come.
	promises []wire.BarrierAck
	owed     int
	usual    uint32 // writes of the last epoch

	pings    []func(ok bool) // waiting for P_PING_ACK, in order
	pingAt   time.Time       // of the oldest of them
	received time.Time       // last packet on either socket
	idle     *timer
	overdue  *timer
	watching *timer
	ko       uint32
	leaving  *timer // we wait for the peer to close

	integrity [2]string // own, peer's
}

// queueHigh and queueLow bound the packets that wait while the data socket is
// blocked.
const (
	queueHigh = 512
	queueLow  = 64
)

// send sends a packet without a block of data.
func (r *Resource) send(sock wire.Socket, vol int, cmd wire.Command, body wire.Body) {
	if r.peer.up {
		r.do(Send{Sock: sock, Vol: vol, Cmd: cmd, Body: body})
	}
}

func (r *Resource) free(b Buf) {
	if b != 0 {
		r.do(Free{Buf: b})
	}
}

// up begins a session: everything the peer has to know goes out at once.
func (r *Resource) up(e Up) {
	if r.net == nil || r.cs != wire.WFConnection {
		r.do(HangUp{})
		return
	}
	r.sessions++
	r.peer = session{up: true, number: r.sessions, dialect: e.Dialect, resolve: e.Resolve, received: r.now, ko: r.net.KoCount}
	r.peer.epoch = &peerEpoch{}
	r.tl.sentEpoch, r.tl.sentWrites, r.tl.open = r.tl.cur, 0, nil
	r.tl.patience = lazyTries
	if r.net.Tentative && e.Dialect.Version < 92 {
		r.logf(Error, "--dry-run is not supported by peer")
		r.disconnected()
		return
	}
	r.peer.integrity[0] = r.net.IntegrityAlg
	flags := uint32(0)
	if r.net.DiscardMyData {
		flags |= wire.DiscardMyData
	}
	if r.net.Tentative {
		flags |= wire.DryRun
	}
	r.send(wire.DataSocket, 0, wire.CmdProtocol, r.ownProtocol(flags))
	if e.Dialect.Version >= 87 {
		r.do(Integrity{Send: r.net.IntegrityAlg})
	}
	r.peer.stateSent = true
	for _, v := range r.vols {
		v.seq = 0
		v.p = peerInfo{}
		v.sendSyncParam()
		v.sendSizes(0)
		if v.st.Disk >= wire.Negotiating {
			v.sendUUIDs(0)
		}
		v.sendState()
	}
	r.setConn(wire.WFReportParams)
	r.armIdle()
	if len(r.vols) == 0 {
		r.peer.stateSent = false
	}
}

func (r *Resource) ownProtocol(flags uint32) wire.Body {
	p := wire.Protocol{
		Protocol:  uint32(r.net.Protocol-'A') + 1,
		AfterSB0P: r.net.AfterSB0P, AfterSB1P: r.net.AfterSB1P, AfterSB2P: r.net.AfterSB2P,
		Flags: flags, Integrity: r.net.IntegrityAlg,
	}
	if r.net.TwoPrimaries {
		p.TwoPrimaries = 1
	}
	return p.For(r.peer.dialect)
}

// protocolError drops the connection because of what the peer sent.
func (r *Resource) protocolError(format string, args ...any) {
	if r.peer.up {
		r.lose(wire.ProtocolError, fmt.Sprintf(format, args...))
	}
}

// lose ends the connection from here; it is tried again.
func (r *Resource) lose(cause wire.ConnState, line string) {
	if !r.peer.up {
		return
	}
	r.do(HangUp{})
	r.down(Down{Cause: cause, Line: line})
}

// down is the end of a session.
func (r *Resource) down(e Down) {
	if !r.peer.up {
		return
	}
	if e.Line != "" {
		r.logf(Error, "%s", e.Line)
	}
	p := r.peer
	r.peer = session{}
	if r.cs == wire.WFReportParams {
		r.setConn(e.Cause)
	}
	r.endSession(p)
	r.logf(Info, "Connection closed")
	if r.net == nil || r.cs == wire.Disconnecting || r.cs == wire.StandAlone {
		r.standAlone()
		return
	}
	r.setConn(wire.Unconnected)
	r.logf(Info, "Restarting receiver thread")
	r.dial()
}

// endSession ends what belonged to the connection p. The states are set already,
// so what is decided here sees a lost peer.
func (r *Resource) endSession(p session) {
	for _, t := range []*timer{p.idle, p.overdue, p.watching, p.leaving} {
		t.stop()
	}
	clear(r.sent)
	for _, q := range p.queue {
		r.free(q.Buf)
	}
	for _, f := range p.pings {
		f(false)
	}
	if c := r.cw; c != nil {
		r.cw = nil
		c.over.stop()
		c.done(wire.CWFailedByPeer)
	}
	for _, v := range r.vols {
		v.lostPeer()
	}
	r.tlLost()
	for _, v := range r.vols {
		v.restartReads()
	}
	r.nextClusterChange()
	r.soon(r.refence)
}

// dial looks for the peer.
func (r *Resource) dial() {
	r.setConn(wire.WFConnection)
	r.do(Dial{Options: *r.net})
}

// giveUp ends the attempt to connect.
func (r *Resource) giveUp(e GiveUp) {
	if e.Line != "" {
		r.logf(Error, "%s", e.Line)
	}
	if r.net == nil || r.cs != wire.WFConnection {
		return
	}
	r.disconnected()
}

// disconnected ends the connection for good: StandAlone, without a network
// configuration.
func (r *Resource) disconnected() {
	if r.cs == wire.StandAlone {
		return
	}
	r.setConn(wire.Disconnecting)
	r.logf(Info, "Discarding network configuration.")
	r.do(HangUp{})
	if p := r.peer; p.up {
		r.peer = session{}
		r.endSession(p)
		r.logf(Info, "Connection closed")
	}
	r.standAlone()
}

func (r *Resource) standAlone() {
	r.setConn(wire.StandAlone)
	r.net = nil
	fs := r.onStandAlone
	r.onStandAlone = nil
	for _, f := range fs {
		f()
	}
}

// setConn sets the state of the connection, and of all volumes, as a fact.
func (r *Resource) setConn(c wire.ConnState) {
	if r.cs != c {
		r.wideChange(state.SetConn(c), false)
	}
}

// ping asks for a sign of life; f runs with the answer, or false when the
// connection is lost first.
func (r *Resource) ping(f func(ok bool)) {
	if !r.peer.up {
		if f != nil {
			f(false)
		}
		return
	}
	if f == nil {
		f = func(bool) {}
	}
	p := &r.peer
	if len(p.pings) == 0 {
		p.pingAt = r.now
		r.armOverdue(r.net.PingTimeout)
	}
	p.pings = append(p.pings, f)
	r.send(wire.MetaSocket, 0, wire.CmdPing, nil)
}

// armOverdue waits for the answer to a ping. Whatever arrives meanwhile counts as
// life.
func (r *Resource) armOverdue(d time.Duration) {
	p := &r.peer
	p.overdue.stop()
	p.overdue = r.after(d, func() {
		p := &r.peer
		if quiet := r.now.Sub(p.received); p.received.After(p.pingAt) && quiet < r.net.PingTimeout {
			r.armOverdue(r.net.PingTimeout - quiet)
			return
		}
		r.lose(wire.NetworkFailure, "PingAck did not arrive in time.")
	})
}

func (r *Resource) pingAck() {
	p := &r.peer
	if len(p.pings) == 0 {
		return
	}
	f := p.pings[0]
	p.pings = p.pings[1:]
	p.overdue.stop()
	if len(p.pings) > 0 {
		p.pingAt = r.now
		r.armOverdue(r.net.PingTimeout)
	}
	f(true)
}

// armIdle pings a peer of which nothing was heard for ping-int.
func (r *Resource) armIdle() {
	d := r.net.PingInt - r.now.Sub(r.peer.received)
	if d <= 0 {
		d = r.net.PingInt // a ping is on its way
	}
	r.peer.idle = r.after(d, func() {
		if r.now.Sub(r.peer.received) >= r.net.PingInt && len(r.peer.pings) == 0 {
			r.ping(nil)
		}
		r.armIdle()
	})
}

// watch looks every now and then whether the peer leaves a write unanswered for
// longer than ko-count times timeout (section 9.5).
func (p *session) watch(r *Resource) {
	if p.watching != nil && !p.watching.stopped || r.net.KoCount == 0 {
		return
	}
	p.watching = r.after(r.net.Timeout, func() {
		limit := r.net.Timeout * time.Duration(r.net.KoCount)
		waits := false
		for _, q := range r.tl.reqs {
			waits = true
			if r.now.Sub(q.since) > limit {
				what := "Remote failed to finish a request within"
				if !q.counted {
					what = "Remote failed to answer a P_BARRIER (sent) within"
				}
				r.lose(wire.Timeout, fmt.Sprintf("%s %dms > ko-count (%d) * timeout (%d * 0.1s)", what,
					r.now.Sub(q.since).Milliseconds(), r.net.KoCount, r.net.Timeout/(100*time.Millisecond)))
				return
			}
			break // the oldest is the first
		}
		if waits && r.peer.up {
			r.peer.watch(r)
		}
	})
}

// stalled counts the timeouts of a send that makes no progress.
func (r *Resource) stalled(e Stalled) {
	p := &r.peer
	if !p.up {
		return
	}
	if e.Sock == wire.MetaSocket {
		r.lose(wire.Timeout, "sending on the meta socket timed out")
		return
	}
	if r.net.KoCount == 0 {
		return
	}
	p.ko--
	r.logf(Error, "[drbd_s_%s/0] sock_sendmsg time expired, ko = %d", r.name, p.ko)
	if p.ko == 0 {
		r.lose(wire.Timeout, "")
		return
	}
	if len(p.pings) == 0 {
		r.ping(nil)
	}
}

// alive tells whether session n is still there.
func (r *Resource) alive(n uint64) bool { return r.peer.up && r.peer.number == n }

// block holds back the packets of the data socket until the returned function is
// called; after the session it does nothing.
func (r *Resource) block() (unblock func()) {
	n := r.peer.number
	r.peer.blocked++
	return func() {
		if !r.alive(n) {
			return
		}
		if r.peer.blocked--; r.peer.blocked == 0 {
			r.soon(r.drain)
		}
	}
}
