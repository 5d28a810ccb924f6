// Package cluster is the deciding part of heartbeatd: who is alive, who owns what.
//
// It is pure. Step takes one event and the time and returns actions; nothing in
// here reads a clock, opens a socket, starts a goroutine or rolls dice of its own.
// The daemon owns a Node in one goroutine: it waits for an event or for Next, calls
// Step and carries the actions out. The simulator does the same with thousands of
// faults.
//
// Data flow of a packet (heartbeat-wire 9):
//
//	Packet -> receive.go (parse, verify, sender, generation) -> sequence.go (order,
//	gaps, acknowledgement) -> dispatch.go -> membership.go, startup.go, a policy
//
// A policy decides who runs the groups of haresources. There are three: classic.go
// (two nodes, auto_failback on or off: the original's protocol), legacy.go (two
// nodes, auto_failback legacy) and many.go (three nodes or more, which the original
// cannot do). All of them start and stop groups through jobs.go, one job at a time.
//
// Invariants:
//   - a group is started only after every other node that may hold it has said that
//     it released it, was fenced, or was declared dead (and then the log says so);
//   - a class is claimed (reported) before its scripts run and given up on the wire
//     only after its scripts have ended;
//   - with fencing, nothing is taken over from a node that may hold something before
//     the fence succeeded.
package cluster
