package e2e

import (
	"flag"
	"os"
	"testing"
	"time"

	"classicha/tests/lab/pair"
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "5") // the nodes mostly wait
	}
	code := m.Run()
	pair.Cleanup()
	os.Exit(code)
}

// roles of both nodes: ours, if HB_ROLES does not say otherwise.
func roles(t *testing.T) [2]string {
	t.Helper()
	r := pair.Roles([2]string{"ours", "ours"})[0]
	if why := pair.Missing(r); why != "" {
		t.Skip(why)
	}
	return r
}

// oursOnly skips what the real program cannot do.
func oursOnly(t *testing.T, why string) {
	t.Helper()
	if r := roles(t); r != [2]string{"ours", "ours"} {
		t.Skip("the real program: " + why)
	}
}

const (
	bootLimit     = 25 * time.Second
	takeoverLimit = 8 * time.Second
	moveLimit     = 10 * time.Second
)
