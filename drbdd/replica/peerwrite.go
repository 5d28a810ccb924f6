package replica

import (
	"slices"

	"classicha/drbdd/wire"
)

// peerEpoch counts the writes between two barriers of the peer, over all volumes
// (section 9.4).
type peerEpoch struct {
	size   uint32 // writes received
	active int    // of them not finished
	closed bool
	number uint32
	end    func()     // unblocks the data socket
	disks  []*backing // that were written to
}

// gotWrite carries out a write of the peer (section 9.2).
func (v *volume) gotWrite(p Packet, d wire.Data, op Op, size uint32) {
	r := v.r
	limit := uint32(r.peer.dialect.MaxData())
	if op != Write {
		limit = uint32(r.peer.dialect.MaxAffected())
	}
	if size > limit || !inside(v, d.Sector, size) {
		r.free(p.Buf)
		r.protocolError("request from peer beyond end of local disk: capacity: %ds < sector: %ds + size: %d", v.size, d.Sector, size)
		return
	}
	ep, n := r.peer.epoch, r.peer.number
	ep.size++
	ep.active++
	v.count.RecvKiB += uint64(size) / 1024
	v.appSectors += uint64(size / 512)
	over := func() {
		ep.active--
		r.epochEnds(ep, n)
		r.expectBarrier(ep)
	}
	ack, wanted := r.peer.dialect.AckFor(d.Flags, r.net.Protocol)
	a := wire.BlockAck{Sector: d.Sector, BlockID: d.BlockID, Size: size}
	if !v.usable() {
		r.free(p.Buf)
		v.ackBlock(n, wire.CmdNegAck, a)
		over()
		return
	}
	b := v.dsk
	if !slices.Contains(ep.disks, b) {
		ep.disks = append(ep.disks, b)
	}
	maySync := d.Flags&wire.DPMaySetInSync != 0
	alone := v.st.PDisk < wire.Inconsistent
	if alone {
		// Ours is the only disk: the peer will lack this.
		b.oos(d.Sector, size)
		maySync = false
	}
	if wanted && ack == wire.CmdRecvAck {
		v.ackBlock(n, ack, a)
	} else {
		v.count.Unacked++
	}
	owed := wanted && ack == wire.CmdWriteAck
	if owed {
		r.peer.owed++
	}
	var s *span
	var x *rsBlock
	if maySync {
		x = v.willClear(d.Sector, size)
	}
	v.arriving++
	done := func(dd DiskDone) {
		r.free(p.Buf)
		if alone {
			b.al.drop(d.Sector, size)
		}
		if r.alive(n) && !(wanted && ack == wire.CmdRecvAck) {
			v.count.Unacked--
		}
		if owed && r.alive(n) {
			r.peer.owed--
		}
		clears := false
		switch {
		case !dd.OK || b.gone():
			if v.dsk == b && !b.gone() {
				b.oos(d.Sector, size)
			}
			v.diskFailed(b, "WRITE", d.Sector, size)
			// The peer may send it again by a resync, and forget it when it is written,
			// though not yet stable: the mark is on disk before.
			b.syncBitmap(func() { v.ackBlock(n, wire.CmdNegAck, a) })
		case wanted && ack == wire.CmdWriteAck:
			cmd := wire.CmdWriteAck
			if maySync && r.alive(n) && v.st.Conn >= wire.SyncSource && v.st.Conn <= wire.PausedSyncT {
				cmd = wire.CmdRSWriteAck
				clears = true
			}
			v.ackBlock(n, cmd, a)
		}
		if x != nil {
			v.cleared(x, clears)
		}
		over()
		v.leave(s)
		v.arrived()
	}
	disk := Disk{Op: op, Sector: d.Sector, Size: size, FUA: d.Flags&wire.DPFUA != 0, Buf: p.Buf}
	switch op {
	case Discard:
		disk.Unmap = true
		if r.peer.dialect.Features&wire.FeatWZeroes == 0 || !b.zeroes || !b.discard {
			disk.Op = Zero
		}
	case Zero:
		disk.Unmap = d.Flags&wire.DPDiscard != 0
	}
	write := func() {
		if b.gone() {
			done(DiskDone{})
			return
		}
		b.submit(disk, done)
	}
	s = v.ranges.enterLater(d.Sector, size, false, func() {
		if alone {
			b.al.hold(d.Sector, size, write)
			return
		}
		write()
	})
	v.ranges.begin(s)
}

// whenArrived runs f when no write of the peer is under way here, of this session or a
// former one: an application must not see what it reads change.
func (v *volume) whenArrived(f func()) {
	if v.arriving == 0 {
		f()
		return
	}
	v.onArrival = append(v.onArrival, f)
}

// arrived is the end of a write of the peer.
func (v *volume) arrived() {
	if v.arriving--; v.arriving > 0 {
		return
	}
	fs := v.onArrival
	v.onArrival = nil
	for _, f := range fs {
		v.r.soon(f)
	}
}

