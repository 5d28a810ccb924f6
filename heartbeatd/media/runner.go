package media

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// conn is an open socket or line.
type conn interface {
	// read waits for input and hands on the frames in it, if any; garbage is
	// how much of it was none. It is released by close. A lost means that the
	// conn is of no more use; other errors are passing.
	read(deliver func(frame []byte)) (garbage int, err error)
	// write sends one frame. Of a runner with a queue it may wait, and is released by
	// close; without one it never waits, and may be called from anywhere.
	write(frame []byte) error
	// check returns a lost if the conn must be replaced: the interface or device
	// of that name is gone, or is another one now.
	check() error
	close()
}

// lost is the error of a conn that must be opened again. It says why.
type lost string

func (l lost) Error() string { return string(l) }

// errClosed is what a conn's read returns after close.
const errClosed = lost("closed")

func isLost(err error) bool {
	var l lost
	return errors.As(err, &l)
}

// How often an open conn is checked, and how soon a lost one is tried again:
// at first after retryMin, then at twice the time, up to retryMax. The check goes along
// with a frame that is sent, when the process is awake anyway: a timer of its own in each
// medium cost a third of an idle daemon's processor time. A frame that cannot be sent has it
// checked at once. checkIdle is for a medium on which nothing is sent.
const (
	checkEvery = 3 * time.Second
	checkIdle  = 10 * time.Second
	retryMin   = 100 * time.Millisecond
	retryMax   = time.Second
	// readPause keeps a reader whose descriptor fails again and again, without
	// being lost, from spinning.
	readPause = 50 * time.Millisecond
)

// runner is a Medium made of a way to open a conn.
type runner struct {
	spec     Spec
	link     string
	text     bool
	ping     bool
	lines    []string
	open     func() (conn, error)
	sendText func(size int, err error) string // the original's line for a failed send
	q        *queue                           // nil: Send hands frames to the system at once

	checked atomic.Int64 // when a send had the conn checked, in nanoseconds

	recv func(Packet)
	stop chan struct{}
	kick chan struct{} // from the writer: a send failed, look at the conn
	wg   sync.WaitGroup

	mu      sync.Mutex // guards these
	state   state
	current conn // nil while lost

	sending, receiving, opening trouble

	sent, sentBytes, received, receivedBytes           atomic.Uint64
	drops, sendErrors, receiveErrors, garbage, reopens atomic.Uint64
	lastError                                          atomic.Pointer[string]
}

type state uint8

const (
	fresh state = iota
	starting
	running
	closed
)

// newRunner is for the constructors, which fill in the rest.
func newRunner(s Spec, link string) *runner {
	r := &runner{spec: s, link: link, stop: make(chan struct{}), kick: make(chan struct{}, 1)}
	name := s.Kind + " " + link
	r.sending = trouble{name: name + ": sending", log: s.Log}
	r.receiving = trouble{name: name + ": receiving", log: s.Log}
	r.opening = trouble{name: name, log: s.Log}
	return r
}

func (r *runner) Link() string       { return r.link }
func (r *runner) Kind() string       { return r.spec.Kind }
func (r *runner) Text() bool         { return r.text }
func (r *runner) Ping() bool         { return r.ping }
func (r *runner) Describe() []string { return r.lines }

func (r *runner) Open(recv func(Packet)) error { return r.start(recv, false) }

func (r *runner) Persist(recv func(Packet)) error { return r.start(recv, true) }

