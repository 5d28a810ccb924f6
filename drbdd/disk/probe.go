package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

var noContext = context.Background()

// probe finds out size, block size, and what the device can do.
func (d *Disk) probe(opt Options) error {
	info := blockdev.Info{BlockSize: 512, MaxIO: blockdev.DefaultMaxIO, ReadOnly: opt.ReadOnly}
	d.align = 512
	if d.block {
		n, err := unix.IoctlGetInt(d.fd, unix.BLKSSZGET)
		if err != nil {
			return fmt.Errorf("ask for the block size: %w", err)
		}
		info.BlockSize, d.align = n, n
		// Zeroing with unmap gives discarded ranges a content that both replicas share, so it
		// is preferred; the kernel says whether the device does it by itself.
		info.DiscardZeroes = d.queueLimit("write_zeroes_max_bytes") > 0
		info.Discard = info.DiscardZeroes || d.queueLimit("discard_max_bytes") > 0
		if ro, err := unix.IoctlGetInt(d.fd, unix.BLKROGET); err == nil && ro != 0 {
			info.ReadOnly = true
		}
	} else {
		if !opt.Buffered {
			d.align = fileAlign(d.fd)
			info.BlockSize = max(info.BlockSize, d.align)
		}
		info.Discard, info.DiscardZeroes = true, true
	}
	if opt.BlockSize > info.BlockSize {
		info.BlockSize = opt.BlockSize
	}
	size, err := d.size()
	if err != nil {
		return err
	}
	info.Size = size &^ int64(info.BlockSize-1)
	if err := info.Valid(); err != nil {
		return err
	}
	d.info = info
	return nil
}

// fileAlign is the alignment that direct I/O on the file wants; statx tells it since Linux 6.1.
func fileAlign(fd int) int {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 && st.Dio_offset_align > 512 {
		return int(st.Dio_offset_align)
	}
	return 512
}

// queueLimit reads a setting of the device's queue; 0 when there is none.
func (d *Disk) queueLimit(name string) int64 {
	var st unix.Stat_t
	if unix.Fstat(d.fd, &st) != nil {
		return 0
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	for _, sub := range []string{"/queue/", "/../queue/"} { // a partition has its disk's queue
		b, err := os.ReadFile(dir + sub + name)
		if err != nil {
			continue
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		return n
	}
	return 0
}

func (d *Disk) size() (int64, error) {
	if !d.block {
		st, err := d.file.Stat()
		if err != nil {
			return 0, err
		}
		return st.Size(), nil
	}
	n, err := d.file.Seek(0, 2)
	if err != nil {
		return 0, fmt.Errorf("ask for the size: %w", err)
	}
	return n, nil
}

// Refresh asks the device for its size again, after it was grown, and returns it.
func (d *Disk) Refresh() (int64, error) {
	n, err := d.size()
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.info.Size = n &^ int64(d.info.BlockSize-1)
	return d.info.Size, nil
}

// refused says that the device refused an operation that it could do another way.
func refused(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENODEV)
}
