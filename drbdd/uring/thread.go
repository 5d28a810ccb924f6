package uring

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sqEntries = 256
	cqEntries = 2048
	// maxFlying bounds what is under way in the kernel; completions then always have room.
	maxFlying = 1024
	// retryAfter is when a submission is tried again that the kernel had no memory for.
	retryAfter = time.Millisecond
	// yieldAfter: see Thread.yield.
	yieldAfter = 6 * time.Millisecond
)

// Thread is a ring and its thread.
type Thread struct {
	mu       sync.Mutex
	queue    []*Op    // from other goroutines, and from functions of the thread
	funcs    []func() // to be called in the thread
	sleeping bool     // the wake descriptor is needed
	stopping bool

	wake int // eventfd
	over sync.WaitGroup

	// What follows belongs to the thread.
	ring          *ring
	patience      patience
	before, after func()
	table         []*Op // under way, by number
	free          []uint32
	flying        int
	watches       int
	backlog       []*Op // beyond maxFlying, or what the queue has room for
	again         []*Watch
	spareQueue    []*Op
	spareFuncs    []func()
	spareAgain    []*Watch
	yielded       time.Time
}

// Options of a thread.
type Options struct {
	Before, After func()        // called in the thread around each group of calls, if not nil
	Poll          time.Duration // how long the thread may ask for completions before it sleeps
}

// Start begins a thread. An error means that there is no io_uring here, or that it may not be used.
func Start(o Options) (*Thread, error) {
	t := &Thread{before: o.Before, after: o.After, wake: -1, patience: patience{max: longest(o.Poll)}}
	began := make(chan error)
	t.over.Go(func() {
		runtime.LockOSThread() // the kernel wants all calls from the thread that made the ring
		defer runtime.UnlockOSThread()
		err := t.open()
		began <- err
		if err == nil {
			processors(+1)
			t.run()
			processors(-1)
		}
		t.shut()
	})
	if err := <-began; err != nil {
		t.over.Wait()
		return nil, err
	}
	return t, nil
}

func (t *Thread) open() (err error) {
	if t.ring, err = newRing(sqEntries, cqEntries); err != nil {
		return fmt.Errorf("io_uring: %w", err)
	}
	if t.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("io_uring: eventfd: %w", err)
	}
	// Before Linux 5.13 a poll ends with its first event, or is refused.
	works := false
	t.listen(func(res int32) { works = res > 0 })
	t.poke()
	if err = t.ring.enter(true); err == nil {
		t.reap()
	}
	if err == nil && !works {
		err = unix.ENOSYS
	}
	if err != nil {
		return fmt.Errorf("io_uring: %w", err)
	}
	return nil
}

// listen watches the wake descriptor. It is never read: each write is an event of its own.
func (t *Thread) listen(f func(res int32)) {
	o := &Op{}
	o.poll(t.wake, unix.POLLIN)
	o.more = func(res int32, last bool) {
		if f != nil {
			f(res)
			f = nil
		}
		if last && res > 0 {
			t.pushNow(o)
		}
	}
	t.pushNow(o)
}

func (t *Thread) shut() {
	if t.ring != nil {
		t.ring.close()
	}
	if t.wake >= 0 {
		_ = unix.Close(t.wake)
	}
}

func (t *Thread) poke() {
	one := [8]byte{1} // in any byte order it is not 0
	_, _ = unix.Write(t.wake, one[:])
}

// Do begins an operation. It may be called by any goroutine.
func (t *Thread) Do(o *Op) {
	t.mu.Lock()
	t.queue = append(t.queue, o)
	t.unlockWake()
}

// Post has f called in the thread.
func (t *Thread) Post(f func()) {
	t.mu.Lock()
	t.funcs = append(t.funcs, f)
	t.unlockWake()
}

func (t *Thread) unlockWake() {
	wake := t.sleeping
	t.sleeping = false
	t.mu.Unlock()
	if wake {
		t.poke()
	}
}

// Stop ends the thread once nothing is under way any more: no operation, no watch, no function
// that was posted. It waits for that.
func (t *Thread) Stop() {
	t.mu.Lock()
	t.stopping = true
	t.unlockWake()
	t.over.Wait()
}

