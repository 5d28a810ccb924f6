package world_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"classicha/tests/world"
)

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

// TestWorld runs WORLD_SEEDS seeds (default 300) from WORLD_SEED on. With WORLD_SEED alone it
// runs that one and prints what happened.
func TestWorld(t *testing.T) {
	count, many := env("WORLD_SEEDS", 300)
	first, one := env("WORLD_SEED", 1)
	if one && !many {
		if _, err := world.Run(world.Draw(first), os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() && !many {
		count = 50
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	start := time.Now()
	bad, total := run(first, count, world.Sound, 25)
	for _, f := range bad {
		t.Errorf("seed %d: %v\nrepeat: WORLD_SEED=%d go test -v -run 'TestWorld$' ./tests/world", f.seed, f.err, f.seed)
	}
	t.Logf("%d seeds, %d failed, %s; %+v", count, len(bad), time.Since(start).Round(time.Millisecond), total)
}

type failure struct {
	seed uint64
	err  error
}

// run runs seeds on all processors, until limit of them failed.
func run(first, count uint64, m world.Mutation, limit int) (bad []failure, total world.Stats) {
	var next atomic.Uint64
	next.Store(first)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1) - 1
				mu.Lock()
				stop := seed >= first+count || len(bad) >= limit
				mu.Unlock()
				if stop {
					return
				}
				c := world.Draw(seed)
				c.Mutation = m
				st, err := world.Run(c, nil)
				mu.Lock()
				total.Add(st)
				if err != nil {
					bad = append(bad, failure{seed, err})
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return bad, total
}

// TestMutations takes one rule after the other out of the border between both daemons: the
// world has to notice each.
func TestMutations(t *testing.T) {
	seeds, _ := env("WORLD_MUTATION_SEEDS", 1000)
	for _, m := range world.Mutations {
		t.Run(m.Name, func(t *testing.T) {
			bad, _ := run(1, seeds, m.Mutation, 1)
			if len(bad) == 0 {
				t.Fatalf("not noticed in %d seeds", seeds)
			}
			t.Logf("seed %d: %v", bad[0].seed, bad[0].err)
			if rule := rule(bad[0].err); !strings.Contains(m.Rules, rule) {
				t.Errorf("noticed as %s, expected one of %s", rule, m.Rules)
			}
		})
	}
}

// rule is the rule that a violation is of.
func rule(err error) string {
	for _, r := range strings.Split(fmt.Sprint(err), ": ") {
		switch r {
		case "H1", "H2", "H3", "H4", "D1", "D2", "D3", "D4", "D5", "D6", "X1", "live", "contract", "wire", "panic":
			return r
		}
	}
	return "?"
}
