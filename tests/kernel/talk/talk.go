// Package talk is what the harness and the program in the virtual machine say to
// each other: one line of JSON a request, one a reply, over a virtio-serial port.
// Requests may overlap; a reply names its request. Both sides make test data with
// Fill, so that no data travels.
package talk

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
)

// Port is the name of the virtio-serial port.
const Port = "classicha"

// Request is a command for the guest.
type Request struct {
	ID   uint64   `json:"id"`
	Op   string   `json:"op"`             // one of the words below
	Args []string `json:"args,omitempty"` // Run: program and arguments; Put: content
	Path string   `json:"path,omitempty"` // device or file
	Off  int64    `json:"off,omitempty"`  // bytes
	Len  int64    `json:"len,omitempty"`  // bytes
	Size int      `json:"size,omitempty"` // Write: bytes of one write call
	Seed uint64   `json:"seed,omitempty"` // Write: what Fill makes
	Deep int      `json:"deep,omitempty"` // Write: calls at a time
	MS   int      `json:"ms"`             // limit of the guest; the harness waits a little longer
}

// The operations.
const (
	OpPing    = "ping"
	OpRun     = "run"     // a program; Out is what it printed, Code its exit code
	OpCat     = "cat"     // a file
	OpPut     = "put"     // Args[0] becomes the content of a file
	OpWrite   = "write"   // Fill(Seed) to a device, direct, in pieces of Size
	OpSync    = "sync"    // fsync of a device
	OpDiscard = "discard" // BLKDISCARD
	OpHash    = "hash"    // Out is Hash of a range of a device, read directly
	OpHold    = "hold"    // opens a device for writing and keeps it open
	OpDrop    = "drop"    // closes what OpHold opened
	OpHelpers = "helpers" // Out is a line for each handler that the kernel called
)

// Reply is the answer to the request with the same ID.
type Reply struct {
	ID   uint64 `json:"id"`
	Out  string `json:"out,omitempty"`
	Err  string `json:"err,omitempty"` // why the operation failed; empty if it did not
	Code int    `json:"code,omitempty"`
}

// Block is the unit of Fill: every block of it has content of its own.
const Block = 4096

// Fill makes the content of device offset off, which like the length of b is a
// multiple of 512, for a seed. The same place has the same content, however a
// range is cut into pieces. Seed 0 is zeroes.
func Fill(b []byte, off int64, seed uint64) {
	if seed == 0 {
		clear(b)
		return
	}
	for i := 0; i < len(b); i += 8 {
		// splitmix64 of seed and place.
		x := seed*0x9e3779b97f4a7c15 + uint64(off+int64(i))
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(b[i:], x^x>>31)
	}
}

// Pieces cuts the range of n bytes from off into pieces of size, and calls f for each,
// deep at a time; f also gets the number of its caller, from 0. It ends with the first
// error.
func Pieces(off, n, size int64, deep int, f func(caller int, off, n int64) error) error {
	var next atomic.Int64
	next.Store(off)
	errs := make(chan error, deep)
	for c := range deep {
		go func() {
			errs <- func() error {
				for {
					o := next.Add(size) - size
					if o >= off+n {
						return nil
					}
					if err := f(c, o, min(size, off+n-o)); err != nil {
						next.Store(off + n)
						return err
					}
				}
			}()
		}()
	}
	var first error
	for range deep {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Hash is the hex SHA-256 of n bytes of r from off.
func Hash(r io.ReaderAt, off, n int64, buf []byte) (string, error) {
	h := sha256.New()
	for n > 0 {
		b := buf[:min(int64(len(buf)), n)]
		if k, err := r.ReadAt(b, off); k < len(b) {
			return "", fmt.Errorf("read of %d bytes at %d: %w", len(b), off, err)
		}
		h.Write(b)
		off, n = off+int64(len(b)), n-int64(len(b))
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
