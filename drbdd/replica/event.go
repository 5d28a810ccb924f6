package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// Buf names a payload that the shell holds; 0 is none.
type Buf uint64

// Op is what is asked of a device, by an application or of the backing device.
type Op uint8

// Operations. Zero writes zeroes; with Unmap set the space may be given back.
const (
	Read Op = iota + 1
	Write
	Flush
	Discard
	Zero
)

// String is the word for logs.
func (o Op) String() string { return [...]string{"?", "READ", "WRITE", "FLUSH", "DISCARD", "ZERO"}[o] }

// Event is something that happened. Events are values; the core keeps nothing of
// their slices unless the field says so.
type Event interface{ event() }

// Request is a request of the application for a volume. Size is 0 for Flush, at
// most 1 MiB for Read and Write, at most 128 MiB for Discard and Zero. It is
// answered by Complete with its ID. IDs are unique among requests in flight and
// not 0.
type Request struct {
	Vol    int
	ID     uint64
	Op     Op
	Sector uint64
	Size   uint32 // bytes
	FUA    bool
	Unmap  bool // Zero
	Buf    Buf  // Write: the data; Read: the room for it
}

// DiskDone is the end of action Disk. Buf is what was read into when the action
// named no Buf; Digest was asked for. Zeroes tells, for an action with
// WantZeroes, that all bytes read were zero.
type DiskDone struct {
	ID     uint64
	OK     bool
	Buf    Buf
	Digest []byte
	Zeroes bool
}

// MetaDone is the end of action Meta: all its writes are stable, or not OK.
type MetaDone struct {
	ID uint64
	OK bool
}

// Up tells that both sockets to the peer are there, with features and
// authentication done: P_PROTOCOL is the next packet.
type Up struct {
	Dialect wire.Dialect
	Resolve bool // RESOLVE_CONFLICTS (1.2)
}

// Packet is a packet of the peer whose lengths were checked. Size is the number
// of bytes behind the sub-header without the digest. Payload is set for what is
// no block data (bitmaps) and valid during the Step; Buf names block data. More
// tells that another one came together with it, and is the next event of this session.
type Packet struct {
	Sock    wire.Socket
	Vol     int
	Cmd     wire.Command
	Body    wire.Body
	Buf     Buf
	Size    uint32
	Digest  []byte
	Payload []byte
	More    bool
}

// Down tells that the connection is lost: BrokenPipe, NetworkFailure,
// ProtocolError, Timeout. Line is for the log.
type Down struct {
	Cause wire.ConnState
	Line  string
}

// GiveUp tells that the connection cannot be made: the dialects do not meet,
// authentication failed, the local address cannot be used. It ends in
// StandAlone.
type GiveUp struct{ Line string }

// Stalled tells that sending on a socket made no progress for the option
// timeout. It repeats each timeout.
type Stalled struct{ Sock wire.Socket }

// Sent tells that the Send with that token was handed to the network.
type Sent struct{ Token uint64 }

// HandlerDone is the end of RunHandler.
type HandlerDone struct {
	ID   uint64
	Code int // exit code; 0 if there is no such handler
}

// Tick tells that Next is reached. Every Step may be one: it only has to come.
type Tick struct{}

// Command is something an administrator wants. It is answered by Reply with its
// ID: at once, or when it is done.
type Command struct {
	ID uint64
	Do Verb
}

// Verb is one of the commands below.
type Verb interface{ verb() }

