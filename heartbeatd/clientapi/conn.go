package clientapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"classicha/heartbeatd/message"

	"golang.org/x/sys/unix"
)

// conn is one connection. Its name and casual are set once, at signon, by the
// reader; the rest is safe for all.
type conn struct {
	s    *Server
	uc   *net.UnixConn
	cred unix.Ucred
	q    *queue

	name   string // "" until signed on
	casual bool
	gone   chan struct{} // closed when the server has forgotten the connection

	filter  uint32       // guarded by s.mu
	signal  atomic.Int32 // sent to the client with each message; 0: none
	queries atomic.Int32 // clientstatus waiting for other nodes

	mu     sync.Mutex // orders the write deadlines of end and write
	ended  bool
	reason string // why it ended
}

func peerCred(uc *net.UnixConn) (cred unix.Ucred, err error) {
	raw, err := uc.SyscallConn()
	if err != nil {
		return cred, err
	}
	var credErr error
	err = raw.Control(func(fd uintptr) {
		var p *unix.Ucred
		if p, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr == nil {
			cred = *p
		}
	})
	return cred, errors.Join(err, credErr)
}

// drop ends the connection at once. It does not wait.
func (c *conn) drop(reason string) {
	c.end(reason, 0)
}

// end closes the queue and gives the writer some time to send what is in it.
// The first reason counts; it is returned.
func (c *conn) end(reason string, drain time.Duration) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended, c.reason = true, reason
		c.q.close()
		now := time.Now()
		c.uc.SetReadDeadline(now)
		c.uc.SetWriteDeadline(now.Add(drain))
	}
	return c.reason
}

// allowWrite sets the deadline of the next write, unless end has set the last.
func (c *conn) allowWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.uc.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
}

func (c *conn) wants(class uint32) bool { return c.filter&class != 0 }

// notify sends the signal that the client asked for, after messages were written.
func (c *conn) notify() {
	if sig := c.signal.Load(); sig != 0 {
		unix.Kill(int(c.cred.Pid), unix.Signal(sig))
	}
}

// write sends what is queued until the queue is closed and empty.
func (c *conn) write() {
	defer c.s.wg.Done()
	defer c.uc.Close()
	for {
		frames := c.q.take()
		if len(frames) == 0 {
			return
		}
		c.allowWrite()
		if _, err := frames.WriteTo(c.uc); err != nil {
			c.drop("sendfail")
			return
		}
		c.notify()
	}
}

// read handles the client's messages until the connection ends.
func (c *conn) read() {
	defer c.s.wg.Done()
	reason := c.end(c.serve(), drainTimeout)
	// The name is free only after the backend knows: joined and left alternate.
	if c.name != "" && c.s.ctx.Err() == nil {
		c.s.backend.ClientLeft(c.name, reason)
	}
	c.s.forget(c)
}

func (c *conn) serve() (reason string) {
	r := bufio.NewReader(c.uc)
	c.uc.SetReadDeadline(time.Now().Add(signonTimeout))
	for {
		m, err := readFrame(r)
		if err != nil {
			return c.readFailed(err)
		}
		if c.s.ctx.Err() != nil {
			return "shutdown"
		}
		if c.name == "" {
			reason = c.signon(m)
		} else {
			reason = c.handle(m)
		}
		if reason != "" {
			return reason
		}
	}
}

// readFailed says why no more can be read.
func (c *conn) readFailed(err error) string {
	switch {
	case errors.Is(err, errFrame):
		c.logf("ERROR", "client API: [%s] pid %d sent rubbish (%v); disconnected", c.label(), c.cred.Pid, err)
		return "bad message"
	case c.name == "":
		return "no signon"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.ECONNRESET):
		if unix.Kill(int(c.cred.Pid), 0) == unix.ESRCH {
			return "died"
		}
	}
	return "EOF"
}

// handle deals with a message of a client that has signed on. A reason ends
// the connection.
func (c *conn) handle(m *message.Message) (reason string) {
	t, ok := m.Lookup("t")
	switch {
	case !ok:
		c.logf("ERROR", "client API: [%s] pid %d sent a message without type; disconnected", c.label(), c.cred.Pid)
		return "bad message"
	case t == "hbapi-req":
		return c.request(m)
	case c.casual:
		c.logf("info", "api_process_request: general message from casual client!")
		return "general message from casual client"
	case strings.HasPrefix(t, "hbapi-"):
		c.logf("ERROR", "client API: [%s] pid %d sent a message of type %s; dropped", c.label(), c.cred.Pid, t)
		return ""
	}
	c.s.backend.FromClient(c.name, m)
	return ""
}

func (c *conn) label() string {
	if c.name == "" {
		return "?"
	}
	return c.name
}

// reply queues an answer; it waits while the queue is full.
func (c *conn) reply(m *message.Message) {
	c.q.put(appendFrame(nil, m), true)
}

func (c *conn) logf(level, format string, args ...any) {
	c.s.opt.Log(level, fmt.Sprintf(format, args...))
}

// dump logs a message that was refused, as the original does.
func (c *conn) dump(m *message.Message) {
	for _, line := range m.Dump() {
		c.s.opt.Log("ERROR", line)
	}
}
