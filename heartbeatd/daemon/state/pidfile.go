package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PIDState is what a pid file says about a running daemon.
type PIDState int

// The three answers of `heartbeat -s`, whose exit codes are 3, 1 and 0
// (heartbeat-config 6).
const (
	NoPIDFile PIDState = iota // missing or unreadable
	StalePID                  // the process is gone, or its number belongs to another program now
	Running
)

// pidWidth is the width of the number; with the newline the file has 11 bytes.
const pidWidth = 10

// ErrNotWritable is wrapped by AcquirePID when the file cannot be made; the
// daemon exits with code 4.
var ErrNotWritable = errors.New("pid file not writable")

// PIDFile is our pid file, locked as long as we run: two daemons that start at
// the same moment cannot both win. The lock ends with the process and with an
// exec of itself; the file stays, as the original's does.
type PIDFile struct{ f *os.File }

// CheckPID reads the pid file. pid is the number in it, 0 with NoPIDFile.
func CheckPID(path string) (pid int, s PIDState) {
	b, err := readSmall(path, 64)
	if err != nil {
		return 0, NoPIDFile
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 0 {
		return 0, NoPIDFile
	}
	if !isDaemon(pid) {
		return pid, StalePID
	}
	return pid, Running
}

// AcquirePID makes the pid file ours. If another daemon runs, ours or the
// original, p is nil and other is its pid. An error wraps ErrNotWritable.
func AcquirePID(path string, pid int) (p *PIDFile, other int, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	defer func() {
		if p == nil {
			f.Close()
		}
	}()
	for range 40 {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		var s PIDState
		if other, s = CheckPID(path); s == Running {
			return nil, other, nil
		}
		// A process that was killed holds its lock for a moment longer than it can be seen.
		time.Sleep(50 * time.Millisecond)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, other, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: lock %s: %w", ErrNotWritable, path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	// Our own number: we executed ourselves again (quick restart).
	if old, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && old > 0 && old != pid && isDaemon(old) {
		return nil, old, nil
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "%*d\n", pidWidth, pid), 0)
		if err == nil {
			return &PIDFile{f}, 0, nil
		}
		return nil, 0, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return nil, 0, fmt.Errorf("%w: truncate %s failed", ErrNotWritable, path)
}

// Rewrite puts another number into the file: a process that detaches locks
// the file before, and its child, which inherits the lock, writes its own.
func (p *PIDFile) Rewrite(pid int) error {
	_, err := p.f.WriteAt(fmt.Appendf(nil, "%*d\n", pidWidth, pid), 0)
	return err
}

// File is the locked descriptor, for handing it to a child.
func (p *PIDFile) File() *os.File { return p.f }

// Close gives the lock up; the file stays.
func (p *PIDFile) Close() error { return p.f.Close() }

// isDaemon tells whether pid is a running heartbeat: ours or the original's.
// The number of a dead daemon may have gone to any program, also to one of our
// commands, which share the binary: so the program's file and the name it was
// called by are looked at. The original calls itself
// "heartbeat: master control process".
func isDaemon(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	st, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return false
	}
	// PID (COMMAND) STATE ...: the command may have blanks and brackets.
	if _, after, ok := cutLast(string(st), ") "); !ok || strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X") {
		return false
	}
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	if errors.Is(err, os.ErrPermission) {
		// `heartbeat -s` as a user: the name must do.
		exe = ""
	} else if err != nil {
		return false
	}
	cmd, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return false
	}
	self, _ := os.Executable()
	return daemonProgram(exe, self) && daemonName(string(cmd))
}

// daemonProgram: an upgraded package leaves "/path/heartbeatd (deleted)".
func daemonProgram(exe, self string) bool {
	exe = strings.TrimSuffix(exe, " (deleted)")
	return exe == "" || exe == self || daemonBase(exe)
}

func daemonName(cmdline string) bool {
	arg0, _, _ := strings.Cut(cmdline, "\x00")
	return strings.HasPrefix(arg0, "heartbeat: ") || daemonBase(arg0)
}

func daemonBase(path string) bool {
	b := filepath.Base(path)
	return b == "heartbeat" || b == "heartbeatd"
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
