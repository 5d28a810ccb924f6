package simworld_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/replica/simworld"
	"classicha/internal/sim/seeds"
)

// core is the real one.
func core(cfg replica.Config, seed uint64) simworld.Core { return replica.New(cfg, seed) }

// TestSimulation runs RP_SEEDS seeds (default 500) from RP_SEED on. With RP_SEED
// alone it runs that one and prints what happened.
func TestSimulation(t *testing.T) {
	std := uint64(500)
	if testing.Short() {
		std = 100
	}
	first, count, show := seeds.Chosen("RP", std)
	if show {
		if err := simworld.Run(first, core, os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	start := time.Now()
	bad, total := run(first, count, core, 25)
	for _, f := range bad {
		t.Errorf("%v\nrepeat: RP_SEED=%d go test -run 'TestSimulation$' ./drbdd/replica/simworld", f.Err, f.Seed)
	}
	t.Logf("%d seeds, %d failed, %s; %s", count, len(bad), time.Since(start).Round(time.Millisecond), total)
}

// run runs seeds until limit of them failed, and adds up what happened.
func run(first, count uint64, f simworld.Factory, limit int) (bad []seeds.Failed, sum string) {
	var mu sync.Mutex
	var all simworld.Stats
	bad = seeds.Run(first, count, limit, func(seed uint64) error {
		st, err := simworld.RunStats(seed, f, nil)
		mu.Lock()
		defer mu.Unlock()
		all.Add(st)
		return err
	})
	return bad, fmt.Sprintf("%+v", all)
}

// TestMutations takes one rule after the other out of the core: the world has to
// notice each.
func TestMutations(t *testing.T) {
	count, _ := seeds.Number("RP_MUTATION_SEEDS", 3000)
	for _, m := range simworld.Mutations {
		t.Run(m.Name, func(t *testing.T) {
			bad, _ := run(1, count, m.Wrap(core), 1)
			if len(bad) == 0 {
				t.Fatalf("not noticed in %d seeds", count)
			}
			v := bad[0].Err.(*simworld.Violation)
			t.Log(v)
			if !strings.Contains(m.Rules, v.Rule) {
				t.Errorf("noticed as %s, expected one of %s", v.Rule, m.Rules)
			}
		})
	}
}
