package drbdmeta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxMinor is the largest minor number that Linux has.
const maxMinor = 1<<20 - 1

// parseMinor reads the device that the command line names: N, minor-N, drbdN,
// /dev/drbdN. The original takes what it cannot read for minor -1, of which nobody
// is attached, and goes on.
func parseMinor(word string) (int, error) {
	digits := strings.TrimPrefix(word, "/dev/")
	for _, p := range []string{"minor-", "drbd"} {
		if x, ok := strings.CutPrefix(digits, p); ok {
			digits = x
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n > maxMinor || (strings.HasPrefix(word, "/") && !strings.HasPrefix(word, "/dev/drbd")) {
		return 0, fmt.Errorf("Cannot determine minor device number of device '%s'", word)
	}
	return int(n), nil
}

// The lock on a minor (drbd-cli 2.3): a write lock on the whole file, which is
// waited for as long as a command of drbdsetup may hold it.
const (
	lockWait = time.Second
	lockPoll = 20 * time.Millisecond
)

func (t *tool) takeLock() int {
	path := filepath.Join(t.env.LockDir, fmt.Sprintf("drbd-147-%d", t.minor))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return t.fail(20, fmt.Sprintf("open(%s): %s", path, strerror(err)))
	}
	for until := time.Now().Add(lockWait); ; time.Sleep(lockPoll) {
		lk := unix.Flock_t{Type: unix.F_WRLCK}
		err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lk)
		if err == nil {
			t.lock = f
			return 0
		}
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			if time.Now().Before(until) {
				continue
			}
			text := fmt.Sprintf("lock on %s is held", path) // by somebody who has just let it go
			lk = unix.Flock_t{Type: unix.F_WRLCK}
			if unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lk) == nil && lk.Type != unix.F_UNLCK {
				text = fmt.Sprintf("lock on %s currently held by pid:%d", path, lk.Pid)
			}
			f.Close()
			return t.fail(20, text)
		}
		f.Close()
		return t.fail(20, fmt.Sprintf("fcntl(%s,...): %s", path, strerror(err)))
	}
}

// attachedStates are the disk states that mean that a disk is attached.
var attachedStates = []string{
	"Attaching", "Detaching", "Failed", "Negotiating", "Inconsistent", "Outdated", "DUnknown", "Consistent", "UpToDate",
}

// askAttached evaluates the answer of drbdsetup (drbd-cli 2.3). The original cuts
// the last byte, which should be a newline, and takes a part of a name (even none)
// for the name: an empty answer is Diskless, and it goes on. Here a name must be
// whole.
func (t *tool) askAttached() int {
	answer, code, err := t.env.DState(t.minor)
	switch {
	case err != nil:
		return t.fail(20, "drbdsetup: "+err.Error())
	case code == 10 || code == 20:
		return 0
	case len(answer) == 0:
		return t.fail(20, "read from drbdsetup\n: Success")
	}
	answer = answer[:len(answer)-1]
	state, _, _ := bytes.Cut(answer, []byte("/"))
	switch word := string(state); {
	case string(answer) == "Unconfigured" || word == "Diskless":
		return 0
	case slices.Contains(attachedStates, word):
		t.attached = true
		return 0
	}
	return t.fail(20, fmt.Sprintf("Unexpected output from drbdsetup >%s<", answer))
}

// isTerminal tells whether questions can be answered.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
