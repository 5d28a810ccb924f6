package hlog

import (
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
)

// destination is what a sink writes to.
type destination interface {
	io.Writer
	Close() // releases the descriptor; a later Write opens it again
}

// sink is one destination with its form. A failing sink counts what it lost
// and says so when it works again. Used by the draining goroutine only.
type sink struct {
	name   string // for the report of an outage
	lr     *logrus.Logger
	dst    destination
	wants  func(*record) bool
	failed error // of the last write
	lost   int
}

// guard stands between logrus and the destination, since logrus prints write
// errors to standard error, which a daemon has given away.
type guard struct{ s *sink }

func (g guard) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := g.s.dst.Write(p); err != nil {
		g.s.failed = err
	} else {
		g.s.failed = nil
	}
	return len(p), nil
}

func newSink(name string, f formatter, d destination, wants func(*record) bool) *sink {
	s := &sink{name: name, dst: d, wants: wants}
	s.lr = &logrus.Logger{Out: guard{s}, Formatter: f, Hooks: make(logrus.LevelHooks), Level: logrus.TraceLevel}
	return s
}

// put writes one record. The result is a message for the other sinks, or "".
func (s *sink) put(r *record) (report string) {
	if !s.wants(r) {
		return ""
	}
	was := s.failed
	s.write(r)
	switch {
	case s.failed != nil:
		s.lost++
		if was == nil {
			return fmt.Sprintf("Cannot write to %s: %v", s.name, s.failed)
		}
	case s.lost > 0:
		n := s.lost
		s.lost = 0
		s.write(droppedRecord(r, n))
	}
	return ""
}

func (s *sink) write(r *record) {
	s.lr.WithTime(r.at).WithField(recordField, r).Log(r.level.logrus(), r.text)
}

func droppedRecord(like *record, n int) *record {
	return &record{at: like.at, level: Warn, entity: like.entity, pid: like.pid,
		text: fmt.Sprintf("%d messages were dropped", n)}
}

func everything(*record) bool { return true }
func noDebug(r *record) bool  { return r.level != Debug }

// stream is a destination that is not ours to close (standard error).
type stream struct{ io.Writer }

func (stream) Close() {}

// newSinks makes the sinks of a configuration. The debug file gets everything,
// the log file all but debug lines (as seen on 3.0.6), syslog everything. A
// file named twice is written once.
func newSinks(c Config) []*sink {
	own := lookupOwner(c.Owner)
	var out []*sink
	if c.Stderr != nil {
		out = append(out, newSink("standard error", stderrStyle(c), stream{c.Stderr}, everything))
	}
	if isFile(c.DebugFile) {
		out = append(out, newSink(c.DebugFile, debugFileStyle(c), &file{path: c.DebugFile, own: own}, everything))
	}
	if isFile(c.LogFile) && c.LogFile != c.DebugFile {
		out = append(out, newSink(c.LogFile, logFileStyle(c), &file{path: c.LogFile, own: own}, noDebug))
	}
	if c.Facility != NoFacility {
		path := c.SyslogSocket
		if path == "" {
			path = "/dev/log"
		}
		out = append(out, newSink(path, syslogStyle(c), &syslogWriter{path: path}, everything))
	}
	return out
}

// isFile: /dev/null means none (heartbeat-config 3, Logging).
func isFile(path string) bool { return path != "" && path != "/dev/null" }
