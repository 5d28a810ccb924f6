// Package options turns options as tools send them, a map of names to words, into
// the typed options of the core and back.
//
// What an option may be says the table of package config; this package only knows
// which field it goes to (fields.go). The tool calls Value for what a user wrote;
// the daemon calls Net, Disk and Resource for what came in a request, and Merge for
// commands that change options of what is there. Errors are drbdsetup's sentences
// (drbd-cli 3.1).
package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"classicha/drbdd/config"
)

// Error is an option that cannot be taken: the sentence for standard error and the
// exit code of drbdsetup.
type Error struct {
	Text string
	Exit int // 20; 100 for an empty number, as the original
}

func (e *Error) Error() string { return e.Text }

func refuse(format string, args ...any) error {
	return &Error{Text: fmt.Sprintf(format, args...), Exit: 20}
}

// invalid is what drbdsetup says about a word that it does not know.
func invalid(name, text string) error {
	return refuse("Option --%s: invalid argument '%s'", name, text)
}

// resyncAfter is a number for drbdsetup, but the name of a resource in drbd.conf
// and so in the table.
const (
	resyncAfter = "resync-after"
	maxMinor    = 1<<20 - 1
)

// Strings are bounded as in the kernel.
const (
	maxSecret = 64
	maxString = 127
)

// Value is what a user wrote for an option as Request.Options has it: a number in
// the option's unit, yes or no, one of the words, any string.
//
// A number out of its range is refused, as drbdsetup 8.3 does (8.4 leaves that to
// the kernel, which takes most of them as they are); al-extents is taken to the
// nearest limit, as the kernel does.
func Value(d *config.OptionDef, text string) (string, error) {
	if d.Name == resyncAfter {
		return afterValue(text)
	}
	switch d.Type {
	case config.Number:
		v, err := number(text, d.Unit)
		if err != nil {
			return "", err
		}
		if d.Name == "al-extents" && d.Section == config.SectionDisk {
			v = min(max(v, d.Min), d.Max)
		}
		if v < d.Min || v > d.Max {
			u := d.Unit.Suffix()
			return "", refuse("%s %s => %d%s out of range [%d..%d]%s", d.Name, text, v, u, d.Min, d.Max, u)
		}
		return strconv.FormatUint(v, 10), nil
	case config.Bool, config.Flag:
		return Bool(d.Name, text)
	case config.Enum:
		word := text
		if d.Name == "protocol" {
			word = strings.ToUpper(text)
		}
		// panic is a word of 0.7 that 8.4's program refuses; the article's file has it.
		if !slices.Contains(d.Words, word) && !(d.Name == "on-io-error" && word == "panic") {
			return "", invalid(d.Name, text)
		}
		return word, nil
	}
	limit := maxString
	if d.Name == "shared-secret" {
		limit = maxSecret
	}
	if len(text) > limit {
		return "", refuse("Option --%s: longer than %d bytes", d.Name, limit)
	}
	if strings.ContainsRune(text, 0) {
		return "", invalid(d.Name, text)
	}
	return text, nil
}

// Bool is yes or no.
func Bool(name, text string) (string, error) {
	if text != "yes" && text != "no" {
		return "", invalid(name, text)
	}
	return text, nil
}

// Plain is a number without an option's range, in its unit.
func Plain(text string, unit config.Unit) (string, error) {
	v, err := number(text, unit)
	return strconv.FormatUint(v, 10), err
}

func number(text string, unit config.Unit) (uint64, error) {
	v, err := config.ParseNumber(text, unit)
	if err == nil {
		return v, nil
	}
	e := &Error{Text: err.Error(), Exit: 20}
	if text == "" {
		e.Exit = config.ExitMissing
	}
	return 0, e
}

func afterValue(text string) (string, error) {
	u, err := number(text, config.Plain)
	if err != nil {
		return "", err
	}
	if v := int64(u); v < -1 || v > maxMinor {
		return "", refuse("%s %s => %d out of range [-1..%d]", resyncAfter, text, v, maxMinor)
	}
	return strconv.FormatInt(int64(u), 10), nil
}

// Default is the value without the option, as Request.Options would have it.
func Default(d *config.OptionDef) string {
	if d.Name == resyncAfter {
		return "-1"
	}
	return d.Default
}
