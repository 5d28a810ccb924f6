package clientapi

import (
	"strconv"

	"classicha/heartbeatd/message"

	"golang.org/x/sys/unix"
)

// setFilter chooses the classes of messages. Classes above the first show the
// daemon's own traffic: for root only.
func (c *conn) setFilter(req, resp *message.Message) *badRequest {
	mask, err := strconv.ParseUint(req.Get("fmask"), 16, 32)
	if err != nil || mask&filterAll == 0 {
		return invalid()
	}
	if mask&^FilterKeep != 0 && c.cred.Uid != 0 {
		return invalid()
	}
	c.s.mu.Lock()
	c.filter = uint32(mask) & filterAll
	c.s.mu.Unlock()
	return nil
}

// setSignal chooses a signal that announces each message; 0 is none.
func (c *conn) setSignal(req, resp *message.Message) *badRequest {
	sig, err := strconv.Atoi(req.Get("signal"))
	if err != nil || sig < 0 || sig > 31 || sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
		return invalid()
	}
	c.signal.Store(int32(sig))
	return nil
}

// setQueueLen has no reply, as seen.
func (c *conn) setQueueLen(req *message.Message) {
	n, err := strconv.Atoi(req.Get("sendqlen"))
	if err != nil || n <= 0 {
		c.logf("ERROR", "api_set_sendqlen: invalid length value(%d)", n)
		return
	}
	c.q.setLimit(n)
	c.logf("info", "the send queue length from heartbeat to client %s is set to %d", c.name, n)
}
