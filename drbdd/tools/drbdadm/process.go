package drbdadm

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Call is one program to run.
type Call struct {
	Argv []string
	Env  []string // KEY=VALUE, besides what we have ourselves
	// Streams; nil is /dev/null.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Process is a program that runs.
type Process interface {
	// Wait waits for its end. It is called once.
	Wait() Ended
	// Kill ends it with that signal; Wait returns then.
	Kill(syscall.Signal)
}

// Ended says how a program ended: by itself with a code, or by a signal.
type Ended struct {
	Code   int
	Signal syscall.Signal
}

type osProcess struct{ cmd *exec.Cmd }

// waitDelay bounds the wait for output of what a program that ended left running.
const waitDelay = 2 * time.Second

func startProcess(c Call) (Process, error) {
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Args[0] = c.Argv[0]
	if len(c.Env) > 0 {
		cmd.Env = append(os.Environ(), c.Env...)
	}
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	if f, ok := c.Stdin.(*os.File); ok {
		cmd.Stdin = f // anything else would be read to its end by a goroutine
	} else if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	cmd.WaitDelay = waitDelay
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &osProcess{cmd}, nil
}

func (p *osProcess) Wait() Ended {
	p.cmd.Wait() // what went wrong is in the state
	s := p.cmd.ProcessState
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Ended{Signal: ws.Signal()}
	}
	return Ended{Code: s.ExitCode()}
}

func (p *osProcess) Kill(s syscall.Signal) { p.cmd.Process.Signal(s) }
