package daemon

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"syscall"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/peer"
	"classicha/drbdd/replica"
	"classicha/drbdd/uring"
	"classicha/drbdd/wire"
)

// resource is the shell of one resource.
type resource struct {
	s    *Server
	name string
	loop *loop

	// What follows belongs to the loop.
	bufs     payloads
	requests map[uint64]*appRequest
	lastReq  uint64
	replies  map[uint64]func(replica.Reply)
	lastCmd  uint64
	conn     *peer.Connector
	sess     *peer.Session
	dirty    bool   // something was queued for the session
	dials    uint64 // searches and sessions begun or given up; see link
	changes  uint64
	exposed  uint64

	// What was configured; guarded by mu.
	mu            sync.Mutex
	vols          []*volume
	options       map[string]string
	net           map[string]string // nil: no network configuration
	waiting       map[string]string // of the old syncer, for the next connect
	local, remote string
	view          replica.View // as of the last change

	ring               *uring.Thread // of devices, disks and the peer; nil where there is none
	recvPool, readPool *blockdev.Pool
	ctx                context.Context
	cancel             context.CancelFunc
}

// appRequest is a request of a front end on its way through the core.
type appRequest struct {
	req *blockdev.Request
	buf replica.Buf
}

func newResource(s *Server, name string, o replica.ResourceOptions) (*resource, error) {
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	r := &resource{s: s, name: name, requests: map[uint64]*appRequest{}, replies: map[uint64]func(replica.Reply){}}
	r.bufs.m = map[replica.Buf]*payload{}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	var err error
	if r.recvPool, err = blockdev.NewPool(s.set.Buffers); err == nil {
		r.readPool, err = blockdev.NewPool(s.set.Buffers)
	}
	if err != nil {
		return nil, fmt.Errorf("buffers of resource %s: %w", name, err)
	}
	r.loop = newLoop(replica.New(replica.Config{Name: name, Options: o, Features: s.set.Features}, binary.LittleEndian.Uint64(seed[:])))
	r.loop.do = r.act
	r.loop.done = r.batchDone
	r.loop.call(func(c *replica.Resource) { r.view = c.View() })
	if r.ring, err = uring.Start(uring.Options{Before: r.loop.hold, After: r.loop.release, Poll: s.set.Poll}); err != nil {
		s.noRing.Do(func() {
			s.logf(replica.Notice, "drbd", "%v: goroutines do its work, and take more of the processor", err)
		})
	}
	return r, nil
}

// end gives everything back. The core has neither disk nor connection any more.
func (r *resource) end() {
	r.cancel()
	if r.ring != nil {
		go r.ring.Stop() // once disks are closed, which happens beside the loop
	}
	r.recvPool.Close()
	r.readPool.Close()
}

// volumes is a copy of the list.
func (r *resource) volumes() []*volume {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*volume(nil), r.vols...)
}

func (r *resource) volume(nr int) *volume {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.vols {
		if v.nr == nr {
			return v
		}
	}
	return nil
}

// submit hands a request of a front end to the core.
func (r *resource) submit(e replica.Request, req *blockdev.Request) {
	r.loop.post(submission{e, req, r})
}

// submission is a request before it has its numbers, which are given in the loop.
type submission struct {
	e   replica.Request
	req *blockdev.Request
	r   *resource
}

// command gives the core a command and waits for its end, or for ctx.
func (r *resource) command(ctx context.Context, v replica.Verb) (replica.Reply, error) {
	ch := make(chan replica.Reply, 1)
	r.loop.post(func(*replica.Resource) {
		r.lastCmd++
		id := r.lastCmd
		r.replies[id] = func(a replica.Reply) { ch <- a }
		r.later(replica.Command{ID: id, Do: v})
	})
	select {
	case a := <-ch:
		return a, nil
	case <-ctx.Done():
		return replica.Reply{}, fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

// later posts from within the loop.
func (r *resource) later(ev any) { r.loop.post(ev) }

// batchDone follows each batch of events: what was queued goes out in one call,
// and who follows the states is told of changes.
func (r *resource) batchDone() {
	if r.sess != nil && r.dirty {
		r.dirty = false
		r.sess.Flush()
	}
	if n := r.loop.core.Changes(); n != r.changes {
		r.changes = n
		w := r.loop.core.View()
		r.s.splits.see(w)
		r.mu.Lock()
		r.view = w
		vols := append([]*volume(nil), r.vols...)
		r.mu.Unlock()
		for _, v := range vols {
			for _, x := range w.Volumes {
				if x.Vol == v.nr {
					v.refresh(x)
				}
			}
		}
		r.s.changed()
		if e := exposed(w); e != r.exposed {
			// A successor has to know what the applications saw: not later than they see
			// anything else.
			r.exposed = e
			r.s.save()
		}
	}
}

// exposed sums up the data that applications see.
func exposed(w replica.View) (sum uint64) {
	for _, v := range w.Volumes {
		if v.Role == wire.Primary || v.Waits {
			sum = sum*31 + v.Exposed + 1
		}
	}
	return sum
}

// errno is what a front end is told.
func errno(e replica.Errno) error {
	if e == replica.OK {
		return nil
	}
	return syscall.Errno(e)
}
