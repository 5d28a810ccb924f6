// Package uring is an io_uring of Linux and the one thread that owns it: operations on
// files, and descriptors that are watched, end in calls of Go functions in that thread.
//
//	any goroutine ── Do, Post ──► queue ─► thread: submit and wait, in one system call
//	                                         │
//	                Op.Done, Watch.ready ◄───┘  in groups, between Before and After
//
// What a data path costs is the changes from thread to thread, more than the I/O (block-device
// 1). So everything of a resource that is worth it comes together in one thread: requests of
// the kernel, disks, sockets. The thread sleeps in the ring, or asks it for a moment (see poll.go). It is a
// thread of its own, beside the scheduler of the runtime, which would wake others whenever
// something happens.
//
// Memory that an operation names has to stay where it is, and referenced, until Done: the kernel
// knows addresses, the garbage collector does not know the kernel. The Thread refers to the Op, and the Op to
// its memory; what is reachable from the heap is neither freed nor moved.
//
// Functions that the thread calls must not block: everything else of the resource waits meanwhile.
package uring
