// Package overview is drbd-overview: one line a device, with its names, states and
// what uses it (drbd-cli 10).
//
//	proc text ──► devices ◄── drbdadm sh-status   names, stacking
//	                 ▲
//	                 └── pvs, df, /proc/swaps     what uses them
//
// It reads the daemon's copy of the text of /proc/drbd and asks the daemon
// nothing, so that it also works on a text from elsewhere.
package overview

import (
	"fmt"
	"io"
	"strings"
)

// ProcFile is where the daemon keeps the text of /proc/drbd.
const ProcFile = "/run/drbd/proc"

const usage = `USAGE: drbd-overview [--proc-drbd=FILE]

  --proc-drbd=FILE   the text of /proc/drbd (default ` + ProcFile + `)
`

// Main runs drbd-overview with the arguments behind its name. As the original it
// always ends with 0, also without a driver.
func Main(args []string, stdout, stderr io.Writer, env Env) int {
	file := ProcFile
	for len(args) > 0 {
		name, value, given := strings.Cut(args[0], "=")
		args = args[1:]
		switch name {
		case "--proc-drbd":
			if !given {
				if len(args) == 0 {
					fmt.Fprint(stderr, "Option proc-drbd requires an argument\n")
					break
				}
				value, args = args[0], args[1:]
			}
			file = value
		case "-d", "--stderr-to-dev-null": // that is always so
		case "-c", "--color", "--colors": // there were never colors in this form of the output
		case "-h", "--help":
			fmt.Fprint(stdout, usage)
			return 0
		default:
			fmt.Fprintf(stderr, "Unknown option: %s\n", strings.TrimLeft(name, "-"))
		}
	}
	text, err := env.ReadFile(file)
	if err != nil {
		fmt.Fprint(stdout, "drbd not loaded\n")
		return 0
	}
	d := devices{}
	d.names(string(env.output("drbdadm", "sh-status")))
	d.proc(string(text))
	d.uses(env)
	fmt.Fprint(stdout, d.table())
	return 0
}
