package talk

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

func TestFillDependsOnPlaceAndSeedOnly(t *testing.T) {
	whole := make([]byte, 8*Block)
	Fill(whole, 4096, 7)
	pieces := make([]byte, len(whole))
	for off := 0; off < len(pieces); off += 512 {
		Fill(pieces[off:off+512], 4096+int64(off), 7)
	}
	if !bytes.Equal(whole, pieces) {
		t.Error("pieces of 512 bytes differ from the same range made at once")
	}
	seen := map[string]bool{}
	for seed := uint64(1); seed < 4; seed++ {
		Fill(whole, 0, seed)
		for off := 0; off < len(whole); off += Block {
			seen[string(whole[off:off+Block])] = true
		}
	}
	if len(seen) != 24 {
		t.Errorf("%d different blocks of 24", len(seen))
	}
	Fill(whole, 0, 0)
	if !bytes.Equal(whole, make([]byte, len(whole))) {
		t.Error("seed 0 is not zeroes")
	}
}

func TestHashReadsTheWholeRange(t *testing.T) {
	data := make([]byte, 10000)
	Fill(data[:9728], 0, 3)
	a, err := Hash(bytes.NewReader(data), 512, 9000, make([]byte, 4096))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Hash(bytes.NewReader(data), 512, 9000, make([]byte, 100000))
	if a != b || len(a) != 64 {
		t.Errorf("got %s and %s for one range", a, b)
	}
	if _, err := Hash(bytes.NewReader(data), 9000, 2000, make([]byte, 4096)); err == nil {
		t.Error("a range behind the end has a hash")
	}
}

func TestPiecesCoverTheRangeOnce(t *testing.T) {
	var mu sync.Mutex
	count := make([]int, 100)
	err := Pieces(10, 85, 7, 4, func(_ int, off, n int64) error {
		mu.Lock()
		defer mu.Unlock()
		for i := off; i < off+n; i++ {
			count[i]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range count {
		if want := map[bool]int{true: 1}[i >= 10 && i < 95]; n != want {
			t.Errorf("byte %d was visited %d times", i, n)
		}
	}
	if err := Pieces(0, 1000, 1, 3, func(int, int64, int64) error { return errors.New("no") }); err == nil {
		t.Error("the error of a piece is lost")
	}
}
