// Package notify tells the service manager how the daemon is (Type=notify).
// Without one (no NOTIFY_SOCKET) everything does nothing.
package notify

import (
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Manager speaks to systemd. The zero value is ready; it belongs to one
// goroutine. Errors are not reported: a service manager that is gone is no
// reason to do anything.
type Manager struct {
	last  string
	every time.Duration
	next  time.Time
	known bool
}

// Ready says that the start is complete.
func (m *Manager) Ready() { send(daemon.SdNotifyReady) }

// Status sets the line that `systemctl status` shows; the same line again is not sent.
func (m *Manager) Status(line string) {
	if line != m.last {
		m.last = line
		send("STATUS=" + oneLine(line))
	}
}

// Reloading says that configuration is read again; Ready ends it.
func (m *Manager) Reloading() { send(daemon.SdNotifyReloading) }

// Stopping says that a graceful stop has begun.
func (m *Manager) Stopping() { send(daemon.SdNotifyStopping) }

// Extend asks for d more time to start or stop: resource scripts may be slow.
func (m *Manager) Extend(d time.Duration) {
	send("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// Alive feeds the service manager's watchdog (WatchdogSec=) at half of its
// interval; call it whenever the loop goes round.
func (m *Manager) Alive(now time.Time) {
	if !m.known {
		m.known = true
		if d, err := daemon.SdWatchdogEnabled(false); err == nil && d > 0 {
			m.every = d / 2
		}
	}
	if m.every > 0 && !now.Before(m.next) {
		m.next = now.Add(m.every)
		send(daemon.SdNotifyWatchdog)
	}
}

// WatchdogInterval is how often Alive must be called at least; 0: never.
func (m *Manager) WatchdogInterval() time.Duration {
	if !m.known {
		m.Alive(time.Time{})
		m.next = time.Time{}
	}
	return m.every
}

func send(state string) { _, _ = daemon.SdNotify(false, state) }

func oneLine(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}
