// Package replica decides: one resource of two mirrored nodes, with its roles,
// connection and disks, in the protocol of DRBD 8.4. It is pure. What happens
// goes in as events, what is to be done comes out as actions:
//
//	application ──Request──►┌─────────┐──Disk──► backing device   ──DiskDone──►
//	peer ────────Packet────►│ Resource│──Meta──► metadata device  ──MetaDone──►
//	commands ────Command───►│  Step   │──Send──► peer
//	clock ───────Tick──────►└─────────┘──Complete, Reply, Log, RunHandler
//
// Rules between the core and its shell:
//
//   - Events are stepped through one after the other; actions are carried out in
//     the order in which they were returned. Disk actions may overtake each
//     other, Meta actions of one volume may not (the core has one under way),
//     Send actions of one socket must not.
//   - Payload never enters the core. It is known by a Buf, a number that the
//     shell gives. A Buf in an event belongs to the core until it names it in
//     Free, or completes the request it came with. The shell keeps the memory for
//     as long as a Disk or Send action that names it is under way.
//   - A Disk or Meta action that was returned is answered exactly once, whatever
//     becomes of connection and disk.
//   - After Down or GiveUp nothing of that connection comes any more; Up begins
//     the next one. Packets and Sent carry no trace of earlier ones.
//
// Sectors have 512 bytes, bits stand for 4096 bytes of storage. Sections named
// in comments are those of the specification drbd-wire unless said otherwise.
package replica
