package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// Failback is the auto_failback setting.
type Failback uint8

const (
	FailbackLegacy Failback = iota
	FailbackOn
	FailbackOff
)

func (f Failback) String() string {
	return [...]string{"legacy", "on", "off"}[f]
}

// PingNode is a member that only answers ICMP echo.
type PingNode struct {
	Name string
	Kind string // ping, ping6 or ping_group (alive while any of its hosts answers); "" is ping
}

func (p PingNode) info() string {
	if p.Kind == "" {
		return "ping"
	}
	return p.Kind
}

// Group is one line of haresources.
type Group struct {
	Home      string // first word: the node it prefers
	Key       string // second word
	Resources []string
}

// Config is everything a Node must know. Durations are those of ha.cf after its
// defaults were applied (heartbeat-config 3).
type Config struct {
	Node       string
	UUID       [16]byte
	Generation uint64
	Nodes      []string          // normal nodes in the order of ha.cf, ours included
	Known      map[string]uint64 // generations of the others as earlier runs remembered them
	Ping       []PingNode
	Links      []string // links on which normal nodes can be heard, for the views

	Keepalive, Deadtime, Warntime, Initdead, Deadping time.Duration
	MaxRexmitDelay                                    time.Duration
	HopFudge                                          int

	AutoFailback Failback
	Groups       []Group
	NoResources  bool // -M: resources are not managed

	Keys          *message.Keys
	Netstring     bool // msgfmt netstring
	CompressAbove int  // traditional_compression: larger frames are compressed; 0 never
	LogBadPack    bool

	Fencing bool // a STONITH device is configured
	Ipfail  bool // the built-in ipfail runs
	Pid     int  // only for the text of log lines
}

// Saved is what a run hands to the next when the daemon executes itself again with
// its resources running (SIGHUP with a changed ha.cf). The zero value is a normal start.
type Saved struct {
	Held   Class    // classes held (two nodes)
	Took   Class    // those of them that were taken over from a dead node
	Groups []string // keys of the groups that run
	Found  bool     // nobody handed them over: their scripts say that they run
}

func (c *Config) groupsOf(home string) (own []int) {
	for i, g := range c.Groups {
		if g.Home == home {
			own = append(own, i)
		}
	}
	return own
}

func (c *Config) groupsNotOf(home string) (foreign []int) {
	for i, g := range c.Groups {
		if g.Home != home {
			foreign = append(foreign, i)
		}
	}
	return foreign
}

// Class is the original's view of what a node holds: two bits, seen from that node.
type Class uint8

const (
	HoldNone    Class = 0
	HoldLocal   Class = 1
	HoldForeign Class = 2
	HoldAll     Class = 3
)

func (c Class) String() string {
	return [...]string{"none", "local", "foreign", "all"}[c&3]
}

// ParseClass reads a value of rsc_hold or an argument of hb_standby; failback is foreign.
func ParseClass(s string) (Class, bool) {
	switch s {
	case "none":
		return HoldNone, true
	case "local":
		return HoldLocal, true
	case "foreign", "failback":
		return HoldForeign, true
	case "all":
		return HoldAll, true
	}
	return HoldNone, false
}

// swap turns a class seen from one of two nodes into the same class seen from the other.
func (c Class) swap() Class {
	return c&HoldLocal<<1 | c&HoldForeign>>1
}
