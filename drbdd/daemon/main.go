package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"classicha/drbdd/replica"
	"classicha/internal/hlog"
)

const usage = `usage: drbdd [-f FILE] [--WORD=VALUE ...] [--reexec]

Serves the devices that drbdadm and drbdsetup configure. FILE is /etc/drbdd.cf;
its words are those of the options, see drbdd.cf(5).

  --reexec   the running drbdd gives way to this program; devices in use pause
`

// Main is the daemon.
func Main(args []string, stdout, stderr io.Writer) int {
	set := DefaultSettings()
	file, given := "/etc/drbdd.cf", false
	var words [][2]string
	reexec := false
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-h" || a == "--help":
			io.WriteString(stdout, usage)
			return 0
		case a == "-V" || a == "--version":
			fmt.Fprintf(stdout, "drbdd %s (api:1/proto:86-101)\n", Version)
			return 0
		case a == "--reexec":
			reexec = true
		case a == "-f" && i+1 < len(args):
			i++
			file, given = args[i], true
		case strings.HasPrefix(a, "--") && strings.Contains(a, "="):
			k, v, _ := strings.Cut(a[2:], "=")
			words = append(words, [2]string{k, v})
		default:
			fmt.Fprintf(stderr, "drbdd: %q is not an option\n%s", a, usage)
			return 2
		}
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = ParseSettings(file, data, &set)
	} else if errors.Is(err, fs.ErrNotExist) && !given {
		err = nil
	}
	for _, w := range words {
		if err == nil {
			err = set.Set(w[0], w[1])
		}
	}
	if err == nil && reexec {
		err = replace(set)
	}
	if err != nil {
		fmt.Fprintln(stderr, "drbdd:", err)
		return 1
	}
	return run(set, stderr)
}

func run(set Settings, stderr io.Writer) int {
	facility, ok := hlog.ParseFacility(set.Facility)
	if !ok {
		fmt.Fprintf(stderr, "drbdd: logfacility %q is not known\n", set.Facility)
		return 1
	}
	log := hlog.New(hlog.Options{Entity: "drbd"}, hlog.Config{Facility: facility, LogFile: set.LogFile, Stderr: terminal(stderr), Owner: "root"})
	defer log.Close()
	s := NewServer(set, log)
	s.protect()
	if err := s.lockPID(); err != nil {
		fmt.Fprintln(stderr, "drbdd:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s.logf(replica.Info, "drbd", "initialized. Version: %s (api:1/proto:86-101)", Version)
	if err := s.Run(ctx); err != nil {
		fmt.Fprintln(stderr, "drbdd:", err)
		return 1
	}
	s.logf(replica.Info, "drbd", "ends; devices in use wait for the next drbdd")
	return 0
}

// terminal is where lines go besides the log: a person who started the daemon by
// hand wants to see them, a service manager has them from syslog.
func terminal(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			return w
		}
	}
	return nil
}

// protect keeps the daemon able to write when the machine is short of memory: the
// memory may only be had by writing through it.
func (s *Server) protect() {
	warn := func(what string, err error) {
		if err != nil {
			s.logf(replica.Warn, "drbd", "%s: %v", what, err)
		}
	}
	if s.set.MLock {
		warn("memory cannot be locked", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE))
	}
	warn("PR_SET_IO_FLUSHER", unix.Prctl(unix.PR_SET_IO_FLUSHER, 1, 0, 0, 0))
	warn("oom_score_adj", os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0o644))
}
