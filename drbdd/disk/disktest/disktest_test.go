package disktest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"classicha/drbdd/blockdev"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTwin(t *testing.T) {
	for name, opt := range map[string]Options{
		"at once":   {},
		"workers":   {Workers: 4, Latency: time.Millisecond},
		"4k blocks": {BlockSize: 4096, Workers: 2},
		"garbage":   {DiscardGarbage: true, Atomic: 4096},
	} {
		t.Run(name, func(t *testing.T) {
			Test(t, func(t *testing.T) Device { return New(4<<20, opt) })
		})
	}
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func mustWrite(t *testing.T, d *Disk, p []byte, off int64) {
	t.Helper()
	if _, err := d.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
}

// TestPowerCutModel checks against a model, over many seeds: what was flushed is there, and
// every block holds its stable content or a version that was written later.
func TestPowerCutModel(t *testing.T) {
	lost, kept := 0, 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		d := New(64<<10, Options{Seed: seed})
		blocks := len(d.now) / 512
		versions := make([][]byte, blocks) // fill bytes that a block may have; the first is stable
		for b := range versions {
			versions[b] = []byte{0}
		}
		for range 100 {
			b, n := rng.IntN(blocks-4), 1+rng.IntN(4)
			v := byte(rng.IntN(256))
			if rng.IntN(10) == 0 {
				if err := d.Sync(); err != nil {
					t.Fatal(err)
				}
				for b, v := range versions {
					versions[b] = v[len(v)-1:]
				}
				continue
			}
			mustWrite(t, d, fill(v, n*512), int64(b)*512)
			for i := range n {
				versions[b+i] = append(versions[b+i], v)
			}
		}
		c := d.PowerCut(seed)
		lost, kept = lost+c.Lost, kept+c.Cached-c.Lost
		got := d.Content()
		for b, v := range versions {
			g := got[b*512 : (b+1)*512]
			if !slices.Contains(v, g[0]) || !bytes.Equal(g, fill(g[0], 512)) {
				t.Fatalf("seed %d block %d: got %#x..., want one of %#x", seed, b, g[0], v)
			}
		}
		if _, err := d.ReadAt(make([]byte, 512), 0); !errors.Is(err, syscall.EIO) {
			t.Fatalf("read of a device that is off: %v", err)
		}
		d.PowerOn()
		if _, err := d.ReadAt(make([]byte, 512), 0); err != nil {
			t.Fatalf("read after power on: %v", err)
		}
	}
	if lost < 1000 || kept < 1000 {
		t.Errorf("over all seeds %d blocks were lost and %d kept: both should be many", lost, kept)
	}
}

func TestFUASurvives(t *testing.T) {
	for seed := range uint64(50) {
		d := New(64<<10, Options{Seed: seed})
		mustWrite(t, d, fill(1, 4096), 0)
		mustWrite(t, d, fill(9, 4096), 8192)
		c, err := blockdev.NewClient(d, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteStable(fill(2, 4096), 0); err != nil {
			t.Fatal(err)
		}
		if n := d.Unstable(); n != 8 {
			t.Fatalf("%d blocks in the cache, want the 8 of the other write", n)
		}
		d.PowerCut(seed)
		if !bytes.Equal(d.Content()[:4096], fill(2, 4096)) {
			t.Fatalf("seed %d: a write with FUA was lost", seed)
		}
		c.Close(context.Background())
	}
}

func TestCutUnderLoad(t *testing.T) {
	d := New(1<<20, Options{Workers: 4, Latency: 2 * time.Millisecond})
	defer d.Close()
	const n = 64
	errs := make(chan error, n)
	for i := range n {
		r := &blockdev.Request{ID: uint64(i), Op: blockdev.Write, Off: int64(i) * 4096, Len: 4096, Data: fill(byte(i+1), 4096)}
		r.Done = func(_ *blockdev.Request, err error) { errs <- err }
		r.Start()
		d.Submit(r)
	}
	ok := 0
	for range 8 {
		if <-errs == nil {
			ok++
		}
	}
	d.PowerCut(1)
	for range n - 8 {
		if <-errs == nil {
			ok++
		}
	}
	if ok == n || ok < 8 {
		t.Errorf("%d of %d requests succeeded, want those before the cut only", ok, n)
	}
	for i := range n {
		for s := range 8 {
			b := d.Content()[i*4096+s*512:][:512]
			if !bytes.Equal(b, fill(0, 512)) && !bytes.Equal(b, fill(byte(i+1), 512)) {
				t.Errorf("write %d sector %d is neither old nor new", i, s)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	d := New(1<<20, Options{Seed: 3})
	mustWrite(t, d, fill(1, 65536), 0)
	d.Bad(4096, 512, true, false, nil)
	if _, err := d.ReadAt(make([]byte, 8192), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("read over a bad sector: %v", err)
	}
	mustWrite(t, d, fill(2, 512), 4096)
	d.Bad(8192, 512, false, true, syscall.ENOSPC)
	if _, err := d.WriteAt(fill(3, 512), 8192); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write of a bad sector: %v", err)
	}
	d.Mend()
	d.SetFaults(Faults{Flush: 1})
	if err := d.Sync(); !errors.Is(err, syscall.EIO) || d.Unstable() == 0 {
		t.Errorf("a failing flush: %v, %d blocks not stable", err, d.Unstable())
	}
	d.SetFaults(Faults{Write: 0.5})
	failed := 0
	for range 100 {
		if _, err := d.WriteAt(fill(4, 512), 0); err != nil {
			failed++
		}
	}
	if failed < 20 || failed > 80 {
		t.Errorf("%d of 100 writes failed at probability 0.5", failed)
	}
}
