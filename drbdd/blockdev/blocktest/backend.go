package blocktest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"classicha/drbdd/blockdev"
)

// TestBackend is what holds for every backend: TestDevice through a waiting client, and the
// rules of asynchronous requests. open makes a fresh one of at least 4 MiB.
func TestBackend(t *testing.T, open func(t *testing.T) blockdev.Backend) {
	TestDevice(t, func(t *testing.T) Device { return client(t, open(t)) })
	t.Run("refuses what it cannot do", func(t *testing.T) { testRefuses(t, open(t)) })
	t.Run("each request is completed once", func(t *testing.T) { testOnce(t, open(t)) })
	t.Run("done may submit", func(t *testing.T) {
		b := open(t)
		var left atomic.Int32
		left.Store(200)
		over := make(chan error, 1)
		r := &blockdev.Request{Op: blockdev.Flush}
		r.Done = func(r *blockdev.Request, err error) {
			if err != nil || left.Add(-1) == 0 {
				over <- err
				return
			}
			r.Start()
			b.Submit(r)
		}
		r.Start()
		b.Submit(r)
		if err := <-over; err != nil {
			t.Errorf("a flush out of Done: %v", err)
		}
	})
	t.Run("fua", func(t *testing.T) {
		b := open(t)
		c := client(t, b)
		p := pattern(3, 8192)
		if _, err := c.WriteStable(p, 4096); err != nil {
			t.Fatalf("write with FUA: %v", err)
		}
		equal(t, c, p, 4096, "after a write with FUA")
		if err := c.Do(blockdev.WriteZeroes, blockdev.FUA, 4096, 4096); err != nil {
			t.Fatalf("write zeroes with FUA: %v", err)
		}
		equal(t, c, make([]byte, 4096), 4096, "after write zeroes with FUA")
	})
}

func client(t *testing.T, b blockdev.Backend) *blockdev.Client {
	t.Helper()
	if err := b.Info().Valid(); err != nil {
		t.Fatalf("the backend describes itself wrongly: %v", err)
	}
	c, err := blockdev.NewClient(b, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("close the client: %v", err)
		}
	})
	return c
}

func testRefuses(t *testing.T, b blockdev.Backend) {
	info := b.Info()
	bs, end := int64(info.BlockSize), info.Size
	data := make([]byte, 2*bs)
	for _, c := range []struct {
		name string
		r    *blockdev.Request
		want error
	}{
		{"operation 0", &blockdev.Request{Op: 0, Len: bs}, blockdev.ErrUnsupported},
		{"operation 99", &blockdev.Request{Op: 99, Len: bs}, blockdev.ErrUnsupported},
		{"negative offset", &blockdev.Request{Op: blockdev.Read, Off: -bs, Len: bs, Data: data[:bs]}, blockdev.ErrRange},
		{"empty read", &blockdev.Request{Op: blockdev.Read}, blockdev.ErrRange},
		{"half a block", &blockdev.Request{Op: blockdev.Write, Len: bs / 2, Data: data[:bs/2]}, blockdev.ErrRange},
		{"between blocks", &blockdev.Request{Op: blockdev.Write, Off: 1, Len: bs, Data: data[:bs]}, blockdev.ErrRange},
		{"over the end", &blockdev.Request{Op: blockdev.Write, Off: end - bs, Len: 2 * bs, Data: data}, blockdev.ErrRange},
		{"length that overflows", &blockdev.Request{Op: blockdev.Discard, Off: bs, Len: math.MaxInt64 &^ (bs - 1)}, blockdev.ErrRange},
		{"data shorter than length", &blockdev.Request{Op: blockdev.Read, Len: 2 * bs, Data: data[:bs]}, blockdev.ErrRange},
		{"more than MaxIO", &blockdev.Request{Op: blockdev.Read, Len: 2 * int64(info.IOLimit()), Data: make([]byte, 2*info.IOLimit())}, blockdev.ErrRange},
		{"flush with a range", &blockdev.Request{Op: blockdev.Flush, Len: bs}, blockdev.ErrRange},
	} {
		done := make(chan error, 1)
		r := c.r
		r.Done = func(_ *blockdev.Request, err error) { done <- err }
		r.Start()
		b.Submit(r)
		if err := <-done; blockdev.Errno(err) != blockdev.Errno(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// testOnce keeps 64 requests in flight and checks that each completes once, with its own
// data, whatever the order. Complete panics by itself at a second time.
func testOnce(t *testing.T, b blockdev.Backend) {
	const depth, total = 64, 1500
	bs := int64(b.Info().BlockSize)
	pool, err := blockdev.NewPool(4 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	slots := make(chan *blockdev.Request, depth)
	var mu sync.Mutex
	seen := map[uint64]int{}
	for range depth {
		slots <- &blockdev.Request{Done: func(r *blockdev.Request, err error) {
			mu.Lock()
			seen[r.ID]++
			mu.Unlock()
			if err != nil {
				t.Errorf("%s: %v", r, err)
			}
			if r.Buf != nil {
				r.Buf.Release()
				r.Buf, r.Data = nil, nil
			}
			slots <- r
		}}
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for id := range uint64(total) {
		r := <-slots
		r.ID, r.Flags = id, 0
		r.Off, r.Len = rng.Int64N(b.Info().Size/bs-8)*bs, bs*(1+rng.Int64N(8))
		switch rng.IntN(8) {
		case 0:
			r.Op, r.Off, r.Len = blockdev.Flush, 0, 0
		case 1, 2, 3:
			r.Op = blockdev.Write
		default:
			r.Op = blockdev.Read
		}
		if r.Op.HasData() {
			buf, err := pool.Get(context.Background(), int(r.Len))
			if err != nil {
				t.Fatal(err)
			}
			r.Buf, r.Data = buf, buf.B
		}
		r.Start()
		b.Submit(r)
	}
	for range depth {
		<-slots
	}
	for id := range uint64(total) {
		if seen[id] != 1 {
			t.Errorf("request %d was completed %d times", id, seen[id])
		}
	}
	if pool.Free() != pool.Size() {
		t.Errorf("%d bytes of buffers are not back", pool.Size()-pool.Free())
	}
}

// Describe is a short text of a record for messages of tests.
func (r Record) Describe() string {
	return fmt.Sprintf("%s %d+%d after %d", r.Op, r.Off, r.Len, r.After)
}
