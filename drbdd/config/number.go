package config

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// numberError says why a text is no number: the original prints it without a
// place (drbd-config 2).
type numberError struct {
	text string // the original's line
	exit int
}

func (e *numberError) Error() string { return e.text }

// ParseNumber converts a value to an option's unit: a suffix (k, M, G in either
// case, s for 512 bytes) turns it into bytes, which are divided by the unit,
// rounded up; without a suffix it is in the unit already. As in the original a
// minus sign wraps around.
func ParseNumber(text string, unit Unit) (uint64, error) {
	if text == "" {
		return 0, &numberError{"missing number argument", ExitMissing}
	}
	invalid := &numberError{text + " is not a valid number", ExitExec}
	s := strings.TrimLeft(text, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	digits := span(s, isDigit)
	if digits == 0 {
		return 0, invalid
	}
	v, err := strconv.ParseUint(s[:digits], 10, 64)
	if err != nil {
		v, negative = math.MaxUint64, false
	}
	if negative {
		v = -v
	}
	factor := uint64(0)
	switch s[digits:] {
	case "":
		return v, nil
	case "s":
		factor = 512
	case "k", "K":
		factor = 1 << 10
	case "m", "M":
		factor = 1 << 20
	case "g", "G":
		factor = 1 << 30
	default:
		return 0, invalid
	}
	hi, lo := bits.Mul64(v, factor)
	if hi != 0 {
		return 0, &numberError{text + ": out of range", ExitExec}
	}
	q := lo / uint64(unit)
	if lo%uint64(unit) != 0 {
		q++
	}
	return q, nil
}

// RangeText is what the original says about a number out of its range, without
// the place.
func rangeText(name, text string, v, lo, hi uint64, unit Unit) string {
	u := unit.Suffix()
	return fmt.Sprintf("%s %s => %d%s out of range [%d..%d]%s.", name, text, v, u, lo, hi, u)
}

// Number is the option's value in the unit of the table. The error is that of
// a text that is no number; the range is not looked at.
func (o Option) Number() (uint64, error) { return ParseNumber(o.Value, o.Def.Unit) }

// Clamped is Number taken to the nearest limit of the table.
func (o Option) Clamped() (uint64, error) {
	v, err := o.Number()
	return min(max(v, o.Def.Min), o.Def.Max), err
}

// Yes is the value of a boolean option.
func (o Option) Yes() bool { return o.Value == "yes" }

// suffixes explains how to write a number of an option.
func (d *OptionDef) suffixes() string {
	switch d.Unit {
	case KiB:
		return fmt.Sprintf("write %s from %d to %d, in KiB, or with k, M or G", d.Name, d.Min, d.Max)
	case Sector:
		return fmt.Sprintf("write %s from %d to %d, in sectors of 512 bytes, or with s, k, M or G", d.Name, d.Min, d.Max)
	}
	if d.Quantity != "" && d.Quantity != "bytes" {
		return fmt.Sprintf("write %s from %d to %d, in %s", d.Name, d.Min, d.Max, d.Quantity)
	}
	return fmt.Sprintf("write %s from %d to %d", d.Name, d.Min, d.Max)
}
