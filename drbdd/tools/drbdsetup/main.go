// Package drbdsetup is the program drbdsetup: it turns a command line of DRBD 8.4,
// 8.3, 8.0 or 0.7 into requests for drbdd and prints the answer as the original
// would (drbd-cli 3 and 4).
//
//	command line ─ getopt.go, option.go, object.go ─► request ─► drbdd
//	standard output and error ◄─ query.go, events.go, wait.go, report.go ◄─ answer
//
// table.go lists the commands of 8.4, oldtable.go those of before, whose first
// word is the device. What 8.4's own drbdsetup of drbd-utils 9.22 prints for wrong
// command lines is recorded in testdata and compared byte for byte.
package drbdsetup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"

	"classicha/drbdd/control"
)

// Exit codes (drbd-cli 3.1).
const (
	exitOK        = 0
	exitNothing   = 1 // get-gi and show-gi without a disk, an empty name
	exitTimeout   = 5
	exitConfig    = 10
	exitState     = 11
	exitNoDisk    = 16
	exitNoUpToDat = 17
	exitUsage     = 20
	exitBadData   = 21 // 0.7: the local data is inconsistent
)

// tool is one run of the program.
type tool struct {
	prog           string // its name, as usage texts have it
	socket         string
	stdout, stderr io.Writer
}

// failure is the end of a run: what goes to standard output and error, and the
// exit code.
type failure struct {
	exit     int
	out, err string
}

func (f *failure) Error() string { return f.err }

// Main runs drbdsetup with the arguments behind its name argv0 and returns the exit
// code. Nothing reads stdin; it is there because all tools have it.
func Main(argv0 string, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	t := &tool{prog: path.Base(argv0), socket: control.Path(), stdout: stdout, stderr: stderr}
	return t.finish(t.run(args))
}

// finish prints a failure and makes the exit code of it.
func (t *tool) finish(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
	default:
		f = &failure{exit: exitUsage, err: "drbdsetup: " + err.Error() + "\n"}
	}
	io.WriteString(t.stdout, f.out)
	io.WriteString(t.stderr, f.err)
	return f.exit
}

// run finds out which syntax and which command it is.
func (t *tool) run(args []string) error {
	if len(args) == 0 {
		return &failure{exit: exitUsage, out: t.usage()}
	}
	switch args[0] {
	case "help", "-h", "--help", "xml-help":
		return t.help(args)
	}
	cmd := find(args[0])
	if old, device, rest := t.old(args); old != nil {
		return t.runOld(old, device, rest)
	}
	rest := args[1:]
	if cmd == nil && len(args) > 1 {
		if cmd = find(args[1]); cmd != nil {
			rest = append([]string{args[0]}, args[2:]...)
		}
	}
	if cmd == nil {
		return &failure{exit: exitUsage, out: t.usage() + "\ninvalid command\n"}
	}
	if len(rest) > 0 && (rest[0] == "-h" || rest[0] == "--help") {
		return t.helpFor(cmd)
	}
	return t.runCommand(cmd, rest)
}

// show collects a text and writes it at once: drbdmeta reads the answer of dstate
// with one read (drbd-cli 2.3).
func (t *tool) show(f func(w io.Writer)) {
	var b bytes.Buffer
	f(&b)
	if b.Len() > 0 {
		t.stdout.Write(b.Bytes())
	}
}

// call asks the daemon.
func (t *tool) call(req control.Request) (control.Answer, error) {
	return control.Call(context.Background(), t.socket, req)
}
