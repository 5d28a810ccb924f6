package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// handlerLimit bounds a handler: one that hangs must not keep the resource
// waiting for ever. The original has no limit.
const handlerLimit = 10 * time.Minute

// runHandler runs the helper program for a handler (drbd-cli 7).
func (r *resource) runHandler(a replica.RunHandler) {
	name := r.name
	target, prefix := name, "drbd "+name
	if v := r.volume(a.Vol); a.Vol >= 0 && v != nil {
		target, prefix = fmt.Sprintf("minor-%d", v.minor), "block "+v.name()
	}
	code := 0
	if prog := r.s.set.Helper; prog != "" {
		r.s.helper(control.Helper{Resource: name, Volume: a.Vol, Name: a.Name})
		if !a.Again {
			r.s.logf(replica.Info, prefix, "helper command: %s %s %s", prog, a.Name, target)
		}
		code = r.runHelper(prog, a.Name, target)
		if !a.Again {
			r.s.logf(replica.Info, prefix, "helper command: %s %s %s exit code %d (%#x)", prog, a.Name, target, code, code<<8)
		}
		r.s.helper(control.Helper{Resource: name, Volume: a.Vol, Name: a.Name, Done: true, Code: code})
	}
	r.loop.post(replica.HandlerDone{ID: a.ID, Code: code})
}

// runHelper returns the exit code; a helper that cannot be run counts as 0, as
// the original has it.
func (r *resource) runHelper(prog, name, target string) int {
	ctx, cancel := context.WithTimeout(r.ctx, handlerLimit)
	defer cancel()
	args := []string{name, target}
	if c := r.s.set.Config; c != "" {
		args = append([]string{"-c", c}, args...)
	}
	cmd := exec.CommandContext(ctx, prog, args...)
	// The original's drbdadm asks the kernel module for its version; we have none (drbd-cli 2.1).
	cmd.Env = []string{"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "DRBD_DRIVER_VERSION_OVERRIDE=" + Version}
	for _, k := range []string{"DRBDD_SOCKET", "HA_EMERGENCY"} {
		if v := os.Getenv(k); v != "" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	r.mu.Lock()
	remote := r.remote
	r.mu.Unlock()
	if a, err := parseAddr(remote); err == nil {
		cmd.Env = append(cmd.Env, "DRBD_PEER_AF="+family(a), "DRBD_PEER_ADDRESS="+a.Addr().String())
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return 0
	case errors.As(err, &exit):
		if c := exit.ExitCode(); c >= 0 {
			return c
		}
		return 255
	}
	r.s.logf(replica.Error, "drbd "+r.name, "helper %s cannot be run: %v", prog, err)
	return 0
}

func family(a netip.AddrPort) string {
	if a.Addr().Is4() {
		return "ipv4"
	}
	return "ipv6"
}
