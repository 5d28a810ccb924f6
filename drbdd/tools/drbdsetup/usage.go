package drbdsetup

import (
	"fmt"
	"strings"

	"classicha/drbdd/config"
	"classicha/drbdd/control/options"
)

// usageWidth is the longest line of a usage text.
const usageWidth = 80

// usage is the text about the program.
func (t *tool) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nUSAGE: %s command device arguments options\n\nDevice is usually /dev/drbdX or /dev/drbd/X.\n\nCommands are:\n", t.prog)
	for i, c := range commands {
		if i%3 == 0 {
			b.WriteString("    ")
		}
		fmt.Fprintf(&b, "%-20s", c.name)
		if i%3 == 2 || i == len(commands)-1 {
			b.WriteString("\n")
		}
	}
	b.WriteString("\nTo get more details about a command issue 'drbdsetup help cmd'.\n\n")
	return b.String()
}

// help is "help CMD" and "xml-help CMD".
func (t *tool) help(args []string) error {
	if len(args) < 2 {
		return &failure{exit: exitUsage, out: t.usage()}
	}
	cmd := find(args[1])
	switch {
	case cmd != nil && args[0] == "xml-help":
		return &failure{out: xmlHelp(cmd)}
	case cmd != nil:
		return t.helpFor(cmd)
	}
	if old := findOld(args[1]); old != nil && args[0] != "xml-help" {
		return &failure{out: oldUsage(old)}
	}
	return &failure{exit: exitUsage, out: t.usage() + "\nunknown command\n"}
}

func (t *tool) helpFor(cmd *command) error { return &failure{out: t.commandUsage(cmd)} }

// wrapped joins words with blanks into lines of a usage text.
type wrapped struct {
	b      strings.Builder
	col    int
	width  int
	indent string
}

func (w *wrapped) word(s string) {
	if w.col > 0 && w.col+1+len(s) > w.width {
		w.b.WriteString("\n" + w.indent)
		w.col = len(w.indent)
	} else {
		w.b.WriteString(" ")
		w.col++
	}
	w.b.WriteString(s)
	w.col += len(s)
}

const (
	localUsage  = "[{af}:]{local_addr}[:{port}]"
	remoteUsage = "[{af}:]{remote_addr}[:{port}]"
)

// commandUsage is the text about a command of 8.4.
func (t *tool) commandUsage(c *command) string {
	w := wrapped{width: usageWidth, indent: "    "}
	w.b.WriteString("USAGE:\n")
	w.b.WriteString(" " + t.prog + " " + c.name)
	w.col = 2 + len(t.prog) + len(c.name)
	if o := objectNames(c.object); o != nil {
		w.word("{" + strings.Join(o, "|") + "}")
	}
	if c.endpoints {
		w.word(localUsage)
		w.word(remoteUsage)
	}
	for _, a := range c.args {
		w.word("{" + a + "}")
	}
	for i := range c.opts {
		if o := &c.opts[i]; !o.hidden {
			w.word("[--" + o.name + o.usage() + "]")
		}
	}
	return w.b.String() + "\n"
}

func objectNames(o object) []string {
	var names []string
	if o&objResource != 0 {
		names = append(names, "resource")
	}
	if o&objMinor != 0 {
		names = append(names, "minor")
	}
	if o&objAll != 0 {
		names = append(names, "all")
	}
	return names
}

// numbers are the limits of a number, and ok is false if the option is none.
func (o *option) numbers() (lo, hi, deflt, prefix, unit string, ok bool) {
	switch {
	case o.kind == numberOpt:
		if o.unit == config.Sector {
			unit = "bytes"
		}
		return fmt.Sprint(o.min), fmt.Sprint(o.max), o.deflt, unitPrefix(o.unit), unit, true
	case o.kind != fromTable:
		return
	case o.name == "resync-after":
		return "-1", fmt.Sprint(maxMinor), "-1", "1", "", true
	case o.def.Type == config.Number:
		unit = o.def.Quantity
		if o.name == "rs-discard-granularity" {
			unit = "" // the original does not say it
		}
		return fmt.Sprint(o.def.Min), fmt.Sprint(o.def.Max), options.Default(o.def), unitPrefix(o.def.Unit), unit, true
	}
	return
}

// unitPrefix is what the description calls the unit: 1 for one.
func unitPrefix(u config.Unit) string {
	if s := u.Suffix(); s != "" {
		return s
	}
	return "1"
}

func (o *option) usage() string {
	if lo, hi, _, _, _, ok := o.numbers(); ok {
		return "=(" + lo + " ... " + hi + ")"
	}
	switch o.kind {
	case boolOpt:
		return "={yes|no}"
	case flagOpt:
		return ""
	case addressOpt:
		return "=" + localUsage
	case fromTable:
		switch o.def.Type {
		case config.Bool:
			return "={yes|no}"
		case config.Enum:
			return "={" + strings.Join(o.def.Words, "|") + "}"
		}
		return "=<str>"
	}
	return "=..."
}

// xmlHelp describes a command of 8.4 for programs.
func xmlHelp(c *command) string {
	var b strings.Builder
	arg := func(indent, name string) { fmt.Fprintf(&b, "%s<argument>%s</argument>\n", indent, name) }
	fmt.Fprintf(&b, "<command name=\"%s\">\n", c.name)
	switch names := objectNames(c.object); len(names) {
	case 0:
	case 1:
		arg("\t", names[0])
	default:
		b.WriteString("\t<group>\n")
		for _, n := range names {
			arg("\t\t", n)
		}
		b.WriteString("\t</group>\n")
	}
	if c.endpoints {
		arg("\t", "local_addr")
		arg("\t", "remote_addr")
	}
	for _, a := range c.args {
		arg("\t", a)
	}
	for i := range c.opts {
		if o := &c.opts[i]; !o.hidden {
			o.xml(&b)
		}
	}
	b.WriteString("</command>\n")
	return b.String()
}

func (o *option) xml(b *strings.Builder) {
	open := func(kind string) { fmt.Fprintf(b, "\t<option name=\"%s\" type=\"%s\">\n", o.name, kind) }
	deflt := "no"
	switch {
	case o.kind == fromTable && o.def.Type == config.Bool:
		deflt = o.def.Default
		fallthrough
	case o.kind == boolOpt:
		open("boolean")
		fmt.Fprintf(b, "\t\t<default>%s</default>\n", deflt)
	case o.kind == fromTable && o.def.Type == config.Enum:
		open("handler")
		for _, w := range o.def.Words {
			fmt.Fprintf(b, "\t\t<handler>%s</handler>\n", w)
		}
	case o.kind == flagOpt:
		open("flag")
	case o.kind == addressOpt:
		open("address")
	default:
		lo, hi, deflt, prefix, unit, ok := o.numbers()
		if !ok {
			open("string")
			break
		}
		open("numeric")
		fmt.Fprintf(b, "\t\t<min>%s</min>\n\t\t<max>%s</max>\n\t\t<default>%s</default>\n\t\t<unit_prefix>%s</unit_prefix>\n", lo, hi, deflt, prefix)
		if unit != "" {
			fmt.Fprintf(b, "\t\t<unit>%s</unit>\n", unit)
		}
	}
	b.WriteString("\t</option>\n")
}
