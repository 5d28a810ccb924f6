package replica

import (
	"time"

	"classicha/drbdd/wire"
)

// Fencing is the policy of disk option fencing (section 15).
type Fencing uint8

// Fencing policies.
const (
	DontCare Fencing = iota
	ResourceOnly
	ResourceAndStonith
)

// OnIOError is what a failed local disk means (section 16).
type OnIOError uint8

// Policies for errors of the local disk. Panic is a word of DRBD 0.7.
const (
	Detach OnIOError = iota
	PassOn
	CallLocalIOError
	Panic
)

// OnCongestion is what a full queue to the peer means (section 9.7).
type OnCongestion uint8

// Policies for congestion.
const (
	Block OnCongestion = iota
	PullAhead
	DisconnectPeer
)

// RRConflict is what to do when a Primary should become sync target (11.2, 8).
type RRConflict uint8

// Policies for that conflict.
const (
	RRDisconnect RRConflict = iota
	RRCallPriLost
	RRViolently
)

// ReadBalancing chooses the disk that is read (section 16).
type ReadBalancing uint8

// Policies for reads. Striping policies follow StripingBase: StripingBase+n cuts
// at 32 KiB << n.
const (
	PreferLocal ReadBalancing = iota
	PreferRemote
	RoundRobin
	LeastPending
	WhenCongestedRemote
	StripingBase
)

// ResourceOptions are those of section options.
type ResourceOptions struct {
	SuspendOnNoData bool // on-no-data-accessible suspend-io
}

// NetOptions are those of a connection.
type NetOptions struct {
	Protocol      byte // 'A', 'B' or 'C'
	Timeout       time.Duration
	MaxEpochSize  uint32
	MaxBuffers    uint32 // pages of 4 KiB
	PingInt       time.Duration
	PingTimeout   time.Duration
	ConnectInt    time.Duration
	KoCount       uint32 // 0 = never give up
	TwoPrimaries  bool
	AfterSB0P     wire.Policy
	AfterSB1P     wire.Policy
	AfterSB2P     wire.Policy
	AlwaysASBP    bool
	RRConflict    RRConflict
	IntegrityAlg  string
	VerifyAlg     string
	CsumsAlg      string
	CsumsCrash    bool // csums-after-crash-only
	UseRLE        bool
	OnCongestion  OnCongestion
	CongFill      uint64 // sectors, 0 = never
	CongExtents   uint32
	DiscardMyData bool
	Tentative     bool // --tentative, --dry-run
}

// DefaultNetOptions are those of DRBD 8.4.
func DefaultNetOptions() NetOptions {
	return NetOptions{
		Protocol: 'C', Timeout: 6 * time.Second, MaxEpochSize: 2048, MaxBuffers: 2048,
		PingInt: 10 * time.Second, PingTimeout: 500 * time.Millisecond, ConnectInt: 10 * time.Second,
		KoCount: 7, UseRLE: true, CongExtents: 1237,
	}
}

// DiskOptions are those of a backing device.
type DiskOptions struct {
	Size        uint64 // sectors, 0 = all
	OnIOError   OnIOError
	Fencing     Fencing
	Flushes     bool   // disk-flushes: stable storage at barriers
	Drain       bool   // disk-drain
	MDFlushes   bool   // md-flushes
	ResyncRate  uint32 // KiB/s
	ResyncAfter int    // minor, -1 = none
	ALExtents   uint32
	ALUpdates   bool
	PlanAhead   uint32 // 0.1 s
	DelayTarget uint32 // 0.1 s
	FillTarget  uint32 // sectors
	MaxRate     uint32 // KiB/s
	MinRate     uint32 // KiB/s
	DiskTimeout time.Duration
	Balancing   ReadBalancing
	RSDiscard   uint32 // rs-discard-granularity, bytes
	// DiscardZeroesIfAligned takes an aligned discard for writing zeroes.
	DiscardZeroesIfAligned bool
}

// DefaultDiskOptions are those of DRBD 8.4.
func DefaultDiskOptions() DiskOptions {
	return DiskOptions{
		Flushes: true, Drain: true, MDFlushes: true, ResyncRate: 250, ResyncAfter: -1, ALExtents: 1237, ALUpdates: true,
		PlanAhead: 20, DelayTarget: 10, FillTarget: 100, MaxRate: 102400, MinRate: 250, DiscardZeroesIfAligned: true,
	}
}

// Config is what a resource is made with; everything else comes by commands.
type Config struct {
	Name    string
	Options ResourceOptions
	// Features that are announced to the peer; the shell's handshake uses the same.
	Features wire.Feature
}
