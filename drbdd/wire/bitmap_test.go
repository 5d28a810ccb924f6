package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire/recorded"
)

// The bitmap of package metadata is what is sent and received.
var (
	_ BitSource = (*metadata.Bitmap)(nil)
	_ BitSink   = (*metadata.Bitmap)(nil)
)

func newBitmap(t testing.TB, n uint64) *metadata.Bitmap {
	t.Helper()
	b, err := metadata.NewBitmap(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func plain(b *metadata.Bitmap) []byte { return b.AppendWords(nil, 0, words(b.Bits())) }

// runList is a bitmap too large for memory: ascending runs of set bits.
type runList struct {
	n    uint64
	runs [][2]uint64 // first, count
}

func (r *runList) Bits() uint64 { return r.n }

func (r *runList) NextSet(i uint64) uint64 {
	for _, x := range r.runs {
		if i < x[0]+x[1] {
			return max(i, x[0])
		}
	}
	return r.n
}

func (r *runList) NextClear(i uint64) uint64 {
	for _, x := range r.runs {
		if i >= x[0] && i < x[0]+x[1] {
			return x[0] + x[1]
		}
	}
	return i
}

func (r *runList) AppendWords(dst []byte, off, n uint64) []byte {
	panic("a run list is never sent plain")
}

// TestRLEVectors: the vectors of an independent coder decode to their bitmaps, and
// ours makes the same packets.
func TestRLEVectors(t *testing.T) {
	var v struct {
		Cases []struct {
			Name, File string
			Bits       uint64
			SetRuns    [][2]uint64 `json:"set_runs"`
			Lengths    []int       `json:"packet_lengths"`
			Dirty      uint64      `json:"dirty_bits"`
			Plain      string      `json:"plain_file"`
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := json.Unmarshal(read("rle.json"), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 11 {
		t.Fatalf("only %d cases", len(v.Cases))
	}
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var got runList
			got.n = c.Bits
			at, dirty := uint64(0), uint64(0)
			file := read(c.File)
			var packets [][]byte
			for len(file) > 0 {
				n := int(binary.BigEndian.Uint32(file))
				packets = append(packets, file[4:4+n])
				file = file[4+n:]
			}
			for i, p := range packets {
				if len(p) != c.Lengths[i] {
					t.Fatalf("packet %d has %d bytes, want %d", i, len(p), c.Lengths[i])
				}
				code, err := ParseBitmapCode(Dialect{}, p[:1])
				if err != nil {
					t.Fatal(err)
				}
				at, err = DecodeRuns(p[1:], code, at, c.Bits, func(first, n uint64) {
					got.runs = append(got.runs, [2]uint64{first, n})
					dirty += n
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if at != c.Bits || dirty != c.Dirty {
				t.Errorf("decoded %d of %d bits, %d set of %d", at, c.Bits, dirty, c.Dirty)
			}
			if c.SetRuns != nil && fmt.Sprint(got.runs) != fmt.Sprint(c.SetRuns) {
				t.Errorf("runs %v, want %v", got.runs, c.SetRuns)
			}
			if c.Plain != "" {
				b := newBitmap(t, c.Bits)
				for _, r := range got.runs {
					b.Set(r[0], r[1])
				}
				if want := read(c.Plain); !bytes.Equal(plain(b)[:len(want)], want) {
					t.Error("another bitmap")
				}
			}
			at = 0
			for i, p := range packets {
				code, head, to := EncodeRuns(nil, &got, at, 4079)
				if again := append(head.Append(nil), code...); !bytes.Equal(again, p) {
					t.Fatalf("packet %d encodes to %x, want %x", i, again[:min(len(again), 40)], p[:min(len(p), 40)])
				}
				at = to
			}
		})
	}
}

// TestRecordedBitmaps: each exchange between the kernels, replayed: our receiver
// gets the bitmap, our sender makes the same packets from it, and both print the
// kernels' statistics.
func TestRecordedBitmaps(t *testing.T) {
	exchanges := 0
	for name, b := range recorded.Files() {
		if !strings.HasSuffix(name, ".data.bin") || len(b) == 0 {
			continue
		}
		scenario, _, _ := strings.Cut(name, ".")
		log := recorded.KernelLog(scenario)
		var (
			bits uint64
			part []Packet
			d    Dialect
		)
		finish := func(vol uint16) {
			if len(part) == 0 {
				return
			}
			bm := newBitmap(t, bits)
			r := NewBitmapReceiver(d, bm)
			for i := range part {
				done, err := r.Packet(&part[i])
				if err != nil || done != (i == len(part)-1) {
					t.Fatalf("%s: packet %d of %d: %v %v", name, i, len(part), done, err)
				}
			}
			if r.Added != bm.Count() {
				t.Errorf("%s: added %d, has %d", name, r.Added, bm.Count())
			}
			s := NewBitmapSender(d, bm, part[0].Cmd == CmdCompressedBitmap)
			for i := range part {
				p, ok := s.Next(nil, vol)
				if !ok || !bytes.Equal(d.Append(nil, &p), d.Append(nil, &part[i])) {
					t.Fatalf("%s: packet %d: %v %s, want %s", name, i, ok, p.String(), part[i].String())
				}
			}
			if p, ok := s.Next(nil, vol); ok {
				t.Errorf("%s: one packet too many: %s", name, p.String())
			}
			if s.Stats != r.Stats {
				t.Errorf("%s: sent %s, received %s", name, s.Stats, r.Stats)
			}
			if s.Stats.Worth() != strings.Contains(log, "bitmap stats") {
				t.Errorf("%s: the kernels log differently about %s", name, s.Stats)
			}
			if s.Stats.Worth() && (!strings.Contains(log, "send "+s.Stats.String()) || !strings.Contains(log, "receive "+r.Stats.String())) {
				t.Errorf("%s: %s is not in the kernels' log", name, s.Stats)
			}
			exchanges++
			part = nil
		}
		for _, p := range split(t, DataSocket, b) {
			switch body := p.Body.(type) {
			case Sizes:
				if bits = metadata.Bits(body.CSize); bits == 0 {
					bits = metadata.Bits(body.DSize)
				}
			case BitmapCode:
				part, d = append(part, p.Packet), p.d
				continue
			default:
				if p.Cmd == CmdBitmap {
					part, d = append(part, p.Packet), p.d
					continue
				}
			}
			finish(p.Volume)
		}
		finish(0)
	}
	if exchanges < 30 {
		t.Errorf("only %d exchanges", exchanges)
	}
}

// randomRuns fills a bitmap with runs of random lengths.
func randomRuns(b *metadata.Bitmap, r *rand.Rand) {
	for at := uint64(0); at < b.Bits(); {
		n := 1 + r.Uint64N(1<<r.IntN(14))
		if r.IntN(2) == 0 {
			b.Set(at, n)
		}
		at += n
	}
}

// transfer sends a over to b through real packets and returns their number.
func transfer(t *testing.T, d Dialect, a BitSource, b BitSink, rle bool) (packets int) {
	t.Helper()
	s, r := NewBitmapSender(d, a, rle), NewBitmapReceiver(d, b)
	buf := make([]byte, 0, SocketBuffer)
	for done := false; ; packets++ {
		p, ok := s.Next(buf, 3)
		if !ok {
			if !done {
				t.Fatal("the sender ended before the receiver")
			}
			return packets
		}
		if done {
			t.Fatalf("a packet after the end: %s", p.String())
		}
		raw := d.Append(nil, &p)
		if len(raw) > SocketBuffer {
			t.Fatalf("packet of %d bytes", len(raw))
		}
		q, n, err := d.Next(DataSocket, raw)
		if err != nil || n != len(raw) {
			t.Fatal(err)
		}
		if done, err = r.Packet(&q); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzBitmapTransfer(f *testing.F) {
	for _, v := range []uint8{86, 90, 101} {
		f.Add(uint64(1), uint32(40000), v, true)
		f.Add(uint64(2), uint32(40960), v, false)
		f.Add(uint64(3), uint32(0), v, true)
	}
	f.Fuzz(func(t *testing.T, seed uint64, bits uint32, version uint8, rle bool) {
		n := uint64(bits % 200000)
		r := rand.New(rand.NewPCG(seed, 7))
		a, b := newBitmap(t, n), newBitmap(t, n)
		if r.IntN(3) > 0 {
			randomRuns(a, r)
		}
		for i := uint64(0); r.IntN(2) == 0 && i < n; i += 2 { // what RLE cannot compress
			a.Set(i, 1)
		}
		before := uint64(0)
		if r.IntN(2) == 0 {
			b.Set(n/3, n/4)
			before = b.Count()
		}
		d := Dialect{Version: 86 + int(version)%16}
		transfer(t, d, a, b, rle)
		want := newBitmap(t, n)
		want.OrWords(0, plain(a))
		if before > 0 {
			want.Set(n/3, n/4)
		}
		if !bytes.Equal(plain(b), plain(want)) {
			t.Fatalf("another bitmap: %d bits set, want %d", b.Count(), want.Count())
		}
	})
}

// TestBitmapTransferSizes: sizes around the borders of words and packets.
func TestBitmapTransferSizes(t *testing.T) {
	for _, d := range []Dialect{{Version: 86}, {Version: 95}, {Version: 101}} {
		perPacket := uint64(d.BitmapRoom()) * 8
		for _, n := range []uint64{0, 1, 63, 64, 65, perPacket - 1, perPacket, perPacket + 1, 3*perPacket + 64} {
			for _, rle := range []bool{true, false} {
				a, b := newBitmap(t, n), newBitmap(t, n)
				a.Set(n/2, 3)
				a.Set(n-min(n, 1), 1)
				packets := transfer(t, d, a, b, rle)
				if a.Count() != b.Count() {
					t.Errorf("version %d, %d bits, rle %v: %d set, want %d", d.Version, n, rle, b.Count(), a.Count())
				}
				if want := int((n+perPacket-1)/perPacket) + 1; !rle && packets != want {
					t.Errorf("version %d, %d bits: %d plain packets, want %d and a terminator", d.Version, n, packets, want)
				}
				if rle && d.Version >= 90 && n > 64 && packets != 1 {
					t.Errorf("version %d, %d bits: %d compressed packets", d.Version, n, packets)
				}
			}
		}
	}
}

// TestBitmapRefusals: what a receiver must not believe.
func TestBitmapRefusals(t *testing.T) {
	d := Dialect{Version: 101}
	for name, p := range map[string]Packet{
		"plain, too short":     {Cmd: CmdBitmap, Payload: make([]byte, 8)},
		"plain, too long":      {Cmd: CmdBitmap, Payload: make([]byte, 24)},
		"plain, end too early": {Cmd: CmdBitmap},
		"unknown code":         {Cmd: CmdCompressedBitmap, Body: BitmapCode{Code: 1}, Payload: []byte{0}},
		"no code":              {Cmd: CmdCompressedBitmap, Body: BitmapCode{Code: 2}},
		"cut off":              {Cmd: CmdCompressedBitmap, Body: BitmapCode{Code: 2}, Payload: []byte{0xff}},
		"set run too long":     {Cmd: CmdCompressedBitmap, Body: BitmapCode{Code: 2, FirstSet: true, Pad: 2}, Payload: []byte{0xdf, 0x25}},
		"clear run too long":   {Cmd: CmdCompressedBitmap, Body: BitmapCode{Code: 2}, Payload: []byte{0xff, 255, 255, 255, 255, 255, 255, 255}},
		"another packet":       {Cmd: CmdPing},
	} {
		b := newBitmap(t, 100)
		if done, err := NewBitmapReceiver(d, b).Packet(&p); err == nil || done || b.Count() != 0 {
			t.Errorf("%s: done %v, %v, %d bits", name, done, err, b.Count())
		}
	}
}

func BenchmarkBitmapSendEmptyTiB(b *testing.B) {
	bm := newBitmap(b, 1<<28)
	bm.Set(1<<28-1, 1)
	for b.Loop() {
		s := NewBitmapSender(Dialect{Version: 101}, bm, true)
		for _, ok := s.Next(nil, 0); ok; _, ok = s.Next(nil, 0) {
		}
	}
}

func BenchmarkDecodeRuns(b *testing.B) {
	bm := newBitmap(b, 1<<20)
	randomRuns(bm, rand.New(rand.NewPCG(1, 1)))
	code, p, to := EncodeRuns(nil, bm, 0, 4079)
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		if end, err := DecodeRuns(code, p, 0, 1<<20, func(uint64, uint64) {}); err != nil || end != to {
			b.Fatal(err)
		}
	}
}
