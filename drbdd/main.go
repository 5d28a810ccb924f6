// Drbdd is one program with many names: the daemon that mirrors block devices,
// and the commands of DRBD. It is called by a link (drbdadm) or by its own name
// and the command's (drbdd drbdadm).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"classicha/drbdd/blockdev/fuse/keeper"
	"classicha/drbdd/daemon"
	"classicha/drbdd/tools/drbdadm"
	"classicha/drbdd/tools/drbdmeta"
	"classicha/drbdd/tools/drbdsetup"
	"classicha/drbdd/tools/overview"
)

// commands are the names that we can be called by. A function gets what follows
// the name and returns the exit code.
var commands = map[string]func(name string, args []string) int{
	"drbdadm": func(name string, a []string) int {
		return drbdadm.Main(os.Args[0], a, os.Stdin, os.Stdout, os.Stderr, drbdadm.System())
	},
	"drbdsetup":    setup,
	"drbdsetup-84": setup,
	"drbdsetup-83": setup,
	"drbdmeta": func(_ string, a []string) int {
		return drbdmeta.Main(a, os.Stdin, os.Stdout, os.Stderr)
	},
	"drbd-overview": func(_ string, a []string) int {
		return overview.Main(a, os.Stdout, os.Stderr, overview.System())
	},
	"keeper": func(_ string, a []string) int { return keeper.Main(append([]string{"keeper"}, a...), os.Stderr) },
}

func setup(name string, a []string) int {
	return drbdsetup.Main(name, a, os.Stdin, os.Stdout, os.Stderr)
}

func main() { os.Exit(run(filepath.Base(os.Args[0]), os.Args[1:])) }

func run(name string, args []string) int {
	if c := commands[name]; c != nil {
		return c(name, args)
	}
	if len(args) > 0 {
		if c := commands[args[0]]; c != nil {
			return c(args[0], args[1:])
		}
		if !strings.HasPrefix(args[0], "-") {
			fmt.Fprintf(os.Stderr, "drbdd: %q is not one of its commands: %s\n", args[0], strings.Join(names(), ", "))
			return 2
		}
	}
	return daemon.Main(args, os.Stdout, os.Stderr)
}

func names() (out []string) {
	for n := range commands {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
