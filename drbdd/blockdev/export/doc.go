// Package export offers a backend as an NBD server on a unix socket: for QEMU, nbdcopy, the
// kernel's nbd client, and for tests.
//
// Fixed newstyle negotiation with NBD_OPT_EXPORT_NAME, ABORT, LIST, INFO, GO and STRUCTURED_REPLY;
// READ, WRITE, FLUSH, TRIM, WRITE_ZEROES with FUA, many requests in flight, answers in the order of
// completion. No TLS: who may connect is decided by the socket's place and mode.
//
//	socket ─► reader: header, payload ─► backend ─► Done ─► outbox ─► writer ─► socket
//	                 └ waits for a slot and a buffer of the connection's own pool
//
// A connection has its own buffers, its own bound of requests and its own deadlines. A client
// that stalls, floods or sends garbage costs its connection and one line of log, and nothing else.
//
// Section numbers do not exist in the NBD protocol text; names of its constants are used as they are there.
package export
