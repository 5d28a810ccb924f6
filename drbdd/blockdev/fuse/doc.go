// Package fuse makes a block device of a backend on a stock kernel: a server for exactly one
// file over /dev/fuse, a loop device with direct I/O on that file, and a node like /dev/drbd0
// with the loop device's number.
//
//	application ─ /dev/drbd0 = loop device ─ file ─ /dev/fuse ─► session ─► backend
//	                                                    ▲              │
//	                                                    └── answers ◄──┘ any order
//
// The file is a mount on a regular file: there is no directory and no name to look up, node 1
// is the disk. What was measured and what the kernel sends: block-device 1 to 3.
//
// The device outlives the process (block-device 4): a keeper (package keeper) holds copies of the
// two descriptors. When the server is killed, I/O waits; a successor gets the descriptors,
// asks the kernel for the unanswered requests once more and goes on. Requests may so be carried
// out twice; that is harmless, for a write that was not answered has no content that anybody may rely on.
// Without a keeper, or before Linux 6.9, the end of the process ends every I/O with EIO.
//
// Who owns what: the Device owns mount, loop device and node; the session owns the
// descriptor of /dev/fuse and the requests. One goroutine reads requests; answers are
// written by whoever completes them.
package fuse
