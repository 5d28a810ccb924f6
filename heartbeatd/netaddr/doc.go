// Package netaddr puts service addresses on interfaces and tells the neighbours
// about them.
//
// Three mechanisms, none of which knows the rules of the cluster:
//   - Add, Del, List, Held: addresses on interfaces, over netlink.
//   - Find: which interface an address belongs on, by the routing table, as the
//     tool findif of the resource agents does.
//   - Announce, AnnounceAll and the Announcer: gratuitous ARP and unsolicited
//     neighbour advertisements, so that the neighbours' caches point at this
//     node at once when an address has moved here.
//
// Every function works in the network namespace of the calling thread. Only the
// Announcer has a goroutine.
package netaddr
