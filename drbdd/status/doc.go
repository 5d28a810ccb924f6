// Package status makes every text about resources that users and scripts read:
// show, status, sh-status, events, /proc/drbd, in the words of DRBD 0.7 to 9.
//
//	control.Resource (the core's view + what was configured)
//	   ├─ show.go, show83.go, show07.go   the configuration, as drbd.conf
//	   ├─ status.go, json.go, words.go    the state, for people and programs
//	   ├─ shstatus.go, xml83.go           the state, for shell scripts
//	   ├─ events84.go, events2.go         what changed between two states
//	   └─ proc*.go, progress.go, bar.go   the text of /proc/drbd, and progress
//
// It is pure: data in, text out. There is no clock; the time of a progress is
// in it. Texts are those of drbd-cli 2.4, 3.3, 4 and 5 to the character; what
// the recordings of 8.4.11 say counts more than the specification's prose.
//
// Amounts are printed in KiB: sizes come in sectors (512 bytes), out-of-sync in
// bits (4 KiB), counters in KiB.
package status
