package hlog

import (
	"strings"

	"github.com/sirupsen/logrus"
)

// Level is the urgency of a line; its values are the severities of syslog, so
// that smaller is more urgent.
type Level uint8

// The levels of the original.
const (
	Emerg Level = iota
	Alert
	Crit
	Error
	Warn
	Notice
	Info
	Debug
)

var levelWords = [...]string{"EMERG", "ALERT", "CRIT", "ERROR", "WARN", "notice", "info", "debug"}

// String is the word that stands in a line: ERROR, WARN, info, ...
// (heartbeat-behaviour 1.1). Values beyond Debug print as debug.
func (l Level) String() string {
	if int(l) >= len(levelWords) {
		return levelWords[Debug]
	}
	return levelWords[l]
}

// severity is the syslog severity, 0 to 7.
func (l Level) severity() int {
	if l > Debug {
		return int(Debug)
	}
	return int(l)
}

// ParseLevel finds the level of a word in any letter case, "warning" and
// "err" included.
func ParseLevel(word string) (Level, bool) {
	switch w := strings.ToLower(word); w {
	case "warning":
		return Warn, true
	case "err":
		return Error, true
	case "critical":
		return Crit, true
	default:
		for i, known := range levelWords {
			if strings.ToLower(known) == w {
				return Level(i), true
			}
		}
	}
	return Info, false
}

// logrus has no notice, alert and emerg, and its Panic and Fatal levels act.
// Our level travels in the record; logrus only sees an approximation.
func (l Level) logrus() logrus.Level {
	switch {
	case l <= Error:
		return logrus.ErrorLevel
	case l == Warn:
		return logrus.WarnLevel
	case l == Debug:
		return logrus.DebugLevel
	}
	return logrus.InfoLevel
}

// ScriptLevel is the level that the shell functions give to a script's line:
// they look for words in the text, and everything else is notice, "info:"
// lines included (heartbeat-behaviour 1.1).
func ScriptLevel(text string) Level {
	switch {
	case strings.Contains(text, "ERROR"):
		return Error
	case strings.Contains(text, "WARN"):
		return Warn
	case strings.Contains(text, "INFO") || text == "info":
		return Info
	}
	return Notice
}
