package replica

import "classicha/drbdd/wire"

// Action is something the shell has to do.
type Action interface{ action() }

// Errno is the result of a request: 0, or an errno of Linux that the application
// may be told.
type Errno uint16

// Results of requests.
const (
	OK         Errno = 0
	EIO        Errno = 5
	EINVAL     Errno = 22
	EROFS      Errno = 30
	ENOTSUP    Errno = 95
	EOPNOTSUPP       = ENOTSUP
)

// Complete ends a request and gives its Buf back. From, if not 0, is a payload
// of the peer that is to be copied into the request's room first, and then
// freed.
type Complete struct {
	Vol  int
	ID   uint64
	Err  Errno
	From Buf
}

// Disk is a request for the backing device, answered by DiskDone with its ID.
// Read with Buf 0 reads into memory of the shell, named in DiskDone. Digest is
// the algorithm of a digest over what was read, empty for none. Flush makes all
// that was completed stable.
type Disk struct {
	Vol        int
	ID         uint64
	Op         Op
	Sector     uint64
	Size       uint32 // bytes
	FUA        bool
	Unmap      bool
	Buf        Buf
	Digest     string
	WantZeroes bool
}

// Meta writes metadata and makes it stable: all writes in any order, then a
// flush; answered by MetaDone with its ID. Off is the byte offset on the
// metadata device. The data is the shell's.
type Meta struct {
	Vol    int
	ID     uint64
	Writes []MetaWrite
}

// MetaWrite is a run of whole 4 KiB blocks.
type MetaWrite struct {
	Off  int64
	Data []byte
}

// Send sends a packet. Payload is Buf with Size bytes, or Extra. With a Token the
// shell answers Sent when the bytes were handed to the network.
type Send struct {
	Sock   wire.Socket
	Vol    int
	Cmd    wire.Command
	Body   wire.Body
	Buf    Buf
	Size   uint32
	Digest []byte // of P_CSUM_RS_REQUEST and P_OV_REPLY
	Extra  []byte // bitmap
	Token  uint64
}

// Free gives a payload back to the shell.
type Free struct{ Buf Buf }

// Dial begins to look for the peer; the shell answers Up or GiveUp, and retries
// by itself. HangUp ends that, or the connection; nothing of it comes any more.
type Dial struct{ Options NetOptions }

// HangUp closes both sockets after what was queued for them was sent, but does
// not wait for it.
type HangUp struct{}

// Integrity sets the data-integrity algorithms of the connection from the next
// packet on, for each direction; empty is none.
type Integrity struct{ Send, Recv string }

// Reply ends a command. Code is one of the results of section 10.2 if Error is
// 0, else Error is a configuration error of drbd-cli 3.1 (101 and more). Info are
// the lines behind "additional info from kernel:".
type Reply struct {
	ID    uint64
	Code  wire.Result
	Error int
	Info  []string
}

// RunHandler runs a helper (drbd-cli 7), answered by HandlerDone. Vol is -1 for
// those of the whole resource.
type RunHandler struct {
	ID    uint64
	Name  string
	Vol   int
	Again bool // it failed a moment ago: not worth a line in the log
}

// Emergency asks for what on-io-error panic does: the machine ends at once.
type Emergency struct{ Reason string }

// CloseDisk tells that no Disk or Meta action of the volume will come any more
// until the next Attach, and none is under way.
type CloseDisk struct{ Vol int }

// Resized tells that the size of the device changed.
type Resized struct {
	Vol     int
	Sectors uint64
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

// Log is a line for the log: of a device if Vol is 0 or more, else of the
// resource.
type Log struct {
	Level Level
	Vol   int
	Text  string
}

func (Complete) action()   {}
func (Disk) action()       {}
func (Meta) action()       {}
func (Send) action()       {}
func (Free) action()       {}
func (Dial) action()       {}
func (HangUp) action()     {}
func (Integrity) action()  {}
func (Reply) action()      {}
func (RunHandler) action() {}
func (Emergency) action()  {}
func (CloseDisk) action()  {}
func (Resized) action()    {}
func (Log) action()        {}

// Pause stops and restarts the reading of the data socket: the core has as many
// packets as it wants to hold. What was read already still comes.
// The end of the connection ends a pause.
type Pause struct{ On bool }

func (Pause) action() {}
