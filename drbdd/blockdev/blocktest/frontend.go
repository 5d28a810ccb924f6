package blocktest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"classicha/drbdd/blockdev"
)

// Opened is a front end that runs, and how an application opens what it offers.
type Opened struct {
	FrontEnd blockdev.FrontEnd
	// Open makes one more user of the device. The function ends it and may be called twice.
	Open func(t *testing.T) (Device, func())
}

// Size is the size of the devices of TestFrontEnd.
const Size = 8 << 20

// TestFrontEnd is what holds for every front end. start runs one over the backend; clean-up after a
// failed test is its affair (t.Cleanup with Abort).
func TestFrontEnd(t *testing.T, start func(t *testing.T, b blockdev.Backend) Opened) {
	begin := func(t *testing.T) (*Mem, Opened, Device, func()) {
		t.Helper()
		m := NewMem(Size)
		t.Cleanup(m.Close)
		o := start(t, m)
		d, end := o.Open(t)
		t.Cleanup(end)
		return m, o, d, end
	}
	TestDevice(t, func(t *testing.T) Device {
		_, _, d, _ := begin(t)
		return d
	})
	t.Run("answers out of order", func(t *testing.T) {
		m, _, d, _ := begin(t)
		const n = 8
		want := pattern(4, n*65536)
		mustWrite(t, d, want, 0)
		if err := d.Sync(); err != nil {
			t.Fatal(err)
		}
		m.Hold()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				got := make([]byte, 4096)
				if _, err := d.ReadAt(got, int64(i)*65536); err != nil {
					t.Errorf("read %d: %v", i, err)
				} else if !bytes.Equal(got, want[i*65536:i*65536+4096]) {
					t.Errorf("read %d got the answer of another request", i)
				}
			})
		}
		m.WaitHeld(n)
		m.ReleaseHeld(func(rs []*blockdev.Request) { slices.Reverse(rs) })
		wg.Wait()
	})
	t.Run("an error reaches its request only", func(t *testing.T) { testErrors(t, begin) })
	t.Run("flush comes after the writes", func(t *testing.T) {
		m, _, d, _ := begin(t)
		mustWrite(t, d, pattern(6, 4096), 4096)
		if err := d.Sync(); err != nil {
			t.Fatal(err)
		}
		log := m.Log()
		w := slices.IndexFunc(log, func(r Record) bool { return r.Op == blockdev.Write && r.Off <= 4096 && r.Off+r.Len >= 8192 })
		if w < 0 {
			t.Fatalf("the write did not reach the backend: %+v", log)
		}
		f := slices.IndexFunc(log[w:], func(r Record) bool { return r.Op == blockdev.Flush || r.Flags&blockdev.FUA != 0 })
		if f < 0 {
			t.Fatalf("after the write no flush reached the backend: %+v", log[w:])
		}
		if f += w; log[f].Op == blockdev.Flush && log[f].After <= w {
			t.Errorf("flush %s was submitted before the write was completed", log[f].Describe())
		}
	})
	t.Run("busy while it is open", func(t *testing.T) {
		_, o, d, end := begin(t)
		var busy *blockdev.BusyError
		if err := o.FrontEnd.Close(t.Context()); !errors.As(err, &busy) {
			t.Fatalf("close of an open device: got %v, want a BusyError", err)
		}
		if len(busy.Holders) == 0 {
			t.Errorf("nobody is named as the holder: %v", busy)
		}
		mustWrite(t, d, pattern(8, 4096), 0)
		equal(t, d, pattern(8, 4096), 0, "after the refused close")
		end()
		if err := closeSoon(o.FrontEnd); err != nil {
			t.Errorf("close of a free device: %v", err)
		}
	})
	t.Run("abort waits for the backend", func(t *testing.T) { testAbort(t, begin) })
	t.Run("grow", func(t *testing.T) {
		m, o, d, end := begin(t)
		mustWrite(t, d, pattern(9, 4096), Size-4096)
		m.SetInfo(func(i *blockdev.Info) { i.Size = 2 * Size })
		if err := o.FrontEnd.Resize(); err != nil {
			t.Fatalf("resize: %v", err)
		}
		end()
		d, end = o.Open(t)
		defer end()
		if got := d.Info().Size; got != 2*Size {
			t.Errorf("size after growing: got %d, want %d", got, 2*Size)
		}
		equal(t, d, pattern(9, 4096), Size-4096, "the old end after growing")
		mustWrite(t, d, pattern(10, 4096), 2*Size-4096)
		equal(t, d, pattern(10, 4096), 2*Size-4096, "the new end")
	})
}

func testErrors(t *testing.T, begin func(*testing.T) (*Mem, Opened, Device, func())) {
	m, _, d, _ := begin(t)
	mustWrite(t, d, pattern(5, 65536), 0)
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	m.FailWith(func(r *blockdev.Request) error {
		if r.Op != blockdev.Flush && r.Off <= 8192 && r.End() > 8192 {
			return syscall.EIO
		}
		return nil
	})
	b := make([]byte, 4096)
	if _, err := d.ReadAt(b, 8192); !errors.Is(err, syscall.EIO) {
		t.Errorf("read of the bad block: got %v, want EIO", err)
	}
	if _, err := d.WriteAt(b, 8192); !errors.Is(err, syscall.EIO) {
		t.Errorf("write of the bad block: got %v, want EIO", err)
	}
	equal(t, d, pattern(5, 65536)[16384:], 16384, "behind the bad block")
	m.FailWith(nil)
	mustWrite(t, d, b, 8192)
	equal(t, d, b, 8192, "the block after it was mended")
}

func testAbort(t *testing.T, begin func(*testing.T) (*Mem, Opened, Device, func())) {
	m, o, d, end := begin(t)
	m.Hold()
	got := make(chan error, 1)
	go func() {
		_, err := d.ReadAt(make([]byte, 4096), 65536)
		got <- err
	}()
	m.WaitHeld(1)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := o.FrontEnd.Abort(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("abort with a request in the backend: got %v, want it to wait until its time is over", err)
	}
	over := make(chan error, 1)
	go func() { over <- o.FrontEnd.Abort(context.Background()) }()
	m.ReleaseHeld(nil)
	if err := <-over; err != nil {
		t.Errorf("abort after the backend was done: %v", err)
	}
	<-got // an error or the data: both are right, hanging is not
	before := len(m.Log())
	if _, err := d.ReadAt(make([]byte, 4096), 0); err == nil {
		t.Errorf("a read after the abort succeeded")
	}
	if n := len(m.Log()); n != before {
		t.Errorf("%d requests were submitted after the abort", n-before)
	}
	end()
}

// closeSoon allows for what closes a little later than its caller: the last close of a block
// device, a socket whose other side is gone.
func closeSoon(f blockdev.FrontEnd) (err error) {
	for range 100 {
		var busy *blockdev.BusyError
		if err = f.Close(context.Background()); !errors.As(err, &busy) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
