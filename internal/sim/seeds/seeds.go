// Package seeds is what the tests of all simulated worlds have in common: which seeds are run,
// on all processors, until enough of them failed.
package seeds

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
)

// Number is a number from the environment, or std without it, and whether it was there. What
// is no number from 1 on must not pass for a run, and panics.
func Number(name string, std uint64) (n uint64, given bool) {
	s := os.Getenv(name)
	if s == "" {
		return std, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		panic(fmt.Sprintf("%s=%s: want a number from 1 on", name, s))
	}
	return n, true
}

// Chosen is what the environment wants: PREFIX_SEEDS (std) seeds from PREFIX_SEED (1) on.
// With PREFIX_SEED alone it is that one, to be shown.
func Chosen(prefix string, std uint64) (first, count uint64, show bool) {
	count, many := Number(prefix+"_SEEDS", std)
	first, one := Number(prefix+"_SEED", 1)
	return first, count, one && !many
}

// Failed is a seed that failed.
type Failed struct {
	Seed uint64
	Err  error
}

// Run calls one for each seed, on all processors, until limit of them failed.
func Run(first, count uint64, limit int, one func(seed uint64) error) (bad []Failed) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := first
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				mu.Lock()
				seed := next
				if seed-first >= count || len(bad) >= limit {
					mu.Unlock()
					return
				}
				next++
				mu.Unlock()
				if err := one(seed); err != nil {
					mu.Lock()
					bad = append(bad, Failed{seed, err})
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return bad
}
