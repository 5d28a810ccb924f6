package replica

// ranges orders what touches the same storage: an entry runs when none that came
// before it and overlaps it, and conflicts with it, is still there. Readers (of
// resync and verify) do not disturb each other.
//
// This is finer than the original, which locks resync extents of 16 MiB, and
// gives the same guarantees: a resync never sends data older than what was
// replicated, and overlapping writes reach both disks in the same order.
type ranges struct{ list []*span }

// span is one entry.
type span struct {
	first, last uint64 // sectors, inclusive
	read        bool
	running     bool
	run         func()
}

func (a *span) conflicts(b *span) bool {
	return a.first <= b.last && b.first <= a.last && !(a.read && b.read)
}

// enter adds an entry for size bytes from sector on; run is called at once if
// nothing is in the way, else when that has left.
func (rs *ranges) enter(sector uint64, size uint32, read bool, run func()) *span {
	s := rs.enterLater(sector, size, read, run)
	rs.begin(s)
	return s
}

// enterLater adds an entry that may run only after begin: for a run that needs to
// know its span.
func (rs *ranges) enterLater(sector uint64, size uint32, read bool, run func()) *span {
	s := &span{first: sector, last: sector + uint64(size+511)/512 - 1, read: read, run: run}
	rs.list = append(rs.list, s)
	return s
}

// begin runs an entry that was just added if nothing is in the way.
func (rs *ranges) begin(s *span) {
	for _, o := range rs.list {
		if o == s {
			break
		}
		if o.conflicts(s) {
			return
		}
	}
	if !s.running {
		s.running = true
		s.run()
	}
}

// leave removes an entry and returns those that may run now; they are marked as
// running. The caller calls their run.
func (rs *ranges) leave(s *span) (ready []*span) {
	for i, o := range rs.list {
		if o == s {
			rs.list = append(rs.list[:i], rs.list[i+1:]...)
			break
		}
	}
	if !s.running {
		// It held up others as well while it waited.
		s.running = true
	}
	for i, o := range rs.list {
		if o.running || !o.conflicts(s) {
			continue
		}
		free := true
		for _, b := range rs.list[:i] {
			if b.conflicts(o) {
				free = false
				break
			}
		}
		if free {
			o.running = true
			ready = append(ready, o)
		}
	}
	return ready
}

// leave gives a range up and runs those that waited for it.
func (v *volume) leave(s *span) {
	for _, o := range v.ranges.leave(s) {
		o.run()
	}
}

// leaveAsking is leave for volume.asking.
func (v *volume) leaveAsking(s *span) {
	for _, o := range v.asking.leave(s) {
		o.run()
	}
}
