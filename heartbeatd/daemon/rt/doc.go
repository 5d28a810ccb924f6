// Package rt makes the daemon prompt when the machine is not: real-time
// scheduling, locked memory, a small collector, and a measure of the times when
// even that did not help (heartbeat-behaviour 11, block-device 6).
//
// Order of use in the daemon, after ha.cf was read and before anything runs:
//
//	st := rt.Realtime(prio)  // does not return when it executes the program again
//	rt.LimitGC()
//	warnings := rt.LockMemory(reserveKB)
//	starter := rt.Starter{ResetOOM: rt.ProtectFromOOM() == ""}
//
// and for every program that it starts: starter.Start(cmd) instead of cmd.Start().
//
// Nothing here is fatal: where the machine does not permit something, the
// result is one line to log, and the daemon goes on without.
package rt
