package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Role of a node (section 10.1).
type Role uint8

// Roles.
const (
	RoleUnknown Role = iota
	Primary
	Secondary
)

// DiskState is the state of a disk. The order matters in the rules.
type DiskState uint8

// Disk states.
const (
	Diskless DiskState = iota
	Attaching
	Failed
	Negotiating
	Inconsistent
	Outdated
	DUnknown // of a peer only
	Consistent
	UpToDate
)

// ConnState is the state of a connection. The order matters in the rules.
type ConnState uint8

// Connection states.
const (
	StandAlone ConnState = iota
	Disconnecting
	Unconnected
	Timeout
	BrokenPipe
	NetworkFailure
	ProtocolError
	TearDown
	WFConnection
	WFReportParams
	Connected
	StartingSyncS
	StartingSyncT
	WFBitMapS
	WFBitMapT
	WFSyncUUID
	SyncSource
	SyncTarget
	VerifyS
	VerifyT
	PausedSyncS
	PausedSyncT
	Ahead
	Behind

	connMask ConnState = 31
)

var (
	roleNames = [...]string{"Unknown", "Primary", "Secondary"}
	diskNames = [...]string{
		"Diskless", "Attaching", "Failed", "Negotiating", "Inconsistent", "Outdated", "DUnknown", "Consistent", "UpToDate",
	}
	connNames = [...]string{
		"StandAlone", "Disconnecting", "Unconnected", "Timeout", "BrokenPipe", "NetworkFailure", "ProtocolError", "TearDown",
		"WFConnection", "WFReportParams", "Connected", "StartingSyncS", "StartingSyncT", "WFBitMapS", "WFBitMapT",
		"WFSyncUUID", "SyncSource", "SyncTarget", "VerifyS", "VerifyT", "PausedSyncS", "PausedSyncT", "Ahead", "Behind",
	}
)

