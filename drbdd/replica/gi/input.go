package gi

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// Input is what the decision about a resync looks at (section 11.2).
type Input struct {
	Self metadata.UUIDs
	Peer wire.UUIDs // as received: with its dirty bits and flags
	// SelfCrashed is the runtime flag CRASHED_PRIMARY.
	SelfCrashed bool
	// Roles now; in a second pass after a demotion the ones of the first.
	SelfPrimary, PeerPrimary bool
	Dialect                  wire.Dialect
	Resolve                  bool // RESOLVE_CONFLICTS

	// Disk is the own disk's state, AttachDisk the one remembered at attach, which
	// counts while Disk is Negotiating. PeerDisk is the real one (section 10.5, 1).
	Disk, AttachDisk, PeerDisk wire.DiskState
	// CommBits is the number of dirty bits that was told to the peer with the own
	// P_UUIDS, Bits the number now.
	CommBits, Bits uint64

	AfterSB       [3]wire.Policy // by number of primaries
	AlwaysASBP    bool
	RRConflict    RRConflict
	DiscardMyData bool // own option; the peer's is flag 1 of its P_UUIDS
	DryRun        bool // own option --tentative, or flag 2 of the peer's P_PROTOCOL

	// TriedDemote and Demoted tell a second pass how the demotion went that the
	// first one asked for.
	TriedDemote, Demoted bool
}

// Level of a line in the log.
type Level uint8

// Levels, as those of the kernel's log.
const (
	Debug Level = iota
	Info
	Notice
	Warn
	Error
	Alert
)

// Step is one thing to do on the way to the decision: a line for the log or, if
// Handler is set, a helper to run and wait for.
type Step struct {
	Level   Level
	Text    string
	Handler string
}

// Decision is what both nodes do next. The steps come first, in their order.
type Decision struct {
	Steps []Step
	// NeedDemotion: nothing is decided yet. Demote this node, and call Decide again
	// with TriedDemote and all else the same. Its steps continue the ones here.
	NeedDemotion bool
	// OK tells that Conn is to be entered: WFBitMapS, WFBitMapT or Connected. Else
	// the handshake failed (section 10.5, 7).
	OK   bool
	Conn wire.ConnState
	// DryRun: it failed because it was only tried.
	DryRun bool
	// FullSync: set all bits and write the bitmap first.
	FullSync bool
	// Compare is the outcome of the comparison, and the sets that were corrected;
	// the correction stands even if the handshake fails.
	Compare CompareResult
}
