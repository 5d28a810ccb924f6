package blockdev

import "fmt"

// Info is what a front end has to know of the device that it offers.
type Info struct {
	Size          int64 // bytes, a multiple of BlockSize
	BlockSize     int   // bytes of a logical block: a power of two, 512 at least
	MaxIO         int   // bytes of the largest Read or Write; 0 means DefaultMaxIO
	MaxRange      int64 // bytes of the largest Discard or WriteZeroes; 0 means any
	ReadOnly      bool
	Discard       bool // Discard is worth sending
	DiscardZeroes bool // what was discarded reads as zeroes
}

// DefaultMaxIO is the largest read or write that is passed on in one piece: what DRBD
// sends in one packet since protocol 100, and what /dev/fuse transports.
const DefaultMaxIO = 1 << 20

// IOLimit is MaxIO with its default.
func (i Info) IOLimit() int {
	if i.MaxIO <= 0 {
		return DefaultMaxIO
	}
	return i.MaxIO
}

// Backend carries out requests.
type Backend interface {
	// Info may be called at any time; only Size, MaxIO and MaxRange change while a front end is there.
	Info() Info
	// Submit takes a request over until it calls Complete. It does not wait for I/O.
	// It may complete the request before it returns.
	Submit(r *Request)
}

// InRange says whether n bytes at off are whole blocks inside of the device, one at least.
func (i Info) InRange(off, n int64) bool {
	return off >= 0 && n > 0 && off <= i.Size && n <= i.Size-off && (off|n)&int64(i.BlockSize-1) == 0
}

// Check tells whether r is a request that a device like this can carry out: nil, ErrRange,
// ErrReadOnly or ErrUnsupported. Backends call it first, so that all of them refuse the same.
func (i Info) Check(r *Request) error {
	switch {
	case r.Op < Read || r.Op > WriteZeroes:
		return ErrUnsupported
	case r.Op == Flush:
		if r.Len != 0 || len(r.Data) != 0 {
			return ErrRange
		}
		return nil
	case r.Op.Changes() && i.ReadOnly:
		return ErrReadOnly
	case !i.InRange(r.Off, r.Len):
		return ErrRange
	case r.Op.HasData() && (r.Len != int64(len(r.Data)) || r.Len > int64(i.IOLimit())):
		return ErrRange
	case !r.Op.HasData() && i.MaxRange > 0 && r.Len > i.MaxRange:
		return ErrRange
	}
	return nil
}

// Valid says what is wrong with the description of a device itself.
func (i Info) Valid() error {
	switch {
	case i.BlockSize < 512 || i.BlockSize&(i.BlockSize-1) != 0 || i.BlockSize > 64<<10:
		return fmt.Errorf("block size %d is not a power of two from 512 to 65536", i.BlockSize)
	case i.Size < 0 || i.Size&int64(i.BlockSize-1) != 0:
		return fmt.Errorf("size %d is not a multiple of the block size %d", i.Size, i.BlockSize)
	case (int64(i.IOLimit())|i.MaxRange)&int64(i.BlockSize-1) != 0:
		return fmt.Errorf("largest requests %d and %d are not multiples of the block size %d", i.MaxIO, i.MaxRange, i.BlockSize)
	}
	return nil
}
