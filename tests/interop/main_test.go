package interop

import (
	"flag"
	"os"
	"testing"
	"time"

	"classicha/tests/lab/pair"
)

// The nodes mostly wait (10 s at every start of a real pair), so more labs than
// processors can run side by side.
const labsAtOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", labsAtOnce)
	}
	code := m.Run()
	pair.Cleanup()
	os.Exit(code)
}

// roles are the pairs that every scenario is run with.
func roles() [][2]string {
	return pair.Roles([2]string{"ours", "real"}, [2]string{"real", "ours"})
}

// Limits. They only bound a failing test; what is measured stands in tests/bench.
const (
	bootLimit     = 25 * time.Second // 10 s built in, twice if the first report is missed
	takeoverLimit = 8 * time.Second
	moveLimit     = 10 * time.Second
	returnLimit   = 25 * time.Second
)
