package simworld

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// simple leaves out of the world what the stub knows nothing of.
func simple(w *world) {
	p := &w.p
	p.volumes = 1
	p.net.Protocol, p.net.IntegrityAlg = 'C', ""
	p.disk.Fencing, p.disk.OnIOError = 0, 0
	p.features[0], p.features[1] = 15, 15
	p.version[0], p.version[1] = 101, 101
	p.trims, p.overlap, p.skipSync = 0, false, false
	p.ioerr, p.split, p.admin = 0, 0, 0
	p.both, p.reset, p.netcut = 0, 0, 0
	p.extents = min(p.extents, 3)
}

// TestStub: the world is possible. A trivial core lives through it.
func TestStub(t *testing.T) {
	drawn = simple
	defer func() { drawn = nil }()
	if s := os.Getenv("STUB_SEED"); s != "" {
		n, _ := strconv.ParseUint(s, 10, 64)
		if err := Run(n, newStub(), os.Stdout); err != nil {
			t.Fatal(err)
		}
		return
	}
	for seed := range uint64(200) {
		if err := Run(seed, newStub(), nil); err != nil {
			t.Error(err)
		}
	}
}

// TestPlanted: each broken promise is seen, and called by its name.
func TestPlanted(t *testing.T) {
	drawn = simple
	defer func() { drawn = nil }()
	for bug, rules := range map[string]string{
		"acks early":      "D1 D2",
		"acks unwritten":  "D1 D2 D6",
		"no flush":        "D1",
		"no log":          "D3",
		"older wins":      "D4 live",
		"no resync":       "D1 D2 D4",
		"misses a block":  "D2",
		"reads elsewhere": "D6",
		"leaks":           "contract",
		"double free":     "contract",
		"completes twice": "contract",
	} {
		var err error
		for seed := uint64(0); seed < 100 && err == nil; seed++ {
			err = Run(seed, newStub(bug), nil)
		}
		if err == nil {
			t.Errorf("%s: not seen in 100 seeds", bug)
			continue
		}
		if v := err.(*Violation); !strings.Contains(rules, v.Rule) {
			t.Errorf("%s: seen as %v, expected one of %s", bug, err, rules)
		}
		t.Logf("%s: %v", bug, err)
	}
}
