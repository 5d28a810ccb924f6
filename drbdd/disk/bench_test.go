package disk

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
)

func benchDisk(b *testing.B, ring *uring.Thread) *Disk {
	name := filepath.Join(b.TempDir(), "disk")
	if err := os.WriteFile(name, make([]byte, 16<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	d, err := Open(name, Options{Ring: ring})
	if err != nil {
		b.Skip(err)
	}
	return d
}

func benchEngines(b *testing.B, f func(b *testing.B, d *Disk)) {
	b.Run("threads", func(b *testing.B) {
		d := benchDisk(b, nil)
		defer d.Close()
		f(b, d)
	})
	b.Run("ring", func(b *testing.B) {
		r, err := uring.Start(uring.Options{})
		if err != nil {
			b.Skip(err)
		}
		defer r.Stop()
		d := benchDisk(b, r)
		defer d.Close()
		f(b, d)
	})
}

// BenchmarkWrite4k is a client that waits for each write.
func BenchmarkWrite4k(b *testing.B) {
	benchEngines(b, func(b *testing.B, d *Disk) {
		c, err := blockdev.NewClient(d, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(context.Background())
		p := make([]byte, 4096)
		b.ReportAllocs()
		i := int64(0)
		for b.Loop() {
			if _, err := c.WriteAt(p, i%4096*4096); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

// BenchmarkDeep4k is 32 writes or reads at a time, each begun by the end of another.
func BenchmarkDeep4k(b *testing.B) {
	for _, op := range []blockdev.Op{blockdev.Write, blockdev.Read} {
		b.Run(op.String(), func(b *testing.B) {
			benchEngines(b, func(b *testing.B, d *Disk) { deep(b, d, op) })
		})
	}
}

func deep(b *testing.B, d *Disk, op blockdev.Op) {
	const depth = 32
	left := make(chan struct{}, b.N)
	for range b.N {
		left <- struct{}{}
	}
	over := make(chan struct{}, depth)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range depth {
		r := &blockdev.Request{Op: op, Off: int64(i) * 4096, Len: 4096, Data: alignedBytes(4096)}
		r.Done = func(r *blockdev.Request, err error) {
			if err != nil {
				b.Error(err)
			}
			select {
			case <-left:
				r.Off = (r.Off + 37*4096) % (16 << 20)
				r.Start()
				d.Submit(r)
			default:
				over <- struct{}{}
			}
		}
		r.Start()
		d.Submit(r)
	}
	for range depth {
		<-over
	}
}
