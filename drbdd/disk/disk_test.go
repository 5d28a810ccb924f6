package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/disk/disktest"
	"classicha/drbdd/uring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newFile makes a sparse file; the test is skipped where the file system has no direct I/O.
func newFile(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Skipf("no direct I/O below %s: %v", filepath.Dir(name), err)
	}
	unix.Close(fd)
	return name
}

func mustOpen(t *testing.T, path string, opt Options) *Disk {
	t.Helper()
	d, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// engines runs a test with each engine.
func engines(t *testing.T, f func(t *testing.T, ring *uring.Thread)) {
	t.Run("threads", func(t *testing.T) { f(t, nil) })
	t.Run("ring", func(t *testing.T) {
		r, err := uring.Start(uring.Options{})
		if err != nil {
			t.Skip(err)
		}
		f(t, r)
		r.Stop() // hangs while anything is under way
	})
}

func TestFile(t *testing.T) {
	engines(t, func(t *testing.T, ring *uring.Thread) {
		disktest.Test(t, func(t *testing.T) disktest.Device {
			return mustOpen(t, newFile(t, 4<<20), Options{Ring: ring})
		})
	})
}

func TestFile4k(t *testing.T) {
	engines(t, func(t *testing.T, ring *uring.Thread) {
		disktest.Test(t, func(t *testing.T) disktest.Device {
			return mustOpen(t, newFile(t, 4<<20+512), Options{BlockSize: 4096, Workers: 2, Ring: ring})
		})
	})
}

func TestBuffered(t *testing.T) {
	engines(t, func(t *testing.T, ring *uring.Thread) {
		disktest.Test(t, func(t *testing.T) disktest.Device {
			return mustOpen(t, newFile(t, 4<<20), Options{Buffered: true, Ring: ring})
		})
	})
}

// loopOn attaches a loop device to a new file and detaches it at the end of the test.
func loopOn(t *testing.T, size int64) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a loop device is the block device of this test")
	}
	back, err := os.OpenFile(newFile(t, size), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	ctl, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no loop devices here: %v", err)
	}
	defer ctl.Close()
	for range 20 { // somebody else may be faster
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			t.Skipf("no free loop device: %v", err)
		}
		name := fmt.Sprintf("/dev/loop%d", n)
		dev, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Skipf("cannot open %s: %v", name, err)
		}
		err = unix.IoctlLoopConfigure(int(dev.Fd()), &unix.LoopConfig{Fd: uint32(back.Fd())})
		if errors.Is(err, unix.EBUSY) {
			dev.Close()
			continue
		}
		if err != nil {
			dev.Close()
			t.Fatalf("attach %s: %v", name, err)
		}
		t.Cleanup(func() {
			if err := unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_CLR_FD, 0); err != nil {
				t.Errorf("detach %s: %v", name, err)
			}
			dev.Close()
		})
		return name
	}
	t.Skip("every free loop device was taken by somebody else")
	return ""
}

func TestBlockDevice(t *testing.T) {
	engines(t, func(t *testing.T, ring *uring.Thread) {
		disktest.Test(t, func(t *testing.T) disktest.Device {
			d := mustOpen(t, loopOn(t, 4<<20), Options{Ring: ring})
			if !d.IsBlockDevice() {
				t.Error("a loop device was taken for a file")
			}
			if i := d.Info(); i.Size != 4<<20 || !i.Discard || !i.DiscardZeroes {
				t.Errorf("a loop device of 4 MiB over a file describes itself as %+v", i)
			}
			return d
		})
	})
}

func TestExclusive(t *testing.T) {
	name := loopOn(t, 1<<20)
	d := mustOpen(t, name, Options{Exclusive: true})
	defer d.Close()
	if second, err := Open(name, Options{Exclusive: true}); !errors.Is(err, unix.EBUSY) {
		if err == nil {
			second.Close()
		}
		t.Errorf("second exclusive open: got %v, want EBUSY", err)
	}
}

