package uring

import "golang.org/x/sys/unix"

// Watch is a descriptor whose readiness to be read is told.
type Watch struct {
	t      *Thread
	fd     int
	ready  func() (more bool)
	op     Op
	armed  bool
	queued bool // in Thread.again
	closed bool
	ended  bool // the other end, or all of it
	gone   func()
}

// Watch has ready called in the thread now, and whenever fd becomes readable or ends. ready takes
// what is there without waiting; it returns true when it stopped before that, to be called once more
// soon. The descriptor stays open until the watch is closed.
func (t *Thread) Watch(fd int, ready func() (more bool)) *Watch {
	w := &Watch{t: t, fd: fd, ready: ready}
	w.op.more = w.event
	t.Post(func() {
		t.watches++
		w.arm()
		w.call()
	})
	return w
}

// Ended tells whether the other end has ended. Until then what comes is told by another call of ready, so who
// has read all there was need not look whether there is more. It must be called in ready.
func (w *Watch) Ended() bool { return w.ended }

// Again has ready called in the thread. It may be called by any goroutine.
func (w *Watch) Again() { w.t.Post(w.call) }

// Close ends the watch. gone is called in the thread after the last call of ready. It must be
// called once; any goroutine may do it.
func (w *Watch) Close(gone func()) {
	w.t.Post(func() {
		w.closed, w.gone = true, gone
		if !w.armed {
			w.end()
			return
		}
		w.remove()
	})
}

// remove asks for the end of the poll, which comes as its last event. The request is queued at
// once: behind whatever took the number of the poll after its end it would end that.
func (w *Watch) remove() {
	r := &Op{Done: func(_ *Op, res int32) {
		if res == -int32(unix.EALREADY) && w.armed { // an event was just on its way
			w.remove()
		}
	}}
	r.pollRemove(w.op.e.user)
	w.t.pushNow(r)
}

func (w *Watch) arm() {
	w.armed = true
	w.op.poll(w.fd, unix.POLLIN|unix.POLLRDHUP)
	w.t.pushNow(&w.op)
}

// event is one of the poll, which may be its last.
func (w *Watch) event(res int32, last bool) {
	w.ended = w.ended || res < 0 || res&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
	if last {
		w.armed = false
		if w.closed {
			w.end()
			return
		}
		if no := unix.Errno(-res); res >= 0 || no == unix.ECANCELED || no == unix.ENOMEM {
			w.arm() // before it is read: nothing that comes meanwhile is lost
		}
	}
	w.call()
}

func (w *Watch) call() {
	if w.closed {
		return
	}
	w.queued = false
	if w.ready() && !w.queued && !w.closed {
		w.queued = true
		w.t.again = append(w.t.again, w)
	}
}

func (w *Watch) end() {
	w.t.watches--
	if w.gone != nil {
		w.gone()
	}
}
