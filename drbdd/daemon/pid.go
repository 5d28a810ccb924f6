package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pidFile is kept open and locked as long as the daemon lives.
func (set Settings) pidFile() string { return filepath.Join(set.RunDir, "drbdd.pid") }

// lockPID makes sure that there is one daemon, and says which. A predecessor
// that was just killed may need a moment to be gone.
func (s *Server) lockPID() error {
	if err := os.MkdirAll(s.set.RunDir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(s.set.pidFile(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) || i == 20 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		b := make([]byte, 16)
		n, _ := f.ReadAt(b, 0)
		f.Close()
		return fmt.Errorf("drbdd runs already, with process number %s", strings.TrimSpace(string(b[:n])))
	}
	f.Truncate(0)
	_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	s.pid = f
	return err
}

// replace ends the running daemon so that this one can go on with its devices.
func replace(set Settings) error {
	b, err := os.ReadFile(set.pidFile())
	if err != nil {
		return fmt.Errorf("there is no running drbdd to replace: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return fmt.Errorf("%s does not hold a process number", set.pidFile())
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	for range 200 {
		if syscall.Kill(pid, 0) != nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("process %d does not end", pid)
}
