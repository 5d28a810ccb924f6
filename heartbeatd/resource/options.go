package resource

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Line is one log line in the words of the original's scripts. The daemon prints
// it as a script line: `ENTITY(default)[PID]:    LEVEL: TEXT`.
type Line struct {
	Entity string // ResourceManager, mach_down, harc; heartbeat for lines of the daemon itself
	Level  string // info ERROR CRIT WARN debug; "" if the text has none
	Text   string
}

// String is the line without its entity: "info: Running ...".
func (l Line) String() string {
	if l.Level == "" {
		return l.Text
	}
	return l.Level + ": " + l.Text
}

// Defaults of the time limits. The original has none; these only catch scripts
// that would hang for ever.
const (
	DefaultStatusTimeout = time.Minute
	DefaultStartTimeout  = 20 * time.Minute
	DefaultStopTimeout   = 20 * time.Minute
	DefaultRCTimeout     = 20 * time.Minute
	DefaultFenceTimeout  = 2 * time.Minute
	DefaultKillGrace     = 5 * time.Second
	DefaultStopRetryMax  = 10
	DefaultStopRetryWait = time.Second
)

// Options say where scripts are, what they get and who hears of it. The zero
// value of every field but Node is usable.
type Options struct {
	HaDir    string   // "/etc/ha.d"; without a slash at the end
	InitDir  string   // "/etc/init.d"
	UnitDirs []string // where unit files are looked for; default systemd's, in its order
	Node     string   // our name (HA_CURHOST)
	Env      []string // environment of the daemon's children (heartbeat-behaviour 2.2); what is missing is added
	Dir      string   // working directory of children; "/"

	Log   func(Line) // never nil after New; must not block
	Debug io.Writer  // gets what scripts print to standard output and error (the debug file); nil: dropped

	StatusTimeout, StartTimeout, StopTimeout, RCTimeout, FenceTimeout time.Duration // <0: no limit
	KillGrace                                                         time.Duration // between TERM and KILL of a run that is late

	StopRetryMax  int           // retries of a failed stop (HA_STOPRETRYMAX); 0: default 10, <0: for ever
	StopRetryWait time.Duration // 1 s

	// Emergency is called when a resource that still runs, or may run, cannot be
	// stopped: daemon/emergency does what HA_EMERGENCY says. If it returns, or is nil,
	// the release goes on and its result says StopFailed.
	Emergency func(reason string)

	// Prepare sees every command just before it is started: reset of scheduling
	// and niceness, credentials. It may set SysProcAttr fields but not Setpgid.
	Prepare func(*exec.Cmd)
	Start   func(*exec.Cmd) error // instead of cmd.Start, for the daemon to fork outside of its real-time class

	RCDone  func(RCResult) // told of every finished rc.d job; may be nil
	RCQueue int            // bound of the queue of rc.d jobs; 256
}

// Runner runs scripts. Its methods may be called from any goroutine.
type Runner struct {
	o      Options
	out    *output
	groups chan struct{} // held by the one group operation that runs
	rc     rcQueue
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// New makes a Runner and starts its queue of rc.d jobs. The error is about the
// file in memory that collects the output of scripts.
func New(o Options) (*Runner, error) {
	o.setDefaults()
	out, err := newOutput(o.Debug)
	if err != nil {
		return nil, err
	}
	r := &Runner{o: o, out: out, groups: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.rc.init(o.RCQueue)
	r.ended.Add(1)
	go r.rcWorker(ctx)
	return r, nil
}

// Close drops the waiting rc.d jobs, ends the one that runs and waits for it.
// Group operations are ended by their own contexts; they must have returned.
func (r *Runner) Close() error {
	r.stop()
	r.rc.close()
	r.ended.Wait()
	return r.out.close()
}

func (o *Options) setDefaults() {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&o.HaDir, "/etc/ha.d")
	set(&o.InitDir, "/etc/init.d")
	set(&o.Dir, "/")
	o.HaDir = strings.TrimRight(filepath.Clean(o.HaDir), "/")
	if o.UnitDirs == nil {
		o.UnitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
			"/lib/systemd/system", "/usr/lib/systemd/system"}
	}
	limit := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	limit(&o.StatusTimeout, DefaultStatusTimeout)
	limit(&o.StartTimeout, DefaultStartTimeout)
	limit(&o.StopTimeout, DefaultStopTimeout)
	limit(&o.RCTimeout, DefaultRCTimeout)
	limit(&o.FenceTimeout, DefaultFenceTimeout)
	limit(&o.KillGrace, DefaultKillGrace)
	limit(&o.StopRetryWait, DefaultStopRetryWait)
	if o.StopRetryMax == 0 {
		o.StopRetryMax = DefaultStopRetryMax
	}
	if o.RCQueue <= 0 {
		o.RCQueue = 256
	}
	if o.Start == nil {
		o.Start = (*exec.Cmd).Start
	}
	if o.Log == nil {
		o.Log = func(Line) {}
	}
	if o.Debug == nil {
		o.Debug = io.Discard
	}
	if o.Emergency == nil {
		o.Emergency = func(string) {}
	}
}

func (r *Runner) log(entity, level, text string) {
	r.o.Log(Line{Entity: entity, Level: level, Text: text})
}
