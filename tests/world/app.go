package world

// app is the application: it reads all its records when it starts, and then changes
// them for the client. What it has synced it says is done.
type app struct {
	s     *service
	alive bool
	ready bool // it has read what there is
	run   int
}

func (a *app) name() string { return "app" }
func (a *app) status() bool { return a.alive }
func (a *app) killed()      {}

func (a *app) start(done func(ok bool)) {
	a.alive, a.ready = true, false
	a.run++
	run := a.run
	a.verify(func() {
		if a.run == run {
			a.ready = true
		}
	})
	done(true)
}

func (a *app) stop(done func(ok bool)) {
	a.end()
	done(true)
}

// end: whatever it waited for, nobody hears of it.
func (a *app) end() {
	a.alive, a.ready = false, false
	a.run++
}

// verify reads every record: X1. Without a file system below the mount point there are none.
func (a *app) verify(done func()) {
	f, m := a.s.fs, a.s.m
	l := m.w.clients[a.s.g].ledger
	run := a.run
	var next func(record int)
	next = func(record int) {
		if record == records {
			done()
			return
		}
		if !f.mounted {
			l.check(m, f.s.pair.History(m.i), record, 0)
			next(record + 1)
			return
		}
		f.read(record, func(number uint64, ok bool) {
			if a.run != run || !f.mounted {
				return
			}
			if ok {
				l.check(m, f.s.pair.History(m.i), record, number)
			}
			next(record + 1)
		})
	}
	next(0)
}

// change carries out a request of the client. answer is called when it is done, durably
// if sync is wanted.
func (a *app) change(record int, number uint64, sync bool, answer func()) {
	f, m := a.s.fs, a.s.m
	run := a.run
	if !f.mounted { // it writes into the directory below
		answer()
		return
	}
	f.put(record, number)
	if !sync {
		m.after(m.w.Between(second/2, 3*second), func() {
			if f.mounted {
				f.writeBack(record, func(bool) {})
			}
		})
		answer()
		return
	}
	done := func(ok bool) {
		if ok && a.run == run {
			answer()
		}
	}
	if m.w.c.Mutation == AckBeforeSync {
		m.w.clients[a.s.g].ledger.sync(a.s.pair.History(m.i), record, number, m)
		f.writeBack(record, done)
		return
	}
	f.sync(record, done)
}
