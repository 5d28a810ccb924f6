package seeds

import (
	"errors"
	"sync/atomic"
	"testing"
)

func TestChosen(t *testing.T) {
	for _, x := range []struct {
		seeds, seed  string
		first, count uint64
		show         bool
	}{{"", "", 1, 7, false}, {"3", "", 1, 3, false}, {"", "9", 9, 7, true}, {"3", "9", 9, 3, false}} {
		t.Setenv("X_SEEDS", x.seeds)
		t.Setenv("X_SEED", x.seed)
		if first, count, show := Chosen("X", 7); first != x.first || count != x.count || show != x.show {
			t.Errorf("X_SEEDS=%s X_SEED=%s: %d from %d on, shown: %v", x.seeds, x.seed, count, first, show)
		}
	}
	for _, bad := range []string{"x", "0", "-1"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("X_SEEDS=%s passes for a number", bad)
				}
			}()
			t.Setenv("X_SEEDS", bad)
			Chosen("X", 7)
		}()
	}
}

func TestRun(t *testing.T) {
	var sum, calls atomic.Uint64
	fails := errors.New("fails")
	one := func(seed uint64) error {
		sum.Add(seed)
		calls.Add(1)
		if seed%10 == 0 {
			return fails
		}
		return nil
	}
	if bad := Run(1, 100, 50, one); len(bad) != 10 || bad[0].Err != fails || bad[0].Seed%10 != 0 || sum.Load() != 5050 {
		t.Errorf("%v, sum %d", bad, sum.Load())
	}
	calls.Store(0)
	if bad := Run(10, 1000, 1, one); len(bad) == 0 || calls.Load() > 100 {
		t.Errorf("%v after %d seeds, limit 1", bad, calls.Load())
	}
}
