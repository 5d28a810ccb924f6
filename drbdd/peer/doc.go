// Package peer is the two TCP connections to the peer: a thin layer of I/O around the
// machine of package meet, which makes them, and packets in and out afterwards. It
// knows no rules of replication; roles, states and timers are its owner's.
//
//	Dial -> Connector --Up--> Session --Packet, Sent, Stalled ...--> Down
//	            |  ^               ^
//	     Failed |  | 1 s           | Send, Flush, Close
//	            v  |
//
// A Connector tries until there is a Session, until the configuration turns out not
// to fit, or until it is closed. A Session lives until something breaks; its Down is
// the last that is heard of it. Then the owner calls Dial again.
//
// Each socket has a reader, which is a goroutine or the thread of a ring, and a writer. Payload is read into
// buffers of a pool: when that is used up nothing is read, and the peer waits. What is sent is queued by Send
// and goes out in one system call for all that waits at a Flush; while nothing is in
// the way, Flush does that call itself.
//
// Sections named in comments are those of the specification drbd-wire.
package peer