func (r *runner) start(recv func(Packet), persist bool) error {
	r.mu.Lock()
	was := r.state
	r.state = max(r.state, starting)
	r.mu.Unlock()
	if was != fresh {
		return fmt.Errorf("%s %s: was opened before", r.spec.Kind, r.link)
	}
	c, err := r.open()
	if err != nil && !persist {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == closed {
		if err == nil {
			c.close()
		}
		return fmt.Errorf("%s %s: %w", r.spec.Kind, r.link, errClosed)
	}
	if err != nil {
		c = nil
		reason := err.Error()
		r.lastError.Store(&reason)
	}
	r.recv, r.state, r.current = recv, running, c
	r.wg.Add(1)
	go r.keep(c)
	if r.q != nil {
		r.wg.Add(1)
		go r.write()
	}
	return err
}

func (r *runner) Send(frame []byte) {
	if r.q == nil {
		r.put(frame)
		return
	}
	if n := r.q.put(frame); n > 0 {
		r.drops.Add(uint64(n))
	}
}

func (r *runner) Close() error {
	r.mu.Lock()
	if r.state == running {
		close(r.stop)
	}
	r.state = closed
	r.mu.Unlock()
	if r.q != nil {
		r.q.close()
	}
	r.wg.Wait()
	return nil
}

func (r *runner) Stats() Stats {
	s := Stats{
		Sent: r.sent.Load(), SentBytes: r.sentBytes.Load(),
		Received: r.received.Load(), ReceivedBytes: r.receivedBytes.Load(),
		QueueDrops: r.drops.Load(), SendErrors: r.sendErrors.Load(), ReceiveErrors: r.receiveErrors.Load(),
		Garbage: r.garbage.Load(), Reopens: r.reopens.Load(),
	}
	r.mu.Lock()
	s.Open = r.state == running && r.current != nil
	r.mu.Unlock()
	if e := r.lastError.Load(); e != nil {
		s.LastError = *e
	}
	return s
}

func (r *runner) conn() conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

func (r *runner) setConn(c conn) {
	r.mu.Lock()
	r.current = c
	r.mu.Unlock()
}

// keep is the keeper: it has one conn read after the other until the stop. It begins
// with c, or by opening one.
func (r *runner) keep(c conn) {
	defer r.wg.Done()
	if c == nil {
		c = r.reopen()
	}
	for c != nil {
		why := r.use(c)
		r.setConn(nil)
		if why == nil {
			return
		}
		r.fail(&r.opening, hlog.Warn, why, fmt.Sprintf("%s %s: %v; opening it again", r.spec.Kind, r.link, why))
		c = r.reopen()
	}
}

// use reads from a conn until it is lost, and says why, or until the stop: nil.
// The conn is closed then.
func (r *runner) use(c conn) error {
	ended := make(chan error, 1)
	go func() { ended <- r.read(c) }()
	tick := time.NewTicker(checkIdle)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			c.close()
			<-ended
			return nil
		case err := <-ended:
			c.close()
			return err
		case <-r.kick:
			tick.Reset(checkIdle)
		case <-tick.C:
		}
		if err := c.check(); err != nil {
			c.close()
			<-ended
			return err
		}
		r.opening.worked(time.Now())
	}
}

// reopen tries until it works or the stop: nil.
func (r *runner) reopen() conn {
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		select {
		case <-r.stop:
			return nil
		case <-time.After(wait):
		}
		c, err := r.open()
		if err != nil {
			r.fail(&r.opening, hlog.Warn, err, fmt.Sprintf("%s %s: %v", r.spec.Kind, r.link, err))
			continue
		}
		r.reopens.Add(1)
		r.lastError.Store(nil)
		r.setConn(c) // that it works again is logged when it has lasted a while
		return c
	}
}

// read is the reader of one conn. It ends when the conn is lost or closed.
func (r *runner) read(c conn) error {
	deliver := func(frame []byte) {
		r.received.Add(1)
		r.receivedBytes.Add(uint64(len(frame)))
		r.recv(Packet{Link: r.link, Frame: frame})
	}
	for {
		garbage, err := c.read(deliver)
		r.garbage.Add(uint64(garbage))
		switch {
		case err == nil:
			r.receiving.worked(time.Now())
		case isLost(err):
			return err
		default:
			r.receiveErrors.Add(1)
			r.fail(&r.receiving, hlog.Error, err, "glib: "+r.link+": Error receiving from socket: "+err.Error())
			select {
			case <-r.stop:
				return nil
			case <-time.After(readPause):
			}
		}
	}
}

// write is the writer of a medium that may have to wait for its line.
func (r *runner) write() {
	defer r.wg.Done()
	for {
		frame, ok := r.q.next()
		if !ok {
			return
		}
		r.put(frame)
	}
}

// put hands one frame to the conn, and has the conn checked now and then.
func (r *runner) put(frame []byte) {
	c := r.conn()
	if c == nil {
		// Lost: what waits now would be old news when it is open again.
		r.sendErrors.Add(1)
		return
	}
	err := c.write(frame)
	now := time.Now()
	if err == nil {
		r.sent.Add(1)
		r.sentBytes.Add(uint64(len(frame)))
		if r.lastError.Load() != nil {
			r.lastError.Store(nil)
		}
		r.sending.worked(now)
		if was := r.checked.Load(); now.UnixNano()-was >= int64(checkEvery) && r.checked.CompareAndSwap(was, now.UnixNano()) {
			r.look()
		}
		return
	}
	if errors.Is(err, unix.EAGAIN) {
		r.drops.Add(1) // the socket's buffer is full: there is no room for it anywhere
	} else {
		r.sendErrors.Add(1)
	}
	select {
	case <-r.stop:
		return
	default:
		r.look()
	}
	if r.conn() == c { // else it was closed under us, and that is known
		r.fail(&r.sending, hlog.Error, err, r.sendText(len(frame), err))
	}
}

// look asks the keeper to check the conn. It does not wait.
func (r *runner) look() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// fail counts and perhaps logs a failure.
func (r *runner) fail(t *trouble, level hlog.Level, err error, text string) {
	reason := err.Error()
	r.lastError.Store(&reason)
	t.failed(time.Now(), level, reason, text)
}
