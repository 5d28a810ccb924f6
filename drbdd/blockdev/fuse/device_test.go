package fuse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/blocktest"
	"classicha/drbdd/uring"
)

var serial atomic.Int32

func options(t testing.TB) Options {
	n := serial.Add(1)
	name := fmt.Sprintf("drbd%d", n)
	return Options{
		Name: name, File: filepath.Join(base, name), Node: filepath.Join(base, name+".node"), Ring: testRing,
		Log: func(f string, a ...any) { t.Logf(f, a...) },
	}
}

// testRing is what devices of the present test are read with.
var testRing *uring.Thread

// readers runs a test with each way of reading requests.
func readers(t *testing.T, f func(t *testing.T)) {
	needDevices(t)
	t.Run("goroutine", f)
	t.Run("ring", func(t *testing.T) {
		if withRing(t); testRing == nil {
			t.Skip("no io_uring here")
		}
		f(t)
	})
}

// withRing makes devices of the test be read with a ring, where there is one.
func withRing(t testing.TB) {
	r, err := uring.Start(uring.Options{})
	if err != nil {
		t.Log(err)
		return
	}
	testRing = r
	t.Cleanup(func() {
		testRing = nil
		r.Stop()
	})
}

func attach(t testing.TB, b blockdev.Backend, opt Options) *Device {
	t.Helper()
	needDevices(t)
	d, err := Attach(b, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { abort(t, d) })
	return d
}

func abort(t testing.TB, d *Device) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := d.Abort(ctx); err != nil {
		t.Errorf("abort: %v", err)
	}
}

// app is the device as an application sees it: opened with direct I/O.
type app struct {
	f    *os.File
	size int64
}

func openApp(t testing.TB, node string) *app {
	t.Helper()
	f, err := os.OpenFile(node, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Seek(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	return &app{f, size}
}

// aligned returns memory for direct I/O.
func aligned(n int) []byte {
	b := make([]byte, n+4096)
	for i := range b {
		if isAligned(b[i:]) {
			return b[i : i+n]
		}
	}
	return nil
}

func (a *app) ReadAt(p []byte, off int64) (int, error) {
	b := aligned(len(p))
	n, err := a.f.ReadAt(b, off)
	copy(p, b[:n])
	return n, err
}

func (a *app) WriteAt(p []byte, off int64) (int, error) {
	b := aligned(len(p))
	copy(b, p)
	return a.f.WriteAt(b, off)
}

func (a *app) Sync() error { return a.f.Sync() }
func (a *app) Discard(off, n int64) error {
	return unix.Fallocate(int(a.f.Fd()), unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, off, n)
}

func (a *app) WriteZeroes(off, n int64, unmap bool) error {
	mode := uint32(unix.FALLOC_FL_ZERO_RANGE)
	if unmap {
		mode = unix.FALLOC_FL_PUNCH_HOLE
	}
	return unix.Fallocate(int(a.f.Fd()), unix.FALLOC_FL_KEEP_SIZE|mode, off, n)
}

func (a *app) Info() blockdev.Info {
	return blockdev.Info{Size: a.size, BlockSize: 512, Discard: true, DiscardZeroes: true}
}

func TestFrontEnd(t *testing.T) { readers(t, testFrontEnd) }

func testFrontEnd(t *testing.T) {
	blocktest.TestFrontEnd(t, func(t *testing.T, b blockdev.Backend) blocktest.Opened {
		d := attach(t, b, options(t))
		return blocktest.Opened{FrontEnd: d, Open: func(t *testing.T) (blocktest.Device, func()) {
			a := openApp(t, d.Device())
			return a, sync.OnceFunc(func() { a.f.Close() })
		}}
	})
}

func TestBlockSizeAndReadOnly(t *testing.T) {
	m := blocktest.NewMem(4 << 20)
	defer m.Close()
	m.SetInfo(func(i *blockdev.Info) { i.BlockSize, i.ReadOnly = 4096, true })
	d := attach(t, m, options(t))
	f, err := os.Open(d.Device())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET); err != nil || n != 4096 {
		t.Errorf("logical block size: %d, %v, want 4096", n, err)
	}
	if n, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKROGET); err != nil || n != 1 {
		t.Errorf("read-only flag: %d, %v", n, err)
	}
	if w, err := os.OpenFile(d.Device(), os.O_WRONLY, 0); err == nil {
		if _, err = w.WriteAt(make([]byte, 4096), 0); err == nil {
			err = w.Sync()
		}
		w.Close()
		if err == nil {
			t.Error("a device for reading was written")
		}
	}
}

