package changes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"classicha/drbdd/metadata"
)

var sample = Header{
	Size: 10*BlockSize + 512, Volume: 3, Resource: "user", UUIDs: metadata.UUIDs{Current: 0x11, Bitmap: 0x22, History0: 0x33, History1: 0x44},
	Saved: time.Unix(1800000000, 0).UTC(), Since: time.Unix(1700000000, 0).UTC(), Runs: 2, Blocks: 4,
}

// write makes a file with blocks 2, 3 (zeroes), 9 and the shorter 10.
func write(t testing.TB) (string, []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, sample)
	if err != nil {
		t.Fatal(err)
	}
	data := slices.Concat(bytes.Repeat([]byte{2}, BlockSize), make([]byte, BlockSize), bytes.Repeat([]byte{9}, BlockSize), bytes.Repeat([]byte{10}, 512))
	for _, err := range []error{w.Runs([]Run{{2, 2}}), w.Runs([]Run{{9, 2}}), w.Data(data[:BlockSize]), w.Data(data[BlockSize:]), w.End()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, all
}

func open(b []byte) (*Reader, []Run, error) {
	r, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	var runs []Run
	err = r.Runs(func(x Run, _ int64) error { runs = append(runs, x); return nil })
	return r, runs, err
}

func TestWriteAndRead(t *testing.T) {
	_, b := write(t)
	if len(b) != 4096+4*BlockSize+32 {
		t.Errorf("%d bytes", len(b))
	}
	r, runs, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Header, sample) {
		t.Errorf("read %+v, written %+v", r.Header, sample)
	}
	if want := []Run{{2, 2}, {9, 2}}; !slices.Equal(runs, want) {
		t.Errorf("runs %v, want %v", runs, want)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	for block, want := range map[int]byte{0: 2, 1: 0, 2: 9, 3: 10} {
		if got := b[4096+block*BlockSize]; got != want {
			t.Errorf("block %d of the file begins with %d, want %d", block, got, want)
		}
	}
}

// Nothing that is cut off, longer or changed is taken for the whole.
func TestDamaged(t *testing.T) {
	_, b := write(t)
	for _, n := range []int{0, 1, 15, 16, 255, 256, 288, 4095, 4096, 5000, len(b) - 1} {
		if _, _, err := open(b[:n]); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
	if _, _, err := open(append(bytes.Clone(b), 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("one byte more: %v", err)
	}
	for i := range b {
		if i > 300 && i%97 != 0 {
			continue
		}
		bad := bytes.Clone(b)
		bad[i] ^= 0x40
		r, _, err := open(bad)
		if err == nil {
			err = r.Check()
		}
		if !errors.Is(err, ErrFormat) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}

func TestWriterKeepsItsWord(t *testing.T) {
	for name, f := range map[string]func(*Writer) error{
		"too many runs":    func(w *Writer) error { return w.Runs([]Run{{0, 1}, {2, 1}, {4, 1}}) },
		"too few blocks":   func(w *Writer) error { return w.Runs([]Run{{0, 1}, {2, 1}}) },
		"descending":       func(w *Writer) error { return w.Runs([]Run{{5, 2}, {1, 2}}) },
		"overlapping":      func(w *Writer) error { return w.Runs([]Run{{5, 2}, {6, 2}}) },
		"behind the end":   func(w *Writer) error { return w.Runs([]Run{{5, 2}, {10, 2}}) },
		"empty":            func(w *Writer) error { return w.Runs([]Run{{5, 0}}) },
		"data before runs": func(w *Writer) error { return w.Data(make([]byte, BlockSize)) },
		"end before data":  func(w *Writer) error { return w.End() },
	} {
		file, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(file, sample)
		if err != nil {
			t.Fatal(err)
		}
		if f(w) == nil {
			t.Errorf("%s: no error", name)
		}
		file.Close()
	}
}

// FuzzOpen: any bytes are a file or an error, and a file says the same again.
func FuzzOpen(f *testing.F) {
	_, b := write(f)
	f.Add(b)
	f.Add(b[:300])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, runs, err := open(b)
		if err != nil {
			return
		}
		if got := r.Header.append(nil); !bytes.Equal(got, b[:headerSize]) {
			t.Errorf("%x is read and written as %x", b[:headerSize], got)
		}
		if uint64(len(runs)) != r.Header.Runs {
			t.Errorf("%d runs of %d", len(runs), r.Header.Runs)
		}
		if err := r.Check(); err != nil && !errors.Is(err, ErrFormat) && err != io.EOF {
			t.Error(err)
		}
	})
}
