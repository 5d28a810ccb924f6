package hlog

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// defaultQueue is the number of lines that may wait: about a second of the
// worst burst seen (a start with debug 3), 1 MiB at most.
const defaultQueue = 4096

// flushLimit bounds Close: a log file on a dead server must not keep a
// daemon from stopping.
const flushLimit = 3 * time.Second

// Config says where lines go and how they look. The zero value of a
// destination means none; Facility needs NoFacility for that.
type Config struct {
	Host         string    // node name, in syslogmsgfmt lines and JSON
	LogFile      string    // all but debug lines; "" or /dev/null: none
	DebugFile    string    // everything
	JSON         bool      // both files as JSON, one object a line (haext.cf: logformat json)
	Facility     Facility  // syslog
	SyslogMsgFmt bool      // form of lines in files
	Stderr       io.Writer // before detaching and in tools; nil: none
	Owner        string    // user who gets new files, normally "hacluster"
	SyslogSocket string    // "" is /dev/log
}

// Options are fixed for the life of a Logger.
type Options struct {
	Entity string           // heartbeat
	PID    int              // 0 is os.Getpid()
	Queue  int              // bound in lines; 0 is 4096
	Now    func() time.Time // nil is time.Now
}

// Logger writes lines as one entity (heartbeat, ipfail). Copies made with As
// share queue and destinations. All methods may be called from any goroutine
// and never block on I/O, except Flush and Close.
type Logger struct {
	*shared
	entity string
	pid    int
}

type shared struct {
	q     *queue
	now   func() time.Time
	debug atomic.Int32
	done  chan struct{}
	cfg   Config  // owned by run
	sinks []*sink // owned by run
}

// New starts a logger; Close ends it.
func New(o Options, c Config) *Logger {
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Logger{entity: o.Entity, pid: o.PID,
		shared: &shared{q: newQueue(o.Queue), now: o.Now, done: make(chan struct{}), cfg: c, sinks: newSinks(c)}}
	go l.run()
	return l
}

// As returns a logger for another entity or process number (a child whose
// lines we write); pid 0 keeps ours.
func (l *Logger) As(entity string, pid int) *Logger {
	if pid == 0 {
		pid = l.pid
	}
	return &Logger{shared: l.shared, entity: entity, pid: pid}
}

// Log writes one line.
func (l *Logger) Log(level Level, text string) { l.LogKV(level, text) }

// Logf is Log with a format.
func (l *Logger) Logf(level Level, format string, args ...any) {
	l.Log(level, fmt.Sprintf(format, args...))
}

// LogKV is Log with pairs (name, value, ...) that appear in JSON and on debug
// lines only: scripts match the classic lines.
func (l *Logger) LogKV(level Level, text string, kv ...string) {
	l.q.put(item{rec: &record{at: l.now(), level: level, entity: l.entity, pid: l.pid, text: text, kv: kv}})
}

// Errorf, Warnf and Infof are short for Logf.
func (l *Logger) Errorf(format string, args ...any) { l.Logf(Error, format, args...) }

// Warnf logs at WARN.
func (l *Logger) Warnf(format string, args ...any) { l.Logf(Warn, format, args...) }

// Infof logs at info.
func (l *Logger) Infof(format string, args ...any) { l.Logf(Info, format, args...) }

// Debugf logs a debug line if the debug level is at least n (1 and up). The
// arguments are not formatted otherwise.
func (l *Logger) Debugf(n int, format string, args ...any) {
	if l.DebugLevel() >= n {
		l.Logf(Debug, format, args...)
	}
}

// Script writes a line in the name of a shell script: tag from ScriptTag, the
// level found in the text as the shell functions do.
func (l *Logger) Script(tag, text string) {
	l.q.put(item{rec: &record{at: l.now(), level: ScriptLevel(text), entity: l.entity, pid: l.pid, tag: tag, text: text}})
}

// DebugLevel is the argument of `debug` plus what signals changed.
func (l *Logger) DebugLevel() int { return int(l.debug.Load()) }

// SetDebug sets the debug level, 0 to 255; it returns the level set.
func (l *Logger) SetDebug(n int) int {
	n = min(max(n, 0), 255)
	l.debug.Store(int32(n))
	return n
}

// AdjustDebug adds delta (USR1: +1, USR2: -1) and returns the new level.
func (l *Logger) AdjustDebug(delta int) int { return l.SetDebug(l.DebugLevel() + delta) }

// Configure replaces all destinations; lines logged before go to the old ones.
func (l *Logger) Configure(c Config) {
	l.q.put(item{job: func() {
		closeSinks(l.sinks)
		l.cfg, l.sinks = c, newSinks(c)
	}})
}

// Detach stops writing to standard error; the rest stays.
func (l *Logger) Detach() {
	l.q.put(item{job: func() {
		closeSinks(l.sinks)
		l.cfg.Stderr = nil
		l.sinks = newSinks(l.cfg)
	}})
}

// Reopen closes and opens all files (SIGHUP). Rotation is noticed without it.
func (l *Logger) Reopen() {
	l.q.put(item{job: func() { closeSinks(l.sinks) }})
}

// Flush waits until all lines logged before are written, at most d. It
// reports whether they were.
func (l *Logger) Flush(d time.Duration) bool {
	mark := make(chan struct{})
	if !l.q.put(item{job: func() { close(mark) }}) {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-mark:
		return true
	case <-t.C:
		return false
	}
}

// Close writes what waits, closes the destinations and ends the goroutine. It
// waits three seconds at most. Later lines are lost.
func (l *Logger) Close() {
	l.q.close()
	t := time.NewTimer(flushLimit)
	defer t.Stop()
	select {
	case <-l.done:
	case <-t.C:
	}
}

func (l *Logger) run() {
	defer close(l.done)
	var batch []item
	for {
		var dropped int
		var more bool
		batch, dropped, more = l.q.take(batch)
		if !more {
			closeSinks(l.sinks)
			return
		}
		for i, it := range batch {
			if it.job != nil {
				it.job()
			} else {
				l.write(it.rec)
			}
			batch[i] = item{}
		}
		if dropped > 0 {
			l.write(droppedRecord(&record{at: l.now(), entity: l.entity, pid: l.pid}, dropped))
		}
	}
}

// write gives a record to every sink, and the reports of failing sinks to the
// others. Reports of reports are not made: each sink reports an outage once.
func (l *Logger) write(r *record) {
	var reports []string
	for _, s := range l.sinks {
		if rep := s.put(r); rep != "" {
			reports = append(reports, rep)
		}
	}
	for _, text := range reports {
		rec := &record{at: r.at, level: Error, entity: l.entity, pid: l.pid, text: text}
		for _, s := range l.sinks {
			if s.failed == nil {
				s.put(rec)
			}
		}
	}
}

func closeSinks(sinks []*sink) {
	for _, s := range sinks {
		s.dst.Close()
	}
}
