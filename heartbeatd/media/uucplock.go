package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// unfinished is how long a lock file without a readable process number may be
// one that somebody has just made and will write to in a moment.
const unfinished = 10 * time.Second

// uucpLock is a held UUCP lock file: LCK..ttyS0 with the holder's process number
// in ten columns and a newline, by which getty, minicom, pppd and others keep off
// a line that is in use.
type uucpLock struct {
	path string
	pid  int
}

// lockTTY takes the lock of a device. A lock whose process is gone is removed; one
// of a living process is an error.
func lockTTY(dir, tty string, pid int) (*uucpLock, error) {
	base := filepath.Base(tty)
	l := &uucpLock{path: filepath.Join(dir, "LCK.."+base), pid: pid}
	// Made under another name and linked into place, the lock file appears with
	// its content, and only one of several contenders gets it.
	tmp := filepath.Join(dir, fmt.Sprintf("tmp%d-%s", pid, base))
	if err := os.WriteFile(tmp, fmt.Appendf(nil, "%10d\n", pid), 0o644); err != nil {
		return nil, fmt.Errorf("cannot lock line %s: %w", tty, err)
	}
	defer os.Remove(tmp)
	var err error
	for range 3 {
		if err = os.Link(tmp, l.path); !errors.Is(err, fs.ErrExist) {
			break
		}
		holder, stale := lockHolder(l.path, time.Now())
		if !stale {
			return nil, fmt.Errorf("cannot lock line %s: process %s holds %s", tty, holder, l.path)
		}
		os.Remove(l.path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock line %s: %w", tty, err)
	}
	return l, nil
}

// lockHolder tells who holds a lock file and whether it is stale. A lock of our own
// process is not: two media on one line would mix their frames.
func lockHolder(path string, now time.Time) (holder string, stale bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", errors.Is(err, fs.ErrNotExist) // gone meanwhile: try again
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil && len(b) == 4 {
		pid, err = int(binary.NativeEndian.Uint32(b)), nil // the old binary form
	}
	if err != nil || pid <= 0 {
		fi, err := os.Stat(path)
		return "(unreadable)", err == nil && now.Sub(fi.ModTime()).Abs() > unfinished // later than now: the clock was set back
	}
	return strconv.Itoa(pid), errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// release removes the lock if it is still ours.
func (l *uucpLock) release() {
	b, err := os.ReadFile(l.path)
	if err == nil && string(bytes.TrimSpace(b)) == strconv.Itoa(l.pid) {
		os.Remove(l.path)
	}
}
