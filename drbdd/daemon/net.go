package daemon

import (
	"fmt"
	"net/netip"
	"strings"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/control/options"
	"classicha/drbdd/peer"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// parseAddr takes "ipv4:10.0.0.1:7788" or "ipv6:[::1]:7788".
func parseAddr(text string) (netip.AddrPort, error) {
	family, rest, ok := strings.Cut(text, ":")
	if ok && (family == "ipv4" || family == "ipv6") {
		a, err := netip.ParseAddrPort(rest)
		if err == nil && a.Addr().Is4() == (family == "ipv4") {
			return a, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("'%s' is not an address of the form ipv4:ADDRESS:PORT or ipv6:[ADDRESS]:PORT", text)
}

// dial begins to look for the peer. It is called in the loop.
func (r *resource) dial(o replica.NetOptions) {
	r.mu.Lock()
	local, remote, words := r.local, r.remote, r.net
	r.mu.Unlock()
	l, err := parseAddr(local)
	var p netip.AddrPort
	if err == nil {
		p, err = parseAddr(remote)
	}
	sock, err2 := options.SocketOptions(words)
	if err == nil {
		err = err2
	}
	if err != nil {
		r.later(replica.GiveUp{Line: err.Error()})
		return
	}
	r.closeConn()
	cfg := peer.Config{
		Local: l, Remote: p, ConnectInt: o.ConnectInt, PingTimeout: o.PingTimeout, Timeout: o.Timeout, SockCheckTimeo: sock.Check,
		SndBuf: int(sock.SendBuffer), RcvBuf: int(sock.ReceiveBuffer), Cork: sock.Cork, CramAlg: sock.AuthAlg, Secret: sock.Secret,
		Features: r.s.set.Features, Pool: r.recvPool, Ring: r.ring,
		Log: func(level peer.Level, text string) {
			l := replica.Info
			switch level {
			case peer.Warn:
				l = replica.Warn
			case peer.Err:
				l = replica.Error
			}
			r.s.logf(l, "drbd "+r.name, "%s", text)
		},
	}
	r.dials++
	r.conn = peer.Dial(cfg, &link{r: r, n: r.dials})
}

// closeConn ends a search that is under way.
func (r *resource) closeConn() {
	if r.conn != nil {
		r.conn.Close()
		r.conn = nil
	}
}

// hangUp ends search and session.
func (r *resource) hangUp() {
	r.closeConn()
	if r.sess != nil {
		r.sess.Flush()
		r.sess.Close()
		r.sess = nil
	}
	r.dials++ // what comes from before does not count
}

// link hears of one search and its session. Events of one that was given up are
// dropped in the loop.
type link struct {
	r *resource
	n uint64
}

// post hands an event to the core if the link is the present one.
func (l *link) post(f func(r *resource)) {
	l.r.loop.post(func(*replica.Resource) {
		if l.r.dials == l.n {
			f(l.r)
		}
	})
}

// Up implements peer.Handler.
func (l *link) Up(s *peer.Session) {
	used := false
	l.r.loop.call(func(*replica.Resource) {
		r := l.r
		if r.dials != l.n {
			return
		}
		used = true
		r.sess, r.conn = s, nil
		r.later(replica.Up{Dialect: s.Dialect, Resolve: s.ResolveConflicts})
	})
	if !used {
		s.Close()
	}
}

// Failed implements peer.Handler.
func (l *link) Failed(giveUp bool, reason string) {
	if giveUp {
		l.post(func(r *resource) {
			r.conn = nil
			r.later(replica.GiveUp{Line: reason})
		})
	}
}

// received is a packet on its way to the loop.
type received struct {
	l       *link
	p       replica.Packet
	payload *blockdev.Buffer
}

// Packet implements peer.Handler.
func (l *link) Packet(s *peer.Session, sock wire.Socket, vol int, cmd wire.Command, body wire.Body, payload *blockdev.Buffer, digest []byte) {
	p := replica.Packet{Sock: sock, Vol: vol, Cmd: cmd, Body: body, Digest: append([]byte(nil), digest...)}
	if payload != nil {
		p.Size = uint32(len(payload.B))
		if cmd == wire.CmdBitmap || cmd == wire.CmdCompressedBitmap {
			p.Payload = append([]byte(nil), payload.B...)
			payload.Release()
			payload = nil
		}
	}
	if cmd == wire.CmdSizes {
		s.Hold() // what follows on the socket comes after it
		go func() {
			l.r.lookAtDisk(vol)
			l.r.loop.post(received{l, p, payload})
			s.Release()
		}()
		return
	}
	l.r.loop.post(received{l, p, payload})
}

// take is called in the loop.
func (e received) take() (replica.Packet, bool) {
	r := e.l.r
	if r.dials != e.l.n {
		if e.payload != nil {
			e.payload.Release()
		}
		return replica.Packet{}, false
	}
	if e.p.Cmd == wire.CmdUUIDs || e.p.Cmd == wire.CmdState {
		r.heard(e.p)
	}
	if e.payload != nil {
		e.p.Buf = r.bufs.add(e.payload.B, e.payload)
	}
	return e.p, true
}

// Sent implements peer.Handler.
func (l *link) Sent(_ *peer.Session, token uint64) {
	l.post(func(r *resource) { r.later(replica.Sent{Token: token}) })
}

// Stalled implements peer.Handler.
func (l *link) Stalled(_ *peer.Session, sock wire.Socket) {
	l.post(func(r *resource) { r.later(replica.Stalled{Sock: sock}) })
}

// Down implements peer.Handler.
func (l *link) Down(_ *peer.Session, _ wire.Socket, cause wire.ConnState, line string) {
	l.post(func(r *resource) {
		r.sess = nil
		r.dials++
		if cause == wire.Disconnecting {
			r.later(replica.GiveUp{Line: line})
			return
		}
		r.later(replica.Down{Cause: cause, Line: line})
	})
}
