package mdio

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
)

// Tests against the real drbdmeta (package drbd-utils). It takes plain files with
// --force and asks no kernel when the minor is "-".

func needReal(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("drbdmeta"); err != nil {
		t.Skip("the real drbdmeta is not installed: apt-get install drbd-utils")
	}
	forget(t)
}

// noise is what drbdmeta says about every plain file, and without root.
var noise = regexp.MustCompile(`(?m)^(ioctl\(|lk_bdev_save\(|initializing bitmap .* using pwrite).*\n`)

// real runs drbdmeta and returns what it printed on both streams.
func real(t *testing.T, args ...string) (stdout, stderr string, rc int) {
	t.Helper()
	cmd := exec.Command("drbdmeta", append([]string{"--force"}, args...)...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil {
		if x, ok := err.(*exec.ExitError); !ok {
			t.Fatal(err)
		} else {
			rc = x.ExitCode()
		}
	}
	return o.String(), noise.ReplaceAllString(e.String(), ""), rc
}

// newFile makes a sparse file.
func newFile(t *testing.T, name string, size int64) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

// region returns the bytes of a file where the metadata of a layout stands, at
// most 1 MiB of bitmap.
func region(t *testing.T, f *os.File, l metadata.Layout) []byte {
	t.Helper()
	var out []byte
	for _, r := range [][2]int64{{l.Super, metadata.SuperSize}, {l.AL, l.ALSize}, {l.BM, min(l.BMSize, chunk)}} {
		b := make([]byte, r[1])
		if _, err := f.ReadAt(b, r[0]); err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

var placements = []struct {
	index string
	size  int64
	ring  metadata.Ring
}{
	{"internal", 68 << 10, metadata.DefaultRing},
	{"internal", 8<<20 + 1536, metadata.DefaultRing},
	{"internal", 128<<20 + 4096, metadata.Ring{Stripes: 3, Stripe4k: 16}},
	{"internal", 3 << 30, metadata.Ring{Stripes: 8, Stripe4k: 1}},
	{"internal", 40 << 30, metadata.Ring{Stripes: 1, Stripe4k: 8192}},
	{"flex-external", 68 << 10, metadata.DefaultRing},
	{"flex-external", 1<<20 + 1536, metadata.DefaultRing},
	{"flex-external", 300 << 20, metadata.Ring{Stripes: 2, Stripe4k: 9}},
	{"0", 1 << 20, metadata.DefaultRing},
	{"1", 256 << 20, metadata.DefaultRing},
}

// TestRealCreate: both programs make the same metadata, and the real one reads ours.
func TestRealCreate(t *testing.T) {
	needReal(t)
	for i, p := range placements {
		t.Run(fmt.Sprint(i, p.index), func(t *testing.T) {
			x := index(t, p.index)
			l, err := metadata.NewLayout(x, p.size, p.ring)
			if err != nil {
				t.Fatal(err)
			}
			theirs, ours := newFile(t, "theirs", p.size), newFile(t, "ours", p.size)
			opts := []string{"--al-stripes", fmt.Sprint(p.ring.Stripes), "--al-stripe-size-kB", fmt.Sprint(p.ring.Stripe4k * 4)}
			if _, e, rc := real(t, append(opts, "-", "v08", theirs.Name(), p.index, "create-md")...); rc != 0 {
				t.Fatalf("real create-md: %d %s", rc, e)
			}
			s, err := Create(ours, l, p.size, metadata.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "created", region(t, ours, l), region(t, theirs, l))
			if o, e, rc := real(t, "-", "v08", ours.Name(), p.index, "get-gi"); rc != 0 || o != s.Super.GI()+"\n" {
				t.Errorf("real get-gi of ours: %d %q %q", rc, o, e)
			}
			if _, _, err := Open(theirs, x, p.size); err != nil {
				t.Errorf("open of theirs: %v", err)
			}
		})
	}
}

// TestRealLoopDevice: the same on a loop device, where drbdmeta uses ioctls.
func TestRealLoopDevice(t *testing.T) {
	needReal(t)
	if os.Getuid() != 0 {
		t.Skip("loop devices need root")
	}
	const size = 100 << 20
	f := newFile(t, "disk", size)
	out, err := exec.Command("losetup", "--find", "--show", f.Name()).Output()
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "-d", dev).Run(); err != nil {
			t.Error(err)
		}
	})
	loop, err := os.OpenFile(dev, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	l, err := metadata.NewLayout(metadata.Internal, size, metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Create(loop, l, size, metadata.CreateOptions{DeviceUUID: 0x1122334455667788})
	if err != nil {
		t.Fatal(err)
	}
	sb := s.Super
	sb.LaSizeSect, sb.Magic = l.UsableSectors(0), metadata.MagicUnclean
	sb.Flags = metadata.Consistent | metadata.WasUpToDate | metadata.PrimaryInd
	if err := s.WriteSuper(sb); err != nil {
		t.Fatal(err)
	}
	log, err := metadata.NewLog(l.Ring, 1237)
	if err != nil {
		t.Fatal(err)
	}
	block, off := log.Next(nil, []metadata.SlotUpdate{{Slot: 1236, Extent: 5}, {Slot: 0, Extent: 24}})
	if err := s.WriteTransaction(block, off); err != nil {
		t.Fatal(err)
	}
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	if o, e, rc := real(t, "-", "v08", dev, "internal", "apply-al"); rc != 0 || e != "Marked additional 8192 KB as out-of-sync based on AL.\n" {
		t.Fatalf("real apply-al of ours: %d %q %q", rc, o, e)
	}
	if o, _, rc := real(t, "-", "v08", dev, "internal", "read-dev-uuid"); rc != 0 || o != "1122334455667788\n" {
		t.Errorf("real read-dev-uuid: %d %q", rc, o)
	}
	got, _, err := Open(f, metadata.Internal, size)
	if err != nil {
		t.Fatal(err)
	}
	bm, err := got.ReadBitmap(got.Super.LaSizeSect)
	if err != nil || bm.CountExtent(5) != 1024 || bm.CountExtent(24) != bm.Count()-1024 || got.Super.NeedApplyAL() {
		t.Errorf("after the real apply-al: %v, %d bits, %s", err, bm.Count(), got.Super.String())
	}
}

// randomBitmap writes runs of words and single words.
func randomBitmap(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		w := [][]byte{{0, 0, 0, 0, 0, 0, 0, 0}, {255, 255, 255, 255, 255, 255, 255, 255}, []byte(fmt.Sprintf("%08d", r.IntN(1e8)))}[r.IntN(3)]
		b = append(b, bytes.Repeat(w, []int{1, 2, 3, 4, 5, 7, 8, 12, 30, 64, 700}[r.IntN(11)])...)
	}
	return b[:n]
}

// TestRealDump: dump-md prints the same for random bitmaps, and a dump restored by
// either program gives the same metadata.
func TestRealDump(t *testing.T) {
	needReal(t)
	for seed := range uint64(12) {
		p := placements[int(seed)%5]
		if p.size > 4<<30 {
			p.size = 200 << 20
		}
		r := rand.New(rand.NewPCG(seed, 1))
		f := newFile(t, "disk", p.size)
		l, err := metadata.NewLayout(metadata.Internal, p.size, p.ring)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Create(f, l, p.size, metadata.CreateOptions{PeerMaxBioSize: 1 << 20, DeviceUUID: r.Uint64()})
		if err != nil {
			t.Fatal(err)
		}
		sb := s.Super
		sb.UUIDs = metadata.UUIDs{Current: r.Uint64(), Bitmap: r.Uint64(), History0: r.Uint64(), History1: 7}
		sb.Flags |= metadata.Flags(r.Uint32N(512))
		sb.LaSizeSect = l.UsableSectors(0) - min(r.Uint64N(9), l.UsableSectors(0))
		if err := s.WriteSuper(sb); err != nil {
			t.Fatal(err)
		}
		size := min(l.BMSize, metadata.BitmapBytes(sb.LaSizeSect))
		if _, err := f.WriteAt(randomBitmap(r, int(size)), l.BM); err != nil {
			t.Fatal(err)
		}
		want, e, rc := real(t, "-", "v08", f.Name(), "internal", "dump-md")
		if rc != 0 {
			t.Fatalf("real dump-md: %d %s", rc, e)
		}
		got := dumpText(t, s, metadata.DumpHeader{})
		cut := func(s string) string { return s[strings.Index(s, "version"):] }
		if cut(got) != cut(want) {
			t.Fatalf("seed %d: dump\n%s\nwant\n%s", seed, cut(got), cut(want))
		}

		var ours bytes.Buffer // with the flags, which the real restore-md takes
		if err := s.Dump(&ours, metadata.DumpHeader{}); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "dump")
		if err := os.WriteFile(file, ours.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		before := region(t, f, l)
		a, b := newFile(t, "a", p.size), newFile(t, "b", p.size)
		if _, err := Create(a, l, p.size, metadata.CreateOptions{}); err != nil { // it keeps the log that it finds
			t.Fatal(err)
		}
		if o, e, rc := real(t, "-", "v08", a.Name(), "internal", "restore-md", file); rc != 0 {
			t.Fatalf("real restore-md of our dump: %d %s %s", rc, o, e)
		}
		out, err := Restore(b, metadata.Internal, p.size, bytes.NewReader(ours.Bytes()))
		if err != nil || out.Cut || out.Truncated {
			t.Fatalf("restore: %v %+v", err, out)
		}
		diff(t, "restored by the real one", region(t, a, l), before)
		diff(t, "restored", region(t, b, l), before)
	}
}
