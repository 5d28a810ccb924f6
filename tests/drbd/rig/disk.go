package rig

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Disk is a disk of a machine: a loop device outside that the machine has under
// a name of its own.
type Disk interface {
	// Plug makes the loop device, at each boot of the machine; its number.
	Plug() (int, error)
	// Unplug takes it away; cut says that the power failed.
	Unplug(cut bool) error
	// ReadAt reads what the disk holds.
	ReadAt(p []byte, off int64) (int, error)
	// WriteAt changes it behind the back of whoever uses it.
	WriteAt(p []byte, off int64) (int, error)
	Size() int64
}

// FileDisk is a file behind a loop device with direct I/O. A power cut takes
// nothing from it that was written.
type FileDisk struct {
	f    *os.File
	size int64
	loop *os.File
}

// NewFileDisk makes a disk of zeroes.
func NewFileDisk(path string, size int64) (*FileDisk, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, err
	}
	return &FileDisk{f: f, size: size}, nil
}

// Plug implements Disk.
func (d *FileDisk) Plug() (int, error) {
	f, n, err := attachLoop(d.f, unix.LO_FLAGS_DIRECT_IO)
	d.loop = f
	return n, err
}

// Unplug implements Disk.
func (d *FileDisk) Unplug(bool) error {
	if d.loop == nil {
		return nil
	}
	err := d.loop.Close() // clears itself
	d.loop = nil
	return err
}

// ReadAt implements Disk.
func (d *FileDisk) ReadAt(p []byte, off int64) (int, error) { return d.f.ReadAt(p, off) }

// WriteAt implements Disk.
func (d *FileDisk) WriteAt(p []byte, off int64) (int, error) {
	n, err := d.f.WriteAt(p, off)
	return n, errors.Join(err, d.f.Sync(), d.forget())
}

// forget empties the page cache of the loop device.
func (d *FileDisk) forget() error {
	if d.loop == nil {
		return nil
	}
	return unix.IoctlSetInt(int(d.loop.Fd()), unix.BLKFLSBUF, 0)
}

// Size implements Disk.
func (d *FileDisk) Size() int64 { return d.size }

// Grow makes the disk larger while it is in use.
func (d *FileDisk) Grow(size int64) error {
	if err := d.f.Truncate(size); err != nil {
		return err
	}
	d.size = size
	if d.loop == nil {
		return nil
	}
	return unix.IoctlSetInt(int(d.loop.Fd()), unix.LOOP_SET_CAPACITY, 0)
}

// attachLoop puts a free loop device on a file. It ends when nobody has it open
// any more.
func attachLoop(file *os.File, flags uint32) (*os.File, int, error) {
	ctl, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	defer ctl.Close()
	for range 50 {
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, 0, fmt.Errorf("no free loop device: %w", err)
		}
		f, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, 0, err
		}
		cfg := unix.LoopConfig{Fd: uint32(file.Fd()), Size: 512}
		cfg.Info.Flags = flags | unix.LO_FLAGS_AUTOCLEAR
		copy(cfg.Info.File_name[:len(cfg.Info.File_name)-1], file.Name())
		err = unix.IoctlLoopConfigure(int(f.Fd()), &cfg)
		if err == nil {
			return f, n, nil
		}
		f.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody else was faster
			return nil, 0, fmt.Errorf("attach /dev/loop%d: %w", n, err)
		}
	}
	return nil, 0, errors.New("others take every free loop device")
}

// autoclear makes a loop device of others end when nobody has it open any more.
func autoclear(n int) error {
	f, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := unix.IoctlLoopGetStatus64(int(f.Fd()))
	if err != nil || st.Flags&unix.LO_FLAGS_AUTOCLEAR != 0 {
		return err
	}
	st.Flags |= unix.LO_FLAGS_AUTOCLEAR
	return unix.IoctlLoopSetStatus64(int(f.Fd()), st)
}
