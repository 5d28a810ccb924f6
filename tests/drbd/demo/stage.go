//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"classicha/tests/drbd/rig"
)

// stage prints the story and is what a rig needs of a test.
type stage struct {
	out     *os.File
	colour  bool
	start   time.Time
	failed  bool
	cleanup []func()
}

func newStage(out *os.File) *stage {
	return &stage{out: out, colour: term.IsTerminal(int(out.Fd())), start: time.Now()}
}

// failure is how Fatalf ends the story.
type failure struct{ error }

// run performs a play and clears the stage.
func (s *stage) run(play func(*stage)) (err error) {
	defer func() {
		for i := len(s.cleanup) - 1; i >= 0; i-- {
			s.cleanup[i]()
		}
	}()
	defer func() {
		if x := recover(); x != nil {
			f, ok := x.(failure)
			if !ok {
				panic(x)
			}
			err = f
		}
	}()
	play(s)
	if s.failed {
		err = errors.New("not everything was as it should be")
	}
	return err
}

func (s *stage) paint(style, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// heading begins a chapter.
func (s *stage) heading(format string, args ...any) {
	fmt.Fprintf(s.out, "\n%s\n", s.paint("1", fmt.Sprintf(format, args...)))
}

func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%7.2fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// do runs a command on a machine and shows it with what it prints.
func (s *stage) do(n *rig.Node, line string) string {
	s.say("%s", s.paint("36", n.Name()+"# "+line))
	out := n.Do("sh", "-c", line)
	s.show(out)
	return out
}

// refused is do for a command that must fail.
func (s *stage) refused(n *rig.Node, line string) {
	s.say("%s", s.paint("36", n.Name()+"# "+line))
	r := n.Run("sh", "-c", line)
	if r.Code == 0 {
		s.Fatalf("%s should have been refused", line)
	}
	s.show(r.Out + fmt.Sprintf("exit code %d\n", r.Code))
}

func (s *stage) show(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(s.out, "              %s\n", strings.TrimRight(line, "\n"))
	}
}

// Helper and the others make the stage a rig.TB.
func (s *stage) Helper() {}

// Logf implements rig.TB.
func (s *stage) Logf(format string, args ...any) { s.say(format, args...) }

// Errorf implements rig.TB.
func (s *stage) Errorf(format string, args ...any) {
	s.failed = true
	s.say("%s", s.paint("31", fmt.Sprintf(format, args...)))
}

// Fatalf implements rig.TB.
func (s *stage) Fatalf(format string, args ...any) {
	s.failed = true
	panic(failure{fmt.Errorf(format, args...)})
}

// Failed implements rig.TB.
func (s *stage) Failed() bool { return s.failed }

// Cleanup implements rig.TB.
func (s *stage) Cleanup(f func()) { s.cleanup = append(s.cleanup, f) }
