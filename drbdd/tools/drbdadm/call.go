package drbdadm

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"
)

// limit is how long a program may take (drbd-cli 2.2); the configuration may say
// other times.
type limit uint8

const (
	short  limit = iota // asks, or changes something at once
	medium              // waits for a disk, the peer, a handler
	long                // drbdmeta: works through a disk
	none                // waits for the peer to come
)

func (t *tool) seconds(l limit) int {
	switch g := &t.conf.Global; l {
	case short:
		return g.CmdTimeoutShort
	case medium:
		return g.CmdTimeoutMedium
	case long:
		return g.CmdTimeoutLong
	}
	return 0
}

// printCall prints a call for -d and -v.
func (t *tool) printCall(argv []string) {
	if t.dry || t.verbose > 0 {
		fmt.Fprintln(t.out, quoteLine(argv))
	}
}

// call makes one call and returns its exit code. A program that does not end in
// time ends us too.
func (t *tool) call(argv []string, l limit) (int, error) {
	t.printCall(argv)
	if t.dry {
		return 0, nil
	}
	stderr := t.err
	if t.plan.progress {
		stderr = nil // the progress shows what failed
	}
	return t.report(argv, l, t.run(argv, l, t.in, t.out, stderr))
}

// lateCode is what adjust-with-progress shows for a call that took too long; it
// goes on with the rest.
const lateCode = 256

// report says what went wrong with a call, and makes an exit code of it.
func (t *tool) report(argv []string, l limit, e ended) (int, error) {
	line := strings.Join(argv, " ")
	switch {
	case e.late && t.plan.progress:
		return lateCode, nil
	case e.late:
		fmt.Fprintf(t.err, "Command '%s' did not terminate within %d seconds\n", line, t.seconds(l))
		return int(exitExec), exitExec
	case e.Signal != 0:
		if !t.plan.progress {
			fmt.Fprintf(t.err, "Command '%s' was ended by a signal: %v\n", line, e.Signal)
		}
		return int(exitExec), nil
	case e.Code >= int(exitInvalid) && !t.plan.progress:
		fmt.Fprintf(t.err, "Command '%s' terminated with exit code %d\n", line, e.Code)
	}
	return e.Code, nil
}

// ended is how a call ended.
type ended struct {
	Ended
	late bool // it was killed, because its time was over
}

// run runs a program; nil streams are dropped.
func (t *tool) run(argv []string, l limit, stdin io.Reader, stdout, stderr io.Writer) ended {
	p, err := t.env.Start(Call{Argv: argv, Env: t.callEnv(), Stdin: stdin, Stdout: stdout, Stderr: stderr})
	if err != nil {
		if stderr != nil {
			fmt.Fprintf(stderr, "Can not exec %s: %v\n", argv[0], err)
		}
		return ended{Ended: Ended{Code: int(exitExec)}}
	}
	seconds := t.seconds(l)
	if seconds <= 0 {
		return ended{Ended: p.Wait()}
	}
	done := make(chan Ended, 1)
	go func() { done <- p.Wait() }()
	timer := time.NewTimer(time.Duration(seconds) * time.Second)
	defer timer.Stop()
	select {
	case e := <-done:
		return ended{Ended: e}
	case <-timer.C:
		p.Kill(syscall.SIGKILL)
	}
	timer.Reset(killedDelay)
	select {
	case e := <-done:
		return ended{Ended: e, late: true}
	case <-timer.C: // it waits for a disk, and ends when that answers
		return ended{Ended: Ended{Signal: syscall.SIGKILL}, late: true}
	}
}

// killedDelay is how long a program that was killed may take to end.
const killedDelay = waitDelay + time.Second

func (t *tool) callEnv() []string {
	if t.current == "" {
		return nil
	}
	return []string{"DRBD_RESOURCE=" + t.current}
}

// output makes a call for what it prints; what it says on standard error is
// dropped unless loud. It is made in a dry run, too, and not printed.
func (t *tool) output(argv []string, l limit, loud bool) (string, ended) {
	var out lockedBuffer
	var stderr io.Writer
	if loud {
		stderr = t.err
	}
	e := t.run(argv, l, nil, &out, stderr)
	return out.String(), e
}

// lockedBuffer is read while a program that could not be ended may still write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
