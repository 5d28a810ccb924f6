// Package ctl is the control socket of heartbeatd, server and client. It is
// ours, not the original's (that is clientapi), and carries what the original
// has no way to say: the whole View, as one line.
//
// A client sends one line: a verb and its arguments, separated by blanks. The
// server answers with one line of JSON, {"error":"..."} if it failed. `view` and
// `watch` are answered here, all other verbs by the daemon's handler. `watch`
// sends a View at once and at every change until the client closes; with an
// argument in milliseconds also when nothing changed for so long.
//
// The loop of the daemon never waits for a client: it says Changed, and hands
// out a View when a goroutine of the server asks. A watcher that reads slowly
// skips views and always gets the newest one.
package ctl
