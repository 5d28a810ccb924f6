package resource

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Policy says what an emergency may do to the machine (DESIGN section 4).
type Policy string

// Policies of HA_EMERGENCY.
const (
	PolicyReboot Policy = "reboot" // as the original: reboot at once, without stopping anything
	PolicyExit   Policy = "exit"   // end the daemon at once, leave the machine alone
	PolicyLog    Policy = "log"    // only say it
)

// ParsePolicy reads the value of HA_EMERGENCY. Nothing means reboot; a word that is
// not known means exit: whoever set it did not want the default.
func ParsePolicy(s string) Policy {
	switch p := Policy(strings.ToLower(strings.TrimSpace(s))); p {
	case "", PolicyReboot:
		return PolicyReboot
	case PolicyLog:
		return PolicyLog
	default:
		return PolicyExit
	}
}

// Emergency is the one place where the machine can be rebooted: a resource that
// cannot be stopped, a failfast client that died.
type Emergency struct {
	Policy Policy
	Log    func(Line)
	// Kill ends the daemon at once: a node that cannot release its resources must
	// not go on saying it is alive. nil: SIGKILL to ourselves. It is called last.
	Kill func()
	// Reboot does it; nil: /sbin/reboot -nf, failing that /sbin/init 6.
	Reboot func() error
}

// Act logs the reason and does what the policy says. With PolicyLog it returns.
func (e *Emergency) Act(reason string) {
	log := func(level, text string) {
		if e.Log != nil {
			e.Log(Line{Entity: entityRM, Level: level, Text: text})
		}
	}
	switch e.Policy {
	case PolicyLog:
		log("CRIT", "Resource STOP failure. Reboot required!")
		log("CRIT", "HA_EMERGENCY=log: neither rebooting nor ending heartbeat: "+reason)
		return
	case PolicyExit:
		log("CRIT", "Resource STOP failure. Reboot required!")
		log("CRIT", "HA_EMERGENCY=exit: ending heartbeat without releasing resources: "+reason)
	default:
		log("CRIT", "Resource STOP failure. Reboot required!")
		log("CRIT", "Killing heartbeat ungracefully!")
		reboot := e.Reboot
		if reboot == nil {
			reboot = rebootMachine
		}
		if reboot() != nil {
			log("CRIT", "Unable to force reboot.")
		}
	}
	if e.Kill != nil {
		e.Kill()
		return
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func rebootMachine() error {
	err := exec.Command("/sbin/reboot", "-nf").Run()
	if err != nil {
		err = exec.Command("/sbin/init", "6").Run()
	}
	return err
}
