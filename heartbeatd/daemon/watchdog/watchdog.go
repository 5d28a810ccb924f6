// Package watchdog keeps a Linux watchdog device from resetting the machine as
// long as the daemon works, as Heartbeat does (heartbeat-behaviour 10): opened
// at the start, the timeout set to deadtime + 10 ms in whole seconds, one NUL
// byte at each own status that came back through the daemon, `V` and close at
// the beginning of a graceful stop.
//
// A missing device is no reason not to start. Dying without Close, or executing
// the program again, leaves the device armed: that is its purpose.
package watchdog

import (
	"fmt"
	"time"

	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// Logger gets the lines of the original.
type Logger interface {
	Log(level hlog.Level, text string)
}

// Device is an open watchdog. A nil Device (none configured, or it could not be
// opened) does nothing. It belongs to one goroutine; no method blocks.
type Device struct {
	path string
	fd   int
	log  Logger
}

// margin is added to deadtime before rounding up to seconds.
const margin = 10 * time.Millisecond

// Timeout is the time in whole seconds that is asked from the device.
func Timeout(deadtime time.Duration) int {
	return int((deadtime + margin + time.Second - 1) / time.Second)
}

// Open opens and arms the device; nil if that fails, which is logged. From here
// on the machine resets when Pet is not called for the timeout.
func Open(path string, deadtime time.Duration, log Logger) *Device {
	// Non-blocking, in case the path is no watchdog at all.
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		log.Log(hlog.Error, fmt.Sprintf("Cannot open watchdog device: %s", path))
		return nil
	}
	d := &Device{path: path, fd: fd, log: log}
	log.Log(hlog.Info, fmt.Sprintf("Using watchdog device: %s", path))
	sec := Timeout(deadtime)
	if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, sec); err != nil {
		log.Log(hlog.Error, fmt.Sprintf("WDIOC_SETTIMEOUT: Failed to set watchdog timer to %d seconds.", sec))
	} else {
		log.Log(hlog.Info, fmt.Sprintf("Set watchdog timer to %d seconds.", sec))
	}
	return d
}

// Pet says that we are alive. A device that refuses is closed without `V`: it
// will reset the machine, as the original lets it.
func (d *Device) Pet() {
	if d == nil || d.fd < 0 {
		return
	}
	if err := d.write(0); err != nil && err != unix.EAGAIN {
		d.log.Log(hlog.Crit, fmt.Sprintf("Watchdog write failure: closing %s!", d.path))
		d.close()
	}
}

// Disarm writes the magic character and closes the device: the machine is not
// reset because of us any more. A second call does nothing.
func (d *Device) Disarm() {
	if d == nil || d.fd < 0 {
		return
	}
	if err := d.write('V'); err != nil {
		d.log.Log(hlog.Crit, fmt.Sprintf("Watchdog write magic character failure: closing %s!", d.path))
	} else {
		d.log.Log(hlog.Info, "Successful watchdog 'V' write")
	}
	if err := d.close(); err != nil {
		d.log.Log(hlog.Error, "Watchdog close(2) failed.")
	} else {
		d.log.Log(hlog.Info, "Successful watchdog close")
	}
}

// Armed tells whether the device is open.
func (d *Device) Armed() bool { return d != nil && d.fd >= 0 }

func (d *Device) write(c byte) error {
	for {
		n, err := unix.Write(d.fd, []byte{c})
		if err == unix.EINTR {
			continue
		}
		if err == nil && n != 1 {
			return unix.EIO
		}
		return err
	}
}

func (d *Device) close() error {
	fd := d.fd
	d.fd = -1
	return unix.Close(fd)
}
