//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"classicha/tests/drbd/rig"
)

// stage prints the story.
type stage struct {
	*rig.Script
	out    *os.File
	colour bool
	start  time.Time
}

func newStage(out *os.File) *stage {
	s := &stage{out: out, colour: term.IsTerminal(int(out.Fd())), start: time.Now()}
	s.Script = rig.NewScript(func(text string) { s.say("%s", text) })
	return s
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
