package drbdmeta

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
)

const progName = "drbdmeta"

// Main is the command; args are the words after its name. It returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return DefaultEnv().Main(args, stdin, stdout, stderr)
}

// Main is the command in an environment of the caller's.
func (e Env) Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := bufio.NewWriter(stdout)
	t := &tool{env: e, in: stdin, lines: bufio.NewReader(stdin), out: out, err: stderr, minor: -1}
	code := t.main(args)
	t.close()
	if err := out.Flush(); err != nil && code == 0 {
		code = t.fail(10, "write the output: "+strerror(err))
	}
	return code
}

// tool is one run of the command.
type tool struct {
	env   Env
	words []string // the whole command line, for the head of a dump
	in    io.Reader
	lines *bufio.Reader // in, for answers
	out   *bufio.Writer
	err   io.Writer

	opt      options
	minor    int    // -1 = none, the device "-"
	device   string // with the metadata
	index    metadata.Index
	attached bool
	arg      string // of the command
	hasArg   bool

	lock  io.Closer
	dev   *device
	store *mdio.Store // valid metadata at its place
	moved *moved      // or valid metadata at its last known place
}

// command is one of the last words.
type command struct {
	name     string
	run      func(*tool) int
	args     int    // 0: none, others are ignored; 1: one that must be there; 2: any number, silently
	usage    string // after the name; "-" = not in the usage text
	reads    bool   // changes nothing, so it may run on an attached device
	nodeID   bool   // takes --node-id, which means nothing in v08
	noDevice bool   // does not look at the device
}

// commands in the order of the usage text.
var commands = []command{
	{name: "get-gi", run: (*tool).getGI, reads: true, nodeID: true},
	{name: "show-gi", run: (*tool).showGI, reads: true, nodeID: true},
	{name: "dump-md", run: (*tool).dumpMD, reads: true},
	{name: "restore-md", run: (*tool).restoreMD, args: 2, usage: "file", noDevice: true}, // opens the file first
	{name: "verify-dump", run: (*tool).verifyDump, args: 2, usage: "file", reads: true, noDevice: true},
	{name: "apply-al", run: (*tool).applyAL},
	{name: "wipe-md", run: (*tool).wipeMD},
	{name: "outdate", run: (*tool).outdate},
	{name: "invalidate", run: (*tool).invalidate},
	{name: "dstate", run: (*tool).dstate, reads: true},
	{name: "check-resize", run: (*tool).checkResize, args: 2},
	{name: "create-md", run: (*tool).createMD, usage: "[--peer-max-bio-size {val}] [--al-stripes {val}] [--al-stripe-size-kB {val}]"},
	{name: "read-dev-uuid", run: (*tool).readDevUUID, reads: true, usage: "-"},
	{name: "write-dev-uuid", run: (*tool).writeDevUUID, args: 1, usage: "-"},
	{name: "set-gi", run: (*tool).setGI, args: 1, nodeID: true, usage: "-"},
}

func (t *tool) usage() int {
	fmt.Fprintf(t.out, "\nUSAGE: %s [--force] DEVICE FORMAT [FORMAT ARGS...] COMMAND [CMD ARGS...]\n\nFORMATS:\n  v08 device index\n\nCOMMANDS:\n", progName)
	for _, c := range commands {
		if c.usage != "-" {
			fmt.Fprintf(t.out, "  %s %s\n", c.name, c.usage)
		}
	}
	return 20
}

// fail prints a line on standard error and returns the code.
func (t *tool) fail(code int, text string) int {
	fmt.Fprintln(t.err, text)
	return code
}

// say prints a line on standard error if --verbose was given that often.
func (t *tool) say(verbose int, format string, a ...any) {
	if t.opt.verbose >= verbose {
		fmt.Fprintf(t.err, format+"\n", a...)
	}
}

