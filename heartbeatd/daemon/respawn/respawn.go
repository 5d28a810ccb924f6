// Package respawn runs the client programs of `respawn` and `failfast` as the
// original does (heartbeat-behaviour 8, and 3.0.6 watched while it did it).
//
// Each client has one goroutine that starts it, waits for its end and decides:
// start it again a second later, leave it (exit code 100, more than ten ends in
// a row that came within 30 s of the start), or, for failfast, call Emergency.
// Stop ends the clients one after the other, the last one of the file first.
package respawn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"time"

	"classicha/internal/hlog"
)

// Client is one respawn or failfast line.
type Client struct {
	User     string // for the supplementary groups
	UID      int
	GID      int
	Command  string // path and arguments as written, for sh -c "exec COMMAND"
	Failfast bool
}

// NewClient fills in the primary group of the user.
func NewClient(userName, command string, failfast bool) (Client, error) {
	u, err := user.Lookup(userName)
	if err != nil {
		return Client{}, err
	}
	c := Client{User: userName, Command: command, Failfast: failfast}
	if c.UID, err = strconv.Atoi(u.Uid); err != nil {
		return Client{}, err
	}
	c.GID, err = strconv.Atoi(u.Gid)
	return c, err
}

// Logger gets the lines of the original.
type Logger interface {
	Log(level hlog.Level, text string)
}

// Options belong to a Supervisor.
type Options struct {
	Log Logger
	// ChildLog returns a logger that writes in the name of process pid; nil uses Log.
	ChildLog func(pid int) Logger
	Env      []string
	Start    func(*exec.Cmd) error // rt.Starter.Start; nil is cmd.Start
	// Emergency is called when a failfast client ended by itself.
	Emergency func(reason string)

	Delay     time.Duration // before a client is started again; 0 is 1 s
	Fast      time.Duration // an end sooner after the start counts as too fast; 0 is 30 s
	KillAfter time.Duration // SIGKILL this long after SIGTERM; 0 is 10 s
}

// tooFast is how many ends within Options.Fast are forgiven.
const tooFast = 10

// noRespawn is the exit code by which a client asks not to be started again.
const noRespawn = 100

// Supervisor runs a set of clients.
type Supervisor struct {
	o       Options
	clients []*client
	mu      sync.Mutex // guards started, stopped
	started bool
	stopped bool
	wg      sync.WaitGroup
}

// New makes a Supervisor for the clients in the order of ha.cf.
func New(o Options, clients []Client) *Supervisor {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&o.Delay, time.Second)
	set(&o.Fast, 30*time.Second)
	set(&o.KillAfter, 10*time.Second)
	if o.Start == nil {
		o.Start = (*exec.Cmd).Start
	}
	if o.ChildLog == nil {
		o.ChildLog = func(int) Logger { return o.Log }
	}
	s := &Supervisor{o: o}
	for _, c := range clients {
		ctx, cancel := context.WithCancel(context.Background())
		s.clients = append(s.clients, &client{Client: c, o: &s.o, ctx: ctx, cancel: cancel, done: make(chan struct{})})
	}
	return s
}

// Start starts all clients: the cluster's communication is up. A second call,
// or one after Stop, does nothing.
func (s *Supervisor) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped {
		return
	}
	s.started = true
	for _, c := range s.clients {
		c.announce()
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			c.run()
		}()
	}
}

// Stop ends the clients in reverse order, each with SIGTERM to its process
// group, and waits for each; one that does not end gets SIGKILL. It takes
// KillAfter per client at most, so call it outside of the loop. A second call waits too.
func (s *Supervisor) Stop() {
	s.mu.Lock()
	started := s.started
	s.stopped = true
	s.mu.Unlock()
	for i := len(s.clients) - 1; i >= 0; i-- {
		c := s.clients[i]
		c.cancel()
		if started {
			c.stop()
		}
	}
	s.wg.Wait()
}

// State is what a client does now, for status outputs.
type State struct {
	Command string
	PID     int // 0: not running
	Starts  int
}

// States returns the clients in the order of ha.cf.
func (s *Supervisor) States() []State {
	var out []State
	for _, c := range s.clients {
		c.mu.Lock()
		out = append(out, State{c.Command, c.pid, c.starts})
		c.mu.Unlock()
	}
	return out
}

func (o *Options) logf(level hlog.Level, format string, args ...any) {
	o.Log.Log(level, fmt.Sprintf(format, args...))
}

// credential is nil when we are that user already (tests, or no root).
func credential(c Client) *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	cred := &syscall.Credential{Uid: uint32(c.UID), Gid: uint32(c.GID)}
	if u, err := user.Lookup(c.User); err == nil {
		if ids, err := u.GroupIds(); err == nil {
			for _, id := range ids {
				if g, err := strconv.ParseUint(id, 10, 32); err == nil {
					cred.Groups = append(cred.Groups, uint32(g))
				}
			}
		}
	}
	return cred
}
