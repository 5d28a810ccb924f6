// Heartbeatd is one program with many names: the daemon, the commands of
// Heartbeat, and our own. It is called by a link (cl_status) or by its own name
// and the command's (heartbeatd cl_status).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/daemon"
	"classicha/heartbeatd/tools"
)

// commands are the names that we can be called by. A function gets what follows the
// name and returns the exit code.
var commands = map[string]func(args []string) int{
	"cl_status":       func(a []string) int { return tools.ClStatus(a, os.Stdout, os.Stderr) },
	"hb_standby":      func(a []string) int { return tools.HbStandby(a, os.Stdout, os.Stderr) },
	"hb_takeover":     func(a []string) int { return tools.HbTakeover(a, os.Stdout, os.Stderr) },
	"hb_mon":          func(a []string) int { return tools.HbMon(a, os.Stdin, os.Stdout, os.Stderr) },
	"hb_check":        check,
	"hb_addnode":      func(a []string) int { return tools.HbAddnode(a, os.Stdout, os.Stderr) },
	"hb_delnode":      func(a []string) int { return tools.HbDelnode(a, os.Stdout, os.Stderr) },
	"hb_setweight":    func(a []string) int { return tools.HbSetweight(a, os.Stdout, os.Stderr) },
	"hb_setsite":      func(a []string) int { return tools.HbSetsite(a, os.Stdout, os.Stderr) },
	"ResourceManager": func(a []string) int { return tools.ResourceManager(a, os.Stdout, os.Stderr) },
	"mach_down":       func(a []string) int { return tools.MachDown(a, os.Stdout, os.Stderr) },
	"req_resource":    func(a []string) int { return tools.ReqResource(a, os.Stdout, os.Stderr) },
	"send_arp":        func(a []string) int { return tools.SendArp(a, os.Stdout, os.Stderr) },
	"send_ua":         func(a []string) int { return tools.SendUA(a, os.Stdout, os.Stderr) },
	"findif":          func(a []string) int { return tools.FindIf(a, os.Stdout, os.Stderr) },
	"hb_whohas":       func(a []string) int { return tools.HbWhohas(a, os.Stdout, os.Stderr) },
	"hb_wake":         func(a []string) int { return tools.HbWake(a, os.Stderr) },
	"ha_clustermsg":   func(a []string) int { return tools.HaClustermsg(a, os.Stdin, os.Stdout, os.Stderr) },

	"drbd-peer-outdater": func(a []string) int { return tools.PeerOutdater(a, os.Stdout, os.Stderr) },
}

func main() { os.Exit(run(filepath.Base(os.Args[0]), os.Args[1:])) }

func run(name string, args []string) int {
	if c := commands[name]; c != nil {
		return c(args)
	}
	if name == "heartbeatd" && len(args) > 0 {
		switch c := commands[args[0]]; {
		case c != nil:
			return c(args[1:])
		case args[0] == "heartbeat":
			return heartbeat(args[1:])
		case !strings.HasPrefix(args[0], "-"):
			fmt.Fprintf(os.Stderr, "heartbeatd: %q is not one of its commands: heartbeat, %s\n", args[0], strings.Join(names(), ", "))
			return 2
		}
	}
	return heartbeat(args)
}

// heartbeat is the daemon, and --check, which the original does not have.
func heartbeat(args []string) int {
	if i := slices.Index(args, "--check"); i >= 0 {
		return check(slices.Delete(slices.Clone(args), i, i+1))
	}
	return daemon.Main(args, os.Stdout, os.Stderr)
}

// check is heartbeatd --check [-C DIR].
func check(args []string) int {
	dir := daemon.DefaultPaths().Conf
	switch {
	case len(args) == 2 && args[0] == "-C":
		dir = args[1]
	case len(args) == 1 && args[0] != "-C" && strings.HasPrefix(args[0], "-C"):
		dir = args[0][2:]
	case len(args) > 0:
		fmt.Fprintf(os.Stderr, "usage: heartbeatd --check [-C DIR]\n\nReads the configuration in DIR (%s) and says what is wrong with it.\n"+
			"Exit code 0: good, 1: warnings, 2: failures.\n", config.HADir)
		return 2
	}
	return tools.Check(dir, os.Stdout, os.Stderr)
}

func names() []string {
	var out []string
	for n := range commands {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
