package config

import (
	"fmt"
	"strings"
)

// Level says how bad a finding is. The zero value is Info.
type Level uint8

// Levels in rising order.
const (
	Info Level = iota // worth knowing
	OK                // looked at and found good
	Warn              // works, but not as it should, or was guessed
	Fail              // does not work
)

func (l Level) String() string {
	switch l {
	case OK:
		return "OK"
	case Warn:
		return "WARN"
	case Fail:
		return "FAIL"
	}
	return "INFO"
}

// Stage is the step of the start at which the original finds something
// (heartbeat-config 3, "Order of checks at start").
type Stage uint8

// Stages in the order in which they are reported.
const (
	StageLines     Stage = iota // the lines of ha.cf
	StageAuth                   // authkeys
	StageDefaults               // defaults applied
	StageCross                  // media, nodes, times, logging
	StageExt                    // haext.cf, which the original does not know
	StageResources              // haresources
	StageCheck                  // only --check looks for it
)

// Pos is a place in a file. Line and Col count from 1; 0 means the whole file
// (Line) or the whole line (Col).
type Pos struct {
	File      string
	Line, Col int
}

func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Finding is one thing to tell the administrator.
type Finding struct {
	Level  Level
	Pos    Pos
	Text   string // what was read, what is wrong with it or what it was taken for
	Remedy string // what to write or do instead; may be empty

	// Refuse is set if the daemon does not start because of it. A Fail
	// without it (a resource script that does not exist) is the original's
	// trouble at run time.
	Refuse bool
	Stage  Stage
	// Original are the original's lines for it, level word included
	// ("ERROR: No heartbeat media defined"). Those that the original prints
	// without level go to standard error only, see SplitLevel.
	Original []string
}

// Sentence is the finding as one sentence for the log, place in front.
func (f Finding) Sentence() string {
	var b strings.Builder
	if f.Pos.File != "" {
		b.WriteString(f.Pos.String() + ": ")
	}
	b.WriteString(f.Text)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	return b.String()
}

// Findings is what a parser or a check has to say, in the order of discovery.
type Findings []Finding

// Refused reports whether one of them keeps the daemon from starting.
func (fs Findings) Refused() bool {
	for _, f := range fs {
		if f.Refuse {
			return true
		}
	}
	return false
}

// Worst is the highest level among them, Info if there are none.
func (fs Findings) Worst() Level {
	worst := Info
	for _, f := range fs {
		worst = max(worst, f.Level)
	}
	return worst
}

// ExitCode is that of heartbeatd --check: 0 good, 1 warnings, 2 failures.
func (fs Findings) ExitCode() int {
	switch fs.Worst() {
	case Warn:
		return 1
	case Fail:
		return 2
	}
	return 0
}

func (fs Findings) stage(s Stage) Findings {
	var out Findings
	for _, f := range fs {
		if f.Stage == s {
			out = append(out, f)
		}
	}
	return out
}
