package world_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"classicha/internal/sim/seeds"
	"classicha/tests/world"
)

// TestBadDays plays the files of testdata. WORLD_TRACE names one whose trace is wanted. The
// small things (how long a script takes, what a power cut leaves) are drawn some times.
func TestBadDays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			c := script(t, file)
			count, _ := seeds.Number("WORLD_DAY_SEEDS", 20)
			var out io.Writer
			if os.Getenv("WORLD_TRACE") == name {
				out, count = os.Stdout, 1
			}
			for range count {
				if _, err := world.Run(c, out); err != nil {
					t.Fatalf("seed %d: %v\nrepeat: set seed %d in %s, then WORLD_TRACE=%s go test -v -run 'TestBadDays/%s$' ./tests/world", c.Seed, err, c.Seed, file, name, name)
				}
				c.Seed++
			}
		})
	}
}

func script(t *testing.T, file string) world.Config {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := world.ReadScript(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return c
}
