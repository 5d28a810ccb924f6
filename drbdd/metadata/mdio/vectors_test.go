package mdio

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/metadata"
)

func index(t *testing.T, s string) metadata.Index {
	t.Helper()
	x, err := metadata.ParseIndex(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// diff names the first byte that differs.
func diff(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("%s: byte 0x%x differs: got % x..., want % x...", what, i, got[i:min(i+8, len(got))], want[i:min(i+8, len(want))])
			return
		}
	}
}

// TestCreateEqualsReal: create-md writes what the real drbdmeta wrote, byte for byte.
func TestCreateEqualsReal(t *testing.T) {
	for _, v := range vectors(t) {
		if !strings.HasPrefix(v.Commands[0], "create-md") || len(v.Commands) > 1 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			ring := metadata.DefaultRing
			if strings.Contains(v.Commands[0], "--al-stripes 4") {
				ring.Stripes = 4
			}
			l, err := metadata.NewLayout(index(t, v.Index), v.Size, ring)
			if err != nil {
				t.Fatal(err)
			}
			d := newDev(t, v.Size)
			s, err := Create(d, l, v.Size, metadata.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := testdata(t, v.File)
			diff(t, "image", d.bytes(v.Offset, int64(len(want))), want)
			for b := range d.blocks {
				if off := b * 4096; (off < v.Offset || off >= v.Offset+int64(len(want))) && v.Index == "internal" {
					t.Errorf("wrote at byte %d, outside the image", off)
				}
			}
			if n := l.UsableSectors(metadata.MaxSectors); v.Usable != 0 && n != v.Usable {
				t.Errorf("usable sectors %d, want %d", n, v.Usable)
			}
			init := "initializing bitmap (" + metadata.HumanKiB(uint64(CreateBitmapBytes(v.Size)>>10)) + ") to all zero\n"
			if init != v.Stderr {
				t.Errorf("message %q, want %q", init, v.Stderr)
			}
			if _, err := metadata.CheckAttach(&s.Super, index(t, v.Index), v.Size); err != nil {
				t.Errorf("attach would refuse it: %v", err)
			}
		})
	}
}

// zeroFlags hides the flags, which the recorded dump-md always printed as 0.
var zeroFlags = regexp.MustCompile(`flags 0x[0-9A-F]{8};`)

func dumpText(t *testing.T, s *Store, h metadata.DumpHeader) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Dump(&b, h); err != nil {
		t.Fatal(err)
	}
	return zeroFlags.ReplaceAllString(b.String(), "flags 0x00000000;")
}

// TestOutputsEqualReal: what drbdmeta prints about each image.
func TestOutputsEqualReal(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			s, cut, err := Open(v.device(t), index(t, v.Index), v.Size)
			if err != nil || cut != 0 {
				t.Fatalf("open: %v, truncated %d", err, cut)
			}
			got := map[string]string{
				"get-gi":  s.Super.GI() + "\n",
				"show-gi": s.Super.ShowGI(),
				"dstate":  s.Super.Flags.DState() + "\n",
			}
			if s.Super.NeedApplyAL() {
				if e := v.Outputs["dump-md"].Stderr; e != metadata.ErrUnclean.Error()+"\n" {
					t.Errorf("unclean, but the real drbdmeta says %q", e)
				}
			} else {
				text := dumpText(t, s, metadata.DumpHeader{Host: "HOST", Command: "drbdmeta 901 v08 DEVICE " + v.Index + " dump-md"})
				lines := strings.SplitN(text, "\n", 3)
				got["dump-md"] = lines[0] + "\n# (date)\n" + lines[2]
			}
			for cmd, text := range got {
				if want := v.Outputs[cmd].Stdout; text != want {
					t.Errorf("%s:\n%s\nwant:\n%s", cmd, text, want)
				}
			}
		})
	}
}

