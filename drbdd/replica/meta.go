package replica

import "classicha/drbdd/metadata"

// metaQueue writes metadata of one disk, one job after the other. A job goes
// through stages; each is a flush of the data or a Meta action, and the next
// begins when it is stable. That is how orders are kept that a crash must not
// break: data, then bitmap, then activity log, then what refers to them.
type metaQueue struct {
	jobs []*metaJob
	busy bool
}

// metaJob is one job. stage is called with 0, 1, ... and starts the stage's I/O by
// calling next's maker; it returns false when there are no more stages.
type metaJob struct {
	super bool // writes the super block and nothing else
	stage func(n int) bool
	n     int
	done  []func()
}

// push adds a job.
func (b *backing) push(j *metaJob) {
	b.meta.jobs = append(b.meta.jobs, j)
	b.pump()
}

// pump runs the first job until it waits for I/O.
func (b *backing) pump() {
	q := &b.meta
	for !q.busy && len(q.jobs) > 0 {
		if b.gone() {
			b.dropJobs()
			return
		}
		j := q.jobs[0]
		q.busy = true
		n := j.n
		j.n++
		if j.stage(n) {
			continue // the stage's I/O calls back
		}
		q.busy = false
		q.jobs = q.jobs[1:]
		for _, f := range j.done {
			f()
		}
	}
}

// step goes on with the job after a stage.
func (b *backing) step() {
	b.meta.busy = false
	b.pump()
}

// dropJobs ends all jobs of a disk that is gone: what waits for them goes on and
// finds that out.
func (b *backing) dropJobs() {
	jobs := b.meta.jobs
	b.meta.jobs = nil
	b.v.r.soon(func() {
		for _, j := range jobs {
			for _, f := range j.done {
				f()
			}
		}
	})
}

// writeMeta starts a Meta action as a stage.
func (b *backing) writeMeta(ws []MetaWrite) {
	v, r := b.v, b.v.r
	id := r.id()
	b.pending++
	r.metas[id] = func(ok bool) {
		b.pending--
		if !ok {
			b.v.metaFailed(b)
		}
		b.step()
		b.idle()
	}
	r.do(Meta{Vol: v.nr, ID: id, Writes: ws})
}

// flushData starts a flush of the data as a stage if anything is not stable;
// it returns false if nothing has to be done.
func (b *backing) flushData() bool {
	if b.dirtyWrites == b.stableWrites || !b.opts.Flushes && !b.opts.MDFlushes {
		return false
	}
	b.flush(func(bool) { b.step() })
	return true
}

// flush makes completed writes stable and then calls f.
func (b *backing) flush(f func(ok bool)) {
	upto := b.dirtyWrites
	b.submit(Disk{Op: Flush}, func(d DiskDone) {
		if d.OK {
			if b.stableWrites < upto {
				b.stableWrites = upto
			}
		} else {
			// Nobody knows what of the earlier writes is there: whatever on-io-error says,
			// this disk cannot be relied upon.
			if !b.failed {
				b.v.logf(Error, "local disk FLUSH FAILED. Detaching...")
				b.v.fail(b)
			}
		}
		f(d.OK)
	})
}

// earlyFlush is one that began before anybody asked for it.
type earlyFlush struct {
	upto uint64 // dirtyWrites when it began
	then []func(ok bool)
}

// flushEarly begins to make completed writes stable, unless it is at it.
func (b *backing) flushEarly() {
	if b.early != nil {
		return
	}
	e := &earlyFlush{upto: b.dirtyWrites}
	b.early = e
	b.flush(func(ok bool) {
		b.early = nil
		for _, f := range e.then {
			f(ok)
		}
	})
}

// makeStable is flush; an early one that covers everything serves as well.
func (b *backing) makeStable(f func(ok bool)) {
	if e := b.early; e != nil && e.upto == b.dirtyWrites {
		e.then = append(e.then, f)
		return
	}
	b.flush(f)
}

// superBytes is the super block as it stands now.
func (b *backing) superWrite() MetaWrite {
	b.superDirty = false
	return MetaWrite{Off: b.layout.Super, Data: b.super.Append(make([]byte, 0, 4096))}
}

// syncSuper writes the super block and calls f when it is stable. Jobs that did
// not begin yet are shared.
func (b *backing) syncSuper(f func()) {
	q := &b.meta
	if n := len(q.jobs); n > 0 && q.jobs[n-1].super && q.jobs[n-1].n == 0 {
		if f != nil {
			q.jobs[n-1].done = append(q.jobs[n-1].done, f)
		}
		return
	}
	j := &metaJob{super: true}
	if f != nil {
		j.done = append(j.done, f)
	}
	w := bitmapWriter{b: b}
	over := false
	j.stage = func(int) bool {
		// The activity log counts as long as PRIMARY_IND stands. Before it goes, what
		// the log covered is marked.
		if b.recorded.Has(metadata.PrimaryInd) && !b.super.Flags.Has(metadata.PrimaryInd) && w.next() {
			return true
		}
		if over {
			return false
		}
		over = true
		b.recorded = b.super.Flags
		b.writeMeta([]MetaWrite{b.superWrite()})
		return true
	}
	b.push(j)
}

// bitmapRoom is how many bitmap blocks one Meta action takes.
const bitmapRoom = 256

// bitmapWrites takes up to bitmapRoom changed blocks from block i on; next is -1
// when there are no more.
func (b *backing) bitmapWrites(i int) (ws []MetaWrite, next int) {
	for len(ws) < bitmapRoom {
		i = b.bm.NextDirty(i)
		if i < 0 {
			return ws, -1
		}
		ws = append(ws, b.bitmapWrite(i))
		i++
	}
	return ws, i
}

func (b *backing) bitmapWrite(i int) MetaWrite {
	b.bm.MarkWritten(i)
	b.v.count.BMWrites++
	return MetaWrite{Off: b.layout.BM + int64(i)*metadata.ALBlockSize, Data: b.bm.AppendBlock(make([]byte, 0, 4096), i)}
}

// syncBitmap writes all of the bitmap that changed and calls f when it is
// stable. What was written to the disk is made stable first: a cleared bit
// promises it.
func (b *backing) syncBitmap(f func()) {
	j := &metaJob{}
	if f != nil {
		j.done = append(j.done, f)
	}
	w := bitmapWriter{b: b}
	j.stage = func(int) bool { return w.next() }
	b.push(j)
}

// bitmapWriter writes what changed of the bitmap, piece by piece. The bytes of a
// piece are taken before the disk is flushed for it: a bit that is cleared later
// is not covered by that flush. The disk is flushed also when nothing changed.
type bitmapWriter struct {
	b     *backing
	at    int // next block, -1 at the end
	ws    []MetaWrite
	taken bool // ws is what the last flush covers
}

// next starts the next stage; it returns false when nothing is left.
func (w *bitmapWriter) next() bool {
	if !w.taken {
		if w.at < 0 {
			return false
		}
		w.ws, w.at = w.b.bitmapWrites(w.at)
		w.taken = true
		if w.b.flushData() {
			return true
		}
	}
	w.taken = false
	if len(w.ws) == 0 {
		return w.next()
	}
	w.b.writeMeta(w.ws)
	return true
}

// setAll marks the whole disk as out of sync and writes that; FULL_SYNC stands in
// the super block as long as the bitmap is not complete on disk.
func (b *backing) setAll(f func()) {
	b.bm.SetAll()
	b.taint(0, b.bm.Bits())
	b.super.Flags |= metadata.FullSync
	b.syncSuper(nil)
	b.syncBitmap(func() {
		b.super.Flags &^= metadata.FullSync
		b.syncSuper(f)
	})
}
