package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/control"
	"classicha/drbdd/disk"
	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
	"classicha/drbdd/replica"
	"classicha/drbdd/uring"
	"classicha/drbdd/wire"
	"classicha/drbdd/wire/digest"
)

// store is the disk of a volume, and where its metadata is.
type store struct {
	data, meta *disk.Disk
	index      metadata.Index
	flushMeta  bool // md-flushes
}

// storeError is why a disk could not be opened: an error of drbd-cli 3.1, or a
// sentence.
type storeError struct {
	code  int
	usage string
}

func (e *storeError) Error() string {
	if e.usage != "" {
		return e.usage
	}
	return control.ErrorText(e.code)
}

// openStore opens the disk and reads its metadata: everything that the core
// needs to attach it. The activity log is applied if it was not.
func openStore(ring *uring.Thread, lower, meta, index string, o replica.DiskOptions) (*store, replica.Attach, error) {
	at := replica.Attach{Options: o, Name: filepath.Base(lower)}
	x, err := indexOf(lower, meta, index)
	if err != nil {
		return nil, at, err
	}
	st := &store{index: x, flushMeta: o.MDFlushes}
	if st.data, err = openDisk(lower, disk.Options{Exclusive: true, Lock: true, Ring: ring}, control.ErrOpenDisk, control.ErrDiskClaimed); err != nil {
		return nil, at, err
	}
	st.meta = st.data
	if meta != lower {
		if st.meta, err = openDisk(meta, disk.Options{Exclusive: true}, control.ErrOpenMeta, control.ErrMetaClaimed); err != nil {
			st.data.Close()
			return nil, at, err
		}
	}
	if err = st.read(&at); err != nil {
		st.close()
		return nil, at, err
	}
	return st, at, nil
}

// indexOf takes the words of attach: internal, flexible (or flex-external), or a
// number.
func indexOf(lower, meta, index string) (metadata.Index, error) {
	word := index
	if word == "flexible" {
		word = "flex-external"
	}
	x, err := metadata.ParseIndex(word)
	if n, e := strconv.Atoi(index); e == nil && n < 0 { // drbdsetup 0.7: -1 is internal
		x, err = metadata.Internal, nil
	}
	if err != nil || (x == metadata.Internal) != (lower == meta) {
		return 0, &storeError{code: control.ErrMetaIndex}
	}
	return x, nil
}

// claimPatience is how long requests of a daemon that was killed may hold a disk.
const claimPatience = 2 * time.Second

func openDisk(path string, o disk.Options, code, claimed int) (*disk.Disk, error) {
	o.Patience = claimPatience
	d, err := disk.Open(path, o)
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, syscall.EBUSY):
		return nil, &storeError{code: claimed}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &storeError{usage: fmt.Sprintf("Can not open device '%s': %v", path, syscall.ENOENT)}
	}
	return nil, &storeError{code: code, usage: fmt.Sprintf("Can not open device '%s': %v", path, err)}
}

// read reads the metadata.
func (st *store) read(at *replica.Attach) error {
	size := st.meta.Info().Size
	md, err := mdio.Attach(st.meta, st.index, size)
	if err == nil && md.Super.NeedApplyAL() {
		_, err = md.ApplyAL()
	}
	var small *metadata.TooSmallError
	switch {
	case err == nil:
	case errors.As(err, &small):
		return &storeError{code: control.ErrMetaTooSmall}
	case errors.Is(err, metadata.ErrNoMetadata), errors.Is(err, metadata.ErrOffsets), errors.Is(err, metadata.ErrALUnusable):
		return &storeError{code: control.ErrMetaInvalid}
	default:
		return &storeError{code: control.ErrMetaIO}
	}
	at.Backing = uint64(st.data.Info().Size) / 512
	at.Usable = md.Layout.UsableSectors(at.Backing)
	if at.Options.Size != 0 && at.Usable < at.Options.Size {
		return &storeError{code: control.ErrDiskTooSmall}
	}
	if at.Bitmap, err = md.ReadBitmap(at.Usable); err != nil {
		return &storeError{code: control.ErrMetaIO}
	}
	at.Super, at.Layout = md.Super, md.Layout
	i := st.data.Info()
	at.MaxBioSize = uint32(i.IOLimit())
	at.CanDiscard, at.DiscardZeroes = i.Discard, i.DiscardZeroes
	at.Limits = wire.QueueLimits{PhysicalBlock: uint32(i.BlockSize), LogicalBlock: uint32(i.BlockSize), IOMin: uint32(i.BlockSize)}
	if i.Discard {
		at.Limits.Discard = 1
	}
	if i.DiscardZeroes {
		at.Limits.DiscardZeroes = 1
	}
	return nil
}

