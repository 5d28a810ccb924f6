package blockdev_test

import (
	"errors"
	"io/fs"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/blocktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openMem(t *testing.T) *blocktest.Mem {
	m := blocktest.NewMem(4 << 20)
	t.Cleanup(m.Close)
	return m
}

func TestMem(t *testing.T) {
	blocktest.TestBackend(t, func(t *testing.T) blockdev.Backend { return openMem(t) })
}

func TestSplitBackend(t *testing.T) {
	blocktest.TestBackend(t, func(t *testing.T) blockdev.Backend {
		m := openMem(t)
		m.SetInfo(func(i *blockdev.Info) { i.MaxIO, i.MaxRange = 4096, 32<<10 })
		return blockdev.Split(m)
	})
}

func submit(b blockdev.Backend, r *blockdev.Request) error {
	done := make(chan error, 1)
	r.Done = func(_ *blockdev.Request, err error) { done <- err }
	r.Start()
	b.Submit(r)
	return <-done
}

// null completes everything inside of Submit and sums up what it got.
type null struct {
	info   blockdev.Info
	n      int
	bytes  int64
	failAt int
}

func (n *null) Info() blockdev.Info { return n.info }
func (n *null) Submit(r *blockdev.Request) {
	n.n++
	n.bytes += r.Len
	if n.n == n.failAt {
		r.Complete(blockdev.ErrNoSpace)
		return
	}
	r.Complete(nil)
}

func TestSplitBeyond4GiB(t *testing.T) {
	b := &null{info: blockdev.Info{Size: 16 << 40, BlockSize: 512}}
	s := blockdev.Split(b)
	if err := submit(s, &blockdev.Request{Op: blockdev.Discard, Off: 512, Len: 16<<40 - 1024}); err != nil {
		t.Fatal(err)
	}
	if b.n != 16384 || b.bytes != 16<<40-1024 {
		t.Errorf("a discard of 16 TiB came as %d pieces of %d bytes together, want 16384 of %d", b.n, b.bytes, int64(16<<40-1024))
	}
	*b = null{info: b.info, failAt: 3}
	if err := submit(s, &blockdev.Request{Op: blockdev.WriteZeroes, Len: 16 << 40}); !errors.Is(err, blockdev.ErrNoSpace) {
		t.Errorf("error of the third piece: got %v, want %v", err, blockdev.ErrNoSpace)
	}
	if b.n != 3 {
		t.Errorf("%d pieces were begun, want none after the failed third", b.n)
	}
	*b = null{info: b.info}
	if err := submit(s, &blockdev.Request{Op: blockdev.Discard, Off: 16<<40 - 512, Len: 8 << 30}); !errors.Is(err, blockdev.ErrRange) || b.n != 0 {
		t.Errorf("discard over the end: got %v and %d pieces, want it refused whole", err, b.n)
	}
}

func TestSplitWindow(t *testing.T) {
	m := openMem(t)
	m.Hold()
	m.SetInfo(func(i *blockdev.Info) { i.MaxRange = 64 << 10 })
	s := blockdev.Split(m)
	done := make(chan error, 1)
	r := &blockdev.Request{Op: blockdev.Discard, Len: 4 << 20, Done: func(_ *blockdev.Request, err error) { done <- err }}
	r.Start()
	s.Submit(r)
	if n := m.WaitHeld(8); n != 8 {
		t.Errorf("%d pieces in flight, want 8", n)
	}
	m.ReleaseHeld(nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCompleteTwicePanics(t *testing.T) {
	r := &blockdev.Request{Op: blockdev.Flush, Done: func(*blockdev.Request, error) {}}
	r.Start()
	mustPanic(t, "Start of a request in flight", r.Start)
	r.Complete(nil)
	mustPanic(t, "second Complete", func() { r.Complete(nil) })
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

func TestErrno(t *testing.T) {
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0}, {syscall.ENOSPC, syscall.ENOSPC}, {errors.New("?"), syscall.EIO},
		{&fs.PathError{Err: syscall.EROFS}, syscall.EROFS}, {syscall.Errno(0), syscall.EIO},
	} {
		if got := blockdev.Errno(c.err); got != c.want {
			t.Errorf("Errno(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

func TestInfoValid(t *testing.T) {
	for _, c := range []struct {
		i  blockdev.Info
		ok bool
	}{
		{blockdev.Info{Size: 1 << 20, BlockSize: 512}, true},
		{blockdev.Info{Size: 1 << 20, BlockSize: 4096, MaxIO: 128 << 10}, true},
		{blockdev.Info{Size: 1 << 20}, false},
		{blockdev.Info{Size: 1 << 20, BlockSize: 768}, false},
		{blockdev.Info{Size: 1000, BlockSize: 512}, false},
		{blockdev.Info{Size: 1 << 20, BlockSize: 4096, MaxIO: 512}, false},
	} {
		if err := c.i.Valid(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.i, err)
		}
	}
}

func TestClosedMemCompletesWithShutdown(t *testing.T) {
	m := blocktest.NewMem(1 << 20)
	m.Hold()
	var n atomic.Int32
	r := &blockdev.Request{Op: blockdev.Flush, Done: func(_ *blockdev.Request, err error) {
		if errors.Is(err, blockdev.ErrShutdown) {
			n.Add(1)
		}
	}}
	r.Start()
	m.Submit(r)
	m.Close()
	r.Start()
	m.Submit(r)
	if n.Load() != 2 {
		t.Errorf("%d requests ended with ErrShutdown, want 2", n.Load())
	}
}