// TestModifyEqualsReal: set-gi, outdate, invalidate and apply-al leave the images
// that the real drbdmeta left.
func TestModifyEqualsReal(t *testing.T) {
	images := map[string]vector{}
	for _, v := range vectors(t) {
		images[v.Name] = v
	}
	for _, c := range []struct {
		from, to string
		change   func(s *Store) error
	}{
		{"md-int-100m", "md-setgi", func(s *Store) error {
			sb := s.Super
			if err := sb.SetGI("F00DF00DF00DF00C:0:BABEBABEBABEBABE:0:1:1:0:1:0:0:0"); err != nil {
				return err
			}
			return s.WriteSuper(sb)
		}},
		{"md-setgi", "md-outdated", func(s *Store) error {
			sb := s.Super
			return errors.Join(sb.Outdate(), s.WriteSuper(sb))
		}},
		{"md-outdated", "md-invalidated", func(s *Store) error {
			sb := s.Super
			sb.Invalidate()
			return s.WriteSuper(sb)
		}},
		{"md-crashed", "md-crashed-applied", func(s *Store) error {
			a, err := s.ApplyAL()
			if want := "Marked additional 16 MB as out-of-sync based on AL.\n"; a.Text() != want {
				t.Errorf("apply-al says %q, want %q", a.Text(), want)
			}
			if a.Replay.Format != metadata.AL84 || a.Replay.Transactions != 3 || a.Replay.Corrupt != 0 {
				t.Errorf("replay %+v", a.Replay)
			}
			return err
		}},
	} {
		v, w := images[c.from], images[c.to]
		d := v.device(t)
		s, err := Attach(d, index(t, v.Index), v.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.change(s); err != nil {
			t.Fatal(err)
		}
		want := testdata(t, w.File)
		diff(t, c.from+" -> "+c.to, d.bytes(v.Offset, int64(len(want))), want)
	}
}

// kernelDevice is an 8 MiB device whose metadata a kernel wrote.
func kernelDevice(t *testing.T, file string) *memDev {
	d := newDev(t, 8<<20)
	d.load(testdata(t, file), 8<<20-40960)
	return d
}

var dumpHead = regexp.MustCompile(`(?m)^# host> (.*)$`)

// TestKernelImages: metadata that in-kernel nodes wrote, as the real drbdmeta dumps it.
func TestKernelImages(t *testing.T) {
	for file, dump := range map[string]string{
		"metadata_fresh.node1.md.bin":                      "dump-md-forced-fresh.txt",
		"metadata_uptodate.node1.md.bin":                   "dump-md-forced-uptodate.txt",
		"metadata_outdated_secondary.node2.md.bin":         "dump-md-forced-outdated-secondary.txt",
		"metadata_disconnected_with_changes.node1.md.bin":  "dump-md-forced-disconnected-with-changes.txt",
		"metadata_crashed_primary.node1.md.bin":            "dump-md-forced-crashed-primary.txt",
		"metadata_crashed_primary_al_applied.node1.md.bin": "dump-md-forced-crashed-primary-al-applied.txt",
	} {
		t.Run(file, func(t *testing.T) {
			s, err := Attach(kernelDevice(t, file), metadata.Internal, 8<<20)
			if err != nil {
				t.Fatal(err)
			}
			want := string(testdata(t, dump))
			_, want, _ = strings.Cut(want, "\n") // what was run
			want = strings.TrimPrefix(want, metadata.ErrUnclean.Error()+"\n")
			want, gi, _ := strings.Cut(want, "# exit status 0\n")
			h := metadata.DumpHeader{Time: time.Unix(1795224495, 0).UTC(), Host: "host", Command: dumpHead.FindStringSubmatch(want)[1]}
			if got := dumpText(t, s, h); got != want {
				t.Errorf("dump:\n%s\nwant:\n%s", got, want)
			}
			if got := "##### get-gi\n" + s.Super.GI() + "\n"; got != gi {
				t.Errorf("get-gi %s, want %s", got, gi)
			}
		})
	}
}

// TestKernelCrashedPrimary: the activity log of a kernel that lost power, applied as
// the real apply-al did.
func TestKernelCrashedPrimary(t *testing.T) {
	d := kernelDevice(t, "metadata_crashed_primary.node1.md.bin")
	s, _, err := Open(d, metadata.Internal, d.size)
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Super.Find(false, false); !f.CrashedPrimary || f.SetAllBits || f.Disk != "Consistent" || f.DegradedWait {
		t.Errorf("found %+v", f)
	}
	a, err := s.ApplyAL()
	if err != nil {
		t.Fatal(err)
	}
	if text, _, _ := strings.Cut(string(testdata(t, "apply-al-crashed-primary.txt")), "\n# exit"); !strings.HasSuffix(text+"\n", a.Text()) || a.Marked != 2048 {
		t.Errorf("%q (%d bits), the real one says %q", a.Text(), a.Marked, text)
	}
	if len(a.Replay.Extents) != 2 || a.Replay.Extents[0] != 0 || a.Replay.Extents[1] != 1 {
		t.Errorf("hot extents %v, want 0 and 1", a.Replay.Extents)
	}
	diff(t, "applied", d.bytes(d.size-40960, 40960), testdata(t, "metadata_crashed_primary_al_applied.node1.md.bin"))
	if a, err := s.ApplyAL(); err != nil || a.Changed {
		t.Errorf("a second apply-al changed something: %+v %v", a, err)
	}
}

// TestKernelTransactions: the blocks of real activity logs re-encode to themselves.
func TestKernelTransactions(t *testing.T) {
	updates := 0
	for _, f := range []string{"metadata_crashed_primary.node1.md.bin", "metadata_disconnected_with_changes.node1.md.bin", "md-crashed.bin", "md-int-8m.bin"} {
		b := testdata(t, f)
		for i := range 8 {
			block := b[4096+4096*i:][:4096]
			tr, err := metadata.ParseTransaction(block)
			if err != nil {
				t.Fatalf("%s block %d: %v", f, i, err)
			}
			if tr.Type == metadata.ALTypeUpdate {
				updates++
			}
			diff(t, f+": "+tr.String(), tr.Append(nil), block)
		}
	}
	if updates < 5 {
		t.Errorf("only %d update transactions in the vectors", updates)
	}
}
