package simworld_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/replica/simworld"
)

// core is the real one.
func core(cfg replica.Config, seed uint64) simworld.Core { return replica.New(cfg, seed) }

// env is a number from the environment. One that is none must not pass for a run.
func env(name string, other uint64) (uint64, bool) {
	s := os.Getenv(name)
	if s == "" {
		return other, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		panic(fmt.Sprintf("%s=%s: want a number from 1 on", name, s))
	}
	return n, true
}

// TestSimulation runs RP_SEEDS seeds (default 500) from RP_SEED on. With RP_SEED
// alone it runs that one and prints what happened.
func TestSimulation(t *testing.T) {
	count, many := env("RP_SEEDS", 500)
	first, one := env("RP_SEED", 1)
	if one && !many {
		if err := simworld.Run(first, core, os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() && !many {
		count = 100
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	start := time.Now()
	bad, total := run(first, count, core, 25)
	for _, err := range bad {
		v := err.(*simworld.Violation)
		t.Errorf("%v\nrepeat: RP_SEED=%d go test -run 'TestSimulation$' ./drbdd/replica/simworld", v, v.Seed)
	}
	t.Logf("%d seeds, %d failed, %s; %s", count, len(bad), time.Since(start).Round(time.Millisecond), total)
}

// run runs seeds on two processors, until limit of them failed.
func run(first, count uint64, f simworld.Factory, limit int) (bad []error, sum string) {
	var next atomic.Uint64
	next.Store(first)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var all simworld.Stats
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				seed := next.Add(1) - 1
				mu.Lock()
				stop := seed >= first+count || len(bad) >= limit
				mu.Unlock()
				if stop {
					return
				}
				st, err := simworld.RunStats(seed, f, nil)
				mu.Lock()
				all.Add(st)
				if err != nil {
					bad = append(bad, err)
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return bad, fmt.Sprintf("%+v", all)
}

// TestMutations takes one rule after the other out of the core: the world has to
// notice each.
func TestMutations(t *testing.T) {
	seeds, _ := env("RP_MUTATION_SEEDS", 3000)
	for _, m := range simworld.Mutations {
		t.Run(m.Name, func(t *testing.T) {
			bad, _ := run(1, seeds, m.Wrap(core), 1)
			if len(bad) == 0 {
				t.Fatalf("not noticed in %d seeds", seeds)
			}
			v := bad[0].(*simworld.Violation)
			t.Log(v)
			if !strings.Contains(m.Rules, v.Rule) {
				t.Errorf("noticed as %s, expected one of %s", v.Rule, m.Rules)
			}
		})
	}
}
