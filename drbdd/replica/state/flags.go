package state

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// MetaFlags are the flags of the super block for state s (drbd-metadata 2).
// crashed tells that the node was a crashed Primary and has not seen its peer
// since. Without an attached disk the flags stay; AL_CLEAN is dropped, because
// from now on the activity log may be used.
func MetaFlags(old metadata.Flags, s State, crashed bool) metadata.Flags {
	if s.Disk < wire.Inconsistent {
		return old
	}
	f := old &^ metadata.ALClean
	set := func(flag metadata.Flags, on bool) {
		if f &^= flag; on {
			f |= flag
		}
	}
	set(metadata.CrashedPrimary, crashed)
	set(metadata.PrimaryInd, s.Role == wire.Primary || s.Peer == wire.Primary && s.PDisk < wire.Inconsistent)
	set(metadata.ConnectedInd, s.Conn > wire.WFReportParams)
	set(metadata.Consistent, s.Disk > wire.Inconsistent)
	set(metadata.WasUpToDate, s.Disk > wire.Outdated)
	set(metadata.PeerOutdated, s.PDisk >= wire.Inconsistent && s.PDisk <= wire.Outdated)
	return f
}
