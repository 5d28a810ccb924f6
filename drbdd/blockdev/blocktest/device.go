package blocktest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"classicha/drbdd/blockdev"
)

// Device is a device seen by one who waits: blockdev.Client over a backend, a client of a
// front end, or an opened block device.
type Device interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Discard(off, n int64) error
	WriteZeroes(off, n int64, unmap bool) error
	Info() blockdev.Info
}

// TestDevice is what holds for every device, whatever is between the caller and the data.
// open makes a fresh one of at least 4 MiB and cleans up by t.Cleanup.
func TestDevice(t *testing.T, open func(t *testing.T) Device) {
	t.Run("what is written is read", func(t *testing.T) {
		d := open(t)
		bs := int64(d.Info().BlockSize)
		for i, n := range []int64{bs, 2 * bs, 4096, 4096 + bs, 64 << 10, 1 << 20, 1<<20 + bs, 3 << 20} {
			n = (n + bs - 1) &^ (bs - 1)
			for _, off := range []int64{0, bs, d.Info().Size - n} {
				want := pattern(uint64(i)<<32+uint64(off), int(n))
				mustWrite(t, d, want, off)
				equal(t, d, want, off, fmt.Sprintf("after a write of %d at %d", n, off))
			}
		}
		if err := d.Sync(); err != nil {
			t.Errorf("flush: %v", err)
		}
	})
	t.Run("zeroes and discards", func(t *testing.T) { testZeroes(t, open(t)) })
	t.Run("outside of the device", func(t *testing.T) {
		d := open(t)
		b := make([]byte, d.Info().BlockSize)
		end := d.Info().Size
		if n, err := d.ReadAt(b, end); err == nil {
			t.Errorf("read of %d bytes behind the end: got %d and no error", len(b), n)
		}
		if n, err := d.WriteAt(b, end); err == nil {
			t.Errorf("write of %d bytes behind the end: got %d and no error", len(b), n)
		}
		mustWrite(t, d, pattern(7, len(b)), end-int64(len(b)))
		equal(t, d, pattern(7, len(b)), end-int64(len(b)), "the last block after refused requests")
	})
	t.Run("many at once against a model", func(t *testing.T) { testParallel(t, open(t)) })
}

func testZeroes(t *testing.T, d Device) {
	const n = 1 << 20
	bs := int64(d.Info().BlockSize)
	for _, unmap := range []bool{false, true} {
		want := pattern(1, n)
		mustWrite(t, d, want, 0)
		if err := d.WriteZeroes(bs, 64<<10, unmap); err != nil {
			t.Fatalf("write zeroes, unmap %v: %v", unmap, err)
		}
		clear(want[bs : bs+64<<10])
		equal(t, d, want, 0, fmt.Sprintf("after write zeroes, unmap %v", unmap))
	}
	if !d.Info().Discard {
		return
	}
	want := pattern(2, n)
	mustWrite(t, d, want, 0)
	if err := d.Discard(128<<10, 256<<10); err != nil {
		t.Fatalf("discard: %v", err)
	}
	equal(t, d, want[:128<<10], 0, "before the discarded range")
	equal(t, d, want[384<<10:], 384<<10, "behind the discarded range")
	if d.Info().DiscardZeroes {
		equal(t, d, make([]byte, 256<<10), 128<<10, "the discarded range")
	}
	mustWrite(t, d, want[:512<<10], 0)
	equal(t, d, want, 0, "after the discarded range was written again")
}

// testParallel has several goroutines, each with a region of its own and a model of it.
func testParallel(t *testing.T, d Device) {
	const workers, steps = 8, 60
	bs := int64(d.Info().BlockSize)
	region := d.Info().Size / workers &^ (bs - 1)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 99))
			base, model := int64(w)*region, make([]byte, region)
			if _, err := d.WriteAt(model, base); err != nil {
				t.Errorf("worker %d: first write: %v", w, err)
				return
			}
			for step := range steps {
				off := rng.Int64N(region/bs) * bs
				n := min(bs*(1+rng.Int64N(32)), region-off)
				var err error
				switch what := rng.IntN(10); {
				case what < 4:
					p := pattern(rng.Uint64(), int(n))
					copy(model[off:], p)
					_, err = d.WriteAt(p, base+off)
				case what < 5:
					clear(model[off : off+n])
					err = d.WriteZeroes(base+off, n, step%2 == 0)
				case what < 6:
					err = d.Sync()
				default:
					got := make([]byte, n)
					_, err = d.ReadAt(got, base+off)
					if err == nil && !bytes.Equal(got, model[off:off+n]) {
						t.Errorf("worker %d step %d: read of %d+%d differs from what was written last", w, step, base+off, n)
						return
					}
				}
				if err != nil {
					t.Errorf("worker %d step %d: %v", w, step, err)
					return
				}
			}
			equal(t, d, model, base, fmt.Sprintf("region of worker %d at the end", w))
		})
	}
	wg.Wait()
}

// pattern is n bytes that depend on the seed and on nothing else.
func pattern(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, (n+7)&^7)
	for i := 0; i < len(b); i += 8 {
		v := rng.Uint64()
		for k := range 8 {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	return b[:n]
}

func mustWrite(t *testing.T, d Device, p []byte, off int64) {
	t.Helper()
	if n, err := d.WriteAt(p, off); err != nil || n != len(p) {
		t.Fatalf("write of %d bytes at %d: %d written, %v", len(p), off, n, err)
	}
}

func equal(t *testing.T, d Device, want []byte, off int64, what string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := d.ReadAt(got, off); err != nil || n != len(got) {
		t.Errorf("%s: read of %d bytes at %d: %d read, %v", what, len(got), off, n, err)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: first difference at byte %d of %d (offset %d): got %#x, want %#x", what, i, len(got), off+int64(i), got[i], want[i])
			return
		}
	}
}
