// Package world is the world test: two whole machines in one simulation with one seed. The
// core of heartbeatd decides who runs what, the core of drbdd mirrors the disk below it, and
// between them stands what stands there in life: resource scripts in their order, a file
// system with its cache, an address, an application, a client that writes through it,
// dopd, a STONITH device, the boot sequence, cables.
//
//	client ──eth──► address ► application ► file system ► /dev/drbd0
//	                   ▲           ▲             ▲           ▲          replication link
//	                   └───────────┴─ scripts ───┴───────────┤          ◄────────────►
//	                                   ▲                     ▼
//	                        heartbeatd core            drbdd core + disk with a cache
//	                         eth, serial ◄── dopd ◄── fence-peer handler
//
// What is drawn and what happens is in two layers. A Config says what the machines are
// like; a schedule is a list of faults with their times, as text. A seed draws both; the
// files in testdata spell both out, so that a bad day with a name stays the same day when the
// drawing changes.
//
// Checked from outside, always (DESIGN.md section 3): H1 to H4 here (check.go), D1 to D6 in
// package simworld, and X1 here (ledger.go): what the application had synced is on the
// file system after each mount. With fencing on both sides there is never a second history.
package world
