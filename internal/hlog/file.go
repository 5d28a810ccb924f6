package hlog

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// file is a log file that survives rotation: before each write it compares the
// inode behind its name with the one it has open (logrotate renames), and opens
// the name again when they differ. Used by the draining goroutine only.
type file struct {
	path string
	own  owner
	f    *os.File
	dev  uint64
	ino  uint64
}

// owner is who gets a new file; nil functions and -1 mean: leave it.
type owner struct{ uid, gid int }

// lookupOwner finds the user that log files are given to. On a machine without
// that user files stay root's.
func lookupOwner(name string) owner {
	none := owner{-1, -1}
	if name == "" {
		return none
	}
	u, err := user.Lookup(name)
	if err != nil {
		return none
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return none
	}
	return owner{uid, gid}
}

// Write appends one line.
func (w *file) Write(p []byte) (int, error) {
	if err := w.ensure(); err != nil {
		return 0, err
	}
	// Only FIFOs and terminals have deadlines; a regular file ignores this.
	_ = w.f.SetWriteDeadline(time.Now().Add(time.Second))
	n, err := w.f.Write(p)
	if err != nil {
		w.Close()
	}
	return n, err
}

func (w *file) ensure() error {
	if w.f != nil {
		st, err := os.Stat(w.path)
		if err == nil {
			if dev, ino, ok := identity(st); ok && dev == w.dev && ino == w.ino {
				return nil
			}
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil // cannot tell: keep what we have
		}
		w.Close()
	}
	return w.open()
}

// open uses O_NONBLOCK because the name may be a FIFO: without a reader that
// is an error now instead of a logger that hangs.
func (w *file) open() error {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0o644)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	if st.IsDir() {
		f.Close()
		return fmt.Errorf("%s is a directory", w.path)
	}
	w.dev, w.ino, _ = identity(st)
	if st.Mode().IsRegular() && w.own.uid >= 0 {
		// Best effort as the original: a file system without owners is fine.
		_ = f.Chown(w.own.uid, w.own.gid)
	}
	w.f = f
	return nil
}

// Close closes the descriptor; the next Write opens the name again.
func (w *file) Close() {
	if w.f != nil {
		w.f.Close()
		w.f = nil
	}
}

func identity(st os.FileInfo) (dev, ino uint64, ok bool) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return uint64(s.Dev), s.Ino, true
}