// Commands, named as those of drbdsetup 8.4 (drbd-cli 3). What opens devices and
// reads metadata is done by the shell before.
type (
	// ResourceOptionsCmd replaces the options.
	ResourceOptionsCmd struct{ Options ResourceOptions }
	// NewMinor makes a volume.
	NewMinor struct {
		Vol, Minor int
		// Exposed is the UUID of the data that applications saw which a killed
		// predecessor left waiting (VolumeView.Exposed); 0 = none, 1 = only its own disk
		// is sure to have that data.
		Exposed uint64
	}
	// DelMinor removes a volume that has neither disk nor connection.
	DelMinor struct{ Vol int }
	// Attach gives a volume its disk, which was opened and whose metadata was
	// read: the activity log is applied and initialized on disk, Bitmap is what is
	// there for the whole of Layout.Usable; the core takes it over. If it is refused
	// the shell closes the disk, unless CloseDisk told so already.
	Attach struct {
		Vol     int
		Options DiskOptions
		Super   metadata.Superblock
		Layout  metadata.Layout
		Bitmap  *metadata.Bitmap
		// Backing is the size of the backing device in sectors. Usable is what the
		// metadata leaves of it.
		Backing uint64
		Usable  uint64
		// Limits are told to the peer.
		Limits     wire.QueueLimits
		MaxBioSize uint32
		// DiscardZeroes: what is discarded reads as zeroes. CanDiscard: discard works.
		CanDiscard, DiscardZeroes bool
		// Name is for the log: sda1.
		Name string
	}
	// DetachCmd takes the disk away; the shell closes the device after Reply.
	DetachCmd struct {
		Vol   int
		Force bool
	}
	// DiskOptionsCmd replaces the options of a disk.
	DiskOptionsCmd struct {
		Vol     int
		Options DiskOptions
	}
	// Connect begins to look for the peer.
	Connect struct{ Options NetOptions }
	// NetOptionsCmd changes the options of a connection.
	NetOptionsCmd struct{ Options NetOptions }
	// Disconnect ends the connection.
	Disconnect struct{ Force bool }
	// PrimaryCmd promotes all volumes (the role is the resource's).
	PrimaryCmd struct {
		Vol   int
		Force bool
	}
	// SecondaryCmd demotes; the shell closed the devices before. With Waits it left them to a
	// successor instead, and applications wait for that: the peer is not to be Primary meanwhile.
	SecondaryCmd struct {
		Vol   int
		Waits bool
	}
	// Invalidate gives up the own data.
	Invalidate struct{ Vol int }
	// InvalidateRemote gives up the peer's.
	InvalidateRemote struct{ Vol int }
	// PauseSync and ResumeSync set the user's pause.
	PauseSync struct {
		Vol int
		On  bool
	}
	// PauseAfter sets the pause by resync-after, which the shell works out over all
	// resources.
	PauseAfter struct {
		Vol int
		On  bool
	}
	// SuspendIO freezes application I/O, or lets it go on, whatever froze it.
	SuspendIO struct {
		Vol int
		On  bool
	}
	// Probe sends a ping: somebody else has not heard from the peer's machine. A connection
	// that is dead is lost after ping-timeout instead of ping-int.
	Probe struct{}
	// Outdate marks the own data as old.
	Outdate struct{ Vol int }
	// Verify compares both disks. Stop 0 is the end.
	Verify struct {
		Vol         int
		Start, Stop uint64 // sectors
	}
	// Resize takes a new size over. Backing and Usable are of the device now, and
	// Layout that of the metadata, which the shell does not move: the core writes
	// all of it at the new place.
	Resize struct {
		Vol             int
		Size            uint64 // sectors, 0 = as large as possible
		Backing, Usable uint64
		Layout          metadata.Layout
		AssumePeer      bool // --assume-peer-has-space
		AssumeClean     bool
	}
	// NewCurrentUUID begins a new generation.
	NewCurrentUUID struct {
		Vol   int
		Clear bool // --clear-bitmap
	}
	// DownCmd demotes, disconnects and detaches everything.
	DownCmd struct{}
)

func (Request) event()     {}
func (DiskDone) event()    {}
func (MetaDone) event()    {}
func (Up) event()          {}
func (Packet) event()      {}
func (Down) event()        {}
func (GiveUp) event()      {}
func (Stalled) event()     {}
func (Sent) event()        {}
func (HandlerDone) event() {}
func (Tick) event()        {}
func (Command) event()     {}

func (ResourceOptionsCmd) verb() {}
func (NewMinor) verb()           {}
func (DelMinor) verb()           {}
func (Attach) verb()             {}
func (DetachCmd) verb()          {}
func (DiskOptionsCmd) verb()     {}
func (Connect) verb()            {}
func (NetOptionsCmd) verb()      {}
func (Disconnect) verb()         {}
func (PrimaryCmd) verb()         {}
func (SecondaryCmd) verb()       {}
func (Invalidate) verb()         {}
func (InvalidateRemote) verb()   {}
func (PauseSync) verb()          {}
func (PauseAfter) verb()         {}
func (SuspendIO) verb()          {}
func (Probe) verb()              {}
func (Outdate) verb()            {}
func (Verify) verb()             {}
func (Resize) verb()             {}
func (NewCurrentUUID) verb()     {}
func (DownCmd) verb()            {}

// Capacity tells how large the disk of a volume is now: after the peer's P_SIZES,
// which may mean that both disks have grown. Layout is that of its metadata for
// this size; the core moves the metadata when it takes a new size over.
type Capacity struct {
	Vol             int
	Backing, Usable uint64 // sectors
	Layout          metadata.Layout
}

func (Capacity) event() {}
