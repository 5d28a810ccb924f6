package world_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/internal/sim/seeds"
	"classicha/tests/world"
)

// TestWorld runs WORLD_SEEDS seeds (default 300) from WORLD_SEED on. With WORLD_SEED alone it
// runs that one and prints what happened.
func TestWorld(t *testing.T) {
	std := uint64(300)
	if testing.Short() {
		std = 50
	}
	first, count, show := seeds.Chosen("WORLD", std)
	if show {
		if _, err := world.Run(world.Draw(first), os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	start := time.Now()
	bad, total := run(first, count, world.Sound, 25)
	for _, f := range bad {
		t.Errorf("seed %d: %v\nrepeat: WORLD_SEED=%d go test -v -run 'TestWorld$' ./tests/world", f.Seed, f.Err, f.Seed)
	}
	t.Logf("%d seeds, %d failed, %s; %+v", count, len(bad), time.Since(start).Round(time.Millisecond), total)
}

// run runs seeds until limit of them failed, and adds up what happened.
func run(first, count uint64, m world.Mutation, limit int) (bad []seeds.Failed, total world.Stats) {
	var mu sync.Mutex
	bad = seeds.Run(first, count, limit, func(seed uint64) error {
		c := world.Draw(seed)
		c.Mutation = m
		st, err := world.Run(c, nil)
		mu.Lock()
		defer mu.Unlock()
		total.Add(st)
		return err
	})
	return bad, total
}

// TestMutations takes one rule after the other out of the border between both daemons: the
// world has to notice each.
func TestMutations(t *testing.T) {
	count, _ := seeds.Number("WORLD_MUTATION_SEEDS", 1000)
	for _, m := range world.Mutations {
		t.Run(m.Name, func(t *testing.T) {
			bad, _ := run(1, count, m.Mutation, 1)
			if len(bad) == 0 {
				t.Fatalf("not noticed in %d seeds", count)
			}
			t.Logf("seed %d: %v", bad[0].Seed, bad[0].Err)
			if rule := rule(bad[0].Err); !strings.Contains(m.Rules, rule) {
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
