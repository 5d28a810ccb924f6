package peer

import (
	"context"
	"errors"
	"sync"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
)

// errLater: the receiver cannot go on now; somebody lets it when it can.
var errLater = errors.New("later")

// What the thread of a ring reads of one socket before others have their turn.
const (
	packetGroup = 64
	byteGroup   = 512 << 10
)

// feed is who lets a receiver go on: its own goroutine, which waits, or the thread of a ring, which
// must not.
type feed struct {
	watch   *uring.Watch // of the ring
	over    bool         // nothing more is read
	waiting bool         // for a buffer
	volume  int          // bytes of payload of this turn
	drained bool         // the last read of this turn took all there was
	gotten  *blockdev.Buffer
}

// start begins to read. The session's wg is done when nothing is read any more.
func (r *receiver) start() {
	ring := r.s.cfg.Ring
	r.s.wg.Add(1)
	if ring == nil {
		go func() {
			defer r.s.wg.Done()
			r.run()
		}()
		return
	}
	ring.Post(func() {
		if r.over {
			return // stopped before it began
		}
		r.conn.fd(func(fd int) { r.watch = ring.Watch(fd, r.drain) })
	})
}

// stop ends the reading in a ring; a goroutine ends with its socket.
func (r *receiver) stop() {
	ring := r.s.cfg.Ring
	if ring == nil {
		return
	}
	ring.Post(func() {
		r.over = true
		end := func() {
			r.drop()
			r.s.wg.Done()
		}
		if r.watch == nil {
			end()
			return
		}
		r.watch.Close(end)
	})
}

// run reads in a goroutine.
func (r *receiver) run() {
	defer r.drop()
	for {
		if err := r.packet(); err != nil {
			r.failed(err)
			return
		}
	}
}

// drain reads what is there, in the thread of the ring.
func (r *receiver) drain() (more bool) {
	r.volume, r.drained = 0, false
	for range packetGroup {
		if r.over || r.waiting {
			return false
		}
		switch err := r.packet(); {
		case err == errLater:
			return false
		case err != nil:
			r.over = true
			r.failed(err)
			return false
		case r.volume >= byteGroup:
			return true
		}
	}
	return true
}

// failed ends the session.
func (r *receiver) failed(err error) {
	if r.packetErr != nil {
		r.s.badPacket(r.sock, err)
	} else {
		r.s.readFailed(r.sock, err, r.want)
	}
}

// drop gives back what a packet had that never became whole.
func (r *receiver) drop() {
	for _, p := range []*blockdev.Buffer{r.payload, r.gotten} {
		if p != nil {
			p.Release()
		}
	}
	r.payload, r.gotten = nil, nil
}

// buffer returns a buffer of the pool. In a ring it is errLater when there is none: then nothing is read
// until there is.
func (r *receiver) buffer(n int) (*blockdev.Buffer, error) {
	if p := r.gotten; p != nil {
		r.gotten = nil
		return p, nil
	}
	pool, ctx, ring := r.s.cfg.Pool, r.s.ctx, r.s.cfg.Ring
	if p := pool.TryGet(n); p != nil {
		return p, nil
	}
	if ring == nil {
		return pool.Get(ctx, n)
	}
	r.waiting = true
	r.s.wg.Add(1)
	go func() {
		p, err := pool.Get(ctx, n)
		if err != nil { // the session ends, or all does
			r.s.wg.Done()
			return
		}
		ring.Post(func() {
			defer r.s.wg.Done()
			if r.over {
				p.Release()
				return
			}
			r.waiting, r.gotten = false, p
			r.watch.Again()
		})
	}()
	return nil, errLater
}

// brake stops the reader of the data socket while anyone holds it.
type brake struct {
	mu   sync.Mutex
	n    int
	free chan struct{} // closed when nobody holds it any more
}

// Hold stops the handing over of packets of the data socket, until Release was called as
// often: that is how a slow owner slows its peer down. Called within Packet it holds the next packet;
// otherwise one may be on its way.
func (s *Session) Hold() {
	s.brake.mu.Lock()
	defer s.brake.mu.Unlock()
	if s.brake.n++; s.brake.n == 1 {
		s.brake.free = make(chan struct{})
	}
}

// Release undoes one Hold.
func (s *Session) Release() {
	s.brake.mu.Lock()
	s.brake.n--
	over := s.brake.n == 0
	if over {
		close(s.brake.free)
	}
	s.brake.mu.Unlock()
	if ring := s.cfg.Ring; over && ring != nil {
		ring.Post(func() {
			if r := s.in[0]; r.watch != nil && !r.over {
				r.watch.Again()
			}
		})
	}
}

// held waits while the session is held; in a ring it is errLater instead.
func (s *Session) held(ctx context.Context) error {
	s.brake.mu.Lock()
	n, free := s.brake.n, s.brake.free
	s.brake.mu.Unlock()
	switch {
	case n == 0:
		return nil
	case s.cfg.Ring != nil:
		return errLater
	}
	select {
	case <-free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