// TestLock: a second daemon does not get a file that one has; once it is closed, it does.
func TestLock(t *testing.T) {
	name := newFile(t, 1<<20)
	d := mustOpen(t, name, Options{Lock: true})
	if second, err := Open(name, Options{Lock: true}); !errors.Is(err, unix.EBUSY) {
		if err == nil {
			second.Close()
		}
		t.Errorf("second open with a lock: got %v, want EBUSY", err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := Open(name, Options{Lock: true, Patience: time.Minute})
		if err == nil {
			err = second.Close()
		}
		got <- err
	}()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Errorf("an open that waited for the lock: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	d := mustOpen(t, newFile(t, 1<<20), Options{ReadOnly: true})
	defer d.Close()
	if _, err := d.WriteAt(make([]byte, 512), 0); !errors.Is(err, syscall.EROFS) {
		t.Errorf("write to a disk opened for reading: got %v, want EROFS", err)
	}
	if _, err := d.ReadAt(make([]byte, 512), 0); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("a directory was opened as a disk")
	}
	if _, err := Open("/dev/null", Options{}); err == nil {
		t.Error("a character device was opened as a disk")
	}
}

// TestShrunkFile: a device that is smaller than it said gives errors, not short data.
func TestShrunkFile(t *testing.T) { engines(t, testShrunkFile) }

func testShrunkFile(t *testing.T, ring *uring.Thread) {
	name := newFile(t, 1<<20)
	d := mustOpen(t, name, Options{Ring: ring})
	defer d.Close()
	c, err := blockdev.NewClient(d, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := os.Truncate(name, 512<<10); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadAt(make([]byte, 512), 768<<10); !errors.Is(err, syscall.EIO) {
		t.Errorf("read of what is gone: got %v, want EIO", err)
	}
	if _, err := d.ReadAt(make([]byte, 8192), 512<<10-4096); !errors.Is(err, syscall.EIO) {
		t.Errorf("read that is cut short: got %v, want EIO", err)
	}
	for _, off := range []int64{768 << 10, 512<<10 - 4096} {
		if _, err := c.ReadAt(make([]byte, 8192), off); !errors.Is(err, syscall.EIO) {
			t.Errorf("request for 8192 bytes at %d, of which some are gone: got %v, want EIO", off, err)
		}
	}
	if err := os.Truncate(name, 2<<20); err != nil {
		t.Fatal(err)
	}
	if n, err := d.Refresh(); n != 2<<20 || err != nil || d.Info().Size != 2<<20 {
		t.Errorf("size after growing: %d, %v", n, err)
	}
}

// TestUnalignedMemory: data at any address is written and read, through a copy.
func TestUnalignedMemory(t *testing.T) { engines(t, testUnalignedMemory) }

func testUnalignedMemory(t *testing.T, ring *uring.Thread) {
	d := mustOpen(t, newFile(t, 1<<20), Options{Ring: ring})
	defer d.Close()
	b := alignedBytes(4096 + 1)[1:]
	for i := range b {
		b[i] = byte(i * 7)
	}
	if _, err := d.WriteAt(b, 4096); err != nil {
		t.Fatal(err)
	}
	got := alignedBytes(4096 + 3)[3:]
	if _, err := d.ReadAt(got, 4096); err != nil || !bytes.Equal(got, b) {
		t.Errorf("read into an odd address: %v, equal %v", err, bytes.Equal(got, b))
	}
	done := make(chan error, 1)
	r := &blockdev.Request{Done: func(_ *blockdev.Request, err error) { done <- err }}
	for _, op := range []blockdev.Op{blockdev.Write, blockdev.Read} {
		p := alignedBytes(4096 + 5)[5:]
		if op == blockdev.Write {
			copy(p, b)
		}
		r.Op, r.Off, r.Len, r.Data = op, 8192, 4096, p
		r.Start()
		d.Submit(r)
		if err := <-done; err != nil || !bytes.Equal(p, b) {
			t.Errorf("%s at an odd address: %v, equal %v", op, err, bytes.Equal(p, b))
		}
	}
}

// TestFlushesShareOneSync: flushes that wait while one is under way are served together.
func TestFlushesShareOneSync(t *testing.T) { engines(t, testFlushesShareOneSync) }

func testFlushesShareOneSync(t *testing.T, ring *uring.Thread) {
	d := mustOpen(t, newFile(t, 1<<20), Options{Ring: ring})
	const n = 200
	var wg sync.WaitGroup
	wg.Add(n)
	for range n {
		r := &blockdev.Request{Op: blockdev.Flush, Done: func(_ *blockdev.Request, err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		}}
		r.Start()
		d.Submit(r)
	}
	wg.Wait()
	if s := d.Stats().Syncs.Load(); s >= n || d.Stats().Flushes.Load() != n {
		t.Errorf("%d flushes took %d calls of fdatasync, want fewer", d.Stats().Flushes.Load(), s)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}
