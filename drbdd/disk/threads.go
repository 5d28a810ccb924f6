package disk

import (
	"sync"

	"classicha/drbdd/blockdev"
)

// threads is the engine of goroutines and plain system calls: it works on any kernel.
type threads struct {
	d     *Disk
	work  blockdev.Queue
	flush blockdev.Queue
	wg    sync.WaitGroup
}

func newThreads(d *Disk, workers int) *threads {
	t := &threads{d: d}
	for range workers {
		t.wg.Go(func() {
			for r := t.work.Pop(); r != nil; r = t.work.Pop() {
				t.d.finish(r, t.d.carryOut(r))
			}
		})
	}
	t.wg.Go(t.flusher)
	return t
}

func (t *threads) submit(r *blockdev.Request) {
	q := &t.work
	if r.Op == blockdev.Flush {
		q = &t.flush
	}
	if !q.Push(r) {
		t.d.finish(r, blockdev.ErrShutdown)
	}
}

// flusher serves all flushes that wait with one fdatasync. A flush that comes while one
// is under way waits for the next: what it covers may have been written after
// the present one began.
func (t *threads) flusher() {
	var batch []*blockdev.Request
	for r := t.flush.Pop(); r != nil; r = t.flush.Pop() {
		batch = batch[:0]
		for ; r != nil; r = t.flush.TryPop() {
			batch = append(batch, r)
		}
		err := t.d.fdatasync()
		for i, r := range batch {
			batch[i] = nil
			t.d.finish(r, err)
		}
	}
}

func (t *threads) close() {
	t.work.Close()
	t.flush.Close()
	t.wg.Wait()
}
