package drbdmeta

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
)

// image is a device in preparation.
type image struct {
	t     *testing.T
	path  string
	size  int64
	state string // last known size; DISK is the device
}

func (m *image) do(f func(*os.File) error) {
	m.t.Helper()
	f1, err := os.OpenFile(m.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f(f1)
		f1.Close()
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *image) resize(n int64) {
	m.t.Helper()
	m.size = n
	m.do(func(f *os.File) error { return f.Truncate(n) })
}

func (m *image) put(off int64, b []byte) {
	m.t.Helper()
	m.do(func(f *os.File) error { _, err := f.WriteAt(b, off); return err })
}

// blocks reads the image, without its holes.
func (m *image) blocks() map[int64]string {
	m.t.Helper()
	out := map[int64]string{}
	zero := make([]byte, 4096)
	m.do(func(f *os.File) error {
		b := make([]byte, 4096)
		for off := int64(0); ; off += 4096 {
			data, err := f.Seek(off, unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) {
				return nil
			}
			if err != nil {
				return err
			}
			off = data &^ 4095
			n, err := f.ReadAt(b, off)
			if n == 0 {
				return err
			}
			if !bytes.Equal(b[:n], zero[:n]) {
				out[off] = string(b[:n])
			}
		}
	})
	return out
}

// make puts metadata on the device and lets change its super block.
func (m *image) make(x metadata.Index, ring metadata.Ring, change func(*metadata.Superblock)) metadata.Layout {
	m.t.Helper()
	l, err := metadata.NewLayout(x, m.size, ring)
	if err != nil {
		m.t.Fatal(err)
	}
	m.do(func(f *os.File) error {
		s, err := mdio.Create(f, l, m.size, metadata.CreateOptions{})
		if err != nil || change == nil {
			return err
		}
		sb := s.Super
		change(&sb)
		return s.WriteSuper(sb)
	})
	if x == metadata.Internal {
		m.state = fmt.Sprintf("%d\tDISK\n", m.size)
	}
	return l
}

// with makes internal metadata with a changed super block on 8 MiB.
func with(change func(*metadata.Superblock)) func(*image) {
	return func(m *image) { m.make(metadata.Internal, metadata.DefaultRing, change) }
}

func made(m *image) { m.make(metadata.Internal, metadata.DefaultRing, nil) }

// on prepares a device of another size.
func on(size int64, then func(*image)) func(*image) {
	return func(m *image) {
		m.resize(size)
		if then != nil {
			then(m)
		}
	}
}

// grown resizes the device after then.
func grown(size int64, then func(*image)) func(*image) {
	return func(m *image) { then(m); m.resize(size) }
}

// difference tells where two images differ.
func difference(t *testing.T, theirs, ours map[int64]string) {
	t.Helper()
	offs := slices.Sorted(maps.Keys(theirs))
	for off := range ours {
		if _, ok := theirs[off]; !ok {
			offs = append(offs, off)
		}
	}
	n := 0
	for _, off := range offs {
		a, b := theirs[off], ours[off]
		if a == b {
			continue
		}
		if n++; n <= 3 {
			t.Errorf("block at %d:\nreal %x\nours %x", off, a[:min(128, len(a))], b[:min(128, len(b))])
		}
	}
	if n > 0 {
		t.Errorf("%d blocks differ", n)
	}
}
