package tools

import (
	"fmt"
	"io"

	"classicha/heartbeatd/message"
)

// HbStandby is hb_standby [all|foreign|local|failback]: this node gives
// resources to the other one (heartbeat-behaviour 4). args is without the
// program's name. It returns the exit code: 0 as soon as the daemon has the
// request.
func HbStandby(args []string, stdout, stderr io.Writer) int {
	class, ok := classArgument("hb_standby", args, stdout, stderr)
	if !ok {
		return 1
	}
	if class == "failback" {
		class = "foreign"
	}
	f, err := openFIFO()
	if err != nil {
		return fail(stderr, "hb_standby", err)
	}
	defer f.Close()
	scriptLog("hb_standby", fmt.Sprintf("Going standby [%s].", class), stderr)
	if err := writeMessage(f, message.New("t", "ask_resources", "rsc_hold", class, "info", "me")); err != nil {
		return fail(stderr, "hb_standby", err)
	}
	return 0
}

// HbTakeover is hb_takeover [all|foreign|local|failback]: the other node gives
// resources to this one.
func HbTakeover(args []string, stdout, stderr io.Writer) int {
	class, ok := classArgument("hb_takeover", args, stdout, stderr)
	if !ok {
		return 1
	}
	if err := clusterMessage(message.New("t", "hb_takeover", "rsc_hold", class)); err != nil {
		return fail(stderr, "hb_takeover", err)
	}
	return 0
}

// classArgument reads the only argument. The complaint and the word "usage:" go
// to standard output, the usage itself to standard error, as in the original.
func classArgument(name string, args []string, stdout, stderr io.Writer) (class string, ok bool) {
	prog := scriptName(name)
	class = "all"
	switch {
	case len(args) > 1:
		fmt.Fprintf(stdout, "%s: too many arguments\n", prog)
	case len(args) == 0:
		return class, true
	default:
		switch class = args[0]; class {
		case "all", "foreign", "local", "failback":
			return class, true
		case "--help":
		default:
			fmt.Fprintf(stdout, "%s: wrong resources(%s).\n", prog, class)
		}
	}
	fmt.Fprintln(stdout, "usage:")
	fmt.Fprintf(stderr, "%s [all|foreign|local|failback]\n", prog)
	return "", false
}
