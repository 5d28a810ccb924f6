// Package meet decides how two nodes find each other (sections 1.2, 4 and 5 of the
// specification drbd-wire): which TCP connection becomes the data socket and which
// the meta socket when both nodes connect at the same time, then the features and
// the authentication. It is pure: events and the time in, actions out.
//
//	connecting --connected--> waiting --first packet--> settling
//	    ^  ^                     |                         | both alive
//	    |  +------ timeout ------+                         v
//	    +---------------- one of them is dead      features -> challenge -> response
//
// A Machine is one attempt. It ends with Established, Retry or GiveUp as its last
// action, and both nodes keep these promises to each other:
//
//   - a socket is used only if both of its ends took it for the same: what was taken
//     for something else is closed, and the pause called settling is there to see it;
//   - the node that accepted the meta socket has ResolveConflicts, the other has not.
//
// In one thing the order differs from the kernel's: an incoming connection does not
// wait in a backlog while an outgoing attempt hangs or the sockets settle, but is
// taken at once. So a firewall that swallows our attempts costs no time, and two meta
// sockets that cross are noticed here even if the peer does not look at its backlog
// before it is content. Without that, both nodes may use different meta sockets for a
// moment.
package meet
