package state

import "classicha/drbdd/wire"

// Fencing is the policy of disk option fencing (section 15). The order matters.
type Fencing uint8

// Fencing policies.
const (
	DontCare Fencing = iota
	ResourceOnly
	ResourceAndStonith
)

// Env is what the rules ask for besides the states.
type Env struct {
	TwoPrimaries bool // allow-two-primaries
	// Fencing is DontCare while the volume has no disk: it is an option of the disk.
	Fencing         Fencing
	SuspendOnNoData bool // on-no-data-accessible suspend-io
	Open            bool // the device is held open
	// OtherVolumePeerPrimary: the peer is Primary in another volume.
	OtherVolumePeerPrimary bool
	VerifyAlg              bool // there is a verify-alg
	Version                int  // agreed protocol version
	// StateSent: P_STATE of the handshake was sent, the peer's was not processed yet
	// (section 1.3).
	StateSent bool
	// IgnoreOutdate drops the wish for Outdated where the disk is less than that. It
	// is for connection-wide requests of the peer (section 10.3).
	IgnoreOutdate bool
	// PeerMayBeGood: the peer was told that it has everything of a resync. If the
	// connection is lost now it may call its disk good, though it did not say so yet.
	PeerMayBeGood bool

	// ExposedUUID is of the data that the application has seen, CurrentUUID the
	// disk's. AttachDisk and AttachPDisk are the states remembered at attach, to be
	// taken when the connection is lost while Negotiating.
	ExposedUUID, CurrentUUID uint64
	AttachDisk, AttachPDisk  wire.DiskState
}
