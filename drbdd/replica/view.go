package replica

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// View is what a resource looks like: the one model behind status, events,
// /proc/drbd and get-gi. It is a copy.
type View struct {
	Name string
	// Net is set while there is a network configuration.
	Net *NetView
	// Conn is the state of the connection as such: WFReportParams stands for an
	// established one, whose volumes have states of their own. Role and Peer are the
	// highest of the volumes.
	Conn    wire.ConnState
	Role    wire.Role
	Peer    wire.Role
	Susp    bool // suspended by the user
	SuspNod bool // no data accessible
	SuspFen bool // fencing under way
	Volumes []VolumeView
}

// NetView describes the connection.
type NetView struct {
	Options   NetOptions
	Dialect   wire.Dialect // zero while not connected
	Congested bool
}

// VolumeView describes a volume.
type VolumeView struct {
	Vol, Minor int
	Role, Peer wire.Role
	Conn       wire.ConnState
	Disk, Pdsk wire.DiskState
	AftrISP    bool   // paused by resync-after
	PeerISP    bool   // by the peer
	UserISP    bool   // by the user
	Size       uint64 // sectors, 0 = not known
	MaxIO      uint32 // bytes of the largest read or write
	CanDiscard bool

	Exposed uint64 // UUID of the data that applications have seen, also those that wait since a predecessor; 1: only the own disk is sure to have it
	Waits   bool   // applications wait for the end of a restart

	HasDisk         bool // a backing device is attached (metadata below is valid)
	Options         DiskOptions
	UUIDs           metadata.UUIDs
	Flags           metadata.Flags
	Super           metadata.Superblock
	Degraded        bool // USE_DEGR_WFC_T (drbd-metadata 6)
	PeerWasOutdated bool // at attach: outdated-wfc-timeout applies

	Counters Counters
	OOS      uint64 // out of sync, in bits
	Progress *Progress
	// ALSuspended, NetCongested and so on are the flags 5 and 6 of /proc/drbd.
	DiskCongested, NetCongested, ALCongested, ALSuspended bool
	// WriteOrdering is 'f' flush, 'd' drain, 'n' none.
	WriteOrdering byte
}

// Counters of /proc/drbd (drbd-cli 5.1). Those named KiB count since the volume
// was made.
type Counters struct {
	SentKiB, RecvKiB     uint64 // ns, nr
	WrittenKiB, ReadKiB  uint64 // dw, dr
	ALWrites, BMWrites   uint64 // al, bm
	Local, Pending       int    // lo, pe
	Unacked, Application int    // ua, ap
	Epochs               int    // ep
}

// Progress of a resync or verify.
type Progress struct {
	Verify  bool
	Total   uint64 // bits at the start
	Left    uint64 // bits
	Failed  uint64 // bits
	Started time.Time
	Paused  time.Duration
	// Marks are the amounts left at former times, about 3 s apart, oldest first; the
	// speed of the last 18 s comes from them.
	Marks []Mark
	Now   time.Time
	Want  uint64 // KiB/s, 0 where it is not shown
}

// Mark is what was left at a time.
type Mark struct {
	At   time.Time
	Left uint64 // bits
}
