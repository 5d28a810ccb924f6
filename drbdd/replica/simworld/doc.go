// Package simworld attacks the replication core: two nodes with disks that lose
// their caches, a network of two streams, an application that writes, an
// administrator, a cluster manager and faults, all drawn from a seed, in virtual
// time and in one goroutine. The same seed gives the same run.
//
//	app ──Request──► node ──Step──► Core ──actions──► disk, meta, links, handlers
//	                  ▲                                  │ later, in any order
//	                  └───────────── events ◄────────────┘
//
// Data is versions: each sector of 512 bytes holds the number of the write that
// it is of, and its own place, so that what is read tells where it came from.
// Metadata is real bytes, and a daemon that starts reads them as the real one does.
//
// What is checked from outside (DESIGN.md section 3):
//
//	D1  a takeover finds every acknowledged write (protocols A, B: promise.go)
//	D2  Connected and UpToDate on both sides: equal disks
//	D3  every block that may differ after a power cut is marked on a disk now
//	D4  older data never silently wins
//	D5  one Primary; nobody serves data that is not UpToDate without force
//	D6  reads return the last completed write, or one that was under way
//
// and the contract of package replica: who owns a buffer, one answer for each
// request, action and command, packets that the dialect allows, nothing left
// over in the end.
package simworld