// ackBlock sends an acknowledgement, if the session that wants it is still there.
func (v *volume) ackBlock(session uint64, cmd wire.Command, a wire.BlockAck) {
	if !v.r.alive(session) {
		return
	}
	v.r.promise()
	v.seq++
	a.Seq = v.seq
	v.r.send(wire.MetaSocket, v.nr, cmd, a)
}

// promise sends the answers to barriers that wait for company.
func (r *Resource) promise() {
	for _, a := range r.peer.promises {
		r.send(wire.MetaSocket, 0, wire.CmdBarrierAck, a)
	}
	r.peer.promises = r.peer.promises[:0]
}

// gotBarrier closes the epoch. What follows on the socket waits until all of it
// is stable: the order of epochs is the order on the disk.
func (r *Resource) gotBarrier(b wire.Barrier) {
	ep := r.peer.epoch
	ep.closed, ep.number = true, b.Number
	r.peer.usual = ep.size
	ep.end = r.block()
	r.peer.epoch = &peerEpoch{}
	r.epochEnds(ep, r.peer.number)
}

// epochEnds makes an epoch stable once its writes are finished, and tells the
// peer.
func (r *Resource) epochEnds(ep *peerEpoch, session uint64) {
	if !ep.closed || ep.active > 0 || !r.alive(session) {
		return
	}
	left, good := 1, true
	flushed := func(ok bool) {
		good = good && ok
		if left--; left > 0 || !r.alive(session) {
			return
		}
		if !good {
			// The peer has to remember what it sent: it may be lost here.
			r.lose(wire.NetworkFailure, "writes of the peer cannot be made stable")
			return
		}
		r.peer.promises = append(r.peer.promises, wire.BarrierAck{Number: ep.number, SetSize: ep.size})
		ep.end()
	}
	for _, b := range ep.disks {
		good = good && !b.gone() // what it did not make stable is lost
	}
	for _, v := range r.vols {
		if b := v.dsk; v.usable() && b.opts.Flushes && b.dirtyWrites != b.stableWrites {
			left++
			b.makeStable(flushed)
		}
	}
	flushed(true)
}

// expectBarrier begins to make an epoch stable before its barrier is here, if it has as many
// writes as the last one: an application that waits for each of its writes, or for groups of them, then does
// not wait for the flush as well.
func (r *Resource) expectBarrier(ep *peerEpoch) {
	if ep != r.peer.epoch || ep.active > 0 || r.peer.usual == 0 || ep.size < r.peer.usual || len(r.peer.queue) > 0 {
		return
	}
	for _, v := range r.vols {
		if b := v.dsk; v.usable() && b.opts.Flushes && b.dirtyWrites != b.stableWrites {
			b.flushEarly()
		}
	}
}

// gotOutOfSync marks what the peer changed without sending it.
func (v *volume) gotOutOfSync(d wire.BlockDesc) {
	if !inside(v, d.Sector, d.Size) {
		v.r.protocolError("P_OUT_OF_SYNC beyond end of local disk: %ds + %d", d.Sector, d.Size)
		return
	}
	if b := v.dsk; !b.gone() {
		b.oos(d.Sector, d.Size)
	}
}

// gotDataRequest reads for a peer without a disk of its own (section 16).
func (v *volume) gotDataRequest(q wire.BlockReq) {
	r, n := v.r, v.r.peer.number
	if !inside(v, q.Sector, q.Size) {
		r.protocolError("request from peer beyond end of local disk: capacity: %ds < sector: %ds + size: %d", v.size, q.Sector, q.Size)
		return
	}
	a := wire.BlockAck{Sector: q.Sector, BlockID: q.BlockID, Size: q.Size}
	if v.st.Disk != wire.UpToDate || v.dsk.gone() {
		v.logf(Error, "Can not satisfy peer's read request, no local data.")
		v.ackBlock(n, wire.CmdNegDReply, a)
		return
	}
	v.count.Unacked++
	var s *span
	s = v.ranges.enterLater(q.Sector, q.Size, true, func() {
		b := v.dsk
		if b.gone() {
			v.count.Unacked--
			v.ackBlock(n, wire.CmdNegDReply, a)
			v.leave(s)
			return
		}
		b.submit(Disk{Op: Read, Sector: q.Sector, Size: q.Size}, func(d DiskDone) {
			if r.alive(n) {
				v.count.Unacked--
			}
			if !d.OK {
				r.free(d.Buf)
				v.diskFailed(b, "READ", q.Sector, q.Size)
				v.ackBlock(n, wire.CmdNegDReply, a)
			} else {
				v.reply(n, wire.CmdDataReply, q.Sector, q.BlockID, q.Size, d.Buf)
			}
			v.leave(s)
		})
	})
	v.ranges.begin(s)
}

// reply sends data that the peer asked for, and lets the buffer go.
func (v *volume) reply(session uint64, cmd wire.Command, sector, id uint64, size uint32, buf Buf) {
	if v.r.alive(session) {
		v.count.SentKiB += uint64(size) / 1024
		v.r.do(Send{Sock: wire.DataSocket, Vol: v.nr, Cmd: cmd, Body: wire.Data{Sector: sector, BlockID: id}, Buf: buf, Size: size})
	}
	v.r.free(buf)
}
