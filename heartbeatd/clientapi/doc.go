// Package clientapi is the original's client API: the UNIX socket through
// which cl_status, ipfail and programs of others ask the daemon about nodes and
// links, hear of changes, and send messages to their twins on other nodes.
// Server is the daemon's end, Client is cl_status's.
//
// Data flow: a connection has a goroutine that reads requests and answers them
// from Backend.View, and one that writes what is queued. Deliver, called by the
// daemon, queues a cluster message for every client that wants it and never
// blocks: a client that does not read loses its connection, and so does one
// that sends rubbish. Nothing that a client does can hold up the daemon.
//
// Specification: heartbeat-behaviour 6; details marked "seen" were watched on a
// real 3.0.6.
package clientapi

import (
	"context"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
)

// DefaultPath is where clients look for the socket.
const DefaultPath = "/run/heartbeat/register"

// Backend is what the Server needs from the daemon. All methods are called from
// the Server's goroutines. After Server.Close has begun none is called anew.
type Backend interface {
	// View is the state of the cluster, with the nodes and links in the order
	// of ha.cf: clients see them in that order.
	View() cluster.View
	// Param is the value of a directive as ha.cf has it, defaults included.
	Param(name string) (string, bool)
	// ClientJoined and ClientLeft report every client that signed on. Only
	// named ones (not casual) are announced to the cluster. reason is
	// "signoff", "EOF", "died" or a text.
	ClientJoined(name string, pid int, casual bool)
	ClientLeft(name string, reason string)
	// FromClient is a named client's message for the cluster. from_id, to_id
	// and header fields, forged or not, are for the daemon to set.
	FromClient(name string, m *message.Message)
	// ClientStatus tells whether a client is signed on at a node, our own
	// included, where the daemon may know clients that are built in.
	ClientStatus(ctx context.Context, node, client string) (online bool, err error)
	// UUIDOf and NameOf translate between names and the 16 bytes of a uuid.
	UUIDOf(node string) ([]byte, bool)
	NameOf(uuid []byte) (string, bool)
}

// Rule says who may sign on under a name: one of its users or one of its
// groups (ha.cf apiauth). Client "anon" rules casual clients, "default" those
// that have no rule.
type Rule struct {
	Client     string
	UIDs, GIDs []int
}

// Filter bits of setfilter: which messages a client wants.
const (
	FilterKeep      = 0x01 // what the daemon acts on: status changes, resources, messages to clients
	FilterNoChange  = 0x02 // statuses that say nothing new
	FilterDrop      = 0x04 // what the daemon refuses
	FilterDuplicate = 0x08
	FilterAPI       = 0x10 // requests of other clients
	FilterProtocol  = 0x20 // acknowledgements, retransmissions
	filterAll       = 0x3f
)
