// Package outdate decides what dopd does: the part of Heartbeat by which a DRBD
// Primary that lost its peer over the replication link has the peer's data marked
// as outdated over heartbeat's links.
//
//	drbd-peer-outdater          dopd here                  dopd there
//	      | outdater(peer, resource) |                          |
//	      |------------------------->| start_outdate(resource)  |
//	      |                          |------------------------->| drbdadm outdate RESOURCE
//	      |                          |   outdate_rc(value)      |
//	      |    outdater_rc(value)    |<-------------------------|
//	      |<-------------------------|                          |
//
// A Machine is both sides. It gets events and the time and returns actions, and
// does no I/O. Invariants: a waiting program gets one answer or none (it has its own
// time limit); an answer counts only if it comes from the node that was asked; of a
// resource one command runs at a time; no name from outside reaches a command unless
// validResource allows it.
//
// The messages are those of the dopd of Heartbeat 3.0.6, which may be the other side,
// as seen on its sockets and links.
package outdate
