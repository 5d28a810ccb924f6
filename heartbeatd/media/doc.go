// Package media carries heartbeat frames: by UDP broadcast, unicast and
// multicast (IPv4 and IPv6), over serial lines, and as the payload of ICMP echo
// requests that ping nodes send back (heartbeat-wire 1, 3.3 and 12.3).
//
// A medium knows nothing of what it carries. What is sent goes to a bounded
// queue that one goroutine (the writer) drains; what arrives is handed to a
// callback by another (the reader); a third (the keeper) opens the socket or the
// line, and opens it again when it was lost.
//
//	Send ─► queue ─► writer ─► conn ─► wire
//	                   │ error   ▲
//	                   ▼         │ open, check, close
//	                 keeper ─────┘
//	recv ◄──────── reader ◄── conn ◄─ wire
//
// Invariants:
//   - Send never blocks. A full queue gives up its oldest frame: a newer
//     keepalive says all that an older one did, and what must not be lost is
//     asked for again by the protocol. Drops are counted.
//   - A medium that cannot send or receive goes on trying. An interface that goes
//     down and up again, or is replaced by another one of the same name, and a tty
//     that hangs up are taken up again without a word from the daemon.
//   - Failures are logged when they begin, change and end; in between they are
//     counted.
//   - The reader is released by closing the descriptor; Close waits for all three.
package media
