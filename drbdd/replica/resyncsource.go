package replica

import (
	"bytes"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// servingHigh and servingLow bound the reads for the peer's resync and verify.
const (
	servingHigh = 256
	servingLow  = 64
)

// serve counts a read for the peer; while there are too many the data socket
// waits.
func (v *volume) serve() {
	v.count.Unacked++
	if v.serving++; v.serving >= servingHigh && v.unserve == nil {
		v.unserve = v.r.block()
	}
}

func (v *volume) served(session uint64) {
	v.serving--
	if v.r.alive(session) {
		v.count.Unacked--
	}
	if f := v.unserve; f != nil && v.serving <= servingLow {
		v.unserve = nil
		f()
	}
}

// gotResyncRequest reads a block for the target: P_RS_DATA_REQUEST,
// P_RS_THIN_REQ and P_CSUM_RS_REQUEST.
func (v *volume) gotResyncRequest(cmd wire.Command, q wire.BlockReq, digest []byte) {
	r, n := v.r, v.r.peer.number
	if q.BlockID != wire.IDSyncer || !inside(v, q.Sector, q.Size) {
		r.protocolError("request from peer beyond end of local disk: capacity: %ds < sector: %ds + size: %d", v.size, q.Sector, q.Size)
		return
	}
	a := wire.BlockAck{Sector: q.Sector, BlockID: wire.IDSyncer, Size: q.Size}
	if v.st.Conn == wire.Ahead {
		v.cancel(n, a)
		return
	}
	b, rs := v.dsk, v.rs
	if v.st.Disk != wire.UpToDate || b.gone() || rs == nil || rs.target {
		v.ackBlock(n, wire.CmdNegRSDReply, a)
		return
	}
	alg := ""
	if cmd == wire.CmdCsumRSRequest {
		if alg = r.net.CsumsAlg; alg == "" {
			r.protocolError("P_CSUM_RS_REQUEST without csums-alg")
			return
		}
		digest = bytes.Clone(digest)
	}
	x := &rsBlock{sector: q.Sector, size: q.Size}
	v.serve()
	var s *span
	end := func(d DiskDone) {
		v.served(n)
		// The range is kept until the answer is on its way: what is written after the
		// read must be sent after it.
		defer func() { v.leave(s) }()
		if !r.alive(n) {
			r.free(d.Buf)
			return
		}
		switch {
		case v.st.Conn == wire.Ahead || v.rs != rs:
			r.free(d.Buf)
			v.sourceOver(x)
			v.cancel(n, a)
		case !d.OK:
			r.free(d.Buf)
			v.ackBlock(n, wire.CmdNegRSDReply, a)
			v.sourceOver(x)
			_, bits := metadata.Covering(q.Sector, q.Size)
			rs.failed += bits
			v.checkSource()
		case alg != "" && bytes.Equal(d.Digest, digest):
			r.free(d.Buf)
			v.sourceOver(x)
			if !b.gone() {
				b.clear(x)
			}
			_, bits := metadata.Covering(q.Sector, q.Size)
			rs.same += bits
			v.ackBlock(n, wire.CmdRSIsInSync, a)
			v.checkSource()
		case cmd == wire.CmdRSThinReq && d.Zeroes:
			r.free(d.Buf)
			v.send(wire.CmdRSDeallocated, wire.BlockDesc{Sector: q.Sector, Size: q.Size})
		default:
			v.reply(n, wire.CmdRSDataReply, q.Sector, wire.IDSyncer, q.Size, d.Buf)
		}
	}
	s = v.ranges.enterLater(q.Sector, q.Size, true, func() {
		if b.gone() {
			end(DiskDone{})
			return
		}
		if r.alive(n) {
			v.sentSync = append(v.sentSync, x)
			v.count.Pending++
		}
		b.submit(Disk{Op: Read, Sector: q.Sector, Size: q.Size, Digest: alg, WantZeroes: cmd == wire.CmdRSThinReq}, func(d DiskDone) {
			if !d.OK {
				v.diskFailed(b, "READ", q.Sector, q.Size)
			}
			end(d)
		})
	})
	v.ranges.begin(s)
}

// cancel tells the target that a block will not come now.
func (v *volume) cancel(session uint64, a wire.BlockAck) {
	cmd := wire.CmdRSCancel
	if v.r.peer.dialect.Version < 96 {
		cmd = wire.CmdNegRSDReply
	}
	v.ackBlock(session, cmd, a)
}

// sourceOver forgets a block that the target is done with.
func (v *volume) sourceOver(x *rsBlock) {
	for i, o := range v.sentSync {
		if o == x {
			v.sentSync = append(v.sentSync[:i], v.sentSync[i+1:]...)
			v.count.Pending--
			return
		}
	}
}

// resyncAcked is the target's word on a block that it was sent, maybe before the
// resync was interrupted.
func (v *volume) resyncAcked(a wire.BlockAck, ok bool) {
	var x *rsBlock
	for _, o := range v.sentSync {
		if o.sector == a.Sector && o.size == a.Size {
			x = o
			break
		}
	}
	if x == nil {
		return
	}
	v.sourceOver(x)
	rs := v.rs
	if ok {
		if !v.dsk.gone() {
			v.dsk.clear(x)
		}
	} else {
		v.logf(Error, "resync: the peer cannot write sector %d+%d", a.Sector, a.Size/512)
		if _, n := metadata.Covering(x.sector, x.size); rs != nil && !rs.target {
			rs.failed += n
		}
	}
	v.checkSource()
}

// checkSource finishes when the target has everything.
func (v *volume) checkSource() {
	rs := v.rs
	if rs == nil || rs.target || rs.finishes || v.dsk.gone() || len(v.sentSync) > 0 || v.st.Conn != wire.SyncSource {
		return
	}
	if rs.total == 0 || v.dsk.bm.Count() > rs.failed {
		return
	}
	// The target says when all of it is stable there (finishedByPeer). One that does
	// not is not waited for.
	rs.turn.stop()
	rs.turn = v.r.after(sourcePatience, func() {
		if v.rs == rs && len(v.sentSync) == 0 && v.dsk.bm.Count() <= rs.failed && v.st.Conn == wire.SyncSource && !rs.finishes {
			v.finishSoon()
		}
	})
}

// sourcePatience is how long a source that has nothing left to send waits for
// the target's word.
const sourcePatience = 10 * time.Second

// syncedBlocks looks, after writes of the application cleared bits, whether
// nothing is left to be synced.
func (v *volume) syncedBlocks(n uint64) {
	if n > 0 && v.rs != nil {
		v.r.soon(func() {
			v.checkSource()
			if rs := v.rs; rs != nil && rs.target {
				v.checkTarget()
			}
		})
	}
}

// finishedByPeer is the target's P_STATE at the end (section 10.5, 3): it has all
// of it, or what it could not get is all that is left. It tells whether the
// resync is over. Marks that only this node has are synced anew.
func (v *volume) finishedByPeer(disk wire.DiskState) bool {
	rs := v.rs
	if rs == nil || rs.target || v.dsk.gone() {
		return false
	}
	left := v.dsk.bm.Count()
	if left > rs.failed && disk != wire.UpToDate {
		return false
	}
	rs.finishes = true
	if disk == wire.UpToDate {
		rs.failed = 0 // it got them after all
	}
	v.finishResync()
	if left > 0 && disk == wire.UpToDate {
		v.logf(Info, "%d blocks are still marked here", left)
		v.syncMarked()
	}
	return true
}
