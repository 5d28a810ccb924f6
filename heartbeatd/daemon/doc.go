// Package daemon is the shell around the core of heartbeatd: it owns a
// cluster.Node in one goroutine, turns the world into events and actions into
// system calls, and knows no rule of the cluster.
//
//	media, FIFO, scripts, fence agents, clients, signals ──► inbox ──► loop
//	loop: take everything that waits, Step each, carry the actions out in order
//	actions ──► media, resource.Runner, clientapi, log, watchdog, exec
//
// Order of a start (run.go, start.go): read and check the configuration, detach,
// real-time priority and locked memory, pid file, generation on the disk, FIFO,
// media, then the loop. The process that was called by the user waits until all of
// this has succeeded or failed; its exit code says which (heartbeat-config 6).
//
// Invariants:
//   - the Node is touched by the loop's goroutine only; status outputs get copies;
//   - the loop never waits for a disk, a script, a client or a peer;
//   - packets that have arrived are handled before silence is judged;
//   - every goroutine ends before the process does, or before it executes itself again.
package daemon
