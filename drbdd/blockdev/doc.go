// Package blockdev is how block requests travel: from a front end that applications
// reach (fuse with a loop device, NBD on a unix socket) to the backend that carries
// them out (the replication loop, a disk, memory), and back.
//
//	application ── front end ── Submit(*Request) ──► backend
//	                    ▲                                │
//	                    └────────── Complete(err) ◄──────┘   any order, any goroutine
//
// Rules that both sides keep:
//
//   - A request has one owner. Submit gives it, with its buffer, to the backend;
//     Complete gives both back. Complete is called exactly once for each Submit.
//   - Submit does not wait for I/O, and Complete does not wait for anything: each may be
//     called from a loop that must go on. Neither may be called with a lock held that the
//     other side's call takes.
//   - Requests in flight have no order. A flush covers the writes that were completed before
//     it was submitted; FUA covers its own write. Whoever wants more waits.
//   - Front ends bound what is in flight: each Request comes from their own bounded
//     set, each Buffer from a bounded Pool. Queues of requests therefore need no other bound.
//   - Ends: the front end closes first. It takes no new request (Gate.Close), waits until
//     every submitted one was completed (Gate.Drain), and only then is the backend closed.
//     A backend that has to stop earlier completes everything with ErrShutdown; it never drops.
//   - The backend may hold requests back as long as it likes (suspended I/O); a front end has
//     no time limit of its own.
package blockdev
