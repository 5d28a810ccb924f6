package daemon

import (
	"fmt"
	"io"

	"classicha/heartbeatd/config"
	"classicha/internal/getopt"
)

// version is what -V prints and clients are told: the release whose behaviour,
// messages and wire we have. Programs of others compare it.
const version = config.Version + " (node: 958e11be8686759f1b99204c17812f2c2633b169)"

// command is what heartbeat was asked to do.
type command uint8

const (
	cmdStart command = iota
	cmdStatus
	cmdKill
	cmdReload
	cmdVersion
	cmdDefaults
	cmdHelp
)

// options are those of the heartbeat command (heartbeat-config 6).
type options struct {
	command    command
	debug      int    // -d, counted
	wiki       bool   // -W
	dump       bool   // -v
	noRealtime bool   // -l
	noManage   bool   // -M
	foreground bool   // -f
	restart    bool   // -R: the daemon executed itself again
	held       string // -C
}

const usageText = `
Usage: heartbeat [-dDkMrRsvWlVf] [-C Current-resource-state]
	-C only valid with -R
	-r is mutually exclusive with -R
`

// parseOptions returns false after it has printed what is wrong; the exit code is then 2.
func parseOptions(prog string, args []string, stderr io.Writer) (options, bool) {
	var o options
	fail := func() (options, bool) {
		fmt.Fprint(stderr, usageText)
		return o, false
	}
	p := getopt.New(prog, args, "dDkMrRsvWlVfC:", getopt.Long{Name: "help", Short: '?'})
	p.Stderr = stderr
	bad, reload := false, false
	for opt, ok := p.Next(); ok; opt, ok = p.Next() {
		if opt.Err != nil {
			bad = true
			continue
		}
		switch opt.Short {
		case 'd':
			o.debug++
		case 'D':
			o.command = cmdDefaults
		case 'k':
			o.command = cmdKill
		case 's':
			o.command = cmdStatus
		case 'r':
			o.command, reload = cmdReload, true
		case 'V':
			o.command = cmdVersion
		case '?':
			o.command = cmdHelp
		case 'M':
			o.noManage = true
		case 'R':
			o.restart = true
		case 'v':
			o.dump = true
		case 'W':
			o.wiki = true
		case 'l':
			o.noRealtime = true
		case 'f':
			o.foreground = true
		case 'C':
			switch opt.Arg {
			case "none", "local", "foreign", "all":
				o.held = opt.Arg
			default:
				bad = true
			}
		}
	}
	if bad || o.held != "" && !o.restart || o.restart && reload {
		return fail()
	}
	return o, true
}

// again are the options with which the daemon executes itself again: as it was
// called, with the class that it holds.
func (o options) again(held string) []string {
	args := []string{"-R", "-C", held}
	for range o.debug {
		args = append(args, "-d")
	}
	for _, f := range []struct {
		set  bool
		word string
	}{{o.noManage, "-M"}, {o.noRealtime, "-l"}, {o.foreground, "-f"}, {o.dump, "-v"}} {
		if f.set {
			args = append(args, f.word)
		}
	}
	return args
}

const helpText = `Usage: heartbeatd [-f] [-d] [-l] [-M] [-v]   run the daemon
       heartbeatd -s | -k | -r                 status; stop and wait; reload or start
       heartbeatd --check [-C DIR]             check the configuration, start nothing
       heartbeatd -D [-W] | -V                 default values; version
       heartbeatd COMMAND [ARGUMENT...]        run one of the commands by its name

  -f  stay in the foreground          -d  debug level one higher (may be repeated)
  -l  no real-time priority           -v  print the configuration at the start
  -M  do not manage resources         -R, -C CLASS  used by the daemon itself

The configuration is in /etc/ha.d: ha.cf, haresources, authkeys, and haext.cf if it exists.
`