// TestDiscardBeyond4GiB: one request of the kernel may span more than 32 bits.
func TestDiscardBeyond4GiB(t *testing.T) {
	needDevices(t)
	b := &counter{info: blockdev.Info{Size: 24 << 30, BlockSize: 512, MaxRange: 128 << 20}}
	d := attach(t, b, options(t))
	a := openApp(t, d.Device())
	defer a.f.Close()
	if err := a.Discard(4096, 20<<30); err != nil {
		t.Fatalf("discard of 20 GiB: %v", err)
	}
	if got := b.zeroed.Load(); got != 20<<30 {
		t.Errorf("%d bytes of a discard of %d reached the backend", got, int64(20<<30))
	}
	if got := b.largest.Load(); got > 128<<20 {
		t.Errorf("a piece of %d bytes reached a backend that takes %d", got, 128<<20)
	}
}

// counter is a backend without content.
type counter struct {
	info            blockdev.Info
	zeroed, largest atomic.Int64
}

func (c *counter) Info() blockdev.Info { return c.info }
func (c *counter) Submit(r *blockdev.Request) {
	err := c.info.Check(r)
	if r.Op == blockdev.Discard || r.Op == blockdev.WriteZeroes {
		c.zeroed.Add(r.Len)
		for {
			old := c.largest.Load()
			if old >= r.Len || c.largest.CompareAndSwap(old, r.Len) {
				break
			}
		}
	}
	if r.Op == blockdev.Read {
		clear(r.Data)
	}
	r.Complete(err)
}

// TestDepth: the loop device must not send one request at a time (FUSE_ASYNC_DIO), and more
// than the kernel's default of 12 (max_background).
func TestDepth(t *testing.T) { readers(t, testDepth) }

func testDepth(t *testing.T) {
	m := blocktest.NewMem(8 << 20)
	defer m.Close()
	d := attach(t, m, options(t))
	m.Hold()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			a := openApp(t, d.Device())
			defer a.f.Close()
			if _, err := a.ReadAt(make([]byte, 4096), int64(i)*65536); err != nil {
				t.Errorf("read %d: %v", i, err)
			}
		})
	}
	if n := m.WaitHeld(32); n < 32 {
		t.Errorf("%d requests in flight, want 32", n)
	}
	m.ReleaseHeld(func(rs []*blockdev.Request) { slices.Reverse(rs) })
	wg.Wait()
}

// TestBuffersUsedUp: when all buffers are with the backend, requests wait in the kernel, and go on.
func TestBuffersUsedUp(t *testing.T) { readers(t, testBuffersUsedUp) }

func testBuffersUsedUp(t *testing.T) {
	const size, writers = 512 << 10, 24
	m := blocktest.NewMem(writers * size)
	defer m.Close()
	opt := options(t)
	opt.PoolSize = 1 // the least that there can be
	d := attach(t, m, opt)
	for round := range 2 {
		m.Hold()
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				a := openApp(t, d.Device())
				defer a.f.Close()
				if round == 0 {
					if _, err := a.WriteAt(bytes.Repeat([]byte{byte(i + 1)}, size), int64(i)*size); err != nil {
						t.Errorf("write %d: %v", i, err)
					}
					return
				}
				p := make([]byte, size)
				if _, err := a.ReadAt(p, int64(i)*size); err != nil || !bytes.Equal(p, bytes.Repeat([]byte{byte(i + 1)}, size)) {
					t.Errorf("read %d: %v, or something else", i, err)
				}
			})
		}
		m.WaitHeld(3)
		time.Sleep(20 * time.Millisecond)
		if n := m.WaitHeld(3); n >= writers {
			t.Errorf("%d requests of %d bytes are with the backend at a time, but there is less memory", n, size)
		}
		m.ReleaseHeld(nil)
		wg.Wait()
	}
	// The end comes while the reader waits for a buffer.
	m.Hold()
	var wg sync.WaitGroup
	for i := range writers {
		a := openApp(t, d.Device())
		wg.Go(func() {
			defer a.f.Close()
			a.WriteAt(make([]byte, size), int64(i)*size) // may fail or not
		})
	}
	m.WaitHeld(3)
	time.Sleep(20 * time.Millisecond)
	aborted := make(chan struct{})
	go func() {
		defer close(aborted)
		abort(t, d)
	}()
	time.Sleep(20 * time.Millisecond)
	m.ReleaseHeld(nil)
	<-aborted
	wg.Wait()
}

