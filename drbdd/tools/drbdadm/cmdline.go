package drbdadm

import (
	"fmt"
	"slices"

	"classicha/internal/getopt"
)

// exit ends the command with that code; what is to be said was said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Exit codes (drbd-config 8).
const (
	exitUsage   exit = 1
	exitInvalid exit = 10
	exitExec    exit = 20
)

// generalOptions of the original, in the order of the help.
var generalOptions = []getopt.Long{
	{Name: "stacked", Short: 'S'},
	{Name: "dry-run", Short: 'd'},
	{Name: "verbose", Short: 'v'},
	{Name: "config-file", Arg: getopt.Required, Short: 'c'},
	{Name: "config-to-test", Arg: getopt.Required, Short: 't'},
	{Name: "drbdsetup", Arg: getopt.Required, Short: 's'},
	{Name: "drbdmeta", Arg: getopt.Required, Short: 'm'},
	{Name: "drbd-proxy-ctl", Arg: getopt.Required, Short: 'p'},
	{Name: "sh-varname", Arg: getopt.Required, Short: 'n'},
	{Name: "peer", Arg: getopt.Required, Short: 'P'},
	{Name: "version", Short: 'V'},
	{Name: "setup-option", Arg: getopt.Required, Short: 'W'},
	{Name: "help", Short: 'h'},
}

const shortOptions = "Sdvc:t:s:m:p:n:P:VW:h"

// Letters of options that have none.
const (
	setupLetter = 1 // an option of drbdsetup
	styleLetter = 2 // proc --style
	saveLetter  = 3 // split-brain --save
	listLetter  = 4 // split-brain --list
)

// longOptions are the general ones, then those of drbdsetup, command by
// command. All of the latter have one letter, so that an abbreviation means the
// first that fits, as in the original (seen).
func longOptions() []getopt.Long {
	long := slices.Clone(generalOptions)
	for _, c := range commands {
		if c.group == ours {
			continue
		}
		for _, o := range c.options {
			arg := getopt.Required
			if o.flag {
				arg = getopt.Optional
			}
			long = append(long, getopt.Long{Name: o.name, Arg: arg, Short: setupLetter})
		}
	}
	return append(long, getopt.Long{Name: "style", Arg: getopt.Required, Short: styleLetter},
		getopt.Long{Name: "save", Arg: getopt.Required, Short: saveLetter}, getopt.Long{Name: "list", Arg: getopt.Required, Short: listLetter})
}

// options reads the command line: options first, wherever they stand, then the
// command and its words.
func (t *tool) options(args []string) error {
	p := getopt.New(t.prog, args, shortOptions, longOptions()...)
	p.Stderr = t.err
	var given []getopt.Opt // those of drbdsetup
	var wantVersion, wantHelp bool
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		if o.Err != nil {
			fmt.Fprintf(t.err, "try '%s help'\n", t.prog)
			return exitUsage
		}
		switch o.Short {
		case 'S':
			t.stacked = true
		case 'd':
			t.dry = true
		case 'v':
			t.verbose++
		case 'c':
			t.configFile = o.Arg
		case 't':
			t.testFile = o.Arg
		case 's':
			t.setup = o.Arg
		case 'm':
			t.meta = o.Arg
		case 'p':
			t.proxyCtl = o.Arg
		case 'n':
			t.variable(o.Arg)
		case 'P':
			t.peer = o.Arg
		case 'V':
			wantVersion = true
		case 'h':
			wantHelp = true
		case 'W':
			t.opts = append(t.opts, o.Arg)
		case setupLetter:
			given = append(given, o)
			t.opts = append(t.opts, setupWord(o))
		case styleLetter:
			given = append(given, o)
			t.style = o.Arg
		case saveLetter:
			given = append(given, o)
			t.saveTo = o.Arg
		case listLetter:
			given = append(given, o)
			t.listOf = o.Arg
		}
	}
	if wantVersion {
		t.printVersion()
		return exit(0)
	}
	return t.words(p.Operands(), slices.Contains(args, "--"), given, wantHelp)
}

// setupWord is the option as drbdsetup gets it: its whole name.
func setupWord(o getopt.Opt) string {
	if o.HasArg {
		return "--" + o.Long + "=" + o.Arg
	}
	return "--" + o.Long
}

// variable is --sh-varname. The original checks it and then does nothing with it
// (seen).
func (t *tool) variable(name string) {
	for _, c := range name {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_') {
			fmt.Fprintf(t.err, "ignored --sh-varname=%s: contains suspect characters, allowed set is [a-zA-Z0-9_]\n", name)
			return
		}
	}
}

// words finds the command. With "--" in the command line, what stands before the
// command is for drbdsetup: drbdadm -- --overwrite-data-of-peer primary RES.
func (t *tool) words(words []string, dashes bool, given []getopt.Opt, wantHelp bool) error {
	if i := slices.IndexFunc(words, isCommand); dashes && i > 0 {
		t.opts = append(t.opts, words[:i]...)
		words = words[i:]
	}
	if len(words) == 0 {
		if wantHelp {
			return t.help(nil, exit(0))
		}
		return t.help(nil, exitUsage, "No command specified")
	}
	name := words[0]
	t.names = words[1:]
	if name == "help" {
		var of *command
		if len(t.names) > 0 {
			of = t.today(t.names[0])
			if of != nil && of.name == splitReport.name {
				of = splitReport
			}
		}
		return t.help(of, exit(0))
	}
	c := t.today(name)
	if c == nil {
		fmt.Fprintf(t.err, "%s: Unknown command '%s'\n", t.prog, name)
		return exitUsage
	}
	if wantHelp {
		if c.name == splitReport.name {
			c = splitReport
		}
		return t.help(c, exit(0))
	}
	t.cmd = c
	if c.name == splitReport.name && !calledByDaemon(t.names) {
		t.cmd = splitReport
	}
	if c.name == "primary" {
		t.opts = ofToday(t.opts)
	}
	return t.foreign(given)
}

// ofToday turns the options of primary in 0.7 into those of 8.4.
func ofToday(words []string) []string {
	var out []string
	for _, w := range words {
		switch w {
		case "--do-what-I-say":
			out = append(out, "--force")
		case "--human", "--timeout-expired": // said who asked
		default:
			out = append(out, w)
		}
	}
	return out
}

func isCommand(word string) bool {
	c, _ := lookup(word)
	return c != nil || word == "help"
}

// today finds a command; of an older name it says which one to use now.
func (t *tool) today(name string) *command {
	c, deprecated := lookup(name)
	if deprecated {
		fmt.Fprintf(t.err, "'%s %s' is deprecated, use '%s %s' instead.\n", t.prog, name, t.prog, c.name)
	}
	return c
}

// foreign refuses options of drbdsetup that belong to another command.
func (t *tool) foreign(given []getopt.Opt) error {
	for _, o := range given {
		if slices.ContainsFunc(t.cmd.options, func(s setupOption) bool { return s.name == o.Long }) {
			continue
		}
		fmt.Fprintf(t.err, "%s: unrecognized option '--%s'\ntry '%s help %s'\n", t.prog, o.Long, t.prog, t.cmd.name)
		return exitUsage
	}
	return nil
}
