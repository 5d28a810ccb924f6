package replica

import (
	"slices"
	"time"

	"classicha/drbdd/wire"
)

// transferLog holds the writes that were sent and that the peer has not promised
// for good, in the order in which they were sent. Epochs number them: a barrier
// between two epochs asks the peer to make the first stable; its answer lets the
// writes go (section 9.4).
type transferLog struct {
	cur    uint32 // epoch of the next write
	writes uint32 // in it
	reqs   []*appReq
	// What the peer was sent last: the epoch and how many writes of it.
	sentEpoch  uint32
	sentWrites uint32
	open       []sentEpoch // barriers sent and not answered
	urgent     bool        // somebody waits for the answer to the barrier that is to be sent
	patience   int         // barriers that may still wait for a write; see lazyTries
	wake       *timer      // sends a barrier that waits for company
	promised   uint32      // epoch that the peer promised last, and when
	promisedAt time.Time
	byBlock    map[uint64]*appReq
	unacked    int
	sectors    uint64 // sent and not answered by a barrier (congestion)
	flushes    []flushWait
}

type sentEpoch struct {
	epoch, writes uint32
	company       bool // its barrier went together with a write
}

// A barrier that nobody waits for goes with the next write: alone it would wake the peer, and
// its answer us, once more for each write of an application that writes one block after the
// other. At most it waits for barrierWait. A peer that flushes its disk only when the barrier comes makes
// that write wait, so it is for peers that answer the barrier together with the
// write; others get it at once after lazyTries in a session.
const (
	barrierWait = 5 * time.Millisecond
	lazyTries   = 16
)

type flushWait struct {
	epoch uint32
	f     func(ok bool)
}

func (t *transferLog) reset() {
	t.reqs, t.open, t.flushes = nil, nil, nil
	t.byBlock = map[uint64]*appReq{}
	t.writes, t.sentWrites, t.unacked, t.sectors = 0, 0, 0, 0
	t.sentEpoch = t.cur
	t.urgent = false
	t.wake.stop()
}

// close closes the epoch unless it is empty.
func (t *transferLog) close() {
	if t.writes > 0 {
		t.cur++
		t.writes = 0
	}
}

// next closes the epoch, and has the peer asked for its promise soon.
func (t *transferLog) next() {
	t.close()
	t.urgent = t.sentWrites > 0
}

// ghost leaves the former life of a write in the log that is sent again: its
// barrier is still to come.
func (t *transferLog) ghost(q *appReq) {
	g := *q
	g.done, g.counted, g.held, g.clears, g.span, g.asked = true, false, nil, nil, nil, nil
	for i, o := range t.reqs {
		if o == q {
			t.reqs[i] = &g
		}
	}
	if t.byBlock[q.block] == q {
		t.byBlock[q.block] = &g
	}
	q.answered()
	if q.clears != nil {
		q.v.cleared(q.clears, false)
		q.clears = nil
	}
	q.inTL = false
}

// condition closes the epoch when writes are not replicated any more.
func (t *transferLog) condition(replicates bool) {
	if !replicates {
		t.next()
	}
}

// barrier sends the barrier that has to stand before the next packet of the
// current epoch. company: a write follows.
func (t *transferLog) barrier(r *Resource, company bool) {
	if t.sentEpoch == t.cur {
		return
	}
	if t.sentWrites > 0 {
		r.send(wire.DataSocket, 0, wire.CmdBarrier, wire.Barrier{Number: t.sentEpoch})
		t.open = append(t.open, sentEpoch{t.sentEpoch, t.sentWrites, company})
	}
	t.sentEpoch, t.sentWrites = t.cur, 0
	t.urgent = false
	t.wake.stop()
}

