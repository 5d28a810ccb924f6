package disk

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
)

// Options of Open. The zero value is right for a replica.
type Options struct {
	ReadOnly  bool
	Buffered  bool // through the page cache; for file systems without direct I/O, never for data that is promised
	Exclusive bool // claim a block device (O_EXCL): fails with EBUSY while it is mounted or claimed
	// Lock claims a file in the same way, by flock. Both claims last until the last request has ended
	// in the kernel, even if the process that made it was killed: with an io_uring that can
	// be later than the end of the process. Who opens a disk that another may have written with one
	// claims it, for a late write would undo a new one.
	Lock bool
	// Patience is how long a claim waits for such requests to end.
	Patience  time.Duration
	BlockSize int // at least this logical block size; 0 means the device's
	// Ring carries the requests out, and completes them in its thread. It must outlive the disk.
	// Without one, Workers do: as many requests are under way in the kernel at a time; 0 means
	// DefaultWorkers.
	Ring    *uring.Thread
	Workers int
}

// DefaultWorkers is enough for disks and SSDs alike; each costs a thread while it waits.
const DefaultWorkers = 16

// Disk is an opened backing device.
type Disk struct {
	path  string
	file  *os.File
	fd    int // of file, open until Close
	block bool
	align int // of memory, offsets and lengths

	mu   sync.Mutex
	info blockdev.Info

	gate   blockdev.Gate
	engine engine
	stats  Stats
	closed atomic.Bool
}

// engine carries out checked requests; submit does not wait. close is called when none is
// left.
type engine interface {
	submit(r *blockdev.Request)
	close()
}

// Stats counts since Open. Bytes are those of successful requests.
type Stats struct {
	Reads, Writes, Flushes, Discards, Zeroes atomic.Uint64
	ReadBytes, WrittenBytes                  atomic.Uint64
	Errors                                   atomic.Uint64
	Syncs                                    atomic.Uint64 // fdatasync calls; fewer than flushes when several waited
}

// Open opens a block device or a regular file.
func Open(path string, opt Options) (*Disk, error) {
	flags := os.O_RDWR
	if opt.ReadOnly {
		flags = os.O_RDONLY
	}
	if !opt.Buffered {
		flags |= unix.O_DIRECT
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	block := st.Mode()&(os.ModeDevice|os.ModeCharDevice) == os.ModeDevice
	if !block && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a block device nor a file", path)
	}
	if opt.Exclusive && block {
		flags |= unix.O_EXCL
	}
	f, err := claim(path, flags, opt.Lock && !block)
	for wait := time.Duration(0); errors.Is(err, unix.EBUSY) && wait < opt.Patience; wait += claimEvery {
		time.Sleep(claimEvery)
		f, err = claim(path, flags, opt.Lock && !block)
	}
	if err != nil {
		if errors.Is(err, unix.EINVAL) && !opt.Buffered {
			return nil, fmt.Errorf("%w; its file system has no direct I/O", err)
		}
		return nil, err
	}
	d := &Disk{path: path, file: f, fd: int(f.Fd()), block: block}
	if err := d.probe(opt); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if opt.Ring != nil {
		d.engine = newRing(d, opt.Ring)
		return d, nil
	}
	n := opt.Workers
	if n <= 0 {
		n = DefaultWorkers
	}
	d.engine = newThreads(d, n)
	return d, nil
}

// claimEvery is how often a claim is tried.
const claimEvery = 20 * time.Millisecond

// claim opens the device; EBUSY when somebody else has claimed it.
func claim(path string, flags int, lock bool) (*os.File, error) {
	f, err := os.OpenFile(path, flags, 0)
	if err != nil || !lock {
		return f, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = unix.EBUSY
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: err}
}

// Path is the name it was opened by.
func (d *Disk) Path() string { return d.path }

// IsBlockDevice tells a block device from a file.
func (d *Disk) IsBlockDevice() bool { return d.block }

// Stats are live counters.
func (d *Disk) Stats() *Stats { return &d.stats }

// Info implements blockdev.Backend.
func (d *Disk) Info() blockdev.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.info
}

// Submit implements blockdev.Backend.
func (d *Disk) Submit(r *blockdev.Request) {
	if !d.gate.Enter() {
		r.Complete(blockdev.ErrShutdown)
		return
	}
	if err := d.Info().Check(r); err != nil {
		d.finish(r, err)
		return
	}
	if r.Op == blockdev.Discard && !d.Info().Discard {
		d.finish(r, blockdev.ErrUnsupported)
		return
	}
	d.engine.submit(r)
}

// finish counts and completes. The engine calls it once for each request that it got.
func (d *Disk) finish(r *blockdev.Request, err error) {
	if err != nil {
		d.stats.Errors.Add(1)
	} else {
		switch r.Op {
		case blockdev.Read:
			d.stats.Reads.Add(1)
			d.stats.ReadBytes.Add(uint64(r.Len))
		case blockdev.Write:
			d.stats.Writes.Add(1)
			d.stats.WrittenBytes.Add(uint64(r.Len))
		case blockdev.Flush:
			d.stats.Flushes.Add(1)
		case blockdev.Discard:
			d.stats.Discards.Add(1)
		case blockdev.WriteZeroes:
			d.stats.Zeroes.Add(1)
		}
	}
	// Leaving first would let Close return, and with it the owner of r, before Done ran.
	r.Complete(err)
	d.gate.Leave()
}

// Close waits for the requests under way, makes everything stable and closes the device. Later
// requests complete with ErrShutdown.
func (d *Disk) Close() error {
	if d.closed.Swap(true) {
		return os.ErrClosed
	}
	d.gate.Close()
	if err := d.gate.Drain(noContext); err != nil {
		return err
	}
	d.engine.close()
	var err error
	if !d.Info().ReadOnly {
		err = d.fdatasync()
	}
	if e := d.file.Close(); err == nil {
		err = e
	}
	return err
}
