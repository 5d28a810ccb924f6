// Package state keeps what a heartbeat node must remember between two runs, in
// the files of the original (heartbeat-wire 15, heartbeat-config 1), and makes
// the directories and the FIFO that scripts and clients expect.
//
// Everything takes its paths as arguments and has no state of its own, except
// the PIDFile and the FIFO, which hold descriptors. Functions are called from
// the daemon's start, before the loop runs; only the FIFO has a goroutine.
//
// What must not be lost is on the disk (file and directory synced) when the
// function returns: a generation is used only after it was written, since
// peers drop a node whose generation went back as a replay attack.
package state
