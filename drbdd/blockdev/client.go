package blockdev

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Client is the smallest front end: calls that wait. It serves tests, tools and whoever in the
// program wants to read a device as a file. Its methods may be called by many goroutines.
type Client struct {
	b    Backend
	pool *Pool
	gate Gate
	ids  atomic.Uint64
}

// NewClient makes a client with buffers of its own, poolSize bytes of them.
func NewClient(b Backend, poolSize int) (*Client, error) {
	p, err := NewPool(poolSize)
	if err != nil {
		return nil, err
	}
	return &Client{b: b, pool: p}, nil
}

// Info is the backend's.
func (c *Client) Info() Info { return c.b.Info() }

// Do carries out one request without data and waits for its end.
func (c *Client) Do(op Op, flags Flags, off, n int64) error {
	return c.do(&Request{Op: op, Flags: flags, Off: off, Len: n})
}

func (c *Client) do(r *Request) error {
	if !c.gate.Enter() {
		return ErrShutdown
	}
	defer c.gate.Leave()
	done := make(chan error, 1)
	r.ID = c.ids.Add(1)
	r.Done = func(_ *Request, err error) { done <- err }
	r.Start()
	c.b.Submit(r)
	return <-done
}

// transfer moves p in pieces that the backend takes.
func (c *Client) transfer(op Op, flags Flags, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		k := min(len(p)-n, c.b.Info().IOLimit(), MaxBuffer)
		b, err := c.pool.Get(context.Background(), k)
		if err != nil {
			return n, err
		}
		if op == Write {
			copy(b.B, p[n:])
		}
		r := &Request{Op: op, Flags: flags, Off: off + int64(n), Len: int64(k), Data: b.B, Buf: b}
		err = c.do(r)
		if err == nil && op == Read {
			copy(p[n:], r.Data)
		}
		if r.Buf != nil {
			r.Buf.Release()
		}
		if err != nil {
			return n, fmt.Errorf("%s %d bytes at %d: %w", op, k, off+int64(n), err)
		}
		n += k
	}
	return n, nil
}

// ReadAt fills p from off. Offset and length are multiples of the block size.
func (c *Client) ReadAt(p []byte, off int64) (int, error) { return c.transfer(Read, 0, p, off) }

// WriteAt stores p at off.
func (c *Client) WriteAt(p []byte, off int64) (int, error) { return c.transfer(Write, 0, p, off) }

// WriteStable stores p at off with FUA.
func (c *Client) WriteStable(p []byte, off int64) (int, error) { return c.transfer(Write, FUA, p, off) }

// Sync makes what was written stable.
func (c *Client) Sync() error { return c.Do(Flush, 0, 0, 0) }

// Discard tells that the range is not needed any more.
func (c *Client) Discard(off, n int64) error { return c.Do(Discard, 0, off, n) }

// WriteZeroes zeroes the range; it may become a hole when unmap is true.
func (c *Client) WriteZeroes(off, n int64, unmap bool) error {
	if unmap {
		return c.Do(WriteZeroes, Unmap, off, n)
	}
	return c.Do(WriteZeroes, 0, off, n)
}

// Close refuses further calls and waits for those under way.
func (c *Client) Close(ctx context.Context) error {
	c.gate.Close()
	if err := c.gate.Drain(ctx); err != nil {
		return err
	}
	c.pool.Close()
	return nil
}
