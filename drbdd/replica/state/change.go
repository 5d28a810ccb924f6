package state

import "classicha/drbdd/wire"

// Change is a request: the bits under Mask are to become those of Val. The zero
// Change changes nothing.
type Change struct{ Mask, Val wire.State }

// The constructors name one field each; Join makes one request of them.
func SetRole(r wire.Role) Change       { return Change{wire.RoleMask, wire.State(0).WithRole(r)} }
func SetPeer(r wire.Role) Change       { return Change{wire.PeerMask, wire.State(0).WithPeer(r)} }
func SetConn(c wire.ConnState) Change  { return Change{wire.ConnMask, wire.State(0).WithConn(c)} }
func SetDisk(d wire.DiskState) Change  { return Change{wire.DiskMask, wire.State(0).WithDisk(d)} }
func SetPDisk(d wire.DiskState) Change { return Change{wire.PdskMask, wire.State(0).WithPdsk(d)} }
func SetSusp(on bool) Change           { return SetFlag(wire.SuspUser, on) }
func SetAftrISP(on bool) Change        { return SetFlag(wire.AftrISP, on) }
func SetPeerISP(on bool) Change        { return SetFlag(wire.PeerISP, on) }
func SetUserISP(on bool) Change        { return SetFlag(wire.UserISP, on) }
func SetSuspNod(on bool) Change        { return SetFlag(wire.SuspNod, on) }
func SetSuspFen(on bool) Change        { return SetFlag(wire.SuspFen, on) }

// SetFlag sets or clears flags of the state word.
func SetFlag(f wire.State, on bool) Change { return Change{f, wire.State(0).With(f, on)} }

// SetAll asks for exactly s.
func SetAll(s State) Change { return Change{Known, s.Word()} }

// Join is all of the changes at once. Where two name the same field the later
// one counts.
func Join(changes ...Change) (j Change) {
	for _, c := range changes {
		j.Mask, j.Val = j.Mask|c.Mask, j.Val&^c.Mask|c.Val&c.Mask
	}
	return j
}

// Apply is os with the bits of the change, not sanitized. Bits of Val outside
// Mask do not count.
func Apply(os State, c Change) State {
	return FromWord(os.Word()&^c.Mask | c.Val&c.Mask)
}

// Convert is a request of the peer seen from here (section 10.4). The flags of
// the peer that have no meaning here are left out: what the peer's I/O or user
// waits for is not this node's business, except as peer_isp.
func Convert(c Change) Change {
	const mine = wire.RoleMask | wire.PeerMask | wire.ConnMask | wire.DiskMask | wire.PdskMask | wire.PeerISP
	return Change{c.Mask.Converted() & mine, c.Val.Converted() & mine}
}

// NeedsPeer tells that the peer has to agree to the change first ("cluster-wide
// changes", section 10.3).
func NeedsPeer(os, ns State) bool {
	if os.Conn < wire.Connected {
		return false
	}
	becomes := func(c wire.ConnState) bool { return os.Conn != c && ns.Conn == c }
	switch {
	case ns.Conn == wire.Disconnecting:
		return true
	case os.Conn == wire.Connected && (ns.Conn == wire.VerifyS || ns.Conn == wire.WFReportParams):
		return true
	case ns.Conn < wire.Connected:
		return false
	}
	return os.Role != wire.Primary && ns.Role == wire.Primary ||
		becomes(wire.StartingSyncS) || becomes(wire.StartingSyncT) ||
		os.Disk != wire.Failed && ns.Disk == wire.Failed
}
