package disktest

import (
	"fmt"
	"io"

	"classicha/drbdd/blockdev"
)

// ReadAt reads like disk.Disk: from any offset, io.EOF at the end.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if !d.gate.Enter() {
		return 0, blockdev.ErrShutdown
	}
	defer d.gate.Leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case off < 0:
		return 0, fmt.Errorf("read at %d: %w", off, blockdev.ErrRange)
	case off >= d.info.Size:
		return 0, io.EOF
	case d.off:
		return 0, blockdev.ErrIO
	}
	n := min(int64(len(p)), d.info.Size-off)
	if err := d.fault(&blockdev.Request{Op: blockdev.Read, Off: off, Len: n}); err != nil {
		return 0, err
	}
	copy(p, d.now[off:off+n])
	if int(n) < len(p) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// WriteAt writes whole blocks.
func (d *Disk) WriteAt(p []byte, off int64) (int, error) {
	r := blockdev.Request{Op: blockdev.Write, Off: off, Len: int64(len(p)), Data: p}
	if err := d.direct(&r); err != nil {
		return 0, fmt.Errorf("write %d bytes at %d: %w", len(p), off, err)
	}
	return len(p), nil
}

// Sync makes everything stable.
func (d *Disk) Sync() error { return d.direct(&blockdev.Request{Op: blockdev.Flush}) }

func (d *Disk) direct(r *blockdev.Request) error {
	if !d.gate.Enter() {
		return blockdev.ErrShutdown
	}
	defer d.gate.Leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	info := d.info
	info.MaxIO = max(info.IOLimit(), (len(r.Data)+info.BlockSize-1)&^(info.BlockSize-1))
	if err := info.Check(r); err != nil {
		return err
	}
	return d.carryOut(r)
}
