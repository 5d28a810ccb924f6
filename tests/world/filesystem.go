package world

import "time"

const second = time.Second

// filesystem is what resource.d/Filesystem mounts: records, each a block, with a cache above
// the device. A record that is not synced stays in the cache until it is written back, at
// the latest by the unmount.
type filesystem struct {
	s       *service
	mount   int // counts mounts and their ends
	mounted bool
	opening bool // mount(8) waits for the device
	// stopping: umount(8) waits for it.
	stopping bool
	cache    map[int]*page
}

// page is a record in the cache.
type page struct {
	number  uint64 // of the attempt that it holds
	device  uint64 // of the attempt that the device has taken last, 0: none
	dirty   bool
	writing bool // a write of it is under way
	waits   []func(ok bool)
}

func (f *filesystem) name() string { return "Filesystem" }
func (f *filesystem) status() bool { return f.mounted }

// killed: a mount or unmount that waits for the device cannot be killed.
func (f *filesystem) killed() {}

// holds: the device cannot be given up.
func (f *filesystem) holds() bool { return f.mounted || f.opening }

// forget: the power went.
func (f *filesystem) forget() {
	f.mount++
	f.mounted, f.opening, f.stopping, f.cache = false, false, false, nil
}

// start mounts: the device must be Primary, and answer.
func (f *filesystem) start(done func(ok bool)) {
	m := f.s.m
	switch {
	case f.mounted:
		done(true)
		return
	case f.opening || !f.s.pair.State(m.i).Primary:
		done(false)
		return
	}
	f.opening = true
	mount := f.mount
	f.s.pair.Read(m.i, 0, func(_ uint32, ok bool) {
		if f.mount != mount {
			return
		}
		f.opening = false
		if ok {
			m.w.note("%s: group %d is mounted, history %d", m, f.s.g, f.s.pair.History(m.i))
			f.mount++
			f.mounted, f.cache = true, map[int]*page{}
		}
		done(ok)
	})
}

// stop unmounts: what is dirty goes to the device, and is durable there.
func (f *filesystem) stop(done func(ok bool)) {
	if !f.mounted {
		done(true)
		return
	}
	m := f.s.m
	left, good := 1, true
	mount := f.mount
	f.stopping = true
	written := func(ok bool) {
		good = good && ok
		if left--; left > 0 || f.mount != mount {
			return
		}
		if !good {
			f.stopping = false
			done(false)
			return
		}
		f.flush(func(ok bool) {
			if f.mount == mount {
				f.stopping = false
			}
			if ok && f.mount == mount {
				f.forget()
				m.w.note("%s: group %d is unmounted", m, f.s.g)
			}
			done(ok)
		})
	}
	for r := range records {
		p := f.cache[r]
		switch {
		case p == nil || !p.dirty && !p.writing:
		case m.w.c.Mutation == UnmountForgets:
			p.device = p.number
		default:
			left++
			f.writeBack(r, written)
		}
	}
	written(true)
}

// flush makes durable what was written, and has that on record.
func (f *filesystem) flush(done func(ok bool)) {
	type clean struct {
		record int
		number uint64
	}
	var all []clean
	for r := range records {
		if p := f.cache[r]; p != nil && p.device > 0 {
			all = append(all, clean{r, p.device})
		}
	}
	mount := f.mount
	f.s.pair.Flush(f.s.m.i, func(ok bool) {
		if ok && f.mount == mount {
			l := f.s.m.w.clients[f.s.g].ledger
			for _, c := range all {
				l.sync(f.s.pair.History(f.s.m.i), c.record, c.number, f.s.m)
			}
		}
		done(ok)
	})
}

// put changes a record in the cache.
func (f *filesystem) put(record int, number uint64) {
	p := f.cache[record]
	if p == nil {
		p = &page{}
		f.cache[record] = p
	}
	p.number, p.dirty = number, true
}

// writeBack writes a page until it is clean.
func (f *filesystem) writeBack(record int, done func(ok bool)) {
	p := f.cache[record]
	if p == nil || !p.dirty && !p.writing {
		done(true)
		return
	}
	if p.writing {
		p.waits = append(p.waits, func(ok bool) {
			if !ok {
				done(false)
				return
			}
			f.writeBack(record, done)
		})
		return
	}
	p.dirty, p.writing = false, true
	mount, number := f.mount, p.number
	f.s.m.w.clients[f.s.g].ledger.number[f.s.pair.NextWrite()] = number
	f.s.pair.Write(f.s.m.i, record, func(ok bool) {
		if f.mount != mount {
			return
		}
		p.writing = false
		if ok {
			p.device = number
		} else {
			p.dirty = true
		}
		waits := p.waits
		p.waits = nil
		done(ok)
		for _, w := range waits {
			w(ok)
		}
	})
}

// sync is fsync of a record.
func (f *filesystem) sync(record int, done func(ok bool)) {
	f.writeBack(record, func(ok bool) {
		if !ok {
			done(false)
			return
		}
		f.flush(done)
	})
}

// read is the attempt that a record holds.
func (f *filesystem) read(record int, done func(number uint64, ok bool)) {
	if p := f.cache[record]; p != nil {
		done(p.number, true)
		return
	}
	mount := f.mount
	f.s.pair.Read(f.s.m.i, record, func(version uint32, ok bool) {
		if f.mount == mount {
			done(f.s.m.w.clients[f.s.g].ledger.number[version], ok)
		}
	})
}
