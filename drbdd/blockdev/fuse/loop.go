package fuse

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

const loopMajor = 7

// loop is an attached loop device. The descriptor stays open: so nobody else's detach
// (losetup -D) takes the device away while it is idle. When the last of those who hold it ends
// (we, the keeper, applications) the kernel detaches it (AUTOCLEAR).
type loop struct {
	f      *os.File
	number int
}

func (l *loop) path() string { return fmt.Sprintf("/dev/loop%d", l.number) }

// attachLoop finds a free loop device and puts it on the opened file, with direct I/O.
func attachLoop(file int, name string, info blockdev.Info) (*loop, error) {
	ctl, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("no loop devices: %w", err)
	}
	defer ctl.Close()
	for range 50 {
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("no free loop device: %w", err)
		}
		l, err := openLoop(n)
		if err != nil {
			return nil, err
		}
		cfg := unix.LoopConfig{Fd: uint32(file), Size: uint32(info.BlockSize)}
		cfg.Info.Flags = unix.LO_FLAGS_DIRECT_IO | unix.LO_FLAGS_AUTOCLEAR
		if info.ReadOnly {
			cfg.Info.Flags |= unix.LO_FLAGS_READ_ONLY
		}
		copy(cfg.Info.File_name[:len(cfg.Info.File_name)-1], name)
		err = unix.IoctlLoopConfigure(int(l.f.Fd()), &cfg)
		if errors.Is(err, unix.EBUSY) {
			l.f.Close() // somebody else was faster
			continue
		}
		if err == nil {
			err = l.wantDirect()
		}
		if err != nil {
			l.f.Close()
			return nil, fmt.Errorf("attach %s: %w", l.path(), err)
		}
		return l, nil
	}
	return nil, errors.New("others take every free loop device")
}

func openLoop(n int) (*loop, error) {
	l := &loop{number: n}
	if _, err := os.Stat(l.path()); os.IsNotExist(err) {
		// Where nobody makes nodes by himself (no devtmpfs).
		if err := unix.Mknod(l.path(), unix.S_IFBLK|0o660, int(unix.Mkdev(loopMajor, uint32(n)))); err != nil {
			return nil, fmt.Errorf("make %s: %w", l.path(), err)
		}
	}
	var err error
	l.f, err = os.OpenFile(l.path(), os.O_RDWR, 0)
	return l, err
}

// wantDirect checks that direct I/O is on: through the page cache a killed server would
// lose what it acknowledged.
func (l *loop) wantDirect() error {
	st, err := l.status()
	if err == nil && st.Flags&unix.LO_FLAGS_DIRECT_IO == 0 {
		err = unix.IoctlSetInt(int(l.f.Fd()), unix.LOOP_SET_DIRECT_IO, 1)
	}
	if err != nil {
		unix.IoctlSetInt(int(l.f.Fd()), unix.LOOP_CLR_FD, 0)
		return fmt.Errorf("direct I/O: %w", err)
	}
	return nil
}

func (l *loop) status() (*unix.LoopInfo64, error) { return unix.IoctlLoopGetStatus64(int(l.f.Fd())) }

// grow makes the device as long as the file is now.
func (l *loop) grow() error {
	if err := unix.IoctlSetInt(int(l.f.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("new size of %s: %w", l.path(), err)
	}
	return nil
}

// detach takes the device from the file if nobody but us has it open; the device is free
// when l.f is closed. Otherwise it returns EBUSY and nothing has changed.
//
// LOOP_CLR_FD succeeds on a busy device as well: it only marks it, as it is already. Of what it did
// the status tells: a device that is going away has none (ENXIO), and nobody can open it any
// more. A mount and any other opener count alike.
func (l *loop) detach() error {
	fd := int(l.f.Fd())
	// What others wrote through the page cache and did not sync is ours to pass on.
	if err := unix.Fsync(fd); err != nil {
		return fmt.Errorf("flush %s: %w", l.path(), err)
	}
	if err := l.clear(); err != nil {
		return err
	}
	switch _, err := l.status(); {
	case errors.Is(err, unix.ENXIO):
		return nil
	case err != nil:
		return fmt.Errorf("status of %s: %w", l.path(), err)
	}
	return unix.EBUSY
}

// clear detaches now or, while others have the device open, at their end.
func (l *loop) clear() error {
	err := unix.IoctlSetInt(int(l.f.Fd()), unix.LOOP_CLR_FD, 0)
	if err != nil && !errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("detach %s: %w", l.path(), err)
	}
	return nil
}

// detachPatiently tries for a moment: udev and blkid open a device that changed, and go.
func (l *loop) detachPatiently() error {
	var err error
	for range 10 {
		if err = l.detach(); !errors.Is(err, unix.EBUSY) {
			return err
		}
		time.Sleep(30 * time.Millisecond)
	}
	return err
}
