package uring

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv("URING_FORBIDDEN") != "" {
		os.Exit(forbidden())
	}
	goleak.VerifyTestMain(m)
}

func start(t testing.TB, before, after func()) *Thread {
	t.Helper()
	r, err := Start(Options{Before: before, After: after, Poll: time.Millisecond})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(r.Stop) // hangs while anything is under way
	return r
}

func file(t testing.TB, size int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	return f
}

// do carries out one operation and waits.
func do(r *Thread, set func(o *Op)) int32 {
	done := make(chan int32, 1)
	o := &Op{Done: func(_ *Op, res int32) { done <- res }}
	set(o)
	r.Do(o)
	return <-done
}

func TestOperations(t *testing.T) {
	r, f := start(t, nil, nil), file(t, 64<<10)
	fd := int(f.Fd())
	p := bytes.Repeat([]byte("uring"), 1000)
	if n := do(r, func(o *Op) { o.Write(fd, p, 100, unix.RWF_DSYNC) }); n != int32(len(p)) {
		t.Errorf("write of %d bytes: %d", len(p), n)
	}
	if n := do(r, func(o *Op) { o.Datasync(fd) }); n != 0 {
		t.Errorf("fdatasync: %d", n)
	}
	got := make([]byte, len(p))
	if n := do(r, func(o *Op) { o.Read(fd, got, 100) }); n != int32(len(p)) || !bytes.Equal(got, p) {
		t.Errorf("read: %d bytes, equal %v", n, bytes.Equal(got, p))
	}
	if n := do(r, func(o *Op) { o.Read(fd, got, 64<<10-10) }); n != 10 {
		t.Errorf("read over the end: %d bytes, want 10", n)
	}
	if n := do(r, func(o *Op) { o.Fallocate(fd, unix.FALLOC_FL_ZERO_RANGE, 0, 64<<10) }); n != 0 {
		t.Logf("no FALLOC_FL_ZERO_RANGE here: %v", unix.Errno(-n))
	} else if do(r, func(o *Op) { o.Read(fd, got, 100) }); !bytes.Equal(got, make([]byte, len(p))) {
		t.Error("a zeroed range does not read as zeroes")
	}
	if n := do(r, func(o *Op) { o.Read(-1, got, 0) }); n != -int32(unix.EBADF) {
		t.Errorf("read of no file: %d, want EBADF", n)
	}
}

// TestMany begins more operations than the kernel is given at a time, from many goroutines and
// from Done, while the collector runs; each ends once, with its own data.
func TestMany(t *testing.T) {
	const size, goroutines, each = 1 << 20, 8, 2000
	r, f := start(t, nil, nil), file(t, size)
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	if _, err := f.WriteAt(want, 0); err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	var ended atomic.Int64
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Add(each * 2)
		go func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range each {
				off, p := rng.Int64N(size-512), make([]byte, 512)
				again := false
				o := &Op{}
				o.Done = func(o *Op, res int32) {
					defer wg.Done()
					ended.Add(1)
					if res != 512 || !bytes.Equal(p, want[off:off+512]) {
						t.Errorf("read of 512 at %d: %d, equal %v", off, res, bytes.Equal(p, want[off:off+512]))
					}
					if !again {
						again = true
						clear(p)
						o.Read(fd, p, off)
						r.Do(o)
					}
				}
				o.Read(fd, p, off)
				r.Do(o)
				if i%500 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	wg.Wait()
	if n := ended.Load(); n != goroutines*each*2 {
		t.Errorf("%d operations ended, want %d", n, goroutines*each*2)
	}
}

// TestGroups: functions are called between before and after, never beside each other.
func TestGroups(t *testing.T) {
	open, calls, groups := false, 0, 0
	r := start(t,
		func() {
			if open {
				t.Error("before came twice")
			}
			open = true
		},
		func() {
			if !open {
				t.Error("after without before")
			}
			open = false
			groups++
		})
	const n = 1000
	done := make(chan struct{})
	for range n {
		r.Post(func() {
			if !open {
				t.Error("a call outside of a group")
			}
			if calls++; calls == n {
				close(done)
			}
		})
	}
	<-done
	order := make(chan int, 3)
	r.Post(func() {
		r.Post(func() { order <- 1; r.Post(func() { order <- 3 }) })
		r.Post(func() { order <- 2 })
	})
	for want := 1; want <= 3; want++ {
		if got := <-order; got != want {
			t.Errorf("call %d came as number %d", got, want)
		}
	}
}

// TestStopWaits for what is under way, and leaves the number of processors as it was.
func TestStopWaits(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	r, err := Start(Options{})
	if err != nil {
		t.Skip(err)
	}
	f := file(t, 1<<20)
	var left atomic.Int32
	for range 100 {
		left.Add(1)
		o := &Op{Done: func(*Op, int32) { left.Add(-1) }}
		o.Datasync(int(f.Fd()))
		r.Do(o)
	}
	r.Post(func() { time.Sleep(10 * time.Millisecond) })
	r.Stop()
	if n := left.Load(); n != 0 {
		t.Errorf("%d operations were not ended by Stop", n)
	}
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("GOMAXPROCS is %d afterwards, was %d", n, before)
	}
}

// TestIdle: a thread with nothing to do sleeps.
func TestIdle(t *testing.T) {
	var groups atomic.Int64
	r := start(t, nil, func() { groups.Add(1) })
	do(r, func(o *Op) { o.Read(-1, nil, 0) })
	n := groups.Load()
	time.Sleep(50 * time.Millisecond)
	if m := groups.Load() - n; m > 3 {
		t.Errorf("%d rounds in 50 ms without anything to do", m)
	}
}

func BenchmarkPost(b *testing.B) {
	r := start(b, nil, nil)
	done := make(chan struct{})
	for b.Loop() {
		r.Post(func() { done <- struct{}{} })
		<-done
	}
}
