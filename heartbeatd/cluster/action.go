package cluster

import "classicha/heartbeatd/message"

// Action is something the daemon must do. Actions are carried out in order.
type Action interface{ action() }

// Level is a severity word of the original's log.
type Level uint8

const (
	Debug Level = iota
	Info
	Notice
	Warn
	Error
	Crit
)

func (l Level) String() string {
	return [...]string{"debug", "info", "notice", "WARN", "ERROR", "CRIT"}[l]
}

// JobKind says what a Run action does with its groups.
type JobKind uint8

const (
	Acquire JobKind = iota // start each group, left to right; running ones are left alone
	Release                // stop each group, right to left, without asking whether it runs
)

func (k JobKind) String() string { return [...]string{"acquire", "release"}[k] }

// GroupState is what a node knows about one of its groups.
type GroupState uint8

const (
	GroupStopped GroupState = iota
	GroupStarting
	GroupRunning
	GroupStopping
	GroupFailed // could not be started here and was given up
	GroupStuck  // could not be stopped here: it may still run
)

func (s GroupState) String() string {
	return [...]string{"stopped", "starting", "running", "stopping", "failed", "stuck"}[s]
}

type (
	// Send puts one signed frame on every medium. Line is the form for serial lines.
	Send struct {
		Type           string
		Datagram, Line []byte
	}

	// Echo sends one ICMP echo request whose payload is Frame to a ping node.
	Echo struct {
		Node  string
		Frame []byte
	}

	// Log writes one line. Source is the program it speaks for when not heartbeat (ipfail).
	Log struct {
		Level  Level
		Source string
		Text   string
	}

	// Suspect tells that a node is silent and will be declared dead soon if that goes on.
	Suspect struct{ Node string }

	// Run starts a job; JobDone ends it. At most one job runs at a time.
	Run struct {
		Job    uint64
		Kind   JobKind
		Groups []int
		Taking bool // a takeover: the scripts' log says "Taking over resource group"
		Direct bool // a standby: there the original starts ResourceManager itself, not through harc
	}

	// RunRC runs rc.d/Type with the fields of Msg in the environment, if there is such a script.
	RunRC struct {
		Type string
		Msg  *message.Message
	}

	// Fence resets a node; FenceDone ends it.
	Fence struct {
		Node string
		ID   uint64
	}

	// WasReset tells that a node that is dead was reset in this death.
	WasReset struct{ Node string }

	// Announce repeats the address announcements of the groups that run here: there was
	// a time in which another node may have had the same addresses.
	Announce struct{ Groups []int }

	// Deliver hands a message to the API clients.
	Deliver struct{ Msg *message.Message }

	// Remember keeps the generation of another node on the disk, for the next run's Known.
	Remember struct {
		Node       string
		Generation uint64
	}

	// CommUp opens the client API and starts the respawn clients.
	CommUp struct{}

	// StopClients ends the respawn clients.
	StopClients struct{}

	// Alive pets the watchdog: our own status went through the whole daemon.
	Alive struct{}

	// DisarmWatchdog closes the watchdog properly.
	DisarmWatchdog struct{}

	// Exit ends the daemon after a graceful stop.
	Exit struct{ Code int }

	// Reexec executes the program again. Kept resources go on running.
	Reexec struct{ Saved Saved }

	// Answer ends an AskClient.
	Answer struct {
		ID     string
		Online bool
		Err    string
	}
)

func (Send) action()           {}
func (Echo) action()           {}
func (Suspect) action()        {}
func (Log) action()            {}
func (Run) action()            {}
func (RunRC) action()          {}
func (Fence) action()          {}
func (WasReset) action()       {}
func (Announce) action()       {}
func (Deliver) action()        {}
func (Remember) action()       {}
func (CommUp) action()         {}
func (StopClients) action()    {}
func (Alive) action()          {}
func (DisarmWatchdog) action() {}
func (Exit) action()           {}
func (Reexec) action()         {}
func (Answer) action()         {}
