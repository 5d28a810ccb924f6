package replica

import (
	"fmt"
	"slices"

	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// volume is one device of the resource.
type volume struct {
	r          *Resource
	nr, minor  int
	st         state.State // without the flags that all volumes share: see state()
	quiet      bool        // changes are logged by the caller
	size       uint64      // sectors, 0 = not known
	exposed    uint64      // UUID of the data that the application has seen
	unwritten  uint64      // of a generation that is not on disk, as far as is known
	before     uint64      // what was exposed before that
	missed     bool        // the peer lacks what the application has seen on a disk that failed
	kept       uint64      // seen() of a predecessor whose applications wait, until the first promotion
	dsk        *backing
	detached   []func() // commands that wait for the disk to be gone
	p          peerInfo
	seq        uint32 // of packets to the peer (section 9.1)
	appSectors uint64 // of application I/O, for c-min-rate

	ranges ranges
	// asking orders writes of the application and requests of a resync to this node,
	// when it is Primary and the target: what the source reads for it must not be
	// older than what is written here.
	asking ranges
	frozen []*appReq          // I/O is suspended
	gate   int                // new UUIDs on their way to the disk
	gated  []*appReq          // complete when they are there
	reads  map[uint64]*appReq // sent to the peer
	turn   bool               // round-robin

	arriving       int // writes of the peer, of all sessions, that are not on the disk yet
	onArrival      []func()
	demotions      uint64 // that somebody wanted
	considerResync bool
	synced         bool // the target of our resync may have ended it: its identifiers are ours then
	maySynced      bool // the same, as far as the disk tells: this node forgot
	newUUID        bool // NEW_CUR_UUID: due when I/O goes on
	sentSize       uint64
	resizePending  bool
	bmIn           *wire.BitmapReceiver
	bmOut          *bitmapOut
	rs             *resync
	sentSync       []*rsBlock // sent to a sync target and not acknowledged
	clearing       []*rsBlock // writes under way that clear bits
	ov             *verify
	lastOV         verifyPos
	ahead          *timer
	serving        int    // reads for the peer's resync and verify
	unserve        func() // lets the data socket go on

	count Counters
}

// peerInfo is what the peer told of its volume on this connection.
type peerInfo struct {
	uuids    *wire.UUIDs // nil: not told
	size     uint64      // d_size, sectors
	csize    uint64
	maxBio   uint32
	disk     wire.DiskState // as in its last P_STATE
	commBits uint64         // dirty bits that our P_UUIDS told
}

// state is the state with the flags that belong to the resource.
func (v *volume) state() state.State {
	s := v.st
	s.Susp, s.SuspNod, s.SuspFen = v.r.susp, v.r.suspNod, v.r.suspFen
	return s
}

// logf logs for the device.
func (v *volume) logf(l Level, format string, args ...any) {
	v.r.do(Log{Level: l, Vol: v.nr, Text: fmt.Sprintf(format, args...)})
}

func (v *volume) send(cmd wire.Command, body wire.Body) {
	v.r.send(wire.DataSocket, v.nr, cmd, body)
}

func (v *volume) sendState() { v.send(wire.CmdState, wire.StateInfo{State: v.state().Word()}) }

// sendUUIDs tells the generation identifiers; flags are added to those that
// follow from the disk.
func (v *volume) sendUUIDs(flags uint64) {
	b := v.dsk
	if b == nil || !v.r.peer.up {
		return
	}
	v.p.commBits = b.bm.Count()
	u := wire.UUIDs{
		Current: b.super.UUIDs.Current, Bitmap: b.super.UUIDs.Bitmap,
		History0: b.super.UUIDs.History0, History1: b.super.UUIDs.History1,
		DirtyBits: v.p.commBits, Flags: flags,
	}
	if v.r.net.DiscardMyData {
		u.Flags |= wire.UUIDDiscardMyData
	}
	if b.crashed {
		u.Flags |= wire.UUIDCrashedPrimary
	}
	if v.st.Disk == wire.Negotiating && b.attachDisk == wire.Inconsistent {
		u.Flags |= wire.UUIDInconsistent
	}
	v.send(wire.CmdUUIDs, u)
}

func (v *volume) sendSyncParam() {
	o := DefaultDiskOptions()
	if v.dsk != nil {
		o = v.dsk.opts
	}
	cmd, p := wire.SyncParam{
		Rate: o.ResyncRate, VerifyAlg: v.r.net.VerifyAlg, CsumsAlg: v.r.net.CsumsAlg,
		PlanAhead: o.PlanAhead, DelayTarget: o.DelayTarget, FillTarget: o.FillTarget, MaxRate: o.MaxRate,
	}.For(v.r.peer.dialect)
	v.send(cmd, p)
}

// apply changes the state as decided here, without asking the peer. hard is for
// facts.
func (v *volume) apply(c state.Change, hard bool) wire.Result {
	os := v.state()
	ns, rc, lines := state.Decide(os, c, v.r.env(v), hard)
	for _, l := range lines {
		if rc.Ok() || !hard {
			v.logf(Warn, "%s", l)
		}
	}
	if !rc.Ok() || ns == os {
		return rc
	}
	v.set(os, ns)
	return rc
}

// set takes a new state over and does what follows from it.
func (v *volume) set(os, ns state.State) {
	r := v.r
	v.st = ns
	wasSusp := r.suspended()
	r.susp, r.suspNod, r.suspFen = ns.Susp, ns.SuspNod, ns.SuspFen
	if d := state.Diff(os, ns); d != "" && !v.quiet {
		v.logf(Info, "%s", d)
	}
	v.followed(os, ns)
	if wasSusp && !r.suspended() {
		for _, o := range r.vols {
			o.thaw()
		}
	}
	r.changed()
}

// lostPeer forgets what belonged to the connection.
func (v *volume) lostPeer() {
	v.p = peerInfo{}
	v.count.Pending -= len(v.sentSync)
	v.bmIn, v.bmOut, v.sentSync = nil, nil, nil
	v.endResync()
	v.endVerify()
	v.ahead.stop()
	v.considerResync = false
	v.count.Unacked = 0
	v.unserve = nil
}

// restartReads begins reads again that the peer did not answer.
func (v *volume) restartReads() {
	qs := v.reads
	v.reads = map[uint64]*appReq{}
	v.count.Pending -= len(qs)
	for _, id := range sortedKeys(qs) {
		v.start(qs[id])
	}
}

// newCurrent begins a new generation of the data, and holds back what relies on
// it until that is on disk.
func (v *volume) newCurrent() {
	b := v.dsk
	if b.gone() {
		return
	}
	x := v.r.rng.uuid()
	if v.synced || v.maySynced {
		v.synced, v.maySynced = false, false
		b.super.UUIDs.ClearBitmap() // kept as history: the peer has it if it did not end the resync
	}
	if b.super.UUIDs.NewCurrent(x, v.st.Role == wire.Primary) {
		v.logf(Warn, "bm UUID was already set")
	}
	v.before, v.unwritten = v.seen(), x
	v.expose(b.super.UUIDs.Current)
	v.logUUIDs("new current UUID")
	v.gate++
	b.syncSuper(func() {
		if v.unwritten == x && !b.gone() {
			v.unwritten = 0
			v.r.changed()
		}
		v.openGate()
	})
}

func (v *volume) expose(x uint64) { v.exposed = x }

// onlyHere is told instead of a generation that the peer has too, but not all of what
// applications saw of it. No disk has this identifier.
const onlyHere = 1

// seen is what applications know, here or left waiting by a predecessor. A successor
// looks for that: a generation that may not get to the disk is none.
func (v *volume) seen() uint64 {
	switch {
	case v.kept != 0:
		return v.kept
	case v.st.Role == wire.Primary && v.peerLacks():
		return onlyHere
	case v.unwritten != 0 && v.exposed&^1 == v.unwritten&^1:
		return v.before
	}
	return v.exposed
}

// peerLacks tells whether a peer of the same generation may lack what was completed: with
// the session it loses what it has not processed.
func (v *volume) peerLacks() bool {
	if v.st.Disk == wire.UpToDate {
		return v.r.net != nil && v.r.net.Protocol == 'A'
	}
	return v.missed || slices.ContainsFunc(v.r.tl.reqs, func(q *appReq) bool { return q.v == v && q.unpromised() })
}

// awaits tells whether x is the generation that applications wait for since a predecessor.
func (v *volume) awaits(x uint64) bool { return v.kept != onlyHere && x&^1 == v.kept&^1 }

// awaited is that in words.
func (v *volume) awaited() string {
	if v.kept == onlyHere {
		return "data that only the disk of this node is sure to have"
	}
	return fmt.Sprintf("data with current UUID=%016X", v.kept)
}

func (v *volume) logUUIDs(what string) {
	u := v.dsk.super.UUIDs
	v.logf(Info, "%s %016X:%016X:%016X:%016X", what, u.Current, u.Bitmap, u.History0, u.History1)
}
