package fuse

import (
	"testing"

	"classicha/drbdd/blockdev"
)

// BenchmarkRead4k is the latency of the way through the kernel and back: one read at a time from
// a backend that has nothing to do.
func BenchmarkRead4k(b *testing.B) {
	b.Run("goroutine", benchRead4k)
	b.Run("ring", func(b *testing.B) {
		if withRing(b); testRing == nil {
			b.Skip("no io_uring here")
		}
		benchRead4k(b)
	})
}

func benchRead4k(b *testing.B) {
	needDevices(b)
	d := attach(b, &counter{info: blockdev.Info{Size: 64 << 20, BlockSize: 512}}, options(b))
	a := openApp(b, d.Device())
	defer a.f.Close()
	p := aligned(4096)
	i := int64(0)
	for b.Loop() {
		if _, err := a.f.ReadAt(p, i%16384*4096); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
