package respawn

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// client is one supervised program.
type client struct {
	Client
	o      *Options
	ctx    context.Context // ended by Stop: no further start
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine ends

	mu     sync.Mutex // guards the following
	pid    int        // 0: no process
	starts int
}

func (c *client) announce() {
	c.o.logf(hlog.Info, "Starting child client \"%s\" (%d,%d)", c.Command, c.UID, c.GID)
}

// run starts the client again and again until it, or we, shall not go on.
func (c *client) run() {
	defer close(c.done)
	fast := 0
	for first := true; ; first = false {
		if !first {
			c.announce()
			if !sleep(c.ctx, c.o.Delay) {
				return
			}
		}
		begin := time.Now()
		cmd, err := c.start()
		if err != nil {
			if c.ctx.Err() != nil {
				return
			}
			c.o.logf(hlog.Error, "Cannot start client %s: %v", c.Command, err)
		} else {
			c.wait(cmd)
			if !c.ended(cmd) {
				return
			}
		}
		if time.Since(begin) >= c.o.Fast {
			fast = 0
		} else if fast++; fast > tooFast {
			c.o.logf(hlog.Error, "Client %s \"respawning too fast\"", c.Command)
			return
		}
		c.o.logf(hlog.Error, "Respawning client \"%s\":", c.Command)
	}
}

// start refuses once Stop has begun: then nobody would end the process.
func (c *client) start() (*exec.Cmd, error) {
	cmd := exec.Command("/bin/sh", "-c", "exec "+c.Command)
	cmd.Env = c.o.Env
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential(c.Client)}
	// No Stdin, Stdout, Stderr: all are /dev/null.
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.o.Start(cmd); err != nil {
		return nil, err
	}
	c.pid = cmd.Process.Pid
	c.starts++
	c.o.ChildLog(c.pid).Log(hlog.Info, fmt.Sprintf("Starting \"%s\" as uid %d  gid %d (pid %d)", c.Command, c.UID, c.GID, c.pid))
	return cmd, nil
}

// wait reaps the process under the lock, after it has ended: while signal holds
// the lock, the number cannot have gone to another process.
func (c *client) wait(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = cmd.Wait() // what it says is in ProcessState
	c.pid = 0
}

// ended logs the end of a process and tells whether the client is started again.
func (c *client) ended(cmd *exec.Cmd) bool {
	pid := cmd.Process.Pid
	ws, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if c.ctx.Err() != nil { // we ended it, or it went during our shutdown
		if ws.Signaled() {
			c.o.logf(hlog.Debug, "Client %s (pid=%d) killed by signal %d.", c.Command, pid, ws.Signal())
		} else if code := ws.ExitStatus(); code != 0 {
			c.o.logf(hlog.Debug, "Client %s exited with return code %d.", c.Command, code)
		}
		return false
	}
	what := ""
	switch {
	case ws.Signaled():
		sig := ws.Signal()
		c.o.logf(hlog.Warn, "Managed %s process %d killed by signal %d [%s - %s].", c.Command, pid, sig, unix.SignalName(sig), signalText(sig))
		what = fmt.Sprintf("Client %s (pid=%d) killed by signal %d.", c.Command, pid, sig)
	default:
		level := hlog.Info
		if ws.ExitStatus() != 0 {
			level = hlog.Warn
		}
		c.o.logf(level, "Managed %s process %d exited with return code %d.", c.Command, pid, ws.ExitStatus())
		what = fmt.Sprintf("Client %s exited with return code %d.", c.Command, ws.ExitStatus())
	}
	if ws.Signaled() || ws.ExitStatus() != 0 {
		c.o.Log.Log(hlog.Error, what)
	}
	if ws.Exited() && ws.ExitStatus() == noRespawn {
		return false
	}
	if c.Failfast && c.o.Emergency != nil {
		c.o.Emergency("failfast: " + what)
		// Back here the policy left us alive: go on as with respawn.
	}
	return true
}

// stop ends the running process; cancel was called before.
func (c *client) stop() {
	if !c.signal(syscall.SIGTERM) {
		c.o.logf(hlog.Info, "client [%s] is not running.", c.Command)
		<-c.done
		return
	}
	t := time.NewTimer(c.o.KillAfter)
	defer t.Stop()
	select {
	case <-c.done:
		return
	case <-t.C:
	}
	c.signal(syscall.SIGKILL)
	<-c.done
}

// signal sends to the process group; false if there is no process.
func (c *client) signal(sig syscall.Signal) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid == 0 {
		return false
	}
	c.o.logf(hlog.Info, "killing %s process group %d with signal %d", c.Command, c.pid, sig)
	_ = syscall.Kill(-c.pid, sig) // fails only if all ended just now
	return true
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
