// Package control is how tools speak with drbdd: one UNIX socket, one request a
// connection, in JSON lines.
//
//	tool ── Request ──► drbdd          one line
//	tool ◄── Answer ─── drbdd          one line, or one for each event (events2)
//
// The daemon answers with results and with the state of resources; every text
// that a user reads is made by the tool, from packages status and drbdsetup.
package control

import (
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Socket is where drbdd listens; the environment variable DRBDD_SOCKET names
// another place.
const Socket = "/run/drbdd/ctl"

// Request is one command for the daemon. Cmd is the name of drbdsetup 8.4
// ("new-resource", "attach", "primary", ...; "down", "show", "status", "events2"),
// whatever syntax the user wrote; "probe" is heartbeatd's, which has not heard of a node
// and wants all peers asked for a sign of life. Which of the other fields are set depends on it.
type Request struct {
	Cmd      string `json:"cmd"`
	Resource string `json:"resource,omitempty"` // by name; empty with Minor for commands of one device
	Minor    int    `json:"minor"`              // -1: not given
	Volume   int    `json:"volume,omitempty"`   // new-minor
	All      bool   `json:"all,omitempty"`
	// Args are the positional arguments behind the object, as written: LOWER_DEV
	// META_DEV META_INDEX of attach, LOCAL REMOTE of connect, disconnect and
	// net-options ("ipv4:10.0.0.1:7788").
	Args []string `json:"args,omitempty"`
	// Options by their long name of 8.4, without dashes; flags have the value "yes".
	// Numbers are in the option's unit, without a suffix. set-defaults is Defaults.
	Options  map[string]string `json:"options,omitempty"`
	Defaults bool              `json:"defaults,omitempty"`
	// Keep goes with disk-options and net-options of the old command syncer, which
	// may come before there is a disk or a connection: what finds none is kept and is
	// used by the next attach or connect, as far as that does not say otherwise.
	Keep bool `json:"keep,omitempty"`
	// Follow asks for events until the tool goes away (events, events2, wait-*).
	Follow bool `json:"follow,omitempty"`
}

// Answer is one line of the daemon. A command ends with one Answer; with Follow
// each change gives one more.
type Answer struct {
	// Error is a configuration error of drbd-cli 3.1 (101 and more), State a result
	// of drbd-wire 10.2 below 1; both 0 is success.
	Error int      `json:"error,omitempty"`
	State int      `json:"state,omitempty"`
	Info  []string `json:"info,omitempty"` // lines behind "additional info from kernel:"
	// Usage is a plain sentence for exit 20 (the daemon could not use a file, ...).
	Usage     string     `json:"usage,omitempty"`
	Resources []Resource `json:"resources,omitempty"`
	// Helper is set for the start and end of a handler (events: call, response).
	Helper *Helper `json:"helper,omitempty"`
	Now    int64   `json:"now,omitempty"` // Unix nanoseconds of the daemon's clock
	Last   bool    `json:"last,omitempty"`
}

// Helper tells of a handler that runs or ran.
type Helper struct {
	Resource string `json:"resource"`
	Volume   int    `json:"volume"` // -1: of the resource
	Name     string `json:"name"`
	Done     bool   `json:"done,omitempty"`
	Code     int    `json:"code,omitempty"`
}

// Resource is a resource as the daemon knows it.
type Resource struct {
	View replica.View `json:"view"`
	// Options and Net are what was set, by name, in the option's unit; what is not
	// there has its default. Net is nil without a network configuration.
	Options map[string]string `json:"options,omitempty"`
	Net     map[string]string `json:"net"`
	// Local and Remote are addresses as given to connect, empty without.
	Local   string   `json:"local,omitempty"`
	Remote  string   `json:"remote,omitempty"`
	Volumes []Volume `json:"volumes,omitempty"` // same order as View.Volumes
}

// Volume is what the daemon knows of a volume beyond the core's view.
type Volume struct {
	Device string `json:"device,omitempty"` // /dev/drbd0, or where the export listens; empty while not Primary
	// Disk, Meta and Index are those of attach: Index is "internal", "flexible" or a
	// number. Empty without a disk.
	Disk    string            `json:"disk,omitempty"`
	Meta    string            `json:"meta,omitempty"`
	Index   string            `json:"index,omitempty"`
	Options map[string]string `json:"options,omitempty"` // disk options that were set
	Split   Split             `json:"split,omitzero"`
}

// Split is what the daemon saw of the generations of the data, which the identifiers
// themselves do not tell. Times are Unix nanoseconds, 0 is not known.
type Split struct {
	Current uint64    `json:"current,omitempty"` // the generation, without bit 0
	Since   int64     `json:"since,omitempty"`   // when it began here, after the peer was lost
	Role    wire.Role `json:"role,omitempty"`    // of this node then
	Until   int64     `json:"until,omitempty"`   // when this node was last Primary; -1 while it is
	Peer    *PeerSaid `json:"peer,omitempty"`
}

// PeerSaid is what the peer told of its volume when it was last heard.
type PeerSaid struct {
	At    int64      `json:"at"`
	UUIDs wire.UUIDs `json:"uuids"`
	Role  wire.Role  `json:"role,omitempty"` // RoleUnknown: it did not come to that
	// Accepted: the nodes agreed on whose data counts, and have changed their
	// identifiers together since.
	Accepted bool `json:"accepted,omitempty"`
}
