// Package keeper is a tiny process that holds descriptors for another: copies of /dev/fuse and of
// the loop device of each block device that the daemon serves. While it holds them, the
// end of the daemon is a pause for applications and not an error; a successor takes the descriptors and goes on
// (block-device 4).
//
//	daemon ── unix socket (seqpacket) ── keeper        Put: name, state text, descriptors
//	   ✗ killed                            │           the keeper waits until the process is gone
//	successor ── Take ─────────────────────┘           gets state and descriptors
//
// It also is the lock: a name has one owner, the connection that put or took it. Take is refused
// while the owner lives, and waits while it is dying: until every thread of it is gone, a system
// call of it may still write, and what the successor repeats must come after that.
//
// The keeper does nothing by itself, so there is nothing in it to fail or to be upgraded often. It
// ends when it holds nothing and nobody is connected.
package keeper
