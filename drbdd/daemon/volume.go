package daemon

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/replica"
)

// maxRange bounds one discard or zeroing for the core: what a packet may cover.
const maxRange = 128 << 20

// volume is one device: the backend of its front end, and its disk.
type volume struct {
	r         *resource
	nr, minor int
	info      atomic.Pointer[blockdev.Info]
	blockSize int    // logical block size of the disk, 0 = not known; belongs to the loop
	disk      *store // nil: none; belongs to the loop
	// What was configured, for show and for a successor; guarded by r.mu.
	lower, meta, index string
	options            map[string]string
	waiting            map[string]string // of the old syncer, for the next attach

	resuming *resuming // after the end of a predecessor

	mu    sync.Mutex // of front
	front blockdev.FrontEnd
	node  atomic.Pointer[string] // path of the device, nil while there is none
}

func newVolume(r *resource, nr, minor int) *volume {
	v := &volume{r: r, nr: nr, minor: minor}
	v.info.Store(&blockdev.Info{BlockSize: 512})
	return v
}

// name is that of the device: drbd0.
func (v *volume) name() string { return fmt.Sprintf("drbd%d", v.minor) }

// Info implements blockdev.Backend.
func (v *volume) Info() blockdev.Info { return *v.info.Load() }

// Submit implements blockdev.Backend: the request goes to the core.
func (v *volume) Submit(req *blockdev.Request) {
	if err := v.Info().Check(req); err != nil {
		req.Complete(err)
		return
	}
	v.r.submit(v.request(req), req)
}

// request is what the core is told of one.
func (v *volume) request(req *blockdev.Request) replica.Request {
	e := replica.Request{Vol: v.nr, Sector: uint64(req.Off) / 512, Size: uint32(req.Len), FUA: req.Flags&blockdev.FUA != 0}
	switch req.Op {
	case blockdev.Read:
		e.Op = replica.Read
	case blockdev.Write:
		e.Op = replica.Write
	case blockdev.Flush:
		e.Op = replica.Flush
	case blockdev.Discard:
		e.Op = replica.Discard
	case blockdev.WriteZeroes:
		e.Op, e.Unmap = replica.Zero, req.Flags&blockdev.Unmap != 0
	}
	return e
}

// open makes the device appear. It is called without locks of the loop.
func (v *volume) open(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.front != nil {
		return nil
	}
	f, err := v.r.s.attachFront(ctx, v)
	if err != nil {
		return err
	}
	v.front = f
	path := f.Device()
	v.node.Store(&path)
	return nil
}

// close takes the device away; while it is held the error is a *blockdev.BusyError, also if
// it waits with the keeper since a predecessor ended.
func (v *volume) close(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.front == nil {
		return v.r.s.waitedFor(v)
	}
	if err := v.front.Close(ctx); err != nil {
		return err
	}
	v.front = nil
	v.node.Store(nil)
	return nil
}

// device is the path of the device, empty while there is none.
func (v *volume) device() string {
	if p := v.node.Load(); p != nil {
		return *p
	}
	return ""
}

// refresh takes over what the core says of the device.
func (v *volume) refresh(w replica.VolumeView) {
	old := v.Info()
	i := blockdev.Info{
		Size: int64(w.Size) * 512, BlockSize: 512, MaxIO: int(w.MaxIO), MaxRange: maxRange,
		Discard: w.CanDiscard, DiscardZeroes: false,
	}
	if v.blockSize > 512 {
		i.BlockSize = v.blockSize
	}
	if i == old {
		return
	}
	v.info.Store(&i)
	if i.Size != old.Size {
		go func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.front != nil {
				if err := v.front.Resize(); err != nil {
					v.r.s.logf(replica.Error, v, "resize of %s: %v", v.front.Device(), err)
				}
			}
		}()
	}
}
