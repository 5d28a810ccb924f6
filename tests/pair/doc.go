// Package pair tests both daemons together: a database on a mirrored disk behind a service
// address, a client that writes numbered records and keeps what was acknowledged, and faults.
// After each, the same is checked: every acknowledged record is there, the file system was
// never mounted on both machines, the service answers, both disks are equal, and nothing hangs.
//
// The faults, each with its test: power cuts and kill -9 of either daemon (death_test.go), both
// machines off (power_test.go, random_test.go); links cut in one or both directions, or bad (links_test.go);
// stopped processes, bad and full disks, a hanging stop, files that differ (trouble_test.go); a
// clock that is set to another year (clock_test.go); several of them at random (random_test.go).
package pair
