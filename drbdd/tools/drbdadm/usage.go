package drbdadm

import (
	"fmt"
	"io"
	"strings"

	"classicha/internal/getopt"
)

// help prints the usage, of one command if there is one, and the reason for it.
func (t *tool) help(c *command, code exit, reason ...string) error {
	if c != nil && c.name == "hidden-commands" {
		t.hidden()
		return code
	}
	name := "COMMAND"
	if c != nil {
		name = c.name
	}
	fmt.Fprintf(t.out, "\nUSAGE: %s %s [OPTION...] {all|RESOURCE...}\n\nGENERAL OPTIONS:\n", t.prog, name)
	for _, o := range generalOptions {
		value, short := "", ""
		if o.Arg == getopt.Required {
			value, short = "=...", " ..."
		}
		fmt.Fprintf(t.out, "  --%s%s, -%c%s\n", o.Name, value, o.Short, short)
	}
	switch {
	case c == nil:
		fmt.Fprint(t.out, "\nCOMMANDS:\n")
		list(t.out, general)
		fmt.Fprint(t.out, "\nCOMMANDS OF DRBDD:\n")
		list(t.out, ours)
	case len(c.options) > 0 && !c.secretOptions:
		fmt.Fprintf(t.out, "\nOPTIONS FOR %s:\n", c.name)
		for _, o := range c.options {
			if o.flag {
				fmt.Fprintf(t.out, "  --%s[=...]\n", o.name)
			} else {
				fmt.Fprintf(t.out, "  --%s=...\n", o.name)
			}
		}
	}
	fmt.Fprintf(t.out, "\nVersion: %s (api:%d)\n%s\n", version, apiVersion, buildTag)
	for _, r := range reason {
		fmt.Fprintf(t.out, "\n%s\n", r)
	}
	return code
}

// list prints the commands of a group in two columns.
func list(w io.Writer, g group) {
	column := 0
	for _, c := range commands {
		if c.group != g {
			continue
		}
		if column++; column%2 == 1 {
			fmt.Fprintf(w, " %-35s", c.name)
		} else {
			fmt.Fprintf(w, "%-35s\n", c.name)
		}
	}
	if column%2 != 0 {
		fmt.Fprintln(w)
	}
}

// hidden prints the commands that the help leaves out.
func (t *tool) hidden() {
	for _, part := range []struct {
		text  string
		group group
	}{
		{"These additional commands might be useful for writing\nnifty shell scripts around drbdadm:", shellGroup},
		{"These commands are used by the kernel part of DRBD to\ninvoke user mode helper programs:", handlerGroup},
		{"These commands ought to be used by experts and developers:", expert},
	} {
		fmt.Fprintf(t.out, "\n%s\n\n", part.text)
		list(t.out, part.group)
	}
	fmt.Fprintln(t.out)
}

// progName is the last part of argv[0].
func progName(argv0 string) string { return argv0[strings.LastIndexByte(argv0, '/')+1:] }
