package replica

import (
	"slices"
	"testing"

	"classicha/drbdd/metadata"
)

// TestOutOfSync: the runs of the bitmap, whatever the number that is asked for at a time.
func TestOutOfSync(t *testing.T) {
	bm, err := metadata.NewBitmap(100_001)
	if err != nil {
		t.Fatal(err)
	}
	want := []Run{{0, 1}, {2, 62}, {65, 40_000}, {99_000, 1_001}}
	for _, w := range want {
		bm.Set(w.First, w.N)
	}
	r := New(Config{Name: "r0"}, 1)
	r.vols = []*volume{{r: r, nr: 3, dsk: &backing{bm: bm}}}
	for size := 1; size < 6; size++ {
		var got []Run
		for from := uint64(0); ; {
			runs := r.OutOfSync(3, from, make([]Run, 0, size))
			if len(runs) == 0 {
				break
			}
			got = append(got, runs...)
			from = got[len(got)-1].First + got[len(got)-1].N
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d at a time: %v, want %v", size, got, want)
		}
	}
	if got := r.OutOfSync(4, 0, make([]Run, 0, 1)); len(got) != 0 {
		t.Errorf("a volume that is not there: %v", got)
	}
	r.vols[0].dsk = nil
	if got := r.OutOfSync(3, 0, make([]Run, 0, 1)); len(got) != 0 {
		t.Errorf("without a disk: %v", got)
	}
}
