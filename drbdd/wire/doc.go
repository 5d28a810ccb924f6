// Package wire is the network protocol of DRBD 8.4, versions 86 to 101: headers,
// packets, the bitmap code, and the numbers that travel in them.
//
// The package is pure: bytes in, values out, and back. Reading a packet from a
// stream goes in three steps, since the payload belongs into a buffer of its own:
//
//	h, n, err := d.ParseHeader(b)    // kind, number, volume, length
//	plan, err := d.Plan(sock, h)     // allowed here? how many bytes of what follow
//	body, err := d.ParseBody(h, b)   // the plan.Body bytes: a struct
//
// Dialect d is what both nodes agreed on: version, features, digest. Writing is
// d.Append, or d.AppendHead when the payload is sent separately. Each struct also
// has its own Append and a Parse function, which do not allocate.
//
// Invariants: any bytes give a value or an *Error, never a panic; nothing is
// allocated by a number from the wire before that number was checked; what a
// parser accepts encodes to the same bytes, except that text fields end at their
// first NUL.
//
// Sections named in comments are those of the specification drbd-wire. Sectors
// have 512 bytes; numbers on the wire are big endian.
package wire
