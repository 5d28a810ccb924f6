package daemon

import (
	"fmt"
	"io"
	"os"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/resource"
	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// logConfig says where lines go. A configuration that could not be read at all
// leaves standard error.
func logConfig(c *config.Config, stderr io.Writer) hlog.Config {
	lc := hlog.Config{Facility: hlog.NoFacility, SyslogMsgFmt: true, Stderr: stderr, Owner: "hacluster"}
	if c.HA == nil {
		lc.Host, _ = os.Hostname()
		return lc
	}
	l := c.HA.Log
	lc.Host = c.HA.Node
	lc.LogFile, lc.DebugFile, lc.SyslogMsgFmt = l.LogFile, l.DebugFile, l.SyslogFmt
	if f, ok := hlog.ParseFacility(l.Facility); ok && l.Facility != "" {
		lc.Facility = f
	}
	if c.Ext != nil {
		lc.JSON = c.Ext.LogJSON
	}
	if f, ok := stderr.(*os.File); ok && lc.Facility != hlog.NoFacility && isJournal(f) {
		lc.Stderr = nil // what goes to syslog is in the journal already
	}
	return lc
}

// isJournal tells whether f is what systemd gave a unit as its standard error
// (systemd.exec(5), JOURNAL_STREAM).
func isJournal(f *os.File) bool {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// logStart writes the lines of a start. Those without a level word are for people who
// look at the terminal only, as in the original.
func logStart(log *hlog.Logger, stderr io.Writer, lines []config.LogLine) {
	for _, l := range lines {
		if l.Level == "" {
			if stderr != nil {
				log.Flush(hlogFlush)
				fmt.Fprintln(stderr, l.Text)
			}
			continue
		}
		level, _ := hlog.ParseLevel(l.Level)
		log.Log(level, l.Text)
	}
}

// coreLevel translates the core's levels.
func coreLevel(l cluster.Level) hlog.Level {
	switch l {
	case cluster.Debug:
		return hlog.Debug
	case cluster.Notice:
		return hlog.Notice
	case cluster.Warn:
		return hlog.Warn
	case cluster.Error:
		return hlog.Error
	case cluster.Crit:
		return hlog.Crit
	}
	return hlog.Info
}

// logScript writes a line of the script runner: in the name of the script that would
// have written it, or as our own.
func (d *Daemon) logScript(l resource.Line) {
	if l.Level == "debug" && d.log.DebugLevel() == 0 {
		return
	}
	if l.Entity == "heartbeat" {
		level, _ := hlog.ParseLevel(l.Level)
		d.log.Log(level, l.Text)
		return
	}
	d.log.Script(hlog.ScriptTag(l.Entity, "", os.Getpid()), l.String())
}

// appendFile is the debug file as a place for what scripts print. It is opened for each
// write, which is rare, so that rotation needs no care.
type appendFile string

func (a appendFile) Write(p []byte) (int, error) {
	if a == "" || len(p) == 0 {
		return len(p), nil
	}
	f, err := os.OpenFile(string(a), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Write(p)
}
