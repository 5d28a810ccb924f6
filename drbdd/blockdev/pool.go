package blockdev

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// PageSize is the alignment of every buffer, enough for direct I/O anywhere.
	PageSize = 4096
	// maxOrder is the largest buffer: PageSize<<maxOrder bytes.
	maxOrder = 8
	// MaxBuffer is the size of the largest buffer.
	MaxBuffer = PageSize << maxOrder
)

// ErrPoolClosed is returned to those who wait for a buffer of a pool that ends.
var ErrPoolClosed = errors.New("buffer pool is closed")

// Pool is a fixed amount of memory, allocated at once and outside of the garbage
// collector's sight, from which aligned buffers of 4 KiB to 1 MiB are taken. When it is used up,
// Get waits: that is how a slow backend slows a front end down. Those who wait are served in
// their order, so a large request is not passed for ever by small ones.
//
// Inside it is a buddy allocator: blocks of 2^k pages, split and joined in pairs.
type Pool struct {
	mu      sync.Mutex
	mem     []byte
	bufs    []Buffer            // one for each page; bufs[i] is used when a block begins at page i
	free    [maxOrder + 1]int32 // first free block of each order, -1 for none
	next    []int32
	prev    []int32
	state   []int8 // of the page where a block begins: order when free, -1 otherwise
	waiting []*waiter
	used    int // pages
	closed  bool
}

type waiter struct {
	n     int
	ready chan *Buffer // capacity 1; closed with the pool
}

// Buffer is a piece of a pool's memory. Its owner calls Release once.
type Buffer struct {
	B     []byte // as long as asked for
	pool  *Pool
	page  int32
	order int8
	owned bool
}

// NewPool allocates size bytes, rounded up to a multiple of MaxBuffer. With locked memory
// (mlockall MCL_FUTURE) the pages are there at once, otherwise at first use.
func NewPool(size int) (*Pool, error) {
	size = max(size+MaxBuffer-1, MaxBuffer) &^ (MaxBuffer - 1)
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("allocate %d bytes for buffers: %w", size, err)
	}
	n := size / PageSize
	p := &Pool{mem: mem, bufs: make([]Buffer, n), next: make([]int32, n), prev: make([]int32, n), state: make([]int8, n)}
	for i := range p.state {
		p.state[i] = -1
	}
	for o := range p.free {
		p.free[o] = -1
	}
	for i := n - 1<<maxOrder; i >= 0; i -= 1 << maxOrder {
		p.push(int32(i), maxOrder)
	}
	return p, nil
}

func orderOf(n int) int8 {
	if n <= PageSize {
		return 0
	}
	return int8(bits.Len(uint((n - 1) / PageSize)))
}

// TryGet returns a buffer of n bytes, or nil when there is none at the moment or others wait.
func (p *Pool) TryGet(n int) *Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.waiting) > 0 {
		return nil
	}
	return p.take(n)
}

// Get returns a buffer of n bytes and waits until there is one. It fails when ctx or the pool
// ends. The content is whatever was there before. n must not exceed MaxBuffer.
func (p *Pool) Get(ctx context.Context, n int) (*Buffer, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrPoolClosed
	}
	if len(p.waiting) == 0 {
		if b := p.take(n); b != nil {
			p.mu.Unlock()
			return b, nil
		}
	}
	w := &waiter{n: n, ready: make(chan *Buffer, 1)}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case b := <-w.ready:
		if b == nil {
			return nil, ErrPoolClosed
		}
		return b, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	for i := range p.waiting {
		if p.waiting[i] == w {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			break
		}
	}
	p.serve() // the next in the line may need less
	p.mu.Unlock()
	select {
	case b := <-w.ready: // it came at the same moment
		if b != nil {
			b.Release()
		}
	default:
	}
	return nil, ctx.Err()
}

// take splits the smallest free block that is large enough.
func (p *Pool) take(n int) *Buffer {
	if n < 0 || n > MaxBuffer {
		panic(fmt.Sprintf("blockdev: buffer of %d bytes asked for", n))
	}
	want := orderOf(n)
	o := want
	for o <= maxOrder && p.free[o] < 0 {
		o++
	}
	if o > maxOrder {
		return nil
	}
	i := p.free[o]
	p.unlink(i, o)
	for ; o > want; o-- {
		p.push(i+1<<(o-1), o-1)
	}
	p.used += 1 << want
	b := &p.bufs[i]
	at, size := int(i)*PageSize, PageSize<<want
	*b = Buffer{B: p.mem[at : at+n : at+size], pool: p, page: i, order: want, owned: true}
	return b
}

// Release gives the buffer back. Nothing of it may be used afterwards.
func (b *Buffer) Release() {
	p := b.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.owned {
		panic("blockdev: buffer released twice")
	}
	b.owned, b.B = false, nil
	i, o := b.page, b.order
	p.used -= 1 << o
	for o < maxOrder {
		buddy := i ^ 1<<o
		if p.state[buddy] != o {
			break
		}
		p.unlink(buddy, o)
		i = min(i, buddy)
		o++
	}
	p.push(i, o)
	p.serve()
	if p.closed && p.used == 0 {
		p.unmap()
	}
}

// serve hands buffers to those who wait, the first in the line first.
func (p *Pool) serve() {
	for len(p.waiting) > 0 && !p.closed {
		b := p.take(p.waiting[0].n)
		if b == nil {
			return
		}
		p.waiting[0].ready <- b
		p.waiting = p.waiting[1:]
	}
}

// Free is the number of bytes that nobody owns.
func (p *Pool) Free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return (len(p.state) - p.used) * PageSize
}

// Size is the number of bytes of the pool.
func (p *Pool) Size() int { return len(p.state) * PageSize }

// Close ends all waiting. The memory is given back once every buffer was released.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for _, w := range p.waiting {
		close(w.ready)
	}
	p.waiting = nil
	if p.used == 0 {
		p.unmap()
	}
}

func (p *Pool) unmap() {
	if err := unix.Munmap(p.mem); err != nil {
		panic("blockdev: munmap of a pool: " + err.Error()) // only a broken invariant can cause it
	}
	p.mem = nil
}

func (p *Pool) push(i int32, o int8) {
	p.state[i] = o
	p.next[i], p.prev[i] = p.free[o], -1
	if p.free[o] >= 0 {
		p.prev[p.free[o]] = i
	}
	p.free[o] = i
}

func (p *Pool) unlink(i int32, o int8) {
	p.state[i] = -1
	if p.prev[i] >= 0 {
		p.next[p.prev[i]] = p.next[i]
	} else {
		p.free[o] = p.next[i]
	}
	if p.next[i] >= 0 {
		p.prev[p.next[i]] = p.prev[i]
	}
}
