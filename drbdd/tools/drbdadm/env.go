package drbdadm

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"classicha/drbdd/config"
	"classicha/drbdd/config/sysenv"
	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// Env is the world as drbdadm sees it.
type Env struct {
	// Config says what reading a configuration must know of this machine, its
	// name first. Pretending is set if the name comes from __DRBD_NODE__.
	Config     config.Env
	Pretending bool
	// ConfigFiles are looked for without -c; the first readable one is taken.
	ConfigFiles []string
	// StateDir has links from what was configured to its file; ProcFile the text of
	// /proc/drbd, which the daemon writes.
	StateDir, ProcFile string
	// Executable is our own program, "" if unknown: drbdsetup may lie beside it.
	Executable string

	// LookPath finds a program; a name with a slash is found if it can be run.
	LookPath func(program string) (string, error)
	// NotSetuid are those of the programs that the group of heartbeat's helpers
	// cannot run as root; nil: do not ask.
	NotSetuid func(programs ...string) []string
	// Readlink reads a symbolic link; nil: there are none.
	Readlink func(file string) (string, error)
	// Start runs a program.
	Start func(Call) (Process, error)
	// Status asks the daemon for its resources.
	Status func(context.Context) ([]control.Resource, error)
	// SaveChanges has the daemon save what a minor changed.
	SaveChanges func(ctx context.Context, minor int, file string) (control.Answer, error)
	// IsTerminal tells whether a stream is a terminal, Width how wide.
	IsTerminal func(stream any) bool
	Width      func(stream any) int
	// Console opens /dev/console, for the dialog of a boot script.
	Console func() (console, error)
	// Random makes identifiers of devices. PID is ours.
	Random func() uint64
	PID    int
}

// Places of the original, and of our daemon.
const (
	stateDir = "/var/run/drbd"
	procFile = "/run/drbd/proc"
)

// System is the Env of this machine.
func System() Env {
	self, err := os.Executable()
	if err != nil {
		self = ""
	}
	return Env{
		Config: sysenv.System(), Pretending: os.Getenv(sysenv.NodeVariable) != "",
		ConfigFiles: sysenv.MainFiles, StateDir: stateDir, ProcFile: procFile, Executable: self,
		LookPath: lookPath, NotSetuid: sysenv.NotSetuid, Readlink: os.Readlink, Start: startProcess, Status: askDaemon, SaveChanges: saveChanges,
		IsTerminal: isTerminal, Width: width, Console: openConsole,
		Random: rand.Uint64, PID: os.Getpid(),
	}
}

func lookPath(program string) (string, error) { return exec.LookPath(program) }

func askDaemon(ctx context.Context) ([]control.Resource, error) {
	a, err := control.Call(ctx, control.Path(), control.Request{Cmd: "status", All: true, Minor: -1})
	return a.Resources, err
}

func saveChanges(ctx context.Context, minor int, file string) (control.Answer, error) {
	return control.Call(ctx, control.Path(), control.Request{Cmd: "save-changes", Minor: minor, Args: []string{file}})
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func width(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return 0
}

// console is a terminal of its own.
type console = io.ReadWriteCloser

func openConsole() (console, error) {
	// Not our controlling terminal: ctrl-c there arrives as a character.
	return os.OpenFile("/dev/console", os.O_RDWR|unix.O_NOCTTY, 0)
}

// progressOf finds the progress of a minor's resync or verify; nil if there is none.
func progressOf(rs []control.Resource, minor int) *replica.Progress {
	for _, r := range rs {
		for i := range r.View.Volumes {
			if v := &r.View.Volumes[i]; v.Minor == minor {
				return v.Progress
			}
		}
	}
	return nil
}
