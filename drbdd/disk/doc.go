// Package disk is the backing device of a replica: a block device or a file.
//
// A Disk is a blockdev.Backend: requests are carried out with direct I/O, so that what
// is acknowledged is in the device and not in the page cache. Flushes that wait are served
// together, with one fdatasync. It is also an io.ReaderAt, io.WriterAt and Sync for metadata.
//
//	Submit ─► ring:    read, write (RWF_DSYNC), fdatasync, fallocate; one thread reaps them
//	       or threads: queue ─► workers: pread, pwrite, fallocate
//	                   queue ─► flusher: fdatasync for all that wait
//
// The ring (an io_uring, package uring) takes a fifth of the processor time of the
// threads for small requests at depth 32 (block-device 1). Threads work on any kernel, and where
// io_uring is forbidden.
//
// Errors are errnos, as the kernel gave them. A short read or write is EIO: it means
// that the device is smaller than it said.
package disk
