package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxItems = 1024
	maxConns = 64
)

// server is the keeper itself.
type server struct {
	ln *net.UnixListener
	wg sync.WaitGroup

	mu     sync.Mutex
	items  map[string]*item
	conns  map[*net.UnixConn]bool
	change chan struct{} // closed and replaced at every change of the above
}

// item is what is held under one name.
type item struct {
	state []byte
	fds   []int
	owner *owner // nil: free to take
}

// owner is a process that serves items.
type owner struct {
	pid    int
	handle int  // pidfd, -1 for none
	dying  bool // its connection has ended
}

// ending says whether the process is on its way out; it may have ended before its
// connection was seen to end.
func (o *owner) ending() bool {
	if o.dying || o.handle < 0 {
		return o.dying
	}
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(o.handle), Events: unix.POLLIN}}, 0)
	return n > 0
}

// Serve is the keeper's life on a listening socket. It returns when nothing is held and nobody has
// been connected for the time of linger.
func Serve(ln *net.UnixListener, linger time.Duration) error {
	s := &server{ln: ln, items: map[string]*item{}, conns: map[*net.UnixConn]bool{}, change: make(chan struct{})}
	failed := make(chan error, 1)
	s.wg.Go(func() { failed <- s.accept() })
	err := s.untilIdle(linger, failed)
	s.mu.Lock()
	ln.Close()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	for _, it := range s.items {
		closeAll(it.fds)
	}
	return err
}

func (s *server) untilIdle(linger time.Duration, failed <-chan error) error {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		s.mu.Lock()
		idle, change := len(s.items) == 0 && len(s.conns) == 0, s.change
		s.mu.Unlock()
		var over <-chan time.Time
		if idle {
			timer.Reset(linger)
			over = timer.C
		}
		select {
		case <-change:
		case err := <-failed:
			return err
		case <-over:
			return nil
		}
	}
}

// changed wakes who waits for a change; s.mu is held.
func (s *server) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

func (s *server) accept() error {
	for {
		c, err := s.ln.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			time.Sleep(100 * time.Millisecond) // out of descriptors: it may pass, and what is held stays held
			continue
		}
		s.mu.Lock()
		if len(s.conns) >= maxConns {
			s.mu.Unlock()
			c.Close()
			continue
		}
		s.conns[c] = true
		s.changed()
		s.mu.Unlock()
		s.wg.Go(func() { s.client(c) })
	}
}

// client serves one connection. At its end the process behind it may still be at work; what it
// owned becomes free when it is gone.
func (s *server) client(c *net.UnixConn) {
	pid, uid, handle, err := peer(c)
	me := &owner{pid: pid, handle: handle}
	if err == nil && sameUser(uid) {
		for s.one(c, me) == nil {
		}
	}
	c.Close()
	s.mu.Lock()
	me.dying = true
	delete(s.conns, c)
	owns := false
	for _, it := range s.items {
		owns = owns || it.owner == me
	}
	s.changed()
	s.mu.Unlock()
	if owns {
		waitGone(handle)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if handle >= 0 {
		unix.Close(handle)
		me.handle = -1
	}
	for _, it := range s.items {
		if it.owner == me {
			it.owner = nil
		}
	}
	s.changed()
}

// one answers one request. An error ends the connection.
func (s *server) one(c *net.UnixConn, me *owner) error {
	var q request
	fds, err := receive(c, &q)
	if err != nil {
		closeAll(fds)
		return err
	}
	var r reply
	var out []int
	switch q.Op {
	case "put":
		r, fds = s.put(q, fds, me)
	case "take":
		r, out = s.take(q, me)
	case "drop", "release":
		r = s.giveUp(q, me)
	case "list":
		s.mu.Lock()
		for name := range s.items {
			r.Names = append(r.Names, name)
		}
		s.mu.Unlock()
		slices.Sort(r.Names)
	case "hello":
		r.Version, r.PID = version, os.Getpid()
	default:
		r.Error = fmt.Sprintf("unknown request %.20q", q.Op)
	}
	closeAll(fds)
	return send(c, r, out)
}

// put keeps descriptors; those of the same name and owner are replaced. It returns what is not kept.
func (s *server) put(q request, fds []int, me *owner) (reply, []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.items[q.Name]
	switch {
	case q.Name == "" || len(q.Name) > maxName || strings.ContainsRune(q.Name, 0):
		return reply{Error: "bad name"}, fds
	case old != nil && old.owner != me:
		return held(old), fds
	case old == nil && len(s.items) >= maxItems:
		return reply{Error: "too many names"}, fds
	}
	inOrder(fds)
	s.items[q.Name] = &item{state: q.State, fds: fds, owner: me}
	s.changed()
	if old != nil {
		return reply{}, old.fds
	}
	return reply{}, nil
}

// inOrder gives descriptors numbers that fall: at the end of a process the kernel lets go of the
// highest first.
func inOrder(fds []int) {
	for i := len(fds) - 2; i >= 0; i-- {
		if fds[i] > fds[i+1] {
			continue
		}
		if n, err := unix.FcntlInt(uintptr(fds[i]), unix.F_DUPFD_CLOEXEC, fds[i+1]+1); err == nil {
			unix.Close(fds[i])
			fds[i] = n
		}
	}
}

func held(it *item) reply {
	if it.owner == nil {
		return reply{Kind: "held", Error: "it waits for a successor"}
	}
	return reply{Kind: "held", Error: fmt.Sprintf("process %d", it.owner.pid)}
}

// take makes me the owner and returns the descriptors, which the keeper keeps, too. It waits for an
// owner that is dying.
func (s *server) take(q request, me *owner) (reply, []int) {
	limit := time.NewTimer(time.Duration(min(max(q.Wait, 0), 3600_000)) * time.Millisecond)
	defer limit.Stop()
	for {
		s.mu.Lock()
		it, change := s.items[q.Name], s.change
		if it == nil {
			s.mu.Unlock()
			return reply{Kind: "none", Error: "nothing of that name"}, nil
		}
		if it.owner == nil || it.owner == me {
			it.owner = me
			defer s.mu.Unlock()
			return reply{State: it.state}, it.fds
		}
		r, dying := held(it), it.owner.ending()
		s.mu.Unlock()
		if !dying {
			return r, nil
		}
		select {
		case <-change:
		case <-limit.C:
			return r, nil
		}
	}
}

// giveUp ends an ownership: drop closes the descriptors, release leaves them to a successor.
func (s *server) giveUp(q request, me *owner) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.items[q.Name]
	switch {
	case it == nil:
		return reply{Kind: "none", Error: "nothing of that name"}
	case it.owner != me:
		return held(it)
	case q.Op == "release":
		it.owner = nil
	default:
		closeAll(it.fds)
		delete(s.items, q.Name)
	}
	s.changed()
	return reply{}
}
