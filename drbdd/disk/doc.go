// Package disk is the backing device of a replica: a block device or a file.
//
// A Disk is a blockdev.Backend: requests are carried out by a fixed number of workers
// with direct I/O, so that what is acknowledged is in the device and not in the page
// cache. Flushes have a goroutine of their own that serves all that wait with one
// fdatasync. It is also an io.ReaderAt, io.WriterAt and Sync for metadata.
//
//	Submit ─► engine: queue ─► workers: pread, pwrite(RWF_DSYNC), fallocate
//	                  queue ─► flusher: fdatasync for all that wait
//
// The engine is an interface of this package: another way to reach the kernel (a ring)
// takes its place without a change for users.
//
// Errors are errnos, as the kernel gave them. A short read or write is EIO: it means
// that the device is smaller than it said.
package disk
