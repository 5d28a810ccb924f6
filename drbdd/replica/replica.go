package replica

import (
	"fmt"
	"slices"
	"time"

	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// Resource is one resource: volumes that share a connection. One owner; no locks.
type Resource struct {
	name     string
	features wire.Feature
	opts     ResourceOptions
	rng      rng

	now     time.Time
	out     []Action
	timers  timers
	lastID  uint64
	disks   map[uint64]func(DiskDone)
	metas   map[uint64]func(ok bool)
	helpers map[uint64]func(code int)
	sent    map[uint64]func()
	later   []func() // to be run at the end of the Step, in order
	waiting []waiter // for the next change of a state

	vols []*volume // by number

	// What follows is of the connection.
	net                    *NetOptions
	cs                     wire.ConnState // StandAlone ... WFReportParams; volumes go on from there
	peer                   session
	tl                     transferLog
	susp, suspNod, suspFen bool
	cw                     *clusterChange // under way
	cwQueue                []func()
	noDataFails            bool // resume-io: I/O without data is not frozen again
	fencing                bool // the handler runs
	fenceWaits             []fenceWait
	fenceDue               bool   // a Primary lost its peer, and no result counted since
	fenceFailed            bool   // the handler is tried again: fenceCode was its last word
	fenceCode              int    // of a handler that failed
	fenceAgain             *timer // calls it again
	sessions               uint64
	changes                uint64
	onStandAlone           []func() // commands that wait for it
}

// New makes a resource without volumes. The seed feeds its random numbers
// (generation identifiers): it has to differ each time.
func New(cfg Config, seed uint64) *Resource {
	r := &Resource{
		name: cfg.Name, features: cfg.Features, opts: cfg.Options, rng: rng(seed),
		disks: map[uint64]func(DiskDone){}, metas: map[uint64]func(bool){},
		helpers: map[uint64]func(int){}, sent: map[uint64]func(){},
	}
	r.tl.reset()
	return r
}

// Step takes an event and returns what is to be done, in order. The slice is
// valid until the next Step.
func (r *Resource) Step(now time.Time, ev Event) []Action {
	if now.After(r.now) {
		r.now = now
	}
	r.out = r.out[:0]
	r.timers.run(r.now)
	switch e := ev.(type) {
	case Request:
		r.request(e)
	case DiskDone:
		if f := r.disks[e.ID]; f != nil {
			delete(r.disks, e.ID)
			f(e)
		}
	case MetaDone:
		if f := r.metas[e.ID]; f != nil {
			delete(r.metas, e.ID)
			f(e.OK)
		}
	case Packet:
		r.packet(e)
	case Sent:
		if f := r.sent[e.Token]; f != nil {
			delete(r.sent, e.Token)
			f()
		}
	case Up:
		r.up(e)
	case Down:
		r.down(e)
	case GiveUp:
		r.giveUp(e)
	case Stalled:
		r.stalled(e)
	case HandlerDone:
		if f := r.helpers[e.ID]; f != nil {
			delete(r.helpers, e.ID)
			f(e.Code)
		}
	case Command:
		r.command(e)
	case Capacity:
		r.capacity(e)
	case Tick:
	}
	r.settle()
	if p, ok := ev.(Packet); r.peer.owed == 0 && !(ok && p.More) {
		r.promise()
	}
	return r.out
}

// settle runs what was put off until the event is processed, and what follows
// from that.
func (r *Resource) settle() {
	for len(r.later) > 0 {
		f := r.later[0]
		r.later = r.later[1:]
		f()
	}
	r.closeIdleEpoch()
}

// Next is when a Tick is wanted; the zero time is never.
func (r *Resource) Next() time.Time { return r.timers.next() }

func (r *Resource) do(a Action) { r.out = append(r.out, a) }

// soon runs f when the present event is processed.
func (r *Resource) soon(f func()) { r.later = append(r.later, f) }

// Changes grows whenever View has something new besides counters and progress.
func (r *Resource) Changes() uint64 { return r.changes }

// id returns a number for an action or a block on the wire; never 0 and never
// the one that means resync.
func (r *Resource) id() uint64 { r.lastID++; return r.lastID }

func (r *Resource) volume(nr int) *volume {
	for _, v := range r.vols {
		if v.nr == nr {
			return v
		}
	}
	return nil
}

func (r *Resource) addVolume(v *volume) {
	i, _ := slices.BinarySearchFunc(r.vols, v.nr, func(a *volume, nr int) int { return a.nr - nr })
	r.vols = slices.Insert(r.vols, i, v)
}

// logf logs for the resource.
func (r *Resource) logf(l Level, format string, args ...any) {
	r.do(Log{Level: l, Vol: -1, Text: fmt.Sprintf(format, args...)})
}

// role is the highest role of the volumes.
func (r *Resource) role() wire.Role {
	for _, v := range r.vols {
		if v.st.Role == wire.Primary {
			return wire.Primary
		}
	}
	return wire.Secondary
}

// suspended tells whether application I/O waits.
func (r *Resource) suspended() bool { return r.susp || r.suspNod || r.suspFen }

// helper runs a handler and goes on with its exit code.
func (r *Resource) helper(name string, vol int, f func(code int)) {
	id := r.id()
	if f == nil {
		f = func(int) {}
	}
	r.helpers[id] = f
	r.do(RunHandler{ID: id, Name: name, Vol: vol})
}

// waiter is a request that could not be carried out in a transient state.
type waiter struct {
	try  func() bool // tells whether it is over
	over *timer      // gives up
}

// retry tries again after each change of a state, until that succeeds or the
// time is over; then gone runs.
func (r *Resource) retry(d time.Duration, try func() bool, gone func()) {
	w := waiter{try: try}
	w.over = r.after(d, func() {
		r.waiting = slices.DeleteFunc(r.waiting, func(x waiter) bool { return x.over == w.over })
		gone()
	})
	r.waiting = append(r.waiting, w)
}

// changed lets those try again that wait for a change of a state.
func (r *Resource) changed() {
	r.changes++
	if len(r.waiting) == 0 {
		return
	}
	r.soon(func() {
		ws := r.waiting
		r.waiting = nil
		for _, w := range ws {
			if w.over.stopped {
				continue
			}
			if w.try() {
				w.over.stop()
			} else {
				r.waiting = append(r.waiting, w)
			}
		}
	})
}

// stateOf is the state of a volume with what it shares with others.
func (r *Resource) env(v *volume) state.Env {
	e := state.Env{Version: 101, StateSent: r.peer.stateSent, SuspendOnNoData: r.opts.SuspendOnNoData}
	if r.peer.up {
		e.Version = r.peer.dialect.Version
	}
	if r.net != nil {
		e.TwoPrimaries = r.net.TwoPrimaries
		e.VerifyAlg = r.net.VerifyAlg != ""
	}
	for _, o := range r.vols {
		if o != v && o.st.Peer == wire.Primary {
			e.OtherVolumePeerPrimary = true
		}
	}
	if b := v.dsk; b != nil {
		e.Fencing = state.Fencing(b.opts.Fencing)
		e.CurrentUUID = b.super.UUIDs.Current
		e.AttachDisk, e.AttachPDisk = b.attachDisk, b.attachPdsk
	}
	e.ExposedUUID = v.exposed
	e.PeerMayBeGood = v.rs != nil && v.synced
	return e
}

// rng is a small generator (splitmix64).
type rng uint64

func (g *rng) next() uint64 {
	*g += 0x9e3779b97f4a7c15
	z := uint64(*g)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uuid is a random generation identifier: none that means something else.
func (g *rng) uuid() uint64 {
	for {
		if x := g.next(); x&^1 != 0 && x&^1 != 4 {
			return x
		}
	}
}
