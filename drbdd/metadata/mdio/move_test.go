package mdio

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"classicha/drbdd/metadata"
)

// TestMove: a device of 8 MiB with some changes in its bitmap grows, by little (the
// places overlap) and by much (the bitmap area grows).
func TestMove(t *testing.T) {
	for _, newSize := range []int64{8<<20 + 4096, 8<<20 + 36864, 9 << 20, 300 << 20, 8<<20 + 512, 8 << 20} {
		d := kernelDevice(t, "metadata_crashed_primary.node1.md.bin")
		before, _, err := Open(d, metadata.Internal, d.size)
		if err != nil {
			t.Fatal(err)
		}
		bm, err := before.ReadBitmap(before.Super.LaSizeSect)
		if err != nil {
			t.Fatal(err)
		}
		bm.Set(3, 5)
		bm.Set(2037, 1)
		if _, err := before.WriteBitmap(bm); err != nil {
			t.Fatal(err)
		}
		d.size = newSize
		if _, err := Move(d, 8<<20, newSize); err != nil {
			t.Fatalf("%d: %v", newSize, err)
		}
		after, cut, err := Open(d, metadata.Internal, newSize)
		if err != nil || cut != 0 {
			t.Fatalf("%d: not found afterwards: %v", newSize, err)
		}
		if got, err := after.ReadBitmap(after.Super.LaSizeSect); err != nil || got.Count() != 6 || !got.Test(3) || !got.Test(2037) {
			t.Errorf("%d: %v, %d bits, want 6", newSize, err, got.Count())
		}
		if r, err := after.ReadLog(); err != nil || len(r.Extents) != 2 {
			t.Errorf("%d: log %+v %v", newSize, r, err)
		}
		if after.Super.GI() != before.Super.GI() || after.Super.LaSizeSect != before.Super.LaSizeSect {
			t.Errorf("%d: %s", newSize, after.Super.String())
		}
		if newSize >= 9<<20 {
			if _, _, err := Open(d, metadata.Internal, 8<<20); !errors.Is(err, metadata.ErrNoMetadata) {
				t.Errorf("%d: the old place still has metadata: %v", newSize, err)
			}
		}
	}
	d := kernelDevice(t, "metadata_uptodate.node1.md.bin")
	if _, err := Move(d, 8<<20, 6<<20); !errors.Is(err, metadata.ErrNoMetadata) {
		t.Errorf("after shrinking: %v", err)
	}
}

// lkbd is what the real drbdmeta remembers of the devices of these tests, which
// have no minor.
const lkbd = "/var/lib/drbd/drbd-minor--1.lkbd"

// forget removes the memory of the real drbdmeta after a test, if it was not there
// before.
func forget(t *testing.T) {
	if _, err := os.Stat(lkbd); err != nil {
		t.Cleanup(func() { os.Remove(lkbd) })
	}
}

// TestRealCheckResize: the real check-resize and ours find each other's metadata.
func TestRealCheckResize(t *testing.T) {
	needReal(t)
	if os.Getuid() != 0 {
		t.Skip("the real drbdmeta keeps its memory in " + filepath.Dir(lkbd) + ", which needs root")
	}
	const size = 8 << 20
	f := newFile(t, "disk", size)
	if _, e, rc := real(t, "-", "v08", f.Name(), "internal", "create-md"); rc != 0 {
		t.Fatal(e)
	}
	text, err := os.ReadFile(lkbd)
	if err != nil {
		t.Fatal(err)
	}
	k, err := metadata.ParseLastKnown(string(text))
	if err != nil || k.Bytes != size || k.Device != f.Name() || k.String() != string(text) {
		t.Errorf("%q: %+v %v", text, k, err)
	}
	if err := f.Truncate(12 << 20); err != nil {
		t.Fatal(err)
	}
	if o, e, rc := real(t, "-", "v08", f.Name(), "internal", "check-resize"); rc != 0 || e+o == "" {
		t.Fatalf("real check-resize: %d %q %q", rc, o, e)
	}
	if _, _, err := Open(f, metadata.Internal, 12<<20); err != nil {
		t.Errorf("what the real one moved: %v", err)
	}
	if err := f.Truncate(400 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := Move(f, 12<<20, 400<<20); err != nil {
		t.Fatal(err)
	}
	if o, e, rc := real(t, "-", "v08", f.Name(), "internal", "dstate"); rc != 0 || o != "Inconsistent\n" {
		t.Errorf("real dstate of what we moved: %d %q %q", rc, o, e)
	}
}