func TestHoldersAreNamed(t *testing.T) {
	m := blocktest.NewMem(32 << 20)
	defer m.Close()
	d := attach(t, m, options(t))
	busy := func() *blockdev.BusyError {
		t.Helper()
		var b *blockdev.BusyError
		if err := d.Close(t.Context()); !errors.As(err, &b) {
			t.Fatalf("close: got %v, want a BusyError", err)
		}
		if _, err := os.Stat(d.Device()); err != nil {
			t.Errorf("the node after a refused close: %v", err)
		}
		return b
	}
	cmd := exec.Command("sleep", "60")
	f, err := os.Open(d.Device())
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = f
	if err := cmd.Start(); err != nil {
		t.Skipf("sleep: %v", err)
	}
	f.Close()
	if b := busy(); len(b.Holders) != 1 || b.Holders[0].PID != cmd.Process.Pid || b.Holders[0].Name != "sleep" {
		t.Errorf("a reader: %v, want sleep[%d]", b, cmd.Process.Pid)
	}
	cmd.Process.Kill()
	cmd.Wait()

	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.Device()).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v %s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "with blank")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(d.Device(), dir, "ext4", 0, ""); err != nil {
		t.Skipf("mount: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b := busy(); len(b.Holders) != 1 || b.Holders[0].What != "mounted on "+dir {
		t.Errorf("a mount: %v, want it named", b)
	}
	// The kernel alone must know it, too: a plain detach only marks a busy device.
	if err := d.lp.detach(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("detach of a mounted device: got %v, want EBUSY", err)
	}
	if _, err := d.lp.status(); err != nil {
		t.Errorf("after the refused detach: %v, want no trace of it", err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatalf("close of a free device: %v", err)
	}
	if _, err := os.Stat(d.Device()); !os.IsNotExist(err) {
		t.Errorf("the node after close: %v, want it gone", err)
	}
	if b, _ := os.ReadFile(fmt.Sprintf("/sys/block/loop%d/loop/backing_file", d.st.Loop)); backing(string(b), d.st.File) {
		t.Errorf("loop device %d is still attached to %s", d.st.Loop, b)
	}
}

// TestAbortUnderMount: EIO at once for everybody, nothing hangs, nothing is left.
func TestAbortUnderMount(t *testing.T) { readers(t, testAbortUnderMount) }

func testAbortUnderMount(t *testing.T) {
	m := blocktest.NewMem(8 << 20)
	defer m.Close()
	d := attach(t, m, options(t))
	a := openApp(t, d.Device())
	defer a.f.Close()
	m.Hold()
	got := make(chan error, 2)
	for i := range 2 {
		go func() {
			_, err := a.ReadAt(make([]byte, 4096), int64(i)*4096)
			got <- err
		}()
	}
	m.WaitHeld(2)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.Abort(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("abort with two requests in the backend: %v", err)
	}
	for range 2 {
		if err := <-got; !errors.Is(err, unix.EIO) {
			t.Errorf("a read during the abort: got %v, want EIO", err)
		}
	}
	m.ReleaseHeld(nil)
	abort(t, d)
}

func TestAttachCleansUp(t *testing.T) {
	m := blocktest.NewMem(4 << 20)
	defer m.Close()
	opt := options(t)
	d := attach(t, m, opt)
	if _, err := Attach(m, opt); err == nil || !strings.Contains(err.Error(), "served by another") {
		t.Errorf("a second server at the same place: %v", err)
	}
	// As after kill -9: the descriptors go, mount, loop device and node stay.
	d.s.close()
	d.lp.f.Close()
	d.lp = nil
	next := attach(t, m, opt)
	a := openApp(t, next.Device())
	if _, err := a.ReadAt(make([]byte, 4096), 0); err != nil {
		t.Errorf("read of the new device: %v", err)
	}
	a.f.Close()
	if err := next.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d.gone = true
	d.pool.Close()
}
