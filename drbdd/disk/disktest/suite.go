package disktest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/blocktest"
)

// Device is what disk.Disk and its twin have in common.
type Device interface {
	blockdev.Backend
	io.ReaderAt
	io.WriterAt
	Sync() error
	Close() error
}

// Test is what holds for every backing device: the rules of backends, the rules of the
// file-like methods, and the end.
func Test(t *testing.T, open func(t *testing.T) Device) {
	fresh := func(t *testing.T) Device {
		d := open(t)
		t.Cleanup(func() { d.Close() })
		return d
	}
	blocktest.TestBackend(t, func(t *testing.T) blockdev.Backend { return fresh(t) })
	t.Run("as a file", func(t *testing.T) { testFile(t, fresh(t)) })
	t.Run("after close", func(t *testing.T) {
		d := open(t)
		if err := d.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		done := make(chan error, 1)
		r := &blockdev.Request{Op: blockdev.Flush, Done: func(_ *blockdev.Request, err error) { done <- err }}
		r.Start()
		d.Submit(r)
		if err := <-done; !errors.Is(err, blockdev.ErrShutdown) {
			t.Errorf("request after close: got %v, want %v", err, blockdev.ErrShutdown)
		}
		if _, err := d.ReadAt(make([]byte, 1), 0); !errors.Is(err, blockdev.ErrShutdown) {
			t.Errorf("ReadAt after close: %v", err)
		}
	})
}

func testFile(t *testing.T, d Device) {
	bs, end := int64(d.Info().BlockSize), d.Info().Size
	p := bytes.Repeat([]byte("0123456789abcdef"), 3*int(bs)/16)
	if n, err := d.WriteAt(p, bs); n != len(p) || err != nil {
		t.Fatalf("WriteAt: %d, %v", n, err)
	}
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if n, err := d.ReadAt(got, bs+7); n != 100 || err != nil || !bytes.Equal(got, p[7:107]) {
		t.Errorf("ReadAt of 100 bytes between blocks: %d, %v, %q", n, err, got)
	}
	if n, err := d.ReadAt(got, end-10); n != 10 || err != io.EOF {
		t.Errorf("ReadAt over the end: got %d and %v, want 10 and EOF", n, err)
	}
	if n, err := d.ReadAt(got, end); n != 0 || err != io.EOF {
		t.Errorf("ReadAt at the end: got %d and %v, want 0 and EOF", n, err)
	}
	for _, c := range []struct{ off, n int64 }{{1, bs}, {0, 100}, {end, bs}, {end - bs, 2 * bs}, {-bs, bs}} {
		if n, err := d.WriteAt(make([]byte, c.n), c.off); n != 0 || !errors.Is(err, blockdev.ErrRange) {
			t.Errorf("WriteAt of %d bytes at %d: got %d, %v, want it refused with EINVAL", c.n, c.off, n, err)
		}
	}
	big := bytes.Repeat([]byte{0xa5}, 2<<20)
	if n, err := d.WriteAt(big, 0); n != len(big) || err != nil {
		t.Fatalf("WriteAt of 2 MiB: %d, %v", n, err)
	}
	back := make([]byte, len(big))
	if _, err := d.ReadAt(back, 0); err != nil || !bytes.Equal(back, big) {
		t.Errorf("2 MiB read back differ, or %v", err)
	}
}
