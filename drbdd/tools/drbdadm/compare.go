package drbdadm

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"classicha/drbdd/config"
)

// What is configured is compared by meaning: numbers in the option's unit, and
// an option that is not there has its default.

// parsed turns arguments of drbdsetup back into options.
func parsed(s config.Section, args []string) []config.Option {
	var out []config.Option
	for _, a := range args {
		name, value, ok := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		if d := config.Lookup(s, name); ok && d != nil {
			out = append(out, config.Option{Def: d, Name: name, Value: value})
		}
	}
	return out
}

// meaning is a value in a form that can be compared.
func meaning(o config.Option) string {
	switch {
	case o.Name == "resync-after" && o.Value == "-1":
		return ""
	case o.Def.Type != config.Number:
		return o.Value
	}
	n, err := o.Number()
	if o.Name == "al-extents" {
		n, err = o.Clamped() // as drbdsetup does
	}
	if err != nil {
		return o.Value
	}
	return fmt.Sprint(n)
}

func defaultOf(d *config.OptionDef) string {
	return meaning(config.Option{Def: d, Name: d.Name, Value: d.Default})
}

// comparison is what differs between the configuration and what is running.
type comparison struct {
	w       io.Writer // for -v -v -v; nil: say nothing
	differs map[string]bool
}

func (c *comparison) note(name, format string, args ...any) {
	if c.differs == nil {
		c.differs = map[string]bool{}
	}
	c.differs[name] = true
	if c.w != nil {
		fmt.Fprintf(c.w, format, args...)
	}
}

// compare finds the options that are not what they should be.
func compare(w io.Writer, conf, running []config.Option) map[string]bool {
	c := comparison{w: w}
	for _, o := range last(running) {
		want, set := config.Last(conf, o.Name)
		switch {
		case !set && meaning(o) != defaultOf(o.Def):
			c.note(o.Name, "Only in running config %s: %s\n", o.Name, o.Value)
		case set && meaning(o) != meaning(want):
			c.note(o.Name, "Value of '%s' differs: r=%s c=%s\n", o.Name, o.Value, want.Value)
		}
	}
	for _, o := range last(conf) {
		if _, set := config.Last(running, o.Name); !set && meaning(o) != defaultOf(o.Def) {
			c.note(o.Name, "Only in config file %s: %s\n", o.Name, o.Value)
		}
	}
	return c.differs
}

// last leaves the value in force of each option.
func last(opts []config.Option) []config.Option {
	var out []config.Option
	for i, o := range opts {
		if _, again := config.Last(opts[i+1:], o.Name); !again {
			out = append(out, o)
		}
	}
	return out
}

// sameAddress compares by meaning where that is clear: 0:0::1 is ::1.
func sameAddress(a, b *config.Address) bool {
	if a == nil || b == nil || a.Family != b.Family || a.Port != b.Port {
		return a == b
	}
	x, errX := netip.ParseAddr(a.IP)
	y, errY := netip.ParseAddr(b.IP)
	return a.IP == b.IP || errX == nil && errY == nil && x == y
}

func addressWords(a *config.Address) string {
	if a == nil {
		return "N/A"
	}
	return a.Setup()
}
