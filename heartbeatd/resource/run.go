package resource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Result is the end of one run. A run that could not be started, was cut off or
// ended by a signal is never a success.
type Result struct {
	Path     string   // program
	Args     []string // without the program
	Exit     int      // exit status; 128+signal as the shell has it; 127 not found, 126 not executable
	Err      error    // why there is no exit status of its own: start failed, time limit, cancelled
	TimedOut bool
	Duration time.Duration
	Output   string // end of what it printed, at most 2 KiB (status: beginning of standard output)
}

// OK tells whether the program ran to its end and succeeded.
func (r Result) OK() bool { return r.Err == nil && r.Exit == 0 }

// String is the run in one line.
func (r Result) String() string {
	s := fmt.Sprintf("%s %s: exit status %d after %d ms", r.Path, strings.Join(r.Args, " "), r.Exit, r.Duration.Milliseconds())
	if r.Err != nil {
		s += " (" + r.Err.Error() + ")"
	}
	return s
}

var errTimeLimit = errors.New("time limit exceeded")

// program is one thing to run.
type program struct {
	path  string
	args  []string
	env   []string
	stdin *os.File
	own   *os.File      // standard output goes here instead of the common output
	both  bool          // standard error goes to own too
	limit time.Duration // <=0: none
}

// run starts p in a process group of its own and waits for it. When the time is
// up or ctx ends, the group gets TERM and, KillGrace later, KILL. Otherwise the
// group is left alone: services that a script starts live in it.
func (r *Runner) run(ctx context.Context, p program) Result {
	res := Result{Path: p.path, Args: p.args, Exit: 127}
	begin := time.Now()
	cmd, err := r.start(p)
	if err != nil {
		res.Err = err
		if errors.Is(err, syscall.EACCES) {
			res.Exit = 126
		}
		res.Duration = time.Since(begin)
		return res
	}
	var tail bytes.Buffer
	err = r.wait(ctx, cmd, p, &tail)
	res.Duration = time.Since(begin)
	if !p.both {
		r.out.collect(&tail)
	}
	res.Output = tail.String()
	res.Exit = exitStatus(cmd.ProcessState)
	if err != nil {
		res.Err = err
		res.TimedOut = errors.Is(err, errTimeLimit)
		if res.Exit == 0 { // it trapped the signal and said all is well
			res.Exit = 124
		}
	}
	return res
}

func (r *Runner) start(p program) (*exec.Cmd, error) {
	if !p.both {
		r.out.collect(nil) // leftovers of background programs belong to no run
	}
	cmd, err := r.startOnce(p.path, p.args, p)
	if errors.Is(err, syscall.ENOEXEC) { // no "#!" line: the shell runs it itself
		return r.startOnce("/bin/sh", append([]string{p.path}, p.args...), p)
	}
	return cmd, err
}

func (r *Runner) startOnce(path string, args []string, p program) (*exec.Cmd, error) {
	cmd := exec.Command(path, args...)
	cmd.Env = p.env
	cmd.Dir = r.o.Dir
	cmd.Stdout, cmd.Stderr = r.out.f, r.out.f
	if p.stdin != nil {
		cmd.Stdin = p.stdin
	}
	if p.own != nil {
		cmd.Stdout = p.own
		if p.both {
			cmd.Stderr = p.own
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if r.o.Prepare != nil {
		r.o.Prepare(cmd)
		cmd.SysProcAttr.Setpgid = true
	}
	return cmd, r.o.Start(cmd)
}

// wait returns nil when the program ended by itself.
func (r *Runner) wait(ctx context.Context, cmd *exec.Cmd, p program, tail *bytes.Buffer) error {
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // the state is read from cmd.ProcessState
		close(ended)
	}()
	var late <-chan time.Time
	if p.limit > 0 {
		t := time.NewTimer(p.limit)
		defer t.Stop()
		late = t.C
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return nil
		case <-tick.C:
			if !p.both {
				r.out.collect(tail)
			}
		case <-late:
			r.end(cmd, ended)
			return fmt.Errorf("%w (%s)", errTimeLimit, p.limit)
		case <-ctx.Done():
			r.end(cmd, ended)
			return context.Cause(ctx)
		}
	}
}

// end stops the process group of a run that has not been waited for yet, so its
// number cannot belong to anyone else.
func (r *Runner) end(cmd *exec.Cmd, ended <-chan struct{}) {
	pgid := cmd.Process.Pid
	syscall.Kill(-pgid, syscall.SIGTERM)
	t := time.NewTimer(r.o.KillGrace)
	defer t.Stop()
	select {
	case <-ended:
	case <-t.C:
		syscall.Kill(-pgid, syscall.SIGKILL)
		<-ended
	}
}

func exitStatus(st *os.ProcessState) int {
	if st == nil {
		return 127
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return st.ExitCode()
}
