// Package size is the arithmetic of two nodes that agree on the size of a device
// (drbd-wire 8). It is pure. All sizes are in sectors; 0 is not known, not set or
// diskless.
package size

import (
	"fmt"

	"classicha/drbdd/wire"
)

// Limits are what an agreed size comes from.
type Limits struct {
	Own  uint64 // the most that the own backing device can provide
	Peer uint64 // the peer's, d_size of its P_SIZES
	Last uint64 // la_size of the super block
	User uint64 // option size
}

// Agreed is the size of the device (section 8.1). complaint is a line for the log
// if the option size is more than that and therefore ignored.
func Agreed(l Limits) (sectors uint64, complaint string) {
	switch {
	case l.Own != 0 && l.Peer != 0:
		sectors = min(l.Own, l.Peer)
	case l.Last != 0:
		sectors = minSet(l.Last, minSet(l.Own, l.Peer))
	default:
		sectors = minSet(l.Own, l.Peer)
	}
	if l.User > sectors {
		return sectors, fmt.Sprintf("Requested disk size is too big (%d > %d)", l.User/2, sectors/2)
	}
	if l.User != 0 {
		sectors = l.User
	}
	return sectors, ""
}

// Forced is for a resize that the user forces while there is no connection: the
// peer is trusted to have as much room.
func (l Limits) Forced() Limits {
	l.Peer = l.Own
	return l
}

// minSet is the smaller of those that are set.
func minSet(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// User is the option size that counts after the peer's P_SIZES (section 8, step
// 2): in the handshake the smaller one, later the peer's, who was told to resize.
func User(own, peer uint64, conn wire.ConnState) uint64 {
	if conn == wire.WFReportParams {
		return minSet(own, peer)
	}
	return peer
}

// Names of sizes for Considerable.
const (
	LowerLevel    = "lower level device sizes"
	UserRequested = "user requested size"
)

// Considerable is a warning for two sizes of which one is more than an eighth
// away from the other, or empty. The peer's comes first in it.
func Considerable(what string, own, peer uint64) string {
	d := max(own, peer) - min(own, peer)
	if own == 0 || peer == 0 || d <= min(own, peer)/8 {
		return ""
	}
	return fmt.Sprintf("Considerable difference in %s: %ds vs. %ds", what, peer, own)
}

// TooSmall is why a node with usable data does not take over a size that the peer
// would make smaller (section 8, step 3), or empty. Connected nodes may shrink.
func TooSmall(agreed, current uint64, conn wire.ConnState, disk, pdisk wire.DiskState) string {
	if agreed >= current || disk < wire.Outdated || conn >= wire.Connected && pdisk != wire.Diskless {
		return ""
	}
	return fmt.Sprintf("The peer's disk size is too small! (%d < %d sectors)", agreed, current)
}

// Diskless is what a node without a disk makes of the peer's P_SIZES: the size to
// take over, 0 for none. warning is a line for the log. refusal is one too, and
// the connection has to be given up: an application works with more than that.
func Diskless(p wire.Sizes, current uint64, primary bool) (sectors uint64, warning, refusal string) {
	sectors = p.DSize
	if p.USize != 0 {
		sectors = p.USize
	}
	if p.CSize != 0 {
		sectors = p.CSize
	}
	switch {
	case sectors == 0:
		return 0, "", ""
	case current != 0 && p.DSize == 0:
		return 0, fmt.Sprintf("Ignored diskless peer device size (peer:%d != me:%d sectors)!", sectors, current), ""
	case sectors < current && primary:
		return 0, "", fmt.Sprintf("The peer's device size is too small! (%d < %d sectors); demote me first!", sectors, current)
	}
	return sectors, "", ""
}