// send sends a write and keeps it.
func (t *transferLog) send(r *Resource, q *appReq) {
	v := q.v
	if t.writes >= r.net.MaxEpochSize {
		t.close()
	}
	t.barrier(r, true)
	t.writes++
	t.sentWrites++
	q.epoch = t.cur
	q.block = r.id()
	q.proto = r.net.Protocol
	if v.st.Disk != wire.UpToDate {
		q.proto = 'C' // the peer's disk is the only good one
	}
	q.inTL, q.counted = true, true
	t.reqs = append(t.reqs, q)
	t.byBlock[q.block] = q
	t.unacked++
	t.sectors += uint64(q.Size / 512)
	v.count.Pending++
	v.count.SentKiB += uint64(q.Size) / 1024
	v.seq++
	d := r.peer.dialect
	flags := wire.DPRWSync
	if d.Version >= 95 && q.FUA {
		flags |= wire.DPFUA
	}
	sync := v.st.Conn >= wire.SyncSource && v.st.Conn <= wire.PausedSyncT
	if sync {
		flags |= wire.DPMaySetInSync
		q.clears = v.willClear(q.Sector, q.Size)
	}
	if d.Version >= 100 {
		switch {
		case q.proto == 'C' || sync:
			flags |= wire.DPSendWriteAck
		case q.proto == 'B':
			flags |= wire.DPSendReceiveAck
		}
	}
	body := wire.Data{Sector: q.Sector, BlockID: q.block, Seq: v.seq, Flags: flags}
	s := Send{Sock: wire.DataSocket, Vol: v.nr, Cmd: wire.CmdData, Body: body, Buf: q.Buf, Size: q.Size}
	switch q.Op {
	case Discard, Zero:
		body.Flags |= wire.DPDiscard
		s.Cmd = wire.CmdTrim
		if q.Op == Zero && d.Features&wire.FeatWZeroes != 0 {
			s.Cmd = wire.CmdZeroes
			body.Flags |= wire.DPZeroes
			if !q.Unmap {
				body.Flags &^= wire.DPDiscard
			}
		}
		s.Buf, s.Size = 0, 0
		s.Body = wire.Trim{Data: body, Size: q.Size}
	}
	if q.proto == 'A' {
		s.Token = r.id()
		r.sent[s.Token] = func() {
			if q.net == partPending {
				q.net = partTaken
				q.answered()
				v.advance(q)
			}
		}
	}
	r.do(s)
	r.peer.watch(r)
	if q.proto != r.net.Protocol && d.Version < 100 {
		// Such a peer acknowledges by its configuration. The barrier's answer tells.
		t.next()
		t.barrier(r, false)
	}
}

// closeIdleEpoch asks for the promise of a closed epoch when nothing else is
// sent that would.
func (r *Resource) closeIdleEpoch() {
	t := &r.tl
	if !r.peer.up || t.unacked != 0 || t.sentWrites == 0 || t.sentEpoch == t.cur {
		return
	}
	if t.urgent || t.patience == 0 || r.extentsWanted() {
		t.barrier(r, false)
		return
	}
	if t.wake == nil || t.wake.stopped {
		t.wake = r.after(barrierWait, func() {
			if r.peer.up {
				t.barrier(r, false)
			}
		})
	}
}

// extentsWanted tells whether a write waits for an extent of the activity log, which the promise of the
// peer may free.
func (r *Resource) extentsWanted() bool {
	for _, v := range r.vols {
		if b := v.dsk; b != nil && len(b.al.want) > 0 {
			return true
		}
	}
	return false
}

// find returns the write that an acknowledgement is for.
func (t *transferLog) find(v *volume, a wire.BlockAck) *appReq {
	q := t.byBlock[a.BlockID]
	if q == nil || q.v != v || q.Sector != a.Sector {
		return nil
	}
	return q
}

// acked takes P_RECV_ACK, P_WRITE_ACK, P_RS_WRITE_ACK and P_NEG_ACK of a write.
func (r *Resource) acked(v *volume, cmd wire.Command, a wire.BlockAck) {
	t := &r.tl
	q := t.find(v, a)
	if q == nil {
		if cmd != wire.CmdNegAck {
			r.protocolError("failed to find request %#x, sector %ds", a.BlockID, a.Sector)
		} else if v.dsk != nil && a.Size <= 128<<20 && inside(v, a.Sector, a.Size) {
			v.dsk.oos(a.Sector, a.Size) // protocol A or B: the write was let go already
		}
		return
	}
	if q.net == partPending || q.net == partTaken {
		switch cmd {
		case wire.CmdRecvAck:
			if q.net == partPending {
				q.net = partTaken
			}
		case wire.CmdNegAck:
			v.logf(Warn, "Got NegAck for sector %ds, len %d", a.Sector, a.Size)
			q.net = partFailed
			if v.dsk != nil {
				v.dsk.oos(q.Sector, q.Size)
			}
		default:
			q.net = partOK
			q.inSync = cmd == wire.CmdRSWriteAck
			if t.patience > 0 && int32(q.epoch-t.promised) > 0 && r.now.Equal(t.promisedAt) {
				t.patience = lazyTries // the peer answers both together
			}
		}
		v.settled(q)
		q.answered()
	}
	v.advance(q)
}

