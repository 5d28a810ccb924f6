package config

import (
	"fmt"
	"strings"
)

// Pos is a place in a file. Line and Col count from 1.
type Pos struct {
	File      string
	Line, Col int
}

// String is FILE:LINE, as in the original's messages.
func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Level says how bad a finding is.
type Level uint8

// Levels in rising order.
const (
	Note  Level = iota // an older way to say something that is said otherwise today
	Warn               // works, but was guessed, has no effect, or will be refused later
	Error              // the configuration is not used
)

func (l Level) String() string {
	switch l {
	case Note:
		return "note"
	case Warn:
		return "warning"
	}
	return "error"
}

// Exit codes of drbdadm (drbd-config 8).
const (
	ExitOK      = 0
	ExitUsage   = 1
	ExitSyntax  = 2
	ExitInvalid = 10  // invalid configuration
	ExitExec    = 20  // also: not a number
	ExitThink   = 42  // internal error
	ExitMissing = 100 // an empty number (seen)
)

// Finding is one thing to tell the administrator.
type Finding struct {
	Level Level
	Pos   Pos
	// Text is what was read and what it was taken for, without the place. It
	// is empty where Original says it all.
	Text string
	// Remedy is what to write instead or what it means today; may be empty.
	Remedy string

	// Original is what drbdadm 8.4 prints on standard error for it, newlines
	// included, or empty if it says nothing.
	Original string
	// Exit is the exit code with which drbdadm 8.4 ends because of it; 0: it
	// goes on and succeeds.
	Exit int
	// Stops is set if drbdadm 8.4 ends there and then, without reading on.
	Stops bool
	// Ours is set if we say it in our own words although drbdadm 8.4 has some.
	Ours bool
}

// Sentence is the finding as one line in our own words, place in front.
func (f Finding) Sentence() string {
	text := f.Text
	if text == "" {
		text = strings.Join(strings.Fields(strings.TrimPrefix(f.Original, f.Pos.String()+": ")), " ")
	}
	s := f.Pos.String() + ": " + text
	if f.Remedy != "" {
		s += "; " + f.Remedy
	}
	return s
}

// Lines is what a command prints for it, newlines included: the words of the
// original where it has some and means the same by them, then what to do.
func (f Finding) Lines() string {
	classic := f.Original != "" && !f.Ours && (f.Level == Error || f.Exit == 0)
	if !classic {
		return f.Sentence() + "\n"
	}
	if f.Remedy == "" {
		return f.Original
	}
	return f.Original + f.Pos.String() + ": " + f.Remedy + "\n"
}

// Findings is what reading a configuration has to say, in the order in which
// the original would come upon it.
type Findings []Finding

// Refused reports whether the configuration must not be used.
func (fs Findings) Refused() bool {
	for _, f := range fs {
		if f.Level == Error {
			return true
		}
	}
	return false
}

// ExitCode is ours: 0, or that of the last error up to the one at which the
// original stops.
func (fs Findings) ExitCode() int {
	exit := ExitOK
	for _, f := range fs {
		if f.Level != Error {
			continue
		}
		if exit = f.Exit; exit == 0 {
			exit = ExitInvalid
		}
		if f.Stops {
			break
		}
	}
	return exit
}

// Original is what drbdadm 8.4 prints on standard error for the same file, and
// its exit code.
func (fs Findings) Original() (stderr string, exit int) {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.Original)
		if f.Exit != 0 {
			exit = f.Exit
		}
		if f.Stops {
			break
		}
	}
	return b.String(), exit
}

// Lines are those of all findings, one after the other.
func (fs Findings) Lines() string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.Lines())
	}
	return b.String()
}

// AtLeast are the findings of that level or worse.
func (fs Findings) AtLeast(l Level) Findings {
	var out Findings
	for _, f := range fs {
		if f.Level >= l {
			out = append(out, f)
		}
	}
	return out
}
