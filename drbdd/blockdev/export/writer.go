package export

import (
	"net"
	"sync"
	"time"

	"classicha/drbdd/blockdev"
)

// outbox holds the answers that wait for the writer. It is bounded by the requests in flight.
type outbox struct {
	mu     sync.Mutex
	wake   sync.Cond
	list   []*piece
	closed bool
}

func (o *outbox) init() { o.wake.L = &o.mu }

func (o *outbox) put(p *piece) {
	o.mu.Lock()
	o.list = append(o.list, p)
	o.wake.Signal()
	o.mu.Unlock()
}

// take waits for answers and returns all; nil after close.
func (o *outbox) take(spare []*piece) []*piece {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.list) == 0 && !o.closed {
		o.wake.Wait()
	}
	got := o.list
	o.list = spare[:0]
	return got
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.wake.Signal()
	o.mu.Unlock()
}

// write sends answers until the outbox is closed and empty. After the first error it only
// gives buffers and slots back. It returns that error.
func (c *conn) write() error {
	var batch []*piece
	var vec net.Buffers
	var broken error
	for {
		batch = c.out.take(batch)
		if len(batch) == 0 {
			return broken
		}
		vec = vec[:0]
		for _, p := range batch {
			if p.head == nil {
				continue
			}
			vec = append(vec, p.head)
			if p.buf != nil {
				vec = append(vec, p.req.Data)
			}
			if p.rest && broken == nil {
				// The rest of a long read belongs right behind its first part.
				if broken = c.send(vec); broken == nil {
					broken = c.stream(p)
				}
				vec = vec[:0]
			}
		}
		if broken == nil {
			broken = c.send(vec)
		}
		for i, p := range batch {
			if p.buf != nil {
				p.buf.Release()
			}
			if p.last {
				<-c.slots
			}
			batch[i] = nil
		}
		if broken != nil {
			c.cancel()
			c.nc.Close()
		}
	}
}

func (c *conn) send(vec net.Buffers) error {
	if len(vec) == 0 {
		return nil
	}
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	_, err := vec.WriteTo(c.nc)
	return err
}

// beginStream starts a read that is longer than one piece, for a client without structured
// replies: its answer must be in one stretch. The first piece goes the usual way; the writer reads
// the others into the same buffer, one after the other, so that it never waits
// for a buffer while answers that hold buffers wait for it.
func (c *conn) beginStream(j *job, flags blockdev.Flags) error {
	b, err := c.pool.Get(c.ctx, c.limit)
	if err != nil {
		return err
	}
	p := j.piece(blockdev.Read, flags, int64(j.cmd.off), int64(c.limit))
	p.req.Buf, p.req.Data, p.rest = b, b.B, true
	return c.submit(p)
}

// stream sends what follows the first piece of p. An error in the middle cannot be told any
// more; the protocol wants the connection to end then.
func (c *conn) stream(p *piece) error {
	j := p.job
	if j.err != nil {
		return nil // the answer was an error, and that is all
	}
	done := make(chan error, 1)
	end := int64(j.cmd.off) + int64(j.cmd.length)
	for off := p.req.End(); off < end; {
		n := min(end-off, int64(c.limit))
		r := &blockdev.Request{ID: j.cmd.cookie, Op: blockdev.Read, Off: off, Len: n, Data: p.buf.B[:n], Buf: p.buf}
		r.Done = func(_ *blockdev.Request, err error) {
			done <- err
			c.gate.Leave()
		}
		if !c.gate.Enter() {
			return blockdev.ErrShutdown
		}
		r.Start()
		c.backend.Submit(r)
		if err := <-done; err != nil {
			return err
		}
		if err := c.send(net.Buffers{r.Data}); err != nil {
			return err
		}
		off += n
	}
	return nil
}