func nameOf(names []string, kind string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func (r Role) String() string      { return nameOf(roleNames[:], "role", uint8(r)) }
func (d DiskState) String() string { return nameOf(diskNames[:], "disk", uint8(d)) }
func (c ConnState) String() string { return nameOf(connNames[:], "conn", uint8(c)) }

// State is the state word. In a request it is a mask or the values under a mask.
// Bits that have no name are kept.
type State uint32

// The flags of the state word.
const (
	SuspUser State = 1 << (17 + iota) // I/O suspended by the user
	AftrISP                           // resync paused by a dependency
	PeerISP                           // resync paused on the peer
	UserISP                           // resync paused by the user
	SuspNod                           // I/O suspended: no data
	SuspFen                           // I/O suspended: fencing
)

// Masks of the fields.
const (
	RoleMask State = 3
	PeerMask State = 3 << 2
	ConnMask State = 31 << 4
	DiskMask State = 15 << 9
	PdskMask State = 15 << 13
)

// The fields of the word.
func (s State) Role() Role       { return Role(s & 3) }
func (s State) Peer() Role       { return Role(s >> 2 & 3) }
func (s State) Conn() ConnState  { return ConnState(s >> 4 & 31) }
func (s State) Disk() DiskState  { return DiskState(s >> 9 & 15) }
func (s State) Pdsk() DiskState  { return DiskState(s >> 13 & 15) }
func (s State) Has(f State) bool { return s&f == f }

// The With methods return s with one field replaced.
func (s State) WithRole(r Role) State      { return s&^RoleMask | State(r)&3 }
func (s State) WithPeer(r Role) State      { return s&^PeerMask | State(r)&3<<2 }
func (s State) WithConn(c ConnState) State { return s&^ConnMask | State(c)&31<<4 }
func (s State) WithDisk(d DiskState) State { return s&^DiskMask | State(d)&15<<9 }
func (s State) WithPdsk(d DiskState) State { return s&^PdskMask | State(d)&15<<13 }

// With returns s with the flags of f set or cleared.
func (s State) With(f State, on bool) State {
	if on {
		return s | f
	}
	return s &^ f
}

// Converted is a peer's mask or value seen from here (section 10.4): role and peer,
// disk and peer disk change places, and connection states are mirrored.
func (s State) Converted() State {
	c := StandAlone
	switch v := s.Conn(); v {
	case Connected, WFReportParams, connMask:
		c = v
	case StartingSyncS:
		c = StartingSyncT
	case StartingSyncT:
		c = StartingSyncS
	case VerifyS:
		c = VerifyT
	case Disconnecting:
		c = TearDown
	}
	ns := s.WithRole(s.Peer()).WithPeer(s.Role()).WithDisk(s.Pdsk()).WithPdsk(s.Disk()).WithConn(c)
	return ns.With(PeerISP, s&(AftrISP|UserISP) != 0)
}

var stateFlags = [...]struct {
	bit  State
	name string
}{{SuspUser, "susp"}, {AftrISP, "aftr_isp"}, {PeerISP, "peer_isp"}, {UserISP, "user_isp"}, {SuspNod, "susp_nod"}, {SuspFen, "susp_fen"}}

// fields lists those fields that mask selects, each with a blank in front.
func (s State) fields(mask State) string {
	var b strings.Builder
	for _, f := range [...]struct {
		mask  State
		name  string
		value fmt.Stringer
	}{
		{RoleMask, "role", s.Role()}, {PeerMask, "peer", s.Peer()}, {ConnMask, "conn", s.Conn()},
		{DiskMask, "disk", s.Disk()}, {PdskMask, "pdsk", s.Pdsk()},
	} {
		if mask&f.mask != 0 {
			fmt.Fprintf(&b, " %s=%s", f.name, f.value)
		}
	}
	return b.String()
}

// String is the number and the fields; flags only where they are set.
func (s State) String() string {
	b := fmt.Sprintf("0x%08x", uint32(s)) + s.fields(^State(0))
	for _, f := range stateFlags {
		if s&f.bit != 0 {
			b += " " + f.name + "=1"
		}
	}
	return b
}

const (
	stateSize    = 4
	stateReqSize = 8
)

// StateInfo is P_STATE.
type StateInfo struct{ State State }

// Append appends the 4 bytes.
func (p StateInfo) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(p.State))
}

// ParseStateInfo reads the 4 bytes.
func ParseStateInfo(_ Dialect, b []byte) (StateInfo, error) {
	if len(b) != stateSize {
		return StateInfo{}, wrongSize(CmdState, stateSize, len(b))
	}
	return StateInfo{State(binary.BigEndian.Uint32(b))}, nil
}

func (p StateInfo) String() string { return p.State.String() }

// StateReq is P_STATE_CHG_REQ and P_CONN_ST_CHG_REQ: the new state is the old one
// with the bits of Mask replaced by those of Val. Both are as the sender sees them.
type StateReq struct{ Mask, Val State }

// Append appends the 8 bytes.
func (p StateReq) Append(b []byte) []byte {
	be := binary.BigEndian
	return be.AppendUint32(be.AppendUint32(b, uint32(p.Mask)), uint32(p.Val))
}

// ParseStateReq reads the 8 bytes.
func ParseStateReq(_ Dialect, b []byte) (StateReq, error) {
	if len(b) != stateReqSize {
		return StateReq{}, wrongSize(CmdStateChgReq, stateReqSize, len(b))
	}
	be := binary.BigEndian
	return StateReq{State(be.Uint32(b)), State(be.Uint32(b[4:]))}, nil
}

func (p StateReq) String() string {
	b := fmt.Sprintf("mask=0x%08x val=0x%08x", uint32(p.Mask), uint32(p.Val)) + p.Val.fields(p.Mask)
	for _, f := range stateFlags {
		if p.Mask&f.bit != 0 {
			b += fmt.Sprintf(" %s=%d", f.name, p.Val/f.bit&1)
		}
	}
	return b
}
