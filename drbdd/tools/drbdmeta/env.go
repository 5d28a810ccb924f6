package drbdmeta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Env is what surrounds a run; tests replace it.
type Env struct {
	LockDir  string // lock files shared with drbdsetup (drbd-cli 11)
	StateDir string // last known sizes, drbd-minor-N.lkbd
	// DState asks whether the minor is attached: the first bytes that
	// "drbdsetup MINOR dstate" prints, and its exit code.
	DState func(minor int) (answer []byte, code int, err error)
	// PVSize asks LVM for the size of a physical volume: what pvs prints on its
	// two streams.
	PVSize   func(args []string) (stdout, stderr string)
	Now      func() time.Time
	Hostname func() (string, error)
}

// DefaultEnv is the machine that we run on.
func DefaultEnv() Env {
	return Env{
		LockDir: "/var/lock", StateDir: "/var/lib/drbd",
		DState: dstate, PVSize: pvSize, Now: time.Now, Hostname: os.Hostname,
	}
}

const (
	answerSize  = 40 // bytes that the original reads (drbd-cli 2.3)
	notFound    = 20 // exit code that counts as "not attached"
	toolTimeout = 60 * time.Second
)

// dstate runs drbdsetup, found through PATH. The original reads once and gets half
// an answer when it was written in two pieces; this waits for the end of the
// output, so that only the first answerSize bytes count and not how they arrived.
func dstate(minor int) ([]byte, int, error) {
	path, err := exec.LookPath("drbdsetup")
	if err != nil {
		return nil, notFound, nil // the original's child cannot exec it and exits so
	}
	ctx, cancel := context.WithTimeout(context.Background(), toolTimeout)
	defer cancel()
	out := limited{n: answerSize}
	cmd := exec.CommandContext(ctx, path, fmt.Sprint(minor), "dstate")
	cmd.Args[0] = "drbdsetup"
	cmd.Stdout = &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, 0, fmt.Errorf("drbdsetup %d dstate did not end within %s", minor, toolTimeout)
	}
	if x := (*exec.ExitError)(nil); errors.As(err, &x) {
		return out.b, x.ExitCode(), nil // -1 after a signal: its output decides
	}
	return out.b, 0, err
}

// pvSize runs pvs with the arguments.
func pvSize(args []string) (string, string) {
	ctx, cancel := context.WithTimeout(context.Background(), toolTimeout)
	defer cancel()
	var o, e bytes.Buffer
	cmd := exec.CommandContext(ctx, "pvs", args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintf(&e, "pvs: not found\n")
	}
	return o.String(), e.String()
}

// limited keeps the first n bytes.
type limited struct {
	b []byte
	n int
}

func (l *limited) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), l.n-len(l.b))]...)
	return len(p), nil
}
