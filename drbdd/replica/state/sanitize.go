package state

import "classicha/drbdd/wire"

// Warnings of Sanitize. Those about an upgraded disk tell of a request that did
// not fit the connection state, which the kernel logs too.
const (
	WarnResyncAborted   = "Resync aborted."
	WarnVerifyAborted   = "Online-verify aborted."
	WarnLostNegotiating = "Connection lost while negotiating, no data!"
	WarnUpgradedDisk    = "Implicitly upgraded disk"
	WarnUpgradedPDisk   = "Implicitly upgraded pdsk"
)

// limits are the disk states that fit a connection state.
type limits struct{ diskMin, diskMax, pdiskMin, pdiskMax wire.DiskState }

// limitsOf is the table of section 10.3, step 6.
func limitsOf(c wire.ConnState) limits {
	switch c {
	case wire.WFBitMapT, wire.PausedSyncT, wire.StartingSyncT, wire.WFSyncUUID, wire.Behind:
		return limits{wire.Inconsistent, wire.Outdated, wire.UpToDate, wire.UpToDate}
	case wire.VerifyS, wire.VerifyT:
		return limits{wire.UpToDate, wire.UpToDate, wire.UpToDate, wire.UpToDate}
	case wire.Connected:
		return limits{wire.Diskless, wire.UpToDate, wire.Diskless, wire.UpToDate}
	case wire.WFBitMapS, wire.PausedSyncS, wire.StartingSyncS, wire.Ahead:
		return limits{wire.UpToDate, wire.UpToDate, wire.Inconsistent, wire.Consistent}
	case wire.SyncTarget:
		return limits{wire.Inconsistent, wire.Inconsistent, wire.UpToDate, wire.UpToDate}
	case wire.SyncSource:
		return limits{wire.UpToDate, wire.UpToDate, wire.Inconsistent, wire.Inconsistent}
	}
	return limits{wire.Diskless, wire.UpToDate, wire.Inconsistent, wire.DUnknown}
}

// clamp fits the disks to the connection state.
func (s *State) clamp() (warn string) {
	l := limitsOf(s.Conn)
	if s.Disk < l.diskMin {
		warn = WarnUpgradedDisk
	}
	if s.PDisk < l.pdiskMin {
		warn = WarnUpgradedPDisk
	}
	s.Disk = min(max(s.Disk, l.diskMin), l.diskMax)
	s.PDisk = min(max(s.PDisk, l.pdiskMin), l.pdiskMax)
	return warn
}

// known is a state of the data that vanishes when both nodes talk to each other.
func known(d wire.DiskState) wire.DiskState {
	if d == wire.Consistent || d == wire.Outdated {
		return wire.UpToDate
	}
	return d
}

// compared is what a disk is worth once it met the other one. Against a node
// without a disk nothing is found out. But a Primary without one goes on with the
// peer's data, after a look at its generation; the peer hears of that in the next
// P_STATE.
func compared(d, other wire.DiskState, primary bool) wire.DiskState {
	if other <= wire.Failed && (d == wire.Outdated || !primary) {
		return d
	}
	return known(d)
}

// attached: a disk is there that was not.
func attached(before, now wire.DiskState) bool {
	return before <= wire.Negotiating && now > wire.Negotiating
}

// unfenced: a Primary whose peer may have the data and cannot be asked.
func (s State) unfenced() bool {
	return s.Role == wire.Primary && s.Conn < wire.Connected && s.PDisk > wire.Outdated
}

// noData: a Primary without access to good data.
func (s State) noData() bool {
	return s.Role == wire.Primary && s.Disk < wire.UpToDate && s.PDisk < wire.UpToDate
}

// Sanitize carries out what the words of the wish ns imply for each other
// (section 10.3, steps in that order). warn is empty or the last thing that is
// worth a line in the log, if the change is made.
func Sanitize(os, ns State, env Env) (_ State, warn string) {
	if ns.Conn < wire.Connected {
		ns.PeerISP, ns.Peer = false, wire.RoleUnknown
		if ns.PDisk > wire.DUnknown || ns.PDisk < wire.Inconsistent || env.PeerMayBeGood && ns.PDisk == wire.Inconsistent && os.Conn >= wire.Connected {
			ns.PDisk = wire.DUnknown
		}
	}
	if ns.Conn == wire.StandAlone && ns.Disk == wire.Diskless && ns.Role == wire.Secondary {
		ns.AftrISP = false
	}
	if ns.Conn > wire.Connected && (ns.Disk <= wire.Failed || ns.PDisk <= wire.Failed) {
		warn = WarnResyncAborted
		if ns.Conn == wire.VerifyS || ns.Conn == wire.VerifyT {
			warn = WarnVerifyAborted
		}
		ns.Conn = wire.Connected
	}
	if ns.Conn < wire.Connected && ns.Disk == wire.Negotiating {
		if env.ExposedUUID == env.CurrentUUID {
			ns.Disk, ns.PDisk = env.AttachDisk, env.AttachPDisk
		} else {
			ns.Disk, ns.PDisk, warn = wire.Diskless, wire.DUnknown, WarnLostNegotiating
		}
	}
	// Nodes that meet know after the handshake that a disk is good. The original
	// says so whenever they are connected, and so takes old data for good when a
	// resync is broken off because its source lost the disk; here only what was not
	// known before becomes known.
	if ns.Conn >= wire.Connected && ns.Conn < wire.Ahead {
		disk, pdisk := ns.Disk, ns.PDisk
		// An attach on either side compares both: the other disk had met none before.
		met := os.Conn < wire.Connected || ns.Conn == wire.Connected && (attached(os.Disk, disk) || attached(os.PDisk, pdisk))
		if met || os.Disk <= wire.Negotiating {
			ns.Disk = compared(disk, pdisk, false)
		}
		if met || os.PDisk <= wire.Negotiating {
			ns.PDisk = compared(pdisk, disk, ns.Role == wire.Primary)
		} else if ns.Conn == wire.Connected && os.Conn > wire.Connected && ns.PDisk == wire.Consistent {
			ns.PDisk = wire.Outdated
		}
	}
	if w := ns.clamp(); w != "" {
		warn = w
	}
	if env.Fencing == ResourceAndStonith && ns.unfenced() && !os.unfenced() {
		ns.SuspFen = true
	}
	if env.SuspendOnNoData && ns.noData() && !os.noData() {
		ns.SuspNod = true
	}
	if c := pausedConn(ns.Conn, ns.Paused()); c != ns.Conn {
		ns.Conn = c
		// A resync runs only on Inconsistent data. The pause is entered from a running
		// resync or through section 13, so that the disk is Inconsistent already; a
		// state made by hand may not be, and SyncTarget must not pass for Outdated.
		if w := ns.clamp(); w != "" {
			warn = w
		}
	}
	return ns, warn
}

// pausedConn is step 9: the connection state of a resync, running or paused.
func pausedConn(c wire.ConnState, paused bool) wire.ConnState {
	switch {
	case paused && c == wire.SyncSource:
		return wire.PausedSyncS
	case paused && c == wire.SyncTarget:
		return wire.PausedSyncT
	case !paused && c == wire.PausedSyncS:
		return wire.SyncSource
	case !paused && c == wire.PausedSyncT:
		return wire.SyncTarget
	}
	return c
}
