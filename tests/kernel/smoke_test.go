package kernel

import (
	"strings"
	"testing"
)

// The machine alone: what the other tests rely on.
func TestKernelAlone(t *testing.T) {
	w := newWorld(t)
	k := &theirs{m: w.m, n: 0, img: w.files[0]}
	fillImage(t, k.img, 77)
	mustMeta(t, k, "create-md", "--force")
	p := &pair{t: t, w: w, k: k, o: &ours{}}
	p.attach(k)
	state(t, k, stateLimit, "StandAlone", "Secondary/Unknown", "Inconsistent/DUnknown")
	must(t, k, "primary", "0", "--force")
	state(t, k, stateLimit, "StandAlone", "Primary/Unknown", "UpToDate/DUnknown")
	p.learnSize()
	p.load(k)
	p.writes(k)
	p.reads(k)
	must(t, k, "secondary", "0")
	must(t, k, "down", "r0")
	if !strings.Contains(k.proc(), "version: 8.4.") {
		t.Errorf("the kernel has another DRBD: %s", k.proc())
	}
	logged(t, k, stateLimit, `role\( Secondary -> Primary \)`)
}
