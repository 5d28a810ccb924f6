// Package pair tests both daemons together: a database on a mirrored disk behind a service
// address, a client that writes numbered records and keeps what was acknowledged, and faults.
// After each, the same is checked: every acknowledged record is there, the file system was
// never mounted on both machines, the service answers, both disks are equal, and nothing hangs.
package pair
