package metadata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzSuperblock(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.bin")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		b = b[len(b)&^4095-4096:][:4096]
		f.Add(b[:96], int16(-3), int64(8<<20))
		f.Add(b[:96], int16(-2), int64(1<<20))
		f.Add(b[:96], int16(1), int64(256<<20))
	}
	f.Fuzz(func(t *testing.T, head []byte, index int16, size int64) {
		b := make([]byte, SuperSize)
		copy(b, head)
		s, err := ParseSuperblock(b)
		if err != nil {
			if !errors.Is(err, ErrNoMetadata) {
				t.Fatal(err)
			}
			return
		}
		clear(b[48:56]) // reserved: written as zero
		clear(b[96:])
		if !bytes.Equal(s.Append(nil), b) {
			t.Fatal("does not encode to the same bytes")
		}
		_, _ = s.String(), s.ShowGI()
		x := Index(index)
		if x < Internal || x > 255 || x == -1 {
			return
		}
		l, err := CheckAttach(&s, x, size)
		if err != nil {
			return
		}
		if l.Super < 0 || l.AL < 0 || l.BM < 0 || l.Super+SuperSize > size || l.AL+l.ALSize > size || l.BM+l.BMSize > size {
			t.Fatalf("accepted a layout outside the device: %+v", l)
		}
		if Bits(s.LaSizeSect) > uint64(l.BMSize)*8 {
			t.Fatalf("accepted %d sectors with a bitmap area of %d bytes", s.LaSizeSect, l.BMSize)
		}
	})
}

func FuzzSetGI(f *testing.F) {
	for _, s := range []string{"1:2:3:4:1:1:1:1:1:1:1", "::::", "0x1", "G:1", "0x-1", ":::::::::::::::::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before := Superblock{UUIDs: UUIDs{1, 2, 3, 4}, Flags: ALClean | CrashedPrimary}
		s := before
		if err := s.SetGI(text); err != nil {
			if s != before {
				t.Fatalf("changed although refused: %v", err)
			}
			return
		}
		var again Superblock
		if err := again.SetGI(s.GI()); err != nil || again.GI() != s.GI() || !s.Flags.Has(ALClean) {
			t.Fatalf("%v: %s then %s", err, s.GI(), again.GI())
		}
	})
}

func FuzzLastKnown(f *testing.F) {
	f.Add("8388608\tr.img\nuuid:\t1122334455667788\n")
	f.Add("1\t\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLastKnown(text)
		if err != nil {
			return
		}
		if again, err := ParseLastKnown(l.String()); err != nil || again != l {
			t.Fatalf("%v: %+v then %+v", err, l, again)
		}
	})
}

// bitmapOf collects the words of a dump, up to a limit.
func bitmapOf(text string, limit uint64) (Dump, []byte, error) {
	var b []byte
	d, err := ParseDump(strings.NewReader(text), func(count, word uint64) error {
		if uint64(len(b))/8+count > limit {
			return errors.New("larger than the test wants")
		}
		for ; count > 0; count-- {
			b = binary.LittleEndian.AppendUint64(b, word)
		}
		return nil
	})
	return d, b, err
}

func FuzzParseDump(f *testing.F) {
	files, _ := filepath.Glob("testdata/dump-*.txt")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.Replace(string(b), "This_is_an_unclean_meta_data_dump._Don't_trust_the_bitmap.", "", 1))
	}
	f.Add("version \"v08\";\nuuid { 0x0000000000000004;")
	f.Fuzz(func(t *testing.T, text string) {
		d, bits, err := bitmapOf(text, 1<<16)
		if err != nil {
			return
		}
		if d.LaSizeSect > 1<<24 {
			return
		}
		l, err := NewLayout(FlexExternal, 1<<30, d.Ring)
		if err != nil {
			return
		}
		s, _ := d.Superblock(l)
		var out bytes.Buffer
		if err := WriteDump(&out, DumpHeader{}, l, &s, &padded{bits}); err != nil {
			t.Fatal(err)
		}
		d2, bits2, err := bitmapOf(out.String(), 1<<20)
		if err != nil {
			t.Fatalf("%v in our own dump:\n%s", err, out.String())
		}
		s2, _ := d2.Superblock(l)
		if s2.ALExtents = s.ALExtents; s2 != s {
			t.Fatalf("%+v then %+v", s, s2)
		}
		n := min(len(bits), len(bits2))
		if !bytes.Equal(bits[:n], bits2[:n]) {
			t.Fatal("another bitmap")
		}
	})
}

// padded delivers its bytes, then zeros.
type padded struct{ b []byte }

func (p *padded) Read(q []byte) (int, error) {
	n := copy(q, p.b)
	p.b = p.b[n:]
	clear(q[n:])
	return len(q), nil
}

// TestParseDumpBounds: a few bytes of text cannot ask for much memory or time.
func TestParseDumpBounds(t *testing.T) {
	b, err := os.ReadFile("testdata/dump-md-forced-fresh.txt")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(b), "}\n# bits-set")
	calls := 0
	_, err = ParseDump(strings.NewReader(head+strings.Repeat("9999999999999999999 times 0xFFFFFFFFFFFFFFFF;\n", 3)+"}"), func(count, word uint64) error {
		calls++
		return nil
	})
	var d *DumpError
	if !errors.As(err, &d) || calls > 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if _, err := ParseDump(strings.NewReader(strings.Repeat("x", 1<<20)), nil); err == nil || len(err.Error()) > 300 {
		t.Errorf("%.400v", err)
	}
}
