// Package emergency is the one place of the daemon that may take the machine
// down: a failfast client died, a resource would not stop (DESIGN 4). What it may do is
// said by HA_EMERGENCY in the environment or by `emergency` in haext.cf.
package emergency

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"classicha/internal/hlog"
)

// Policy says what an emergency does.
type Policy string

// The policies.
const (
	Reboot Policy = "reboot" // at once, without syncing or stopping anything, as the original
	Exit   Policy = "exit"   // end the daemon at once, leave the machine alone
	Log    Policy = "log"    // only say it
)

// Choose returns the policy: the environment's if it is set, else the
// configuration's, else Reboot. A word that is not known means Exit: whoever
// wrote it did not want the default.
func Choose(env, config string) Policy {
	for _, s := range []string{env, config} {
		if s = strings.ToLower(strings.TrimSpace(s)); s == "" {
			continue
		}
		switch p := Policy(s); p {
		case Reboot, Exit, Log:
			return p
		}
		return Exit
	}
	return Reboot
}

// Logger gets the reasons.
type Logger interface {
	Log(level hlog.Level, text string)
}

// Actor carries out a policy. The functions are replaced in tests.
type Actor struct {
	Policy Policy
	Log    Logger
	// Flush brings the log to the disk before the end; nil does nothing. It must be bounded.
	Flush func()
	// Reboot takes the machine down; nil runs /sbin/reboot -nf, failing that /sbin/init 6.
	Reboot func() error
	// Kill ends this process without any clean-up; nil is SIGKILL to ourselves.
	Kill func()
}

// Act logs the reason at EMERG and does what the policy says. It returns with
// Log, and when Kill is replaced.
func (a *Actor) Act(reason string) {
	switch a.Policy {
	case Log:
		a.Log.Log(hlog.Emerg, fmt.Sprintf("%s: HA_EMERGENCY=log, nothing is done", reason))
		return
	case Exit:
		a.Log.Log(hlog.Emerg, fmt.Sprintf("%s: ending heartbeat at once, the machine stays up (HA_EMERGENCY=exit)", reason))
		a.flush()
	default: // the zero value too
		a.Log.Log(hlog.Emerg, fmt.Sprintf("%s: rebooting the machine", reason))
		a.flush()
		reboot := a.Reboot
		if reboot == nil {
			reboot = rebootMachine
		}
		if err := reboot(); err != nil {
			a.Log.Log(hlog.Emerg, fmt.Sprintf("Unable to force reboot: %v", err))
			a.flush()
		}
	}
	// A node that cannot be trusted must stop saying that it is alive.
	if a.Kill != nil {
		a.Kill()
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func (a *Actor) flush() {
	if a.Flush != nil {
		a.Flush()
	}
}

func rebootMachine() error {
	err := exec.Command("/sbin/reboot", "-nf").Run()
	if err != nil {
		err = exec.Command("/sbin/init", "6").Run()
	}
	return err
}