// acknowledged tells whether the peer says more of a write than the answer to its
// barrier. Before version 100 that follows from what it was configured with.
func (q *appReq) acknowledged() bool {
	r := q.v.r
	return q.proto != 'A' && (r.peer.dialect.Version >= 100 || r.net.Protocol != 'A')
}

// unpromised tells that the application was answered, and the peer may lose the write
// with the session: protocol A or B.
func (q *appReq) unpromised() bool { return q.done && q.net != partOK }

// answered counts a write as one that nobody waits for the peer any more for.
func (q *appReq) answered() {
	if q.counted {
		q.counted = false
		q.v.r.tl.unacked--
		q.v.count.Pending--
	}
}

// barrierAck lets the writes of an epoch go.
func (r *Resource) barrierAck(a wire.BarrierAck) {
	t := &r.tl
	if len(t.open) == 0 || t.open[0].epoch != a.Number || t.open[0].writes != a.SetSize {
		want := sentEpoch{}
		if len(t.open) > 0 {
			want = t.open[0]
		}
		r.protocolError("BAD! BarrierAck #%d received with n_writes=%d, expected n_writes=%d!", a.Number, a.SetSize, want.writes)
		return
	}
	epoch := t.open[0].epoch
	if t.open[0].company && t.patience > 0 {
		t.patience--
	}
	t.promised, t.promisedAt = epoch, r.now
	for _, q := range t.reqs {
		if q.epoch == epoch && q.net == partPending && q.acknowledged() {
			r.protocolError("BAD! BarrierAck #%d received before the acknowledgement of sector %ds", a.Number, q.Sector)
			return
		}
	}
	t.open = slices.Delete(t.open, 0, 1)
	n := 0
	for n < len(t.reqs) && t.reqs[n].epoch == epoch {
		n++
	}
	gone := slices.Clone(t.reqs[:n])
	t.reqs = slices.Delete(t.reqs, 0, n)
	for _, q := range gone {
		if q.unpromised() && q.v.st.Disk != wire.UpToDate {
			r.changed() // see seen
		}
		if q.net == partTaken || q.net == partPending {
			q.net = partOK
		}
		if q.lost {
			q.net = partFailed
		}
		q.v.settled(q)
		q.answered()
		delete(t.byBlock, q.block)
		t.sectors -= uint64(q.Size / 512)
		q.inTL = false
		if q.done {
			q.v.finish(q)
		} else {
			q.v.advance(q) // it still waits for the local disk
		}
	}
	for len(t.flushes) > 0 && int32(t.flushes[0].epoch-epoch) <= 0 {
		f := t.flushes[0].f
		t.flushes = t.flushes[1:]
		f(true)
	}
	if t.sectors == 0 {
		for _, v := range r.vols {
			v.leaveAhead()
		}
	}
}

// peerDiskLost marks what the peer has not promised for good: its disk is gone.
func (v *volume) peerDiskLost() {
	var open []*appReq
	for _, q := range v.r.tl.reqs {
		if q.v != v {
			continue
		}
		q.lost = true
		if !v.dsk.gone() {
			v.dsk.oos(q.Sector, q.Size)
		}
		if !q.done {
			open = append(open, q)
		}
	}
	for _, q := range open {
		v.advance(q)
	}
}

// lost ends all writes of the log: the connection is gone, nothing more is known
// of them.
func (r *Resource) tlLost() {
	t := &r.tl
	reqs, flushes := t.reqs, t.flushes
	for _, q := range reqs {
		q.answered()
	}
	t.cur++
	t.reset()
	for _, q := range reqs {
		q.inTL = false
		if q.unpromised() && q.v.st.Disk != wire.UpToDate && q.v.st.Role == wire.Primary {
			q.v.missed = true // protocol A or B, and no good disk is sure to have it
		}
		q.net = partFailed
		q.v.settled(q)
		if q.v.dsk != nil {
			q.v.dsk.oos(q.Sector, q.Size)
		}
		if q.done {
			q.v.finish(q)
		} else {
			q.v.advance(q)
		}
	}
	for _, f := range flushes {
		f.f(false)
	}
}
