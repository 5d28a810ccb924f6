package wire

import "testing"

func FuzzDecodeRuns(f *testing.F) {
	f.Add([]byte{0x5e, 0xbd, 0xf2, 0x1c}, uint8(0xa2), uint32(2038), uint32(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint8(0x82), uint32(1000), uint32(7))
	f.Add([]byte{}, uint8(2), uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, code []byte, head uint8, bits, from uint32) {
		n := uint64(bits)
		at := min(uint64(from), n)
		p, _ := ParseBitmapCode(Dialect{}, []byte{head})
		got := runList{n: n}
		to, err := DecodeRuns(code, p, at, n, func(first, k uint64) {
			if k == 0 || first < at || first+k > n {
				t.Fatalf("run %d+%d of %d bits from %d", first, k, n, at)
			}
			got.runs = append(got.runs, [2]uint64{first, k})
		})
		if err != nil {
			return
		}
		// What was decoded encodes to code that decodes to the same.
		if to < at || to > n {
			t.Fatalf("ended at %d of %d", to, n)
		}
		got.n = to
		again, q, end := EncodeRuns(nil, &got, at, len(code)+8)
		if end != to {
			t.Fatalf("encoded up to %d, want %d", end, to)
		}
		i := 0
		if end, err = DecodeRuns(again, q, at, n, func(first, k uint64) {
			if i >= len(got.runs) || got.runs[i] != [2]uint64{first, k} {
				t.Fatalf("run %d is %d+%d, want %v", i, first, k, got.runs)
			}
			i++
		}); len(again) > 0 && (err != nil || end != to || i != len(got.runs)) {
			t.Fatalf("%v at %d, %d runs of %d", err, end, i, len(got.runs))
		}
	})
}
