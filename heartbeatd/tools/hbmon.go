package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/tools/hbmonview"
	"classicha/internal/getopt"
	"classicha/internal/screen"
)

// Exit codes of hb_mon.
const (
	hbmonFine       = 0
	hbmonNotRunning = 1
	hbmonUsage      = 2
)

const hbmonUsageText = `usage: hb_mon [-1 | -j [-w]] [-c] [-i SECONDS] [-C WHEN]
Shows this node's view of the cluster: nodes, links, resource groups, warnings.

  -1, --once            print it once; the first line is a summary
  -j, --json            print it once as one line of JSON
  -w, --watch           with -j: one line at every change, until interrupted
  -c, --counters        also show counters (dropped messages, retransmissions ...)
  -i, --interval=SEC    refresh the live display at least this often [2]
  -C, --colour=WHEN     auto, always or never [auto]
  -h, --help            this text
      --socket=PATH     control socket [` + config.ControlSocket + `]

Without -1 and -j the display is live: q or Ctrl-C leaves, c shows or hides the
counters, the arrow and page keys scroll, Ctrl-L draws it again.
Exit code: 0 fine; 1 heartbeat is not running or does not answer; 2 wrong usage.
`

// hbmonOptions is the command line.
type hbmonOptions struct {
	once, json, watch, counters bool
	interval                    time.Duration
	colour                      string
	socket                      string
}

// HbMon is hb_mon; args is without the program's name. It returns the exit code.
func HbMon(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	o, exit, done := hbmonParse(args, stdout, stderr)
	if done {
		return exit
	}
	out, _ := stdout.(*os.File)
	onTerminal := screen.IsTerminal(out) && os.Getenv("TERM") != "dumb"
	colour := o.colour == "always" || (o.colour == "auto" && onTerminal && os.Getenv("NO_COLOR") == "")
	switch {
	case o.json:
		return hbmonJSON(o, stdout, stderr)
	case o.once, !onTerminal, !screen.IsTerminal(stdin):
		return hbmonOnce(o, colour, out, stdout, stderr)
	}
	return hbmonLive(o, colour, stdin, out, stderr)
}

func hbmonParse(args []string, stdout, stderr io.Writer) (o hbmonOptions, exit int, done bool) {
	o = hbmonOptions{interval: 2 * time.Second, colour: "auto", socket: config.ControlSocket}
	p := getopt.New("hb_mon", args, "1jwci:C:h",
		getopt.Long{Name: "once", Short: '1'}, getopt.Long{Name: "json", Short: 'j'},
		getopt.Long{Name: "watch", Short: 'w'}, getopt.Long{Name: "counters", Short: 'c'},
		getopt.Long{Name: "interval", Arg: getopt.Required, Short: 'i'},
		getopt.Long{Name: "colour", Arg: getopt.Required, Short: 'C'},
		getopt.Long{Name: "color", Arg: getopt.Required, Short: 'C'},
		getopt.Long{Name: "socket", Arg: getopt.Required},
		getopt.Long{Name: "help", Short: 'h'})
	p.Stderr = stderr
	bad := func(format string, a ...any) (hbmonOptions, int, bool) {
		if format != "" {
			fmt.Fprintf(stderr, "hb_mon: "+format+"\n", a...)
		}
		fmt.Fprintln(stderr, "Try 'hb_mon --help'.")
		return o, hbmonUsage, true
	}
	for opt, ok := p.Next(); ok; opt, ok = p.Next() {
		switch {
		case opt.Err != nil:
			return bad("")
		case opt.Short == '1':
			o.once = true
		case opt.Short == 'j':
			o.json = true
		case opt.Short == 'w':
			o.watch = true
		case opt.Short == 'c':
			o.counters = true
		case opt.Short == 'h':
			io.WriteString(stdout, hbmonUsageText)
			return o, hbmonFine, true
		case opt.Short == 'i':
			n, err := strconv.ParseFloat(opt.Arg, 64)
			if err != nil || !(n >= 0.1 && n <= 3600) {
				return bad("%q is no interval from 0.1 to 3600 seconds", opt.Arg)
			}
			o.interval = time.Duration(n * float64(time.Second))
		case opt.Short == 'C':
			if opt.Arg != "auto" && opt.Arg != "always" && opt.Arg != "never" {
				return bad("%q is none of auto, always, never", opt.Arg)
			}
			o.colour = opt.Arg
		case opt.Long == "socket":
			o.socket = opt.Arg
		}
	}
	switch {
	case len(p.Operands()) > 0:
		return bad("unexpected argument %q", p.Operands()[0])
	case o.once && o.json:
		return bad("-1 and -j exclude each other")
	case o.watch && !o.json:
		return bad("-w needs -j")
	}
	return o, 0, false
}

func hbmonOnce(o hbmonOptions, colour bool, out *os.File, stdout, stderr io.Writer) int {
	v, err := ctl.View(context.Background(), o.socket)
	if err != nil {
		return hbmonFail(o, err, stderr)
	}
	width := 0
	if screen.IsTerminal(out) {
		width, _ = screen.SizeOf(out)
	} else if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		width = n
	}
	if width <= 0 {
		width = 80
	}
	lines := hbmonview.Render(v, hbmonview.Options{Width: width, Counters: o.counters, Zone: time.Local})
	// Not cut: a pipe may go to grep, and a terminal can wrap a long word.
	if _, err := io.WriteString(stdout, screen.Encode(lines, 0, colour)); err != nil {
		return hbmonNotRunning
	}
	return hbmonFine
}

func hbmonJSON(o hbmonOptions, stdout, stderr io.Writer) int {
	ctx := context.Background()
	c, err := ctl.Dial(ctx, o.socket)
	if err != nil {
		return hbmonFail(o, err, stderr)
	}
	defer c.Close()
	once := errors.New("one line is enough")
	err = c.Watch(ctx, 0, func(line []byte, _ cluster.View) error {
		if _, err := stdout.Write(line); err != nil {
			return errHbmonOutput
		}
		if !o.watch {
			return once
		}
		return nil
	})
	switch {
	case errors.Is(err, once), errors.Is(err, errHbmonOutput):
		return hbmonFine // the reader of a pipe has enough, too
	}
	return hbmonFail(o, err, stderr)
}

var errHbmonOutput = errors.New("nobody reads the output")

func hbmonFail(o hbmonOptions, err error, stderr io.Writer) int {
	fmt.Fprintf(stderr, "hb_mon: %s\n", hbmonSentence(o, err))
	return hbmonNotRunning
}

// hbmonSentence says why there is no view. The original has no control socket,
// so a running heartbeat without one is most likely that.
func hbmonSentence(o hbmonOptions, err error) string {
	if !errors.Is(err, ctl.ErrNotRunning) {
		return err.Error()
	}
	if o.socket == config.ControlSocket {
		if pid, s := state.CheckPID(config.PIDFile); s == state.Running {
			return fmt.Sprintf("heartbeat runs on this machine (pid %d) but has no %s: it is starting, or it is the original Heartbeat; try cl_status", pid, o.socket)
		}
	}
	return ctl.ErrNotRunning.Error()
}