// main runs the checks in the original's order: which complaint comes first is
// part of what scripts see.
func (t *tool) main(args []string) int {
	if len(args) < 3 {
		return t.usage()
	}
	words, code, ok := t.parse(args)
	switch {
	case !ok:
		return code
	case len(words) < 2:
		return t.fail(20, "Format identifier missing")
	}
	t.words = append([]string{progName}, permuted(args, words)...)
	minor, words := words[0], words[1:]
	switch words[0] {
	case "v08":
	case "v06", "v07", "v09":
		return t.fail(20, fmt.Sprintf("Format '%s' is not supported, only v08.", words[0]))
	default:
		return t.fail(20, fmt.Sprintf("Unknown format '%s'.", words[0]))
	}
	if len(words) < 3 {
		return t.fail(20, "Too few arguments for format")
	}
	var err error
	if t.index, err = metadata.ParseIndex(words[2]); err != nil {
		return t.fail(20, err.Error())
	}
	t.device = words[1]
	if words = words[3:]; len(words) == 0 {
		return t.fail(20, "command missing")
	}
	cmd := find(words[0])
	if cmd == nil {
		return t.fail(20, fmt.Sprintf("Unknown command '%s'.", words[0]))
	}
	if code := t.takeMinor(minor, cmd); code != 0 {
		return code
	}
	if code := t.checkOptions(cmd, words[1:]); code != 0 {
		return code
	}
	if !cmd.noDevice {
		if code := t.open(); code != 0 {
			return code
		}
	}
	code = cmd.run(t)
	if t.attached && code < 2 {
		fmt.Fprintf(t.err, "# Output might be stale, since minor %d is attached\n", t.minor)
	}
	return code
}

// permuted is a command line as getopt leaves it: options first.
func permuted(args, operands []string) []string {
	first := make([]string, 0, len(args))
	rest := operands
	for i := len(args) - 1; i >= 0; i-- {
		if n := len(rest); n > 0 && rest[n-1] == args[i] {
			rest = rest[:n-1]
			continue
		}
		first = append(first, args[i])
	}
	slices.Reverse(first)
	return append(first, operands...)
}

func find(name string) *command {
	for i := range commands {
		if commands[i].name == name {
			return &commands[i]
		}
	}
	return nil
}

// takeMinor locks the minor and refuses commands that change what is in use.
func (t *tool) takeMinor(word string, cmd *command) int {
	if word == "-" {
		return 0
	}
	n, err := parseMinor(word)
	if err != nil {
		return t.fail(20, err.Error())
	}
	t.minor = n
	if code := t.takeLock(); code != 0 {
		return code
	}
	if code := t.askAttached(); code != 0 {
		return code
	}
	if t.attached && !cmd.reads {
		return t.fail(20, fmt.Sprintf("Device '%s' is configured!", word))
	}
	return 0
}

func (t *tool) checkOptions(cmd *command, args []string) int {
	create := cmd.name == "create-md"
	switch {
	case t.opt.maxBio != nil && !create:
		return t.fail(10, "The --peer-max-bio-size option is only allowed with create-md")
	case t.opt.ringGiven && !create && cmd.name != "restore-md":
		return t.fail(10, "The --al-stripe* options are only allowed with create-md and restore-md")
	}
	if err := t.opt.ring.Check(); err != nil {
		return t.fail(10, err.Error())
	}
	if t.opt.nodeID {
		if !cmd.nodeID {
			return t.fail(10, fmt.Sprintf("The %s command does not accept the --node-id option", cmd.name))
		}
		fmt.Fprintln(t.err, "Not v09, implicitly set --node-id = 0")
	}
	if len(args) > 0 && cmd.args > 0 {
		t.arg, t.hasArg = args[0], true
	}
	switch {
	case cmd.args == 1 && len(args) == 0:
		return t.fail(10, "Required Argument missing")
	case cmd.args < 2 && len(args) > cmd.args:
		fmt.Fprintln(t.err, "Ignoring additional arguments")
	}
	return 0
}

func (t *tool) close() {
	if t.dev != nil {
		t.dev.Close()
	}
	if t.lock != nil {
		t.lock.Close()
	}
}

// confirm asks a question that --force answers with yes. Without a terminal the
// answer is no.
func (t *tool) confirm(question string) bool {
	fmt.Fprintf(t.err, "\n%s\n", question)
	if t.opt.force {
		fmt.Fprintln(t.err, "*** confirmation forced via --force option ***")
		return true
	}
	if !isTerminal(t.in) {
		fmt.Fprintln(t.err, "stdin not a TTY, not waiting for confirmation")
		return false
	}
	t.out.Flush() // what the question is about
	fmt.Fprint(t.err, "[need to type 'yes' to confirm] ")
	line, _ := t.lines.ReadString('\n')
	fmt.Fprintln(t.err)
	return strings.TrimSuffix(line, "\n") == "yes"
}
