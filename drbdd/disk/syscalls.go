package disk

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

// Numbers of linux/fs.h that x/sys does not have.
const (
	ioctlDiscard = 0x1277 // BLKDISCARD
	rwfDsync     = 0x2    // RWF_DSYNC
)

// carryOut does one checked request other than Flush, and waits for it.
func (d *Disk) carryOut(r *blockdev.Request) error {
	switch r.Op {
	case blockdev.Read:
		return d.pread(r.Data, r.Off)
	case blockdev.Write:
		return d.pwrite(r.Data, r.Off, r.Flags&blockdev.FUA != 0)
	case blockdev.Discard:
		if err := d.discard(r.Off, r.Len); err != nil {
			return err
		}
	case blockdev.WriteZeroes:
		if err := d.zero(r.Off, r.Len, r.Flags&blockdev.Unmap != 0); err != nil {
			return err
		}
	}
	if r.Flags&blockdev.FUA != 0 {
		return d.fdatasync()
	}
	return nil
}

func (d *Disk) aligned(b []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))&uintptr(d.align-1) == 0
}

// pread fills b. What does not begin at an aligned address goes through a buffer that does.
func (d *Disk) pread(b []byte, off int64) error {
	if !d.aligned(b) {
		tmp := alignedBytes(len(b))
		if err := d.pread(tmp, off); err != nil {
			return err
		}
		copy(b, tmp)
		return nil
	}
	for len(b) > 0 {
		n, err := unix.Pread(d.fd, b, off)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0 || n%d.align != 0 && n != len(b):
			return unix.EIO // the device ends here, though it said otherwise
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// pwrite stores b; stable makes it return only when the device has it for good (FUA).
func (d *Disk) pwrite(b []byte, off int64, stable bool) error {
	if !d.aligned(b) {
		tmp := alignedBytes(len(b))
		copy(tmp, b)
		b = tmp
	}
	for len(b) > 0 {
		var n int
		var err error
		if stable {
			n, err = unix.Pwritev2(d.fd, [][]byte{b}, off, rwfDsync)
		} else {
			n, err = unix.Pwrite(d.fd, b, off)
		}
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0 || n%d.align != 0 && n != len(b):
			return unix.EIO
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

func (d *Disk) fdatasync() error {
	d.stats.Syncs.Add(1)
	for {
		if err := unix.Fdatasync(d.fd); err != unix.EINTR {
			return err
		}
	}
}

func (d *Disk) fallocate(mode uint32, off, n int64) error {
	for {
		if err := unix.Fallocate(d.fd, mode|unix.FALLOC_FL_KEEP_SIZE, off, n); err != unix.EINTR {
			return err
		}
	}
}

// discard gives space back. A hole in a file and an unmapped range of a device that zeroes
// read as zeroes; only a device that cannot do that gets the bare command.
func (d *Disk) discard(off, n int64) error {
	if d.Info().DiscardZeroes {
		if err := d.fallocate(unix.FALLOC_FL_PUNCH_HOLE, off, n); !refused(err) {
			return err
		}
		// Discard was promised to read as zeroes; what the device cannot unmap is written.
		return d.zero(off, n, false)
	}
	arg := [2]uint64{uint64(off), uint64(n)}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(d.fd), ioctlDiscard, uintptr(unsafe.Pointer(&arg)))
	if e != 0 {
		return e
	}
	return nil
}

// zero makes the range read as zeroes: as a hole when it may and can be, by the device's
// or file system's own means, or by writing.
func (d *Disk) zero(off, n int64, unmap bool) error {
	if unmap {
		if err := d.fallocate(unix.FALLOC_FL_PUNCH_HOLE, off, n); !refused(err) {
			return err
		}
	}
	if err := d.fallocate(unix.FALLOC_FL_ZERO_RANGE, off, n); !refused(err) {
		return err
	}
	for n > 0 {
		k := min(n, int64(len(zeroes)))
		if err := d.pwrite(zeroes[:k], off, false); err != nil {
			return err
		}
		off, n = off+k, n-k
	}
	return nil
}

// zeroes is written where nothing better works; never changed.
var zeroes = alignedBytes(128 << 10)

// alignedBytes allocates n bytes that begin at a page.
func alignedBytes(n int) []byte {
	b := make([]byte, n+blockdev.PageSize)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (blockdev.PageSize - 1)
	return b[skip : skip+n : skip+n]
}
