package blockdev_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"classicha/drbdd/blockdev"
)

func newPool(t *testing.T, size int) *blockdev.Pool {
	t.Helper()
	p, err := blockdev.NewPool(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestPoolManySizes(t *testing.T) {
	p := newPool(t, 3<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	type held struct {
		b   *blockdev.Buffer
		tag byte
	}
	var have []held
	for step := range 20000 {
		if n := rng.IntN(blockdev.MaxBuffer + 1); rng.IntN(2) == 0 {
			if rng.IntN(3) > 0 {
				n = rng.IntN(3 * 4096)
			}
			b := p.TryGet(n)
			if b == nil {
				continue
			}
			if len(b.B) != n {
				t.Fatalf("step %d: asked for %d bytes, got %d", step, n, len(b.B))
			}
			if n > 0 && uintptr(unsafe.Pointer(&b.B[0]))%blockdev.PageSize != 0 {
				t.Fatalf("step %d: buffer is not aligned", step)
			}
			// Marks at both ends show an overlap with another buffer.
			if n > 0 {
				b.B[0], b.B[n-1] = byte(step), byte(step)
			}
			have = append(have, held{b, byte(step)})
		} else if len(have) > 0 {
			i := rng.IntN(len(have))
			if h := have[i]; len(h.b.B) > 0 && (h.b.B[0] != h.tag || h.b.B[len(h.b.B)-1] != h.tag) {
				t.Fatalf("step %d: two buffers overlap", step)
			}
			have[i].b.Release()
			have[i] = have[len(have)-1]
			have = have[:len(have)-1]
		}
	}
	for _, h := range have {
		h.b.Release()
	}
	if p.Free() != p.Size() {
		t.Errorf("%d bytes are missing", p.Size()-p.Free())
	}
	// Everything was joined again: as many of the largest as in the beginning.
	for i := range 3 {
		if p.TryGet(blockdev.MaxBuffer) == nil {
			t.Fatalf("no room for large buffer %d of 3 in an empty pool", i+1)
		}
	}
	if p.TryGet(1) != nil {
		t.Error("a full pool gave a buffer")
	}
}

func TestPoolWaitsInOrder(t *testing.T) {
	p := newPool(t, 1<<20)
	half, err := p.Get(t.Context(), 512<<10)
	if err != nil {
		t.Fatal(err)
	}
	small := p.TryGet(4096)
	got := make(chan int, 1)
	go func() {
		b, err := p.Get(context.Background(), 1<<20)
		if err != nil {
			t.Error(err)
		}
		got <- len(b.B)
		b.Release()
	}()
	for b := p.TryGet(4096); b != nil; b = p.TryGet(4096) { // until the large one is in the line
		b.Release()
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Get(ctx, 4096); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("small request behind a large one: got %v, want it to wait", err)
	}
	half.Release()
	select {
	case n := <-got:
		t.Errorf("got %d bytes while a page of them is held", n)
	case <-time.After(20 * time.Millisecond):
	}
	small.Release()
	if n := <-got; n != 1<<20 {
		t.Errorf("got %d bytes, want all", n)
	}
}

func TestPoolClose(t *testing.T) {
	p, err := blockdev.NewPool(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	b := p.TryGet(1 << 20)
	failed := make(chan error)
	go func() {
		_, err := p.Get(context.Background(), 1)
		failed <- err
	}()
	time.Sleep(5 * time.Millisecond)
	p.Close()
	if err := <-failed; !errors.Is(err, blockdev.ErrPoolClosed) {
		t.Errorf("waiting in a closed pool: %v", err)
	}
	b.B[0] = 1 // still ours
	b.Release()
	if p.TryGet(1) != nil {
		t.Error("a closed pool gave a buffer")
	}
	mustPanic(t, "releasing twice", b.Release)
}

func BenchmarkPool(b *testing.B) {
	p, err := blockdev.NewPool(8 << 20)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		p.TryGet(4096).Release()
	}
}
