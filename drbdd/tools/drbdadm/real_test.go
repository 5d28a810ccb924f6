package drbdadm

import (
	"slices"
	"testing"
)

// TestReal holds every trial against what the real drbdadm-84 does: standard
// output, standard error, exit code, and the calls in their order. What is different
// on purpose stands in a table with its reason, and must be seen to be different.
func TestReal(t *testing.T) {
	trials := slices.Concat(helpTrials(), dryTrials(t), vectorTrials(t), scriptedTrials(), adjustTrials())
	if len(trials) < 300 {
		t.Errorf("only %d trials", len(trials))
	}
	known := recorded(t)
	ask := realIsHere() && (*record || !testing.Short())
	w := newWorld(t)
	met := map[string]bool{}
	now := map[string]outcome{}
	failed := 0
	for i, c := range trials {
		key := c.String()
		want, ok := known[key]
		if ask && (*record || i%everyNth == 0) {
			real := w.real(c)
			if !*record && ok && !real.equal(want) {
				t.Errorf("%s\nthe record is not what drbdadm-84 of this machine does\nrecord: %s\nreal: %s", key, want, real)
			}
			want, ok = real, true
		}
		if !ok {
			t.Errorf("%s\nis not in the record: go test -run TestReal -record", key)
			continue
		}
		now[key] = want
		got := w.ours(c)
		got.Err = withoutAdvice(got.Err, want.Err)
		reason := differenceOf(key)
		switch same := got.equal(want); {
		case same: // some of what a difference is about is the same all the same
		case reason != "":
			met[reason] = true
		default:
			failed++
			if failed <= 100 {
				t.Errorf("%s\n%s", key, firstDifference(want, got))
			}
		}
	}
	for _, d := range differences {
		if !met[d.reason] {
			t.Errorf("no trial shows this difference: %s", d.reason)
		}
	}
	if *record {
		writeRecord(t, now)
	}
	t.Logf("%d trials, %d differ that should not", len(trials), failed)
}

// everyNth trial is also made with the real one, if it is here: all of them take
// long, and -record makes all.
const everyNth = 7
