package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/tools"
	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// Exit codes of heartbeat (heartbeat-config 6).
const (
	exitNoMedium = 1
	exitStale    = 1 // -s
	exitUsage    = 2
	exitStopped  = 3 // -s
	exitNoRight  = 4
	exitConfig   = config.ExitConfigError
)

// hlogFlush bounds waits for the log.
const hlogFlush = time.Second

// Main is the command heartbeat (heartbeatd). args is what follows the name by which it
// was called, and is the end of os.Args. It returns the exit code; a daemon returns when
// it has stopped.
func Main(args []string, stdout, stderr io.Writer) int {
	o, ok := parseOptions(os.Args[0], args, stderr)
	if !ok {
		return exitUsage
	}
	p := DefaultPaths()
	switch o.command {
	case cmdVersion:
		fmt.Fprintln(stdout, version)
		return 0
	case cmdDefaults:
		return tools.HBDefaults(o.wiki, stdout)
	case cmdHelp:
		fmt.Fprint(stdout, helpText)
		return 0
	case cmdStatus:
		return status(p, stdout)
	case cmdKill:
		return kill(p, stderr)
	case cmdReload:
		if pid, st := state.CheckPID(p.PID); st == state.Running {
			return reloadOther(p, o, pid, stderr)
		}
	}
	return start(p, o, args, stderr)
}

// start checks what can be checked before detaching and goes on in the daemon's process.
func start(p Paths, o options, args []string, stderr io.Writer) int {
	if o.restart || isChild() {
		return run(p, o, args)
	}
	l, found := load(p.Conf)
	lines, ok := config.StartLog(found)
	if !ok {
		sayOnce(l.Config, stderr, lines)
		return exitConfig
	}
	if pid, st := state.CheckPID(p.PID); st == state.Running {
		sayOnce(l.Config, stderr, alreadyRunning(pid))
		return 0
	}
	if o.foreground {
		return run(p, o, args)
	}
	return detach(stderr)
}

func alreadyRunning(pid int) []config.LogLine {
	return []config.LogLine{{Level: "info", Text: fmt.Sprintf("heartbeat: already running [pid %d].", pid)}}
}

// sayOnce logs lines of a process that will not become a daemon.
func sayOnce(c *config.Config, stderr io.Writer, lines []config.LogLine) {
	log := hlog.New(hlog.Options{Entity: "heartbeat"}, logConfig(c, stderr))
	logStart(log, stderr, lines)
	log.Close()
}

// nodeName is our own name as the cluster knows it.
func nodeName(p Paths) string {
	l, _ := load(p.Conf)
	if l.HA != nil && l.HA.Node != "" {
		return l.HA.Node
	}
	name, _ := os.Hostname()
	return name
}

// status is -s.
func status(p Paths, stdout io.Writer) int {
	pid, st := state.CheckPID(p.PID)
	switch st {
	case state.Running:
		host, _ := os.Hostname()
		fmt.Fprintf(stdout, "heartbeat OK [pid %d et al] is running on %s [%s]...\n", pid, host, nodeName(p))
		return 0
	case state.StalePID:
		fmt.Fprintln(stdout, "heartbeat is stopped. No process")
		return exitStale
	}
	fmt.Fprintln(stdout, "heartbeat is stopped. No process")
	return exitStopped
}

// kill is -k: ask for a graceful stop and wait for the end, however long it takes.
func kill(p Paths, stderr io.Writer) int {
	pid, st := state.CheckPID(p.PID)
	if st != state.Running {
		fmt.Fprintln(stderr, "INFO: Heartbeat already stopped.")
		return 0
	}
	fd, fdErr := unix.PidfdOpen(pid, 0)
	if fdErr == nil {
		defer unix.Close(fd)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		if errors.Is(err, syscall.ESRCH) {
			return 0
		}
		fmt.Fprintf(stderr, "ERROR: Cannot stop heartbeat [pid %d]: %v\n", pid, err)
		return exitNoRight
	}
	for {
		if fdErr != nil {
			time.Sleep(100 * time.Millisecond)
		} else if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); err == nil && n > 0 {
			return 0
		}
		if now, st := state.CheckPID(p.PID); st != state.Running || now != pid {
			return 0
		}
	}
}

// reloadOther is -r with a daemon running.
func reloadOther(p Paths, o options, pid int, stderr io.Writer) int {
	l, found := load(p.Conf)
	lines, ok := config.StartLog(found)
	if !ok {
		sayOnce(l.Config, stderr, lines)
		return config.ExitReloadError
	}
	sayOnce(l.Config, stderr, []config.LogLine{{Level: "info", Text: fmt.Sprintf("Signalling heartbeat pid %d to reread config files", pid)}})
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		fmt.Fprintf(stderr, "ERROR: Cannot signal heartbeat [pid %d]: %v\n", pid, err)
		return exitNoRight
	}
	return 0
}

// executable is the program to execute again: the one that stands where we were called
// from, so that an upgrade takes effect, or else ourselves.
func executable() string {
	if exe, err := os.Executable(); err == nil {
		if st, err := os.Stat(exe); err == nil && st.Mode().IsRegular() && filepath.IsAbs(exe) {
			return exe
		}
	}
	return "/proc/self/exe"
}
