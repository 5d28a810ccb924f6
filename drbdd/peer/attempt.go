package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"classicha/drbdd/peer/meet"
	"classicha/drbdd/wire"
)

// attempt does what one machine wants. Its loop owns the machine and the connections;
// whatever waits has a goroutine and posts what came of it.
type attempt struct {
	c      *Connector
	ctx    context.Context
	cancel context.CancelFunc
	m      *meet.Machine
	posts  chan func() meet.Event // run by the loop
	wg     sync.WaitGroup
	acc    *acceptor
	conns  map[meet.Conn]*net.TCPConn
	next   meet.Conn
	dialed context.CancelFunc // ends the outgoing attempt under way
	end    meet.Action
}

func newAttempt(c *Connector, m *meet.Machine) *attempt {
	a := &attempt{
		c: c, m: m, posts: make(chan func() meet.Event),
		conns: map[meet.Conn]*net.TCPConn{},
	}
	a.ctx, a.cancel = context.WithCancel(c.ctx)
	return a
}

// post hands an event to the loop; false if that has ended.
func (a *attempt) post(f func() meet.Event) bool {
	select {
	case a.posts <- f:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// postConn posts an event with a connection in it, and closes that if it is too late.
func (a *attempt) postConn(nc *net.TCPConn, f func(meet.Conn) meet.Event) {
	if !a.post(func() meet.Event { return f(a.add(nc)) }) {
		nc.Close()
	}
}

func (a *attempt) add(nc *net.TCPConn) meet.Conn {
	a.next++
	a.conns[a.next] = nc
	return a.next
}

// run returns the last action, nil if the Connector was closed. Of the connections
// only those of Established are left.
func (a *attempt) run() meet.Action {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for a.end == nil {
		var ev meet.Event
		select {
		case f := <-a.posts:
			ev = f()
		case <-timer.C:
			ev = meet.Tick{}
		case <-a.ctx.Done():
		}
		if ev == nil {
			break
		}
		a.step(ev)
		if next := a.m.Next(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
	a.cancel()
	if a.acc != nil {
		a.acc.stop()
	}
	if _, ok := a.end.(meet.Established); !ok {
		for _, nc := range a.conns {
			nc.Close()
		}
	}
	a.wg.Wait()
	return a.end
}

// step gives the machine an event, and the answers to Check and Listen itself.
func (a *attempt) step(ev meet.Event) {
	for ev != nil {
		actions := a.m.Step(time.Now(), ev)
		ev = nil
		for _, act := range actions {
			switch act := act.(type) {
			case meet.Check:
				ev = meet.Checked{DataAlive: a.alive(act.Data), MetaAlive: a.alive(act.Meta)}
			case meet.Listen:
				if failed := a.listen(); failed != nil {
					ev = failed
				}
			default:
				a.do(act)
			}
		}
	}
}

func (a *attempt) alive(c meet.Conn) bool { return c != 0 && alive(a.conns[c]) }

func (a *attempt) do(act meet.Action) {
	switch act := act.(type) {
	case meet.Connect:
		a.connect(act.Attempt)
	case meet.CancelConnect:
		a.dialed()
	case meet.Drop:
		a.conns[act.Conn].Close()
		delete(a.conns, act.Conn)
	case meet.Settled:
		a.acc.stop()
		ready(a.conns[act.Data], prioData)
		ready(a.conns[act.Meta], prioMeta)
	case meet.Send:
		// A failure shows when the answer is read.
		nc := a.conns[act.Conn]
		_ = nc.SetWriteDeadline(time.Now().Add(4 * a.c.cfg.PingTimeout))
		_, _ = nc.Write(act.Dialect.Append(nil, &act.Packet))
		_ = nc.SetWriteDeadline(time.Time{})
	case meet.Expect:
		nc := a.conns[act.Conn]
		a.wg.Go(func() {
			ev := expect(nc, act)
			a.post(func() meet.Event { return ev })
		})
	case meet.Log:
		a.c.cfg.Log(act.Level, act.Text)
	case meet.Established, meet.Retry, meet.GiveUp:
		a.end = act
	}
}

// listen begins to accept connections of the peer. It is done before our own first
// attempt begins: so of two nodes that start together one at least finds the other.
func (a *attempt) listen() meet.Event {
	a.acc = &acceptor{cfg: &a.c.cfg, first: func(nc *net.TCPConn, cmd wire.Command) {
		a.postConn(nc, func(c meet.Conn) meet.Event { return meet.FirstPacket{Conn: c, Cmd: cmd} })
	}}
	a.c.mu.Lock()
	a.c.acc = a.acc
	a.c.mu.Unlock()
	if err := a.acc.open(a.ctx); err != nil {
		text, _ := whatFailed(err, "listen")
		return meet.ListenFailed{Text: text}
	}
	a.wg.Go(func() { a.acc.run(a.ctx, &a.wg) })
	return nil
}

// connect makes one outgoing attempt.
func (a *attempt) connect(number int) {
	ctx, cancel := context.WithCancel(a.ctx)
	a.dialed = cancel
	a.wg.Go(func() {
		defer cancel()
		nc, err := a.c.cfg.dial(ctx)
		if err == nil {
			a.postConn(nc, func(c meet.Conn) meet.Event { return meet.Connected{Attempt: number, Conn: c} })
			return
		}
		ev := meet.ConnectFailed{Attempt: number}
		if text, bind := whatFailed(err, "connect"); bind || !everyday(err) {
			ev.Text, ev.Fatal = text, bind
		}
		a.post(func() meet.Event { return ev })
	})
}

// expect reads one packet of the handshake, and not a byte more.
func expect(nc *net.TCPConn, e meet.Expect) meet.Event {
	b := make([]byte, e.Dialect.HeaderSize(), wire.SocketBuffer)
	if err := readFull(nc, b); err != nil {
		return meet.Lost{Text: err.Error()}
	}
	h, _, err := e.Dialect.ParseHeader(b)
	if err != nil {
		return meet.Lost{Text: err.Error()}
	}
	got := meet.Got{Header: h}
	if h.Cmd != e.Cmd {
		return got
	}
	plan, err := e.Dialect.Plan(wire.DataSocket, h)
	if err != nil {
		got.Err = err
		return got
	}
	b = b[:plan.Body+plan.Digest+plan.Payload]
	if err := readFull(nc, b); err != nil {
		return meet.Lost{Text: err.Error()}
	}
	got.Body, got.Err = e.Dialect.ParseBody(h.Cmd, b[:plan.Body])
	got.Payload = b[plan.Body+plan.Digest:]
	return got
}

// readFull has the kernel's lines as errors.
func readFull(nc *net.TCPConn, b []byte) error {
	_, err := io.ReadFull(nc, b)
	if err == nil {
		return nil
	}
	return errors.New(readError(err))
}

// readError is the kernel's line for a failed read.
func readError(err error) string {
	var no syscall.Errno
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "sock was shut down by peer"
	case errors.Is(err, syscall.ECONNRESET):
		return "sock was reset by peer"
	case errors.As(err, &no):
		return fmt.Sprintf("sock_recvmsg returned %d", -int(no))
	}
	return fmt.Sprintf("sock_recvmsg failed: %v", err)
}
