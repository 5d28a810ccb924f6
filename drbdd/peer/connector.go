package peer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"classicha/drbdd/peer/meet"
)

// Connector looks for the peer until there is a session.
type Connector struct {
	cfg    Config
	h      Handler
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	told   atomic.Int32 // one of the values below

	mu  sync.Mutex
	acc *acceptor // of the attempt under way
}

// Values of told: who may call the handler.
const (
	mayTell int32 = iota
	telling
	toldLast // Up or the last Failed was called
	closed
)

// Dial begins to connect and returns at once.
func Dial(cfg Config, h Handler) *Connector {
	ctx, cancel := context.WithCancel(context.Background())
	if cfg.Log == nil {
		cfg.Log = func(Level, string) {}
	}
	cfg.Log = newRepeats(cfg.Log).log
	c := &Connector{cfg: cfg, h: h, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	go c.run()
	return c
}

// Close ends the attempts. When it returns the listener is closed, and Up and Failed
// are not begun any more; a session whose Up was begun is the owner's. It may be
// called from within the handler, and more than once.
func (c *Connector) Close() {
	c.told.Store(closed)
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acc != nil {
		c.acc.stop()
	}
}

// Wait returns when all of the Connector has ended: after Close, Up, or Failed with
// giveUp. It must not be called from within the handler.
func (c *Connector) Wait() { <-c.done }

// tell calls the handler unless the Connector was closed.
func (c *Connector) tell(last bool, call func()) bool {
	if !c.told.CompareAndSwap(mayTell, telling) {
		return false
	}
	call()
	after := mayTell
	if last {
		after = toldLast
	}
	c.told.CompareAndSwap(telling, after)
	return true
}

func (c *Connector) run() {
	defer close(c.done)
	for c.ctx.Err() == nil {
		switch end := c.attempt().(type) {
		case meet.Retry:
			c.tell(false, func() { c.h.Failed(false, end.Reason) })
			select {
			case <-time.After(meet.RetryDelay):
			case <-c.ctx.Done():
			}
		case meet.GiveUp:
			c.tell(true, func() { c.h.Failed(true, end.Reason) })
			return
		default: // there is a session, or the Connector was closed
			return
		}
	}
}

// attempt runs one machine to its end, and Up if that is a success.
func (c *Connector) attempt() meet.Action {
	mc, err := c.cfg.meeting()
	if err != nil {
		c.cfg.Log(Err, err.Error())
		return meet.Retry{Reason: err.Error()}
	}
	a := newAttempt(c, meet.New(mc))
	last := a.run()
	if end, ok := last.(meet.Established); ok {
		s, err := newSession(&c.cfg, c.h, end, a.conns[end.Data], a.conns[end.Meta])
		if err != nil {
			c.cfg.Log(Err, err.Error())
			return meet.Retry{Reason: err.Error()}
		}
		if !c.tell(true, func() { c.h.Up(s) }) {
			s.abandon()
			return nil
		}
		s.start()
	}
	return last
}
