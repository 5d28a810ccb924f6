package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"classicha/drbdd/peer/meet"
	"classicha/drbdd/wire"
)

// Session is an established pair of sockets.
type Session struct {
	Dialect          wire.Dialect // Digest is not used: each direction has its own
	ResolveConflicts bool

	cfg    *Config
	h      Handler
	ctx    context.Context // ends with the session
	cancel context.CancelFunc
	out    [2]*sender // data, meta
	in     [2]*receiver
	wg     sync.WaitGroup // of who uses the sockets
	done   chan struct{}
	brake  brake

	mu    sync.Mutex
	ended bool
	why   ending
}

// ending is the first thing that went wrong.
type ending struct {
	sock  wire.Socket
	cause wire.ConnState
	line  string
	after string // a line of the kernel that follows
	// polite: the peer may still read what we sent.
	polite bool
}

// newSession takes the connections over, also when it fails.
func newSession(cfg *Config, h Handler, end meet.Established, data, meta *net.TCPConn) (*Session, error) {
	s := &Session{
		Dialect: end.Dialect, ResolveConflicts: end.ResolveConflicts,
		cfg: cfg, h: h, done: make(chan struct{}),
	}
	d, err := newSocket(data, cfg.Ring == nil)
	if err != nil {
		meta.Close()
		return nil, err
	}
	m, err := newSocket(meta, cfg.Ring == nil)
	if err != nil {
		d.close()
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.out = [2]*sender{newSender(s, wire.DataSocket, d), newSender(s, wire.MetaSocket, m)}
	s.in = [2]*receiver{newReceiver(s, wire.DataSocket, d, 128<<10), newReceiver(s, wire.MetaSocket, m, 64<<10)}
	return s, nil
}

// abandon ends a session of which the handler never heard.
func (s *Session) abandon() {
	s.fail(ending{})
	s.closeSockets()
	close(s.done)
}

func (s *Session) start() {
	for i := range s.out {
		s.wg.Go(s.out[i].run)
		s.in[i].start()
	}
	go func() {
		defer close(s.done)
		<-s.ctx.Done()
		for _, r := range s.in {
			r.stop()
		}
		s.wg.Wait()
		for _, q := range s.out {
			q.end()
		}
		if !s.why.polite {
			s.closeSockets()
		}
		s.h.Down(s, s.why.sock, s.why.cause, s.why.line)
		if s.why.after != "" {
			s.cfg.Log(Warn, s.why.after)
		}
		if s.why.polite {
			s.swallow()
		}
	}()
}

// fail ends the session; the first reason counts.
func (s *Session) fail(why ending) {
	s.mu.Lock()
	first := !s.ended
	if first {
		s.ended, s.why = true, why
	}
	s.mu.Unlock()
	if !first {
		return
	}
	s.cancel()
	if why.polite {
		s.part()
		return
	}
	for _, q := range s.out {
		q.conn.closeWrite() // what is on its way arrives even if we leave bytes unread
		if q.conn.polled {
			q.conn.close() // wakes its goroutines; what a ring watches stays open until that has ended
		}
	}
}

func (s *Session) closeSockets() {
	for _, q := range s.out {
		q.conn.close()
	}
}

// Close ends the session. It does not wait: Down follows, with Unconnected and no
// line unless something else was first. What was not handed to the system is lost;
// the peer gets what was (farewell).
func (s *Session) Close() { s.fail(ending{cause: wire.Unconnected, polite: true}) }

// Wait returns when the sockets are closed, after Down did. It must not be called from within the handler.
func (s *Session) Wait() { <-s.done }

func (s *Session) queue(sock wire.Socket) *sender {
	if sock == wire.MetaSocket {
		return s.out[1]
	}
	return s.out[0]
}

// Send queues a packet behind the others of that socket; it goes out with the next
// Flush. It never blocks. payload is what follows the sub-header: data, bitmap, or
// the digest of P_OV_REPLY and P_CSUM_RS_REQUEST; the digest of data-integrity-alg
// is computed here, with the algorithm of the P_PROTOCOL or P_PROTOCOL_UPDATE that
// was sent last. release, if not nil, is called exactly once when the payload is not
// needed any more, also if it is never sent; token, if not 0, is told to Sent when
// the packet was handed to the system, and never if it was not. Both are called from
// Send, from Flush or from the writer.
func (s *Session) Send(sock wire.Socket, vol int, cmd wire.Command, body wire.Body, payload []byte, release func(), token uint64) {
	q := s.queue(sock)
	q.mu.Lock()
	err := q.add(vol, cmd, body, payload, release, token)
	q.mu.Unlock()
	if err != nil {
		if release != nil {
			release()
		}
		if err != errEnded {
			s.fail(ending{sock: sock, cause: wire.ProtocolError, line: err.Error()})
		}
	}
}

// SendAck is Send for acknowledgements on the meta socket; it does not allocate.
func (s *Session) SendAck(vol int, cmd wire.Command, ack wire.BlockAck) {
	q := s.out[1]
	q.mu.Lock()
	q.ack = ack
	_ = q.add(vol, cmd, &q.ack, nil, nil, 0) // ended: nothing to release
	q.mu.Unlock()
}

// SendData is Send for P_DATA and the replies with data; it does not allocate.
func (s *Session) SendData(vol int, cmd wire.Command, head wire.Data, payload []byte, release func(), token uint64) {
	q := s.out[0]
	q.mu.Lock()
	q.data = head
	err := q.add(vol, cmd, &q.data, payload, release, token)
	q.mu.Unlock()
	if err != nil && release != nil {
		release()
	}
}

// Flush writes what was queued since the last Flush: both sockets, one system call
// each. What the system does not take at once is left to the writer.
func (s *Session) Flush() {
	s.out[1].flush() // acks first: somebody waits for them
	s.out[0].flush()
}

// QueuedBytes is how much was queued for a socket and not yet handed to the system.
// It is 0 while the system's own send buffer has room.
func (s *Session) QueuedBytes(sock wire.Socket) int { return int(s.queue(sock).queued.Load()) }

// badPacket ends the session because of what the peer sent (section 3).
func (s *Session) badPacket(sock wire.Socket, err error) {
	cause := wire.ProtocolError
	var e *wire.Error
	if sock == wire.MetaSocket {
		cause = wire.NetworkFailure
		if errors.As(err, &e) && (e.Reason == wire.UnknownCmd || e.Reason == wire.NotAgreed) {
			cause = wire.Disconnecting
		}
	}
	s.fail(ending{sock: sock, cause: cause, line: err.Error()})
}

// readFailed ends the session because a socket ended. want is what was not read.
func (s *Session) readFailed(sock wire.Socket, err error, want int) {
	why := ending{sock: sock, cause: wire.BrokenPipe, line: readError(err)}
	if sock == wire.MetaSocket {
		why.cause = wire.NetworkFailure
		if isEOF(err) {
			why.line = "meta connection shut down by peer."
		}
	} else if isEOF(err) {
		why.after = fmt.Sprintf("short read (expected size %d)", want)
	}
	s.fail(why)
}
