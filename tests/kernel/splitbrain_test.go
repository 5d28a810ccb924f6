package kernel

import (
	"bytes"
	"testing"

	"classicha/tests/kernel/talk"
)

// split makes both Primary while apart, with different data. The model gets the
// data of s.
func (p *pair) split(survivor side) {
	p.t.Helper()
	victim := p.other(survivor)
	p.disconnect(p.o)
	state(p.t, p.k, stateLimit, "WFConnection", "", "")
	p.disconnect(p.k)
	for _, s := range p.sides() {
		must(p.t, s, "primary", "0")
	}
	kept := bytes.Clone(p.want)
	p.writes(victim)
	p.want = kept
	p.write(survivor, 1<<20, 64<<10, 4096, 4)
	p.write(survivor, 16<<20, 4096, 4096, 1)
	for _, s := range p.sides() {
		p.flush(s)
	}
}

// Split brain is found by both; the one that is told to discard its data gives in.
func TestSplitBrain(t *testing.T) {
	fromEach(t, options{}, func(t *testing.T, p *pair, survivor side) {
		victim := p.other(survivor)
		p.fullSync(p.k)
		p.writes(p.k)
		must(t, p.k, "secondary", "0")
		p.split(survivor)
		for _, s := range p.sides() {
			must(t, s, "secondary", "0")
		}
		p.connect(p.k)
		p.connect(p.o)
		for _, s := range p.sides() {
			logged(t, s, stateLimit, `Split-Brain detected but unresolved, dropping connection!`)
			state(t, s, stateLimit, "StandAlone", "Secondary/Unknown", "UpToDate/DUnknown|UpToDate/Outdated")
		}
		p.connect(survivor)
		p.connect(victim, "--discard-my-data")
		for _, s := range p.sides() {
			logged(t, s, stateLimit, `Split-Brain detected, manually solved. Sync from (peer|this) node`)
		}
		p.partial(2)
		must(t, survivor, "primary", "0")
		p.reads(survivor)
		must(t, survivor, "secondary", "0")
		p.finish()
	})
}

// Policies solve a split brain without a person: the one with fewer changes, and the
// Secondary, give in.
func TestSplitBrainPolicies(t *testing.T) {
	w := newWorld(t)
	t.Run("least changes", func(t *testing.T) {
		p := w.newPair(t, options{net: []string{"--after-sb-0pri=discard-least-changes"}})
		p.fullSync(p.k)
		must(t, p.k, "secondary", "0")
		p.split(p.k) // the kernel has fewer changes
		for _, s := range p.sides() {
			must(t, s, "secondary", "0")
		}
		p.load(p.o)
		p.solved(0)
	})
	t.Run("Secondary", func(t *testing.T) {
		p := w.newPair(t, options{net: []string{"--after-sb-1pri=discard-secondary"}})
		p.fullSync(p.k)
		must(t, p.k, "secondary", "0")
		p.split(p.k)
		must(t, p.o, "secondary", "0")
		p.solved(1)
	})
	t.Run("remote", func(t *testing.T) {
		p := w.newPair(t, options{netOurs: []string{"--after-sb-0pri=discard-local"}, netKernel: []string{"--after-sb-0pri=discard-remote"}})
		p.fullSync(p.k)
		must(t, p.k, "secondary", "0")
		p.split(p.k)
		for _, s := range p.sides() {
			must(t, s, "secondary", "0")
		}
		p.solved(0)
	})
}

// solved connects and expects that a policy decides for the model, with so many
// Primaries.
func (p *pair) solved(primaries int) {
	p.t.Helper()
	p.connect(p.k)
	p.connect(p.o)
	word := map[int]string{0: "0 primaries", 1: "1 primaries"}[primaries]
	for _, s := range p.sides() {
		logged(p.t, s, stateLimit, `Split-Brain detected, `+word+`, automatically solved. Sync from (peer|this) node`)
	}
	p.partial(2)
	for _, s := range p.sides() {
		if look(s).ro == "Primary/Secondary" {
			must(p.t, s, "secondary", "0")
		}
	}
	p.finish()
}

// Disks of different histories are no split brain, and are not mixed.
func TestUnrelatedData(t *testing.T) {
	w := newWorld(t)
	p := w.newPair(t, options{})
	for _, s := range p.sides() {
		must(t, s, "primary", "0", "--force")
		if err := s.write(0, talk.Block, talk.Block, 1, 9); err != nil {
			t.Fatal(err)
		}
		must(t, s, "secondary", "0")
	}
	p.connect(p.k)
	p.connect(p.o)
	for _, s := range p.sides() {
		logged(t, s, stateLimit, `Unrelated data, aborting!|Split-Brain detected but unresolved, dropping connection!`)
		state(t, s, stateLimit, "StandAlone", "Secondary/Unknown", "")
	}
}