func (st *store) close() {
	if st.meta != nil && st.meta != st.data {
		st.meta.Close()
	}
	if st.data != nil {
		st.data.Close()
	}
}

// submit starts a Disk action.
func (st *store) submit(r *resource, a replica.Disk) {
	if st == nil {
		r.later(replica.DiskDone{ID: a.ID})
		return
	}
	q := &blockdev.Request{ID: a.ID, Off: int64(a.Sector) * 512, Len: int64(a.Size)}
	if a.FUA {
		q.Flags |= blockdev.FUA
	}
	switch a.Op {
	case replica.Read:
		q.Op = blockdev.Read
		if a.Buf == 0 {
			st.readNew(r, a, q)
			return
		}
	case replica.Write:
		q.Op = blockdev.Write
	case replica.Flush:
		q.Op = blockdev.Flush
	case replica.Discard:
		q.Op = blockdev.Discard
	case replica.Zero:
		q.Op = blockdev.WriteZeroes
		if a.Unmap {
			q.Flags |= blockdev.Unmap
		}
	}
	x := r.bufs.use(a.Buf)
	if x != nil {
		q.Data = x.data[:a.Size]
	}
	q.Done = func(_ *blockdev.Request, err error) {
		r.loop.post(diskEnd{r, x, replica.DiskDone{ID: a.ID, OK: err == nil}})
	}
	q.Start()
	st.data.Submit(q)
}

// diskEnd is the end of a Disk action: the payload is let go before the core
// hears of it.
type diskEnd struct {
	r    *resource
	x    *payload
	done replica.DiskDone
}

// readNew reads into memory of ours; when there is none at the moment it waits
// beside the loop.
func (st *store) readNew(r *resource, a replica.Disk, q *blockdev.Request) {
	start := func(b *blockdev.Buffer) {
		q.Data, q.Buf = b.B, b
		end := func(err error) {
			done := replica.DiskDone{ID: a.ID, OK: err == nil}
			if err == nil && a.Digest != "" {
				if h, err := digest.New(a.Digest); err == nil {
					h.Write(b.B)
					done.Digest = h.Sum(nil)
				} else {
					done.OK = false
				}
			}
			if err == nil && a.WantZeroes {
				done.Zeroes = zero(b.B)
			}
			r.loop.post(func(*replica.Resource) {
				done.Buf = r.bufs.add(b.B, b)
				r.later(done)
			})
		}
		q.Done = func(_ *blockdev.Request, err error) {
			if a.Digest != "" || a.WantZeroes {
				go end(err) // others have use for the thread that tells us
				return
			}
			end(err)
		}
		q.Start()
		st.data.Submit(q)
	}
	if b := r.readPool.TryGet(int(a.Size)); b != nil {
		start(b)
		return
	}
	go func() {
		b, err := r.readPool.Get(r.ctx, int(a.Size))
		if err != nil {
			r.loop.post(replica.DiskDone{ID: a.ID})
			return
		}
		start(b)
	}()
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// writeMeta starts a Meta action. The core has one under way for each volume.
func (st *store) writeMeta(r *resource, a replica.Meta) {
	if st == nil {
		r.later(replica.MetaDone{ID: a.ID})
		return
	}
	go func() {
		ok := true
		for _, w := range a.Writes {
			if _, err := st.meta.WriteAt(w.Data, w.Off); err != nil {
				ok = false
				r.s.logf(replica.Error, r.logName(a.Vol), "metadata at %d: %v", w.Off, err)
				break
			}
		}
		if ok && st.flushMeta {
			if err := st.meta.Sync(); err != nil {
				ok = false
				r.s.logf(replica.Error, r.logName(a.Vol), "metadata: %v", err)
			}
		}
		r.loop.post(replica.MetaDone{ID: a.ID, OK: ok})
	}()
}
