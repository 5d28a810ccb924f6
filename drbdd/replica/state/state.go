package state

import (
	"fmt"

	"classicha/drbdd/wire"
)

// State is the state of a volume as this node sees it.
type State struct {
	Role, Peer  wire.Role
	Conn        wire.ConnState
	Disk, PDisk wire.DiskState
	Susp        bool // I/O suspended by the user
	AftrISP     bool // resync paused by a dependency
	PeerISP     bool // resync paused by the peer
	UserISP     bool // resync paused by the user
	SuspNod     bool // I/O suspended: no data
	SuspFen     bool // I/O suspended: the peer is being fenced
}

// Unconfigured is the state of a volume that was just made.
var Unconfigured = State{Role: wire.Secondary, Peer: wire.RoleUnknown, Conn: wire.StandAlone, Disk: wire.Diskless, PDisk: wire.DUnknown}

const flagBits = wire.SuspUser | wire.AftrISP | wire.PeerISP | wire.UserISP | wire.SuspNod | wire.SuspFen

// Known are the bits of the state word that have a meaning (section 10.1).
const Known = wire.RoleMask | wire.PeerMask | wire.ConnMask | wire.DiskMask | wire.PdskMask | flagBits

// FromWord takes the state word apart. Any word is accepted: a field may have a
// number without a name (see Legal); bits outside Known are dropped.
func FromWord(w wire.State) State {
	return State{
		Role: w.Role(), Peer: w.Peer(), Conn: w.Conn(), Disk: w.Disk(), PDisk: w.Pdsk(),
		Susp: w.Has(wire.SuspUser), AftrISP: w.Has(wire.AftrISP), PeerISP: w.Has(wire.PeerISP),
		UserISP: w.Has(wire.UserISP), SuspNod: w.Has(wire.SuspNod), SuspFen: w.Has(wire.SuspFen),
	}
}

// Word is the state as it is sent to the peer.
func (s State) Word() wire.State {
	return wire.State(0).WithRole(s.Role).WithPeer(s.Peer).WithConn(s.Conn).WithDisk(s.Disk).WithPdsk(s.PDisk).
		With(wire.SuspUser, s.Susp).With(wire.AftrISP, s.AftrISP).With(wire.PeerISP, s.PeerISP).
		With(wire.UserISP, s.UserISP).With(wire.SuspNod, s.SuspNod).With(wire.SuspFen, s.SuspFen)
}

// Legal tells that every field has a value that this node can be in. A word of
// a peer, or a request of it, may be illegal.
func (s State) Legal() bool {
	return (s.Role == wire.Primary || s.Role == wire.Secondary) && s.Peer <= wire.Secondary && s.Conn <= wire.Behind &&
		s.Disk <= wire.UpToDate && s.Disk != wire.DUnknown && s.PDisk <= wire.UpToDate
}

// Suspended tells that application I/O has to wait, for whatever reason.
func (s State) Suspended() bool { return s.Susp || s.SuspNod || s.SuspFen }

// Paused tells that a resync has to wait, for whatever reason.
func (s State) Paused() bool { return s.AftrISP || s.PeerISP || s.UserISP }

func letter(on bool, yes, no byte) byte {
	if on {
		return yes
	}
	return no
}

// Letters are the flags in the lines about a refused change: I/O suspended (s, r
// = running), resync paused by dependency (a), peer (p), user (u), I/O suspended
// by fencing (F), for lack of data (N).
func (s State) Letters() string {
	return string([]byte{
		letter(s.Suspended(), 's', 'r'), letter(s.AftrISP, 'a', '-'), letter(s.PeerISP, 'p', '-'),
		letter(s.UserISP, 'u', '-'), letter(s.SuspFen, 'F', '-'), letter(s.SuspNod, 'N', '-'),
	})
}

// String is the state as in the lines about a refused change (drbd-cli 8):
// "{ cs:WFConnection ro:Secondary/Unknown ds:Outdated/DUnknown r----- }".
func (s State) String() string {
	return fmt.Sprintf("{ cs:%s ro:%s/%s ds:%s/%s %s }", s.Conn, s.Role, s.Peer, s.Disk, s.PDisk, s.Letters())
}
