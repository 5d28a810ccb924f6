// Package daemon is drbdd: a thin shell around the replication core (package
// replica), one loop for each resource.
//
//	tools ── control socket ─► Server ─► resource ─► loop: replica.Step
//	applications ─ front end ─► volume ─┘      ▲        │ actions
//	peer ─ peer.Session ───────────────────────┘        ▼
//	disks, metadata, handlers ◄──────────────── Disk, Meta, Send, RunHandler ...
//
// Whatever happens is posted to the loop as an event. There is no goroutine that
// waits for events: who posts to an idle loop runs it, so a request of an
// application costs no change of threads on its way to the disk and to the
// socket.
//
// What a restart needs is in a state file: with it, the devices that the keeper
// holds, and the metadata on the disks, a successor of a killed daemon goes on
// where that one stood.
package daemon
