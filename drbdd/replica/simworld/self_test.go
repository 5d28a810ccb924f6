package simworld

import (
	"os"
	"strconv"
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

// TestPlanted: each checker, left alone, sees a promise broken.
func TestPlanted(t *testing.T) {
	drawn = simple
	defer func() { drawn, only = nil, "" }()
	for _, p := range []struct{ bug, rule string }{
		{"acks early", "D1"},
		{"acks unwritten", "D2"},
		{"acks unwritten", "D1"},
		{"no flush", "D1"},
		{"no log", "D3"},
		{"older wins", "D4"},
		{"two primaries", "D5"},
		{"no resync", "D2"},
		{"misses a block", "D2"},
		{"reads elsewhere", "D6"},
		{"leaks", "contract"},
		{"double free", "contract"},
		{"completes twice", "contract"},
		{"answers nothing", "live"},
		{"barrier on the wrong socket", "wire"},
	} {
		t.Run(p.bug+" "+p.rule, func(t *testing.T) {
			only = p.rule
			for seed := range uint64(100) {
				if err := Run(seed, newStub(p.bug), nil); err != nil {
					if v := err.(*Violation); v.Rule != p.rule {
						t.Errorf("seen as %v", err)
					}
					t.Log(err)
					return
				}
			}
			t.Error("not seen in 100 seeds")
		})
	}
}
