package config

import (
	"net/netip"
	"time"
)

// HA is ha.cf as the daemon uses it: defaults applied, times as durations,
// names folded.
type HA struct {
	File string
	Node string // our own name (Env.Hostname) in lower case; in Nodes unless refused

	// Timing. All are above zero in a configuration that was not refused.
	Keepalive, Deadtime, Warntime, Initdead, Deadping time.Duration
	HopFudge                                          int // added to the number of nodes for the ttl of messages
	MaxRexmitDelay                                    time.Duration

	// Nodes and cluster.
	Nodes           []string // order of the file, lower case, each once
	Cluster         string
	AutoFailback    Failback
	AutoFailbackSet bool   // auto_failback or nice_failback stands in the file
	Autojoin        string // "none" unless refused
	UUIDFromName    bool   // uuidfrom nodename
	GenerationTime  bool   // hbgenmethod time
	QuorumServer    string // accepted, without effect

	// Media in the order of the file.
	Media   []MediaSpec
	UDPPort int // the last udpport; media carry the port that was known at their line
	Baud    int

	// Messages.
	Netstring              bool   // msgfmt netstring
	Compression            string // zlib or bz2
	CompressionThreshold   int    // KiB
	TraditionalCompression bool
	LogBadpack             bool

	Log LogSettings

	// Processes and rights.
	Respawn  []RespawnSpec // failfast ones too, order of the file
	APIAuth  []APIAuth     // file first, then the defaults that it does not name
	Stonith  []StonithSpec // every valid device for this node; the original keeps the last only
	Watchdog string        // device, empty: none
	RTPrio   int           // 1..99; 1 if not given
	Realtime bool
	// MemReserve is the memory to touch before locking, in KiB.
	MemReserve int
	Coredumps  bool
	CoreRoot   string
	UseApphbd  bool
	Env        []KV // env NAME=VALUE: HA_NAME for all children

	// Recorded are the directives that the original remembers, in the order in
	// which it does, each name once with its last value as written: exported
	// to children as HA_<name>, and the answers of getparm.
	Recorded []KV

	Statements []Statement
}

// KV is a name with a value.
type KV struct{ Name, Value string }

// Failback is the value of auto_failback.
type Failback uint8

// Values of auto_failback; legacy is the default.
const (
	FailbackLegacy Failback = iota
	FailbackOff
	FailbackOn
)

func (f Failback) String() string {
	switch f {
	case FailbackOff:
		return "off"
	case FailbackOn:
		return "on"
	}
	return "legacy"
}

// MediaSpec is one medium to open.
type MediaSpec struct {
	Kind string // bcast, ucast, mcast, ucast6, mcast6, serial, ping, ping6, ping_group
	Link string // interface, tty, ping host or ping group: the name of the link
	Host string // ucast, ping: the peer as written
	Addr netip.Addr
	Port int  // UDP port as it was known when the original's plugin was first used
	TTL  int  // mcast, mcast6
	Loop bool // mcast, mcast6
	Baud int  // serial

	Members []PingMember // ping_group
	Pos     Pos
}

// PingMember is one host of a ping group.
type PingMember struct {
	Host string
	Addr netip.Addr // zero if it could not be resolved; the original goes on without it
}

// LogSettings says where log lines go.
type LogSettings struct {
	// LogFile and DebugFile are paths; empty is no such file (also for
	// /dev/null, which the original assumes when only a facility is given).
	LogFile, DebugFile string
	Facility           string // syslog facility name; empty: no syslog
	FacilityCode       int    // value for the priority (local0 = 16<<3); as logfacility in the client API
	// UseLogd is use_logd yes, or nothing else given. Logs then go to the
	// logging daemon; where there is none, to syslog as "daemon".
	UseLogd      bool
	ConnLogdTime time.Duration
	SyslogFmt    bool // syslogmsgfmt: file lines look like those of syslog
	Debug        int
}

// RespawnSpec is one client child (heartbeat-behaviour 8).
type RespawnSpec struct {
	User     string
	UID      int
	Command  string // path and arguments, given to sh -c "exec ..."
	Path     string // the first word of Command
	Failfast bool
	// Builtin is the name of a helper that the daemon has inside (ipfail, dopd,
	// ifcheckd, pingd), found by the last part of the path wherever the path
	// points to. The program is then not started.
	Builtin string
	Pos     Pos
}

// APIAuth says who may use the client API under a name. Empty lists match
// nobody; a client must be in one of the two.
type APIAuth struct {
	Client   string
	UIDs     []int
	GIDs     []int
	UIDNames []string
	GIDNames []string
	Default  bool // built in, not from the file
	Pos      Pos
}

// StonithSpec is one fencing device.
type StonithSpec struct {
	Host   string   // "*" or our own name; "*" for the stonith directive
	Type   string   // null, ssh, meatware, external/ipmi, fence_ipmilan, ...
	Params []string // stonith_host: the words after the type
	File   string   // stonith: the file that holds the parameters
	Pos    Pos
}

// Statement is one line of ha.cf as read, mistakes that were forgiven already
// corrected. Format prints them back.
type Statement struct {
	Name string
	Args []string // words; a single element for a whole-line directive
	Pos  Pos
}
