package replica

import (
	"time"

	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// part is how far one of the two disks is with a write.
type part uint8

const (
	partNone    part = iota // has nothing to do with it
	partPending             // under way
	partTaken               // the peer has it in memory, or the network has it (B, A)
	partOK                  // written
	partFailed              // failed, or the connection was lost
)

// appReq is a request of the application, from the moment it came until both
// nodes are done with it.
type appReq struct {
	Request
	v        *volume
	span     *span
	asked    *span  // in volume.asking
	block    uint64 // its number on the wire
	epoch    uint32
	local    part
	net      part
	proto    byte // protocol it was sent with
	since    time.Time
	held     *backing // holds extents of its activity log
	inSync   bool     // P_RS_WRITE_ACK: both may clear the bits
	clears   *rsBlock // sent during a resync
	counted  bool     // counts as one that the peer has to answer
	inTL     bool
	done     bool // the application was answered
	frozen   bool // in volume.frozen
	starting bool // begun, and not sent to the disks yet
	issued   bool // was sent to the disks, perhaps in an earlier life
	lost     bool // the peer's disk failed before it was stable there
	tries    int  // reads: disks that failed
}

// request takes a request of the application.
func (r *Resource) request(e Request) {
	v := r.volume(e.Vol)
	switch {
	case v == nil:
		r.do(Complete{Vol: e.Vol, ID: e.ID, Err: EIO})
		return
	case v.st.Role != wire.Primary:
		r.do(Complete{Vol: e.Vol, ID: e.ID, Err: EROFS})
		return
	case e.Op != Flush && (e.Size == 0 || e.Size%512 != 0 || e.Sector+uint64(e.Size/512) > v.size || e.Sector > v.size):
		r.do(Complete{Vol: e.Vol, ID: e.ID, Err: EINVAL})
		return
	}
	v.count.Application++
	v.appSectors += uint64(e.Size / 512)
	v.start(&appReq{Request: e, v: v, since: r.now})
}

// start begins a request, or begins it again.
func (v *volume) start(q *appReq) {
	if v.r.suspended() {
		v.freeze(q)
		return
	}
	switch q.Op {
	case Read:
		v.read(q)
	case Flush:
		v.flush(q)
	default:
		q.starting = true
		q.asked = v.asking.enterLater(q.Sector, q.Size, false, func() {
			q.span = v.ranges.enterLater(q.Sector, q.Size, false, func() { v.hotWrite(q) })
			v.ranges.begin(q.span)
		})
		v.asking.begin(q.asked)
	}
}

// answer completes a request to the application.
func (v *volume) answer(q *appReq, err Errno, from Buf) {
	q.done, q.starting = true, false
	v.count.Application--
	v.r.do(Complete{Vol: v.nr, ID: q.ID, Err: err, From: from})
}

// freeze keeps a request until I/O goes on; then it is begun again. Meanwhile a
// resync may read what it has written, and others may use its place in the activity
// log: they may be what it waits for when it is begun again.
func (v *volume) freeze(q *appReq) {
	if q.frozen {
		return
	}
	q.frozen = true
	v.frozen = append(v.frozen, q)
	q.tries = 0
	s, a := q.span, q.asked
	q.span, q.asked = nil, nil
	b := q.held
	q.held = nil
	if b.gone() {
		b = nil
	}
	if b != nil && q.issued {
		b.oos(q.Sector, q.Size)
	}
	v.r.soon(func() {
		if b != nil {
			b.al.drop(q.Sector, q.Size)
		}
		v.leaveWrite(s, a)
	})
}

// leaveWrite gives up the ranges of a write.
func (v *volume) leaveWrite(s, a *span) {
	if s != nil {
		v.leave(s)
	}
	if a != nil {
		v.leaveAsking(a)
	}
}

// thaw begins the requests that waited while I/O was suspended.
func (v *volume) thaw() {
	qs := v.frozen
	v.frozen = nil
	for _, q := range qs {
		q.frozen = false
	}
	for _, q := range qs {
		v.start(q)
	}
}

// noData is the end of a request that no disk can serve: an error, or it waits
// until there is one (on-no-data-accessible).
func (v *volume) noData(q *appReq) {
	if v.r.opts.SuspendOnNoData && !v.r.noDataFails && v.st.Role == wire.Primary && v.st.Disk < wire.UpToDate && v.st.PDisk < wire.UpToDate {
		v.apply(state.SetSuspNod(true), true)
		v.freeze(q)
		return
	}
	if q.Op != Flush {
		v.logf(Error, "IO ERROR: neither local nor remote data, sector %d+%d", q.Sector, q.Size/512)
	}
	v.answerWrite(q, EIO)
}

// answerWrite answers and gives up what a write holds.
func (v *volume) answerWrite(q *appReq, err Errno) {
	v.answer(q, err, 0)
	s, a := q.span, q.asked
	q.span, q.asked = nil, nil
	if !q.inTL {
		v.finish(q) // marks are made before others may read
	}
	v.leaveWrite(s, a)
}

// usable tells whether the disk is written to.
func (v *volume) usable() bool {
	return !v.dsk.gone() && v.st.Disk >= wire.Inconsistent
}

// replicates tells whether writes are sent to the peer (section 9.3).
func (v *volume) replicates() bool {
	if !v.r.peer.up || v.st.Conn < wire.Connected {
		return false
	}
	s := v.st
	known := s.PDisk >= wire.Inconsistent && s.PDisk != wire.DUnknown
	switch s.Conn {
	case wire.Ahead:
		return false
	case wire.WFBitMapS:
		// Older peers cannot be told of a block that changes behind the bitmap that was
		// sent; they get the write itself.
		return known && v.r.peer.dialect.Version < 96
	}
	if s.Conn == wire.StartingSyncS && known {
		return true // the peer asked for a full sync, and is good until it has our consent
	}
	return s.PDisk == wire.UpToDate || known && s.Conn >= wire.WFBitMapT && s.Conn < wire.Ahead
}

// tellsOutOfSync tells whether the peer is told which blocks change, instead.
func (v *volume) tellsOutOfSync() bool {
	return v.r.peer.up && v.r.peer.dialect.Version >= 96 && (v.st.Conn == wire.Ahead || v.st.Conn == wire.WFBitMapS)
}

// hotWrite makes the extents of a write hot. The write owns its range.
func (v *volume) hotWrite(q *appReq) {
	if b := v.dsk; v.usable() && q.held != b {
		q.held = b
		b.al.hold(q.Sector, q.Size, func() { v.write(q) })
		return
	}
	v.write(q)
}

// write sends a write to the disks.
func (v *volume) write(q *appReq) {
	r := v.r
	if r.suspended() {
		v.freeze(q)
		return
	}
	if v.st.Disk == wire.Attaching || v.st.Disk == wire.Negotiating {
		v.freeze(q) // until it is known what the disk is worth; then it gets the write, or a mark
		return
	}
	if v.st.Disk != wire.UpToDate && !(v.st.PDisk == wire.UpToDate && v.st.Conn >= wire.Connected && r.peer.up) {
		v.noData(q)
		return
	}
	if v.replicates() && q.Size > v.r.sendLimit(q.Op) {
		// It was made before this peer said how little it takes.
		if v.st.Disk != wire.UpToDate {
			v.oversized(q)
			return
		}
		// Without the peer the blocks are marked, and synced when it is back.
		v.r.lose(wire.NetworkFailure, "a write is larger than the peer takes; connecting again")
		if v.r.suspended() {
			v.freeze(q)
			return
		}
	}
	if v.r.peer.up && v.st.Conn >= wire.Connected && !v.r.canSend(q.Op) {
		v.answerWrite(q, ENOTSUP)
		return
	}
	v.congestion()
	local, remote := v.usable(), v.replicates()
	if local && q.held != v.dsk { // the disk came while the request waited
		v.hotWrite(q)
		return
	}
	if !local && !remote {
		v.noData(q)
		return
	}
	if q.inTL {
		r.tl.ghost(q)
	}
	q.starting, q.issued = false, true
	q.local, q.net, q.done, q.since, q.inSync, q.lost = partNone, partNone, false, r.now, false, false
	if remote {
		q.net = partPending
		r.tl.send(r, q)
	} else {
		r.tl.condition(false)
		if v.dsk != nil {
			v.dsk.oos(q.Sector, q.Size)
		}
		if v.tellsOutOfSync() {
			r.tl.barrier(r, false)
			r.send(wire.DataSocket, v.nr, wire.CmdOutOfSync, wire.BlockDesc{Sector: q.Sector, Size: q.Size})
		}
	}
	if local {
		q.local = partPending
		b := v.dsk
		d := Disk{Op: q.Op, Sector: q.Sector, Size: q.Size, FUA: q.FUA, Unmap: q.Unmap, Buf: q.Buf}
		if q.Op == Discard && !(b.discard && b.zeroes) {
			// Both disks have to read the same afterwards.
			d.Op, d.Unmap = Zero, true
		}
		b.submit(d, func(done DiskDone) { v.localWritten(q, b, done.OK) })
	}
}

// oversized is a write that the only good disk cannot be told of: it waits until
// the own disk is synced, and fails without one.
func (v *volume) oversized(q *appReq) {
	if v.usable() {
		v.freeze(q)
		return
	}
	v.logf(Error, "IO ERROR: a write is larger than the peer takes, sector %d+%d", q.Sector, q.Size/512)
	v.answerWrite(q, EIO)
}

// sendLimit is the most that one packet to the peer may write, in bytes.
func (r *Resource) sendLimit(op Op) uint32 {
	if op == Write {
		return uint32(r.peer.dialect.MaxData())
	}
	return uint32(r.peer.dialect.MaxAffected())
}

// canSend tells whether the peer can be told of such a write. A kernel reads a
// digest before P_ZEROES that nobody sends (section 9.6), so with
// data-integrity-alg zeroes have to be written as data.
func (r *Resource) canSend(op Op) bool {
	d := r.peer.dialect
	switch op {
	case Discard:
		return d.Version >= 100 && d.Features&wire.FeatTrim != 0
	case Zero:
		return d.Version >= 100 && d.Features&wire.FeatTrim != 0 && r.net.IntegrityAlg == ""
	}
	return true
}

// localWritten is the end of the local part.
func (v *volume) localWritten(q *appReq, b *backing, ok bool) {
	q.local = partOK
	if !ok {
		q.local = partFailed
		v.diskFailed(b, "WRITE", q.Sector, q.Size)
	}
	v.settled(q)
	v.advance(q)
}

// settled clears the bits of a write that both disks have, if the peer said that
// it cleared its own.
func (v *volume) settled(q *appReq) {
	if q.clears == nil || q.net == partPending || q.net == partTaken || q.local == partPending {
		return
	}
	x := q.clears
	q.clears = nil
	v.cleared(x, q.inSync && q.local == partOK && q.net == partOK)
}

// netSatisfied tells whether the application need not wait for the peer any
// more.
func (q *appReq) netSatisfied() bool {
	switch q.net {
	case partPending:
		return false
	case partTaken:
		return q.proto != 'C' && q.local != partFailed && q.v.st.Disk == wire.UpToDate // or the peer's disk is the only good one that can have it
	}
	return true
}

// advance completes a write once both parts allow it.
func (v *volume) advance(q *appReq) {
	if q.done || q.frozen || q.starting || q.local == partPending {
		return
	}
	if !q.netSatisfied() {
		if q.inTL && q.epoch == v.r.tl.cur && q.net == partTaken {
			v.r.tl.next() // with protocols A and B the answer to its barrier is waited for
		}
		return
	}
	if q.net == partFailed && v.r.suspended() {
		// The peer may go on without us: nothing is promised before that is settled.
		v.freeze(q)
		return
	}
	// A disk that is being synced is of no use alone: what only it has is not kept.
	ok := q.local == partOK && v.st.Disk == wire.UpToDate || (q.net == partOK || q.net == partTaken) && v.st.PDisk == wire.UpToDate
	if !ok {
		q.local, q.net = partNone, partNone
		if v.st.PDisk == wire.UpToDate && v.st.Conn >= wire.Connected && q.tries < 2 {
			q.tries++ // the peer came back meanwhile
			v.write(q)
			return
		}
		v.noData(q)
		return
	}
	if q.FUA && q.inTL && v.st.Disk != wire.UpToDate && v.r.peer.dialect.Version < 95 {
		v.r.tl.next() // it was not told to write through its cache: its promise counts
		return
	}
	if q.net != partOK && q.net != partTaken && v.gate > 0 {
		// Only this disk has it: that has to be on record before anyone relies on it.
		v.gated = append(v.gated, q)
		return
	}
	if q.local != partOK && v.gate > 0 {
		v.gated = append(v.gated, q)
		return
	}
	if q.inTL && q.epoch == v.r.tl.cur {
		v.r.tl.close()
	}
	v.answerWrite(q, OK)
}

// openGate completes what waited for new generation identifiers to be on disk.
func (v *volume) openGate() {
	if v.gate--; v.gate > 0 {
		return
	}
	qs := v.gated
	v.gated = nil
	for _, q := range qs {
		if q.Op == Flush {
			v.start(q)
		} else {
			v.advance(q)
		}
	}
}

// finish lets a write go that both nodes are done with, as far as they will be.
func (v *volume) finish(q *appReq) {
	if q.Op == Read || q.Op == Flush || q.span != nil {
		return
	}
	b := v.dsk
	if b == nil {
		return
	}
	if !(q.local == partOK && q.net == partOK) && q.local+q.net != 2*partNone {
		b.oos(q.Sector, q.Size)
	}
	if q.held == b {
		b.al.drop(q.Sector, q.Size)
	}
	q.held = nil
}

// read reads from the disk that has the data.
func (v *volume) read(q *appReq) {
	remote := v.st.PDisk == wire.UpToDate && v.st.Conn >= wire.Connected && v.r.peer.up && q.Size <= v.r.sendLimit(Write)
	local := v.dsk.readable(q.Sector, q.Size)
	switch {
	case local && remote && q.tries == 0 && v.balance(q):
		v.remoteRead(q)
	case local && q.tries&1 == 0:
		v.localRead(q)
	case remote && q.tries&2 == 0:
		v.remoteRead(q)
	case (local || remote) && q.tries == 3:
		v.answer(q, EIO, 0)
		v.logf(Error, "IO ERROR: neither local nor remote data, sector %d+%d", q.Sector, q.Size/512)
	default:
		v.noData(q)
	}
}

func (v *volume) localRead(q *appReq) {
	b := v.dsk
	b.submit(Disk{Op: Read, Sector: q.Sector, Size: q.Size, Buf: q.Buf}, func(d DiskDone) {
		if d.OK {
			v.answer(q, OK, 0)
			return
		}
		q.tries |= 1
		v.diskFailed(b, "READ", q.Sector, q.Size)
		v.start(q)
	})
}

func (v *volume) remoteRead(q *appReq) {
	r := v.r
	q.block = r.id()
	q.since = r.now
	v.reads[q.block] = q
	v.count.Pending++
	r.tl.barrier(r, false)
	r.send(wire.DataSocket, v.nr, wire.CmdDataRequest, wire.BlockReq{Sector: q.Sector, BlockID: q.block, Size: q.Size})
}

// dataReply answers a read with what the peer sent.
func (v *volume) dataReply(p Packet, body wire.Data) {
	q := v.reads[body.BlockID]
	if q == nil || q.Sector != body.Sector || q.Size != p.Size {
		v.r.free(p.Buf)
		v.r.protocolError("failed to find request %#x, sector %ds", body.BlockID, body.Sector)
		return
	}
	delete(v.reads, body.BlockID)
	v.count.Pending--
	v.count.RecvKiB += uint64(p.Size) / 1024
	v.answer(q, OK, p.Buf)
}

// negDReply is a read that the peer could not serve.
func (v *volume) negDReply(a wire.BlockAck) {
	q := v.reads[a.BlockID]
	if q == nil || q.Sector != a.Sector {
		v.r.protocolError("failed to find request %#x, sector %ds", a.BlockID, a.Sector)
		return
	}
	v.logf(Error, "Got NegDReply; Sector %ds, len %d.", a.Sector, a.Size)
	delete(v.reads, a.BlockID)
	v.count.Pending--
	q.tries |= 2
	v.start(q)
}

// balance tells whether a read that both disks can serve goes to the peer
// (section 16).
func (v *volume) balance(q *appReq) bool {
	switch m := v.dsk.opts.Balancing; m {
	case PreferLocal:
		return false
	case PreferRemote:
		return true
	case RoundRobin:
		v.turn = !v.turn
		return v.turn
	case LeastPending:
		return v.count.Local > v.count.Pending+v.count.Unacked
	case WhenCongestedRemote:
		return v.count.Local >= 32
	default:
		shift := 15 + uint(m-StripingBase)
		return q.Sector>>(shift-9)&1 == 1
	}
}

// flush makes what was completed stable here, and closes the epoch, so that the
// peer does the same. Without a good disk here the word of the peer that has the data is
// waited for.
func (v *volume) flush(q *appReq) {
	r := v.r
	if v.st.Disk == wire.Attaching || v.st.Disk == wire.Negotiating {
		v.freeze(q) // until it is known what the disk is worth: it may lack what its cache had
		return
	}
	r.tl.next()
	if v.usable() && v.st.Disk == wire.UpToDate {
		v.dsk.flush(func(ok bool) {
			if v.st.Disk != wire.UpToDate {
				v.start(q)
				return
			}
			err := OK
			if !ok {
				err = EIO
			}
			v.answer(q, err, 0)
		})
		return
	}
	if v.st.PDisk != wire.UpToDate {
		v.noData(q)
		return
	}
	if len(r.tl.reqs) == 0 {
		v.flushedThere(q)
		return
	}
	last := r.tl.reqs[len(r.tl.reqs)-1].epoch
	r.tl.flushes = append(r.tl.flushes, flushWait{epoch: last, f: func(ok bool) {
		if ok && v.st.Disk != wire.UpToDate && v.st.Disk != wire.Negotiating && v.st.PDisk == wire.UpToDate {
			v.flushedThere(q)
		} else {
			v.start(q) // a disk that came meanwhile counts as well, or only that
		}
	}})
}

// flushedThere answers a flush by the word of the peer, when it is on record that only the peer has the data.
func (v *volume) flushedThere(q *appReq) {
	if v.gate > 0 {
		v.gated = append(v.gated, q)
		return
	}
	v.answer(q, OK, 0)
}
