package daemon

import (
	"os"
	"path/filepath"

	"classicha/heartbeatd/config"
)

// Paths are the places that a daemon uses (DESIGN 4).
type Paths struct {
	Conf  string // /etc/ha.d
	State string // /var/lib/heartbeat
	Run   string // /run/heartbeat
	PID   string // /run/heartbeat.pid
}

// DefaultPaths are the classic places. HA_CONFDIR, HA_VARLIB, HA_VARRUN and
// HA_PIDFILE replace them, for several daemons on one machine in tests.
func DefaultPaths() Paths {
	or := func(name, def string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return def
	}
	return Paths{
		Conf:  or("HA_CONFDIR", config.HADir),
		State: or("HA_VARLIB", config.StateDir),
		Run:   or("HA_VARRUN", config.RunDir),
		PID:   or("HA_PIDFILE", config.PIDFile),
	}
}

func (p Paths) generation() string { return filepath.Join(p.State, "hb_generation") }
func (p Paths) uuid() string       { return filepath.Join(p.State, "hb_uuid") }
func (p Paths) fifo() string       { return filepath.Join(p.State, "fifo") }
func (p Paths) held() string       { return filepath.Join(p.State, "held") }
func (p Paths) rsctmp() string     { return filepath.Join(p.Run, "rsctmp") }
func (p Paths) register() string   { return filepath.Join(p.Run, "register") }
func (p Paths) control() string    { return filepath.Join(p.Run, "ctl") }
func (p Paths) outdater() string   { return filepath.Join(p.Run, "dopd", "outdater") }
func (p Paths) testing() string    { return filepath.Join(p.Conf, "OnlyForTesting") }
