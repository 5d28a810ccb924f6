package blockdev

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
)

// Op is what a request asks for.
type Op uint8

const (
	Read        Op = iota + 1 // fill Data
	Write                     // store Data
	Flush                     // make completed writes stable; no range, no data
	Discard                   // the range is not needed any more; what it reads as afterwards is Info.DiscardZeroes
	WriteZeroes               // the range reads as zeroes afterwards
)

var opNames = [...]string{Read: "read", Write: "write", Flush: "flush", Discard: "discard", WriteZeroes: "write-zeroes"}

func (o Op) String() string {
	if o == 0 || int(o) >= len(opNames) {
		return fmt.Sprintf("op %d", uint8(o))
	}
	return opNames[o]
}

// HasData says whether the operation carries data in either direction.
func (o Op) HasData() bool { return o == Read || o == Write }

// Changes says whether the operation changes what the device holds.
func (o Op) Changes() bool { return o == Write || o == Discard || o == WriteZeroes }

// Flags modify an operation.
type Flags uint8

const (
	FUA   Flags = 1 << iota // Write, Discard, WriteZeroes: complete only when this is stable
	Unmap                   // WriteZeroes: the space may be given back, as long as it reads as zeroes
	Fast                    // WriteZeroes: ErrUnsupported rather than writing zeroes as data, which whoever asks can do as well
)

// Errors of requests are errnos, because that is what the kernel, NBD and DRBD's
// peers can be told. Anything else counts as ErrIO.
var (
	ErrIO          error = syscall.EIO
	ErrRange       error = syscall.EINVAL // outside of the device, or not a multiple of the block size
	ErrReadOnly    error = syscall.EROFS
	ErrNoSpace     error = syscall.ENOSPC
	ErrUnsupported error = syscall.EOPNOTSUPP
	ErrShutdown    error = syscall.ESHUTDOWN
)

// Errno is the number that stands for err; 0 for nil, EIO for what has none.
func Errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var n syscall.Errno
	if errors.As(err, &n) && n != 0 {
		return n
	}
	return syscall.EIO
}

// Request is one request. The front end sets the exported fields and calls Submit of
// the backend; it may use the same Request again once it is completed. A Request must not be copied.
type Request struct {
	ID    uint64 // the front end's number of it, unique among its requests in flight (pieces made by Split share one)
	Op    Op
	Flags Flags
	Off   int64  // byte offset, a multiple of Info.BlockSize
	Len   int64  // bytes; len(Data) for Read and Write, 0 for Flush; may exceed 4 GiB for Discard and WriteZeroes
	Data  []byte // Read, Write: the payload, inside of Buf when there is one
	Buf   *Buffer

	// Done is called by Complete. It must not block; it may submit other requests.
	Done func(r *Request, err error)
	// Ctx is the front end's; nobody else looks at it.
	Ctx any

	next   *Request // in the Queue of the present owner
	queued bool
	flying atomic.Bool
}

// Start marks the request as submitted. Front ends call it just before Submit; it panics
// when the request is still in flight, for that breaks the rule of one owner.
func (r *Request) Start() {
	if r.flying.Swap(true) {
		panic("blockdev: " + r.String() + " submitted while in flight")
	}
}

// Complete ends the request with its result and gives it back to the front end.
// It panics when that happened already.
func (r *Request) Complete(err error) {
	if !r.flying.Swap(false) {
		panic("blockdev: " + r.String() + " completed twice")
	}
	r.Done(r, err)
}

// TakeBuffer makes the caller, the present owner, the owner of the buffer for longer than
// the request: to send a payload to a peer after the write was acknowledged, say. The new owner
// releases it. It returns nil when the data is in no Buffer; then it must be copied.
func (r *Request) TakeBuffer() *Buffer {
	b := r.Buf
	r.Buf = nil
	return b
}

// End is the offset behind the range.
func (r *Request) End() int64 { return r.Off + r.Len }

func (r *Request) String() string {
	s := fmt.Sprintf("request %d %s", r.ID, r.Op)
	if r.Op != Flush {
		s += fmt.Sprintf(" %d+%d", r.Off, r.Len)
	}
	if r.Flags&FUA != 0 {
		s += " fua"
	}
	if r.Flags&Unmap != 0 {
		s += " unmap"
	}
	if r.Flags&Fast != 0 {
		s += " fast"
	}
	return s
}
