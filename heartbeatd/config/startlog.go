package config

import "strings"

// LogLine is one line of the start.
type LogLine struct {
	Level string // ERROR, WARN, info, debug; empty: a bare line for standard error only
	Text  string
	Ours  bool // our explanation, not a line of the original
}

// Exit codes of a refused start (heartbeat-config 6).
const (
	ExitConfigError = 6
	ExitReloadError = 1 // heartbeat -r with a daemon running
)

// Version is the version of Heartbeat whose behaviour, messages and wire we have.
const Version = "3.0.6"

// SplitLevel separates the original's level word from a line. A line without
// one ("Warn time [0] is invalid.") goes to standard error as it is.
func SplitLevel(line string) (level, text string) {
	for _, l := range [...]string{"ERROR", "WARN", "info", "debug", "CRIT"} {
		if rest, ok := strings.CutPrefix(line, l+": "); ok {
			return l, rest
		}
	}
	return "", line
}

// StartLog returns the lines to log for the findings of all files, in the
// order of the original's start, and whether the start may go on. The findings
// may come in any order of files; within one stage their order is kept. A stage
// that refuses ends the list, as the original never gets to the next one; all
// trouble of one stage is reported together.
//
// Each of our own explanations follows the original's lines for the same thing.
// Where those say enough (warnings that are not about a mistake) ours is left out.
func StartLog(fs Findings) (lines []LogLine, ok bool) {
	general := func(texts ...string) {
		for _, t := range texts {
			level, text := SplitLevel(t)
			lines = append(lines, LogLine{Level: level, Text: text})
		}
	}
	const notStarted = "ERROR: Configuration error, heartbeat not started."
	run := func(stages ...Stage) (refused bool) {
		for _, s := range stages {
			part := fs.stage(s)
			lines = append(lines, part.lines()...)
			refused = refused || part.Refused()
		}
		return refused
	}
	if run(StageLines) {
		general("ERROR: Heartbeat not started: configuration error.", notStarted)
		return lines, false
	}
	if run(StageAuth) {
		general("ERROR: Authentication configuration error.", notStarted)
		return lines, false
	}
	if run(StageDefaults, StageCross, StageExt) {
		general(notStarted)
		return lines, false
	}
	general("info: **************************", "info: Configuration validated. Starting heartbeat "+Version)
	if run(StageResources) {
		general(notStarted)
		return lines, false
	}
	return lines, true
}

func (fs Findings) lines() []LogLine {
	var out []LogLine
	for _, f := range fs {
		for _, o := range f.Original {
			level, text := SplitLevel(o)
			out = append(out, LogLine{Level: level, Text: text})
		}
		switch {
		case f.Level == Fail:
			out = append(out, LogLine{Level: "ERROR", Text: f.Sentence(), Ours: true})
		case f.Level == Warn && len(f.Original) == 0:
			out = append(out, LogLine{Level: "WARN", Text: f.Sentence(), Ours: true})
		}
	}
	return out
}
