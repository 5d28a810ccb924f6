package simworld

import (
	"fmt"
	"io"
	"strings"
	"time"

	"classicha/drbdd/replica"
)

// Core is what is attacked: *replica.Resource, or something around it.
type Core interface {
	Step(now time.Time, ev replica.Event) []replica.Action
	Next() time.Time
	View() replica.View
}

// Factory makes the core of a daemon that starts.
type Factory func(cfg replica.Config, seed uint64) Core

// Violation is a broken promise.
type Violation struct {
	Seed uint64
	At   time.Duration // virtual time
	Rule string        // D1...D6, contract, wire, live, panic
	Text string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d: %.6fs: %s: %s", v.Seed, v.At.Seconds(), v.Rule, v.Text)
}

// Stats counts what happened in a run, for those who want to know whether the
// world is hard enough.
type Stats struct {
	Steps                           int
	Reads, Writes, Flushes          int
	PowerCuts, Kills, Resets, Cuts  int
	Pauses, IOErrors, Takeovers     int
	Connects, Resyncs, SplitBrains  int
	Verifies, Handlers, EIOs, Metas int
	Renewals                        int
	Virtual                         time.Duration
}

// Run lives through one seed. The error is a *Violation. With verbose it is
// written what happens, and a panic of the core is not caught.
func Run(seed uint64, f Factory, verbose io.Writer) error {
	_, err := RunStats(seed, f, verbose)
	return err
}

// RunStats is Run with numbers.
func RunStats(seed uint64, f Factory, verbose io.Writer) (st Stats, err error) {
	w := newWorld(seed, f, verbose)
	if verbose == nil {
		defer func() {
			if p := recover(); p != nil {
				st, err = w.stats, &Violation{Seed: seed, At: w.Now(), Rule: "panic", Text: fmt.Sprint(p)}
			}
		}()
	}
	w.live()
	if len(w.bad) > 0 {
		return w.stats, w.bad[0]
	}
	return w.stats, nil
}

// only lets tests look at one rule alone.
var only string

// fail notes a violation. The first one ends the run.
func (w *world) fail(rule, format string, args ...any) {
	if only != "" && rule != only {
		return
	}
	v := &Violation{Seed: w.seed, At: w.Now(), Rule: rule, Text: fmt.Sprintf(format, args...)}
	w.bad = append(w.bad, v)
	w.note("VIOLATION %s: %s", v.Rule, v.Text)
}

// note writes a line of the trace.
func (w *world) note(format string, args ...any) {
	if w.out == nil {
		return
	}
	s := fmt.Sprintf(format, args...)
	fmt.Fprintf(w.out, "%12.6f %s\n", w.Now().Seconds(), strings.TrimRight(s, "\n"))
}

// Add adds the numbers of another run.
func (s *Stats) Add(o Stats) {
	s.Steps += o.Steps
	s.Reads, s.Writes, s.Flushes = s.Reads+o.Reads, s.Writes+o.Writes, s.Flushes+o.Flushes
	s.PowerCuts, s.Kills, s.Resets, s.Cuts = s.PowerCuts+o.PowerCuts, s.Kills+o.Kills, s.Resets+o.Resets, s.Cuts+o.Cuts
	s.Pauses, s.IOErrors, s.Takeovers = s.Pauses+o.Pauses, s.IOErrors+o.IOErrors, s.Takeovers+o.Takeovers
	s.Connects, s.Resyncs, s.SplitBrains = s.Connects+o.Connects, s.Resyncs+o.Resyncs, s.SplitBrains+o.SplitBrains
	s.Verifies, s.Handlers, s.EIOs, s.Metas = s.Verifies+o.Verifies, s.Handlers+o.Handlers, s.EIOs+o.EIOs, s.Metas+o.Metas
	s.Renewals += o.Renewals
	s.Virtual += o.Virtual
}
