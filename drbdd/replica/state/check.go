package state

import "classicha/drbdd/wire"

// CheckAlways holds for facts too (section 10.3, "always checked"): the ways from
// one connection state to another, that a disk that is gone cannot fail, and that
// it comes back by an attach only: it may have failed while the peer was asked
// whether it shall be good. The result is wire.Success or an error.
func CheckAlways(os, ns State) wire.Result {
	switch {
	case os.Disk == wire.Diskless && ns.Disk >= wire.Failed:
		return wire.IsDiskless
	case os.Disk == wire.Failed && ns.Disk > wire.Failed:
		// It is being left. The original lets outdate make it UpToDate while connected.
		return wire.LowerThanOutdated
	}
	oc, nc := os.Conn, ns.Conn
	switch {
	case oc == nc:
	case oc == wire.StandAlone && nc == wire.Disconnecting:
		return wire.AlreadyStandAlone
	case oc == wire.StandAlone && nc != wire.Unconnected:
		return wire.NeedConnection
	case oc < wire.WFReportParams && nc >= wire.Connected:
		return wire.NeedConnection
	case oc >= wire.Timeout && oc <= wire.TearDown && nc != wire.Unconnected && nc != wire.Disconnecting:
		return wire.InTransientState
	case oc == wire.Disconnecting && nc != wire.StandAlone:
		return wire.InTransientState
	}
	return wire.Success
}

func verify(c wire.ConnState) bool   { return c == wire.VerifyS || c == wire.VerifyT }
func starting(c wire.ConnState) bool { return c == wire.StartingSyncS || c == wire.StartingSyncT }

// CheckValid is whether a wish may lead to s (section 10.3, "state validity"):
// the first rule that is violated counts.
func CheckValid(s State, env Env) wire.Result {
	primary, offline, busy := s.Role == wire.Primary, s.Conn < wire.Connected, s.Conn > wire.Connected
	alone := primary && !env.TwoPrimaries
	switch {
	case alone && s.Peer == wire.Primary: // 1
		return wire.TwoPrimaries
	case alone && env.OtherVolumePeerPrimary:
		return wire.OtherVolPrimary
	case s.Role == wire.Secondary && env.Open: // 2
		return wire.DeviceInUse
	case primary && offline && s.Disk < wire.UpToDate: // 3
		return wire.NoUpToDateDisk
	case env.Fencing >= ResourceOnly && primary && offline && s.PDisk >= wire.DUnknown: // 4
		return wire.PrimaryNop
	case primary && s.Disk <= wire.Inconsistent && s.PDisk <= wire.Inconsistent: // 5
		return wire.NoUpToDateDisk
	case busy && s.Disk < wire.Inconsistent: // 6
		return wire.NoLocalDisk
	case busy && s.PDisk < wire.Inconsistent: // 7
		return wire.NoRemoteDisk
	case busy && s.Disk < wire.UpToDate && s.PDisk < wire.UpToDate: // 8
		return wire.NoUpToDateDisk
	case s.Disk == wire.Outdated && (s.Conn == wire.Connected || s.Conn == wire.WFBitMapS ||
		s.Conn == wire.SyncSource || s.Conn == wire.PausedSyncS): // 9
		return wire.ConnectedOutdates
	case verify(s.Conn) && !env.VerifyAlg: // 10
		return wire.NoVerifyAlg
	case verify(s.Conn) && env.Version < 88:
		return wire.NotSupported
	case s.noData(): // 11
		return wire.NoUpToDateDisk
	case starting(s.Conn) && s.PDisk == wire.DUnknown: // 12
		return wire.NeedConnection
	case !offline && s.PDisk == wire.DUnknown: // 13
		return wire.ConnectedOutdates
	}
	return wire.Success
}

// CheckTransition is whether a wish may lead from os to ns (section 10.3,
// "transition checks"): the last rule that is violated counts. InTransientState
// makes the requester wait for the next change of state and try again.
func CheckTransition(os, ns State, env Env) wire.Result {
	promotion := os.Role != wire.Primary && ns.Role == wire.Primary
	handshake := os.Conn == wire.WFConnection && ns.Conn == wire.WFReportParams ||
		os.Conn == wire.WFReportParams && ns.Conn >= wire.Connected
	rc := wire.Success
	for _, rule := range [...]struct {
		violated bool
		rc       wire.Result
	}{
		{starting(ns.Conn) && os.Conn > wire.Connected, wire.ResyncRunning},
		{ns.Conn == wire.Disconnecting && os.Conn == wire.StandAlone, wire.AlreadyStandAlone},
		{ns.Disk > wire.Attaching && os.Disk == wire.Diskless, wire.IsDiskless},
		{ns.Conn == wire.WFConnection && os.Conn < wire.Unconnected, wire.NoNetConfig},
		{ns.Disk == wire.Outdated && os.Disk < wire.Outdated && os.Disk != wire.Attaching, wire.LowerThanOutdated},
		{ns.Conn == wire.Disconnecting && os.Conn == wire.Unconnected, wire.InTransientState},
		{env.StateSent && !handshake, wire.InTransientState},
		// A forced promotion of the peer's is about to make a resync target of us.
		{promotion && ns.PDisk == wire.UpToDate && ns.Disk != wire.UpToDate && ns.Disk != wire.Diskless &&
			(ns.Conn <= wire.WFSyncUUID || ns.Conn != os.Conn), wire.InTransientState},
		{verify(ns.Conn) && os.Conn < wire.Connected, wire.NeedConnection},
		{verify(ns.Conn) && ns.Conn != os.Conn && os.Conn > wire.Connected, wire.ResyncRunning},
		{starting(ns.Conn) && os.Conn < wire.Connected, wire.NeedConnection},
		{(ns.Conn == wire.SyncSource || ns.Conn == wire.SyncTarget) && os.Conn < wire.WFReportParams, wire.NeedConnection},
		{ns.Conn == wire.Disconnecting && ns.PDisk == wire.Outdated && os.Conn < wire.Connected && os.PDisk > wire.Outdated,
			wire.OutdateWoConn},
	} {
		if rule.violated {
			rc = rule.rc
		}
	}
	return rc
}
