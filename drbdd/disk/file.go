package disk

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

// ReadAt reads like a file, from any offset; metadata is read this way. At the end of the
// device it returns io.EOF.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if !d.gate.Enter() {
		return 0, blockdev.ErrShutdown
	}
	defer d.gate.Leave()
	info := d.Info()
	if off < 0 {
		return 0, fmt.Errorf("read of %s at %d: %w", d.path, off, unix.EINVAL)
	}
	want := len(p)
	if off >= info.Size {
		return 0, io.EOF
	}
	p = p[:min(int64(want), info.Size-off)]
	bs := int64(info.BlockSize)
	first, last := off&^(bs-1), (off+int64(len(p))+bs-1)&^(bs-1)
	b := p
	if first != off || last != off+int64(len(p)) {
		b = alignedBytes(int(last - first))
	}
	if err := d.pread(b, first); err != nil {
		return 0, fmt.Errorf("read %d bytes of %s at %d: %w", len(b), d.path, first, err)
	}
	if len(b) != len(p) {
		copy(p, b[off-first:])
	}
	if len(p) < want {
		return len(p), io.EOF
	}
	return len(p), nil
}

// WriteAt writes whole blocks; anything else is refused with EINVAL, for reading and writing back
// the rest of a block is not safe beside requests in flight.
func (d *Disk) WriteAt(p []byte, off int64) (int, error) {
	if !d.gate.Enter() {
		return 0, blockdev.ErrShutdown
	}
	defer d.gate.Leave()
	info := d.Info()
	r := blockdev.Request{Op: blockdev.Write, Off: off, Len: int64(len(p)), Data: p}
	info.MaxIO = max(info.IOLimit(), (len(p)+info.BlockSize-1)&^(info.BlockSize-1))
	err := info.Check(&r)
	if err == nil {
		err = d.pwrite(p, off, false)
	}
	if err != nil {
		return 0, fmt.Errorf("write %d bytes of %s at %d: %w", len(p), d.path, off, err)
	}
	return len(p), nil
}

// Sync makes what was written stable, by whichever way it was written.
func (d *Disk) Sync() error {
	if !d.gate.Enter() {
		return blockdev.ErrShutdown
	}
	defer d.gate.Leave()
	if err := d.fdatasync(); err != nil {
		return fmt.Errorf("flush %s: %w", d.path, err)
	}
	return nil
}
