package mdio

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// memDev is a sparse device in memory that insists on the block rule of the package
// and can stop after a number of writes, as a power cut would.
type memDev struct {
	t      *testing.T
	size   int64
	blocks map[int64]*[4096]byte
	writes int
	limit  int // writes that succeed; 0 = all
	syncs  int
}

var errPower = errors.New("power cut")

func newDev(t *testing.T, size int64) *memDev {
	return &memDev{t: t, size: size, blocks: map[int64]*[4096]byte{}}
}

func (d *memDev) check(p []byte, off int64) {
	d.t.Helper()
	end := off + int64(len(p))
	if off < 0 || end > d.size {
		d.t.Fatalf("access of %d bytes at %d on a device of %d bytes", len(p), off, d.size)
	}
	if off%4096 != 0 || end%4096 != 0 && end != d.size&^511 {
		d.t.Fatalf("access of %d bytes at %d is not of whole blocks", len(p), off)
	}
}

func (d *memDev) ReadAt(p []byte, off int64) (int, error) {
	d.check(p, off)
	for i := 0; i < len(p); i += 4096 {
		b := p[i:min(i+4096, len(p))]
		if blk := d.blocks[(off+int64(i))/4096]; blk != nil {
			copy(b, blk[:])
		} else {
			clear(b)
		}
	}
	return len(p), nil
}

func (d *memDev) WriteAt(p []byte, off int64) (int, error) {
	d.check(p, off)
	if d.writes++; d.limit > 0 && d.writes > d.limit {
		return 0, errPower
	}
	d.load(p, off)
	return len(p), nil
}

func (d *memDev) load(p []byte, off int64) {
	for i := 0; i < len(p); {
		at := off + int64(i)
		blk := d.blocks[at/4096]
		if blk == nil {
			blk = new([4096]byte)
			d.blocks[at/4096] = blk
		}
		i += copy(blk[at%4096:], p[i:])
	}
}

func (d *memDev) Sync() error { d.syncs++; return nil }

// bytes returns n bytes at off, which need not be aligned.
func (d *memDev) bytes(off, n int64) []byte {
	out := make([]byte, n)
	for i := range out {
		if blk := d.blocks[(off+int64(i))/4096]; blk != nil {
			out[i] = blk[(off+int64(i))%4096]
		}
	}
	return out
}

// clone copies the content, without limits.
func (d *memDev) clone() *memDev {
	c := newDev(d.t, d.size)
	for i, b := range d.blocks {
		x := *b
		c.blocks[i] = &x
	}
	return c
}

// vector is one image of testdata/metadata.json.
type vector struct {
	Name     string
	File     string
	Size     int64  `json:"device_size"`
	Offset   int64  `json:"offset_in_device"`
	Index    string `json:"index"`
	Commands []string
	Stdout   string `json:"create_stdout"`
	Stderr   string `json:"create_stderr"`
	Usable   uint64 `json:"usable_sectors"`
	Outputs  map[string]struct {
		RC     int `json:"rc"`
		Stdout string
		Stderr string
	}
}

func vectors(t *testing.T) []vector {
	t.Helper()
	var v struct{ Images []vector }
	if err := json.Unmarshal(testdata(t, "metadata.json"), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Images) < 14 {
		t.Fatalf("only %d images", len(v.Images))
	}
	return v.Images
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// device returns a device with the image of a vector on it.
func (v vector) device(t *testing.T) *memDev {
	d := newDev(t, v.Size)
	d.load(testdata(t, v.File), v.Offset)
	return d
}
