package world

import (
	"slices"
	"time"

	"classicha/drbdd/replica/simworld"
)

type fork = simworld.Fork

// ledger is X1: what the application of a group has synced, by the history of the data in
// which that happened. Each attempt to change a record has a number that grows.
type ledger struct {
	c      *client
	synced map[int][]entry // by history, by record
	// number tells which attempt the content of a block is of, by the version that the disk has.
	number map[uint32]uint64
	// lostAt is when a power cut took back a record on the disk of a machine; it is forgotten
	// when both are in sync. bornAt is when its drbdd began.
	lostAt [2][records]time.Duration
	// wentOn is when a machine became Primary last.
	wentOn [2]time.Duration
}

// entry is a record that has to be there: this attempt or a later one.
type entry struct {
	number uint64
	on     int // the machine that it was synced on
	at     time.Duration
	boot   int // starts of the other machine's drbdd until then
}

func newLedger(c *client) *ledger {
	return &ledger{c: c, synced: map[int][]entry{}, number: map[uint32]uint64{}}
}

func (l *ledger) of(history int) []entry {
	if l.synced[history] == nil {
		l.synced[history] = make([]entry, records)
	}
	return l.synced[history]
}

// sync: the application was told that an attempt is durable.
func (l *ledger) sync(history, record int, number uint64, on *machine) {
	e := &l.of(history)[record]
	if number >= e.number {
		*e = entry{number: number, on: on.i, at: l.c.w.Now(), boot: l.boots(1 - on.i)}
	}
}

// boots counts the ends of drbdd on a machine, with or without its power.
func (l *ledger) boots(i int) int { m := l.c.w.machines[i]; return m.boot + m.killed }

// forked: a history begins with what another had, or with less.
func (l *ledger) forked(f fork) {
	if f.Whole {
		l.synced[f.History] = slices.Clone(l.of(f.Parent))
	}
}

func (l *ledger) lost(i, record int, at time.Duration) { l.lostAt[i][record] = at }

// paired: both disks have everything.
func (l *ledger) paired() { l.lostAt = [2][records]time.Duration{} }

// check compares a record that was read after a mount.
func (l *ledger) check(m *machine, history, record int, number uint64) {
	w := l.c.w
	e := &l.of(history)[record]
	w.stats.Verified++
	if number >= e.number {
		return
	}
	if why := l.weaker(m, e, record); why != "" {
		w.note("group %d: record %d is missing attempt %d: %s", l.c.g, record, e.number, why)
		*e = entry{number: number, on: m.i, at: w.Now(), boot: l.boots(1 - m.i)}
		return
	}
	w.fail("X1", "group %d: record %d holds attempt %d on %s, but attempt %d was synced on %s at %.3fs",
		l.c.g, record, number, m, e.number, w.machines[e.on], e.at.Seconds())
}

// weaker tells what excuses a missing record: each needs more than one fault, or is what the
// protocol does not promise (drbd.conf(5)).
func (l *ledger) weaker(m *machine, e *entry, record int) string {
	other := 1 - e.on // who went on with the data
	switch {
	case m.i == e.on && l.wentOn[other] < e.at:
		return "" // nobody: its own disk was flushed
	case l.lostAt[other][record] > e.at:
		return "both machines lost their power, and the one whose disk was flushed is not back"
	case l.c.w.c.Protocol == 'A':
		return "protocol A: the last writes may be lost"
	case l.c.w.c.Protocol == 'B' && l.boots(other) != e.boot:
		return "protocol B: both machines failed"
	}
	return ""
}