func (t *Thread) run() {
	for {
		t.mu.Lock()
		ops, funcs := t.queue, t.funcs
		t.queue, t.funcs = t.spareQueue[:0], t.spareFuncs[:0]
		idle := len(funcs) == 0 && len(t.again) == 0
		if t.stopping && idle && len(ops) == 0 && len(t.backlog) == 0 && t.flying == 1 && t.watches == 0 {
			t.mu.Unlock()
			return // only the wake descriptor is watched
		}
		t.sleeping = idle
		t.mu.Unlock()
		t.submit(ops, idle)
		t.mu.Lock()
		t.sleeping = false
		t.mu.Unlock()
		if t.before != nil {
			t.before()
		}
		again := t.again // of the group before this one: what that had begun is on its way
		t.again = t.spareAgain[:0]
		t.reap()
		for i, f := range funcs {
			funcs[i] = nil
			f()
		}
		for i, w := range again {
			again[i] = nil
			w.call()
		}
		if t.after != nil {
			t.after()
		}
		clear(ops)
		t.spareQueue, t.spareFuncs, t.spareAgain = ops, funcs, again
		t.yield()
	}
}

// yield calls the scheduler from time to time. It takes a goroutine that never does for one that
// is stuck: the runtime's watcher would take its processor away every 10 ms, and look
// each 20 us then whether there is more to do, for as long as all the rest of the work takes.
func (t *Thread) yield() {
	if now := time.Now(); now.Sub(t.yielded) >= yieldAfter {
		runtime.Gosched()
		t.yielded = now
	}
}

// processors adds to the processors of the runtime: each thread keeps one while it sleeps, and
// when there are none to spare that is taken from it each time.
func processors(n int) {
	processorsMu.Lock()
	defer processorsMu.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

var processorsMu sync.Mutex

// submit hands operations to the kernel, the oldest first, and waits for a completion if wait is
// set.
func (t *Thread) submit(ops []*Op, wait bool) {
	for len(t.backlog) > 0 && t.push(t.backlog[0]) {
		t.backlog[0] = nil
		t.backlog = t.backlog[1:]
	}
	for i, o := range ops {
		if len(t.backlog) > 0 || !t.push(o) {
			t.backlog = append(t.backlog, ops[i:]...)
			break
		}
	}
	// What did not fit goes on when something has ended; but the queue may just have been full.
	wait = wait && (len(t.backlog) == 0 || t.flying >= maxFlying)
	var err error
	if wait {
		err = t.await()
	} else {
		err = t.ring.enter(false)
	}
	switch {
	case err == nil, errors.Is(err, unix.EINTR):
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOMEM):
		// Not to be seen in practice. Meanwhile completions make room.
		time.Sleep(retryAfter)
	default:
		t.ring.withdraw(func(user uint64) { t.end(cqe{user: user, res: -int32(errnoOf(err))}) })
	}
}

func errnoOf(err error) unix.Errno {
	var no unix.Errno
	if errors.As(err, &no) {
		return no
	}
	return unix.EIO
}

// push puts an operation into the queue of the ring; false when there is no room.
func (t *Thread) push(o *Op) bool {
	if t.flying >= maxFlying {
		return false
	}
	e := t.ring.next()
	if e != nil {
		t.enlist(o, e)
	}
	return e != nil
}

// pushNow makes room if there is none.
func (t *Thread) pushNow(o *Op) {
	e := t.ring.next()
	for ; e == nil; e = t.ring.next() {
		if t.ring.enter(false) != nil {
			time.Sleep(retryAfter)
		}
	}
	t.enlist(o, e)
}

func (t *Thread) enlist(o *Op, e *sqe) {
	var i uint32
	if n := len(t.free); n > 0 {
		i = t.free[n-1]
		t.free = t.free[:n-1]
		t.table[i] = o
	} else {
		i = uint32(len(t.table))
		t.table = append(t.table, o)
	}
	t.flying++
	o.e.user = uint64(i)
	*e = o.e
}

// reap calls the functions of what has ended.
func (t *Thread) reap() {
	for {
		c, ok := t.ring.reap()
		if !ok {
			return
		}
		t.end(c)
	}
}

func (t *Thread) end(c cqe) {
	o := t.table[c.user]
	if o.more != nil && c.flags&cqeMore != 0 {
		o.more(c.res, false)
		return
	}
	t.table[c.user] = nil
	t.free = append(t.free, uint32(c.user))
	t.flying--
	o.mem = nil
	if o.more != nil {
		o.more(c.res, true)
		return
	}
	o.Done(o, c.res)
}
