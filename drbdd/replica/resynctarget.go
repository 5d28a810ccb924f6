package replica

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// The target's side of a resync: it asks for blocks and writes what comes.

// targetTurn asks for as many blocks as the speed allows, ten times a second.
func (v *volume) targetTurn() {
	rs, b, r := v.rs, v.dsk, v.r
	rs.turn.stop()
	if b.gone() || !rs.ready || rs.finishes {
		return
	}
	if v.st.Conn != wire.SyncTarget {
		return // paused: followSync begins again
	}
	rs.turn = r.after(100*time.Millisecond, v.targetTurn)
	n, want := rs.pace.Turn(rs.arrived)
	rs.arrived, rs.want = 0, uint64(want)
	if rs.gaveWay = v.givesWay(); rs.gaveWay {
		n = 0
	}
	v.askFor(n)
	v.checkTarget()
}

// askOn goes on between two turns when what was asked for has made room: a fast
// disk and network need not wait for the next turn.
func (v *volume) askOn() {
	rs := v.rs
	if rs.ready && !rs.finishes && !rs.gaveWay && v.st.Conn == wire.SyncTarget && rs.pages <= uint64(v.r.net.MaxBuffers/4) {
		v.askFor(rs.pace.Allowed())
	}
}

// askFor asks for n blocks, as far as there is room.
func (v *volume) askFor(n int) {
	rs, b := v.rs, v.dsk
	limit := uint64(v.r.net.MaxBuffers / 2)
	sent := uint64(0)
	for sent < uint64(n) && rs.pages < limit {
		if rs.next >= b.bm.Bits() {
			break
		}
		bit := b.bm.NextSet(rs.next)
		if bit >= b.bm.Bits() {
			rs.next = bit
			break
		}
		if rs.skip[bit] {
			rs.next = bit + 1
			continue
		}
		size := v.piece(bit, min(uint64(n)-sent, limit-rs.pages))
		rs.next = bit + (uint64(size)+4095)/4096
		v.ask(bit*8, size)
		sent += (uint64(size) + 4095) / 4096
	}
	rs.pace.Sent(int(sent))
}

// piece is how many bytes from a set bit on are asked for at once (section 13).
func (v *volume) piece(bit, pages uint64) uint32 {
	b := v.dsk
	maxBio := uint64(v.maxIO())
	if v.p.maxBio >= 4096 {
		maxBio = min(maxBio, uint64(v.p.maxBio))
	}
	size, align := uint64(4096), uint(1)
	for size+4096 <= maxBio && size/4096 < pages {
		if bit*8&(1<<(align+3)-1) != 0 {
			break // the start is not aligned for a larger piece
		}
		next := bit + size/4096
		if next&4095 == 0 || next >= b.bm.Bits() || !b.bm.Test(next) || v.rs.skip[next] {
			break
		}
		size += 4096
		for 4096<<align <= size {
			align++
		}
	}
	return uint32(min(size, (v.size-bit*8)*512))
}

// ask requests one block, or offers its checksum.
func (v *volume) ask(sector uint64, size uint32) {
	r, rs, b := v.r, v.rs, v.dsk
	x := &rsBlock{sector: sector, size: size}
	rs.blocks = append(rs.blocks, x)
	rs.pages += uint64(size+4095) / 4096
	v.count.Pending++
	x.span = v.asking.enterLater(sector, size, true, func() {
		if v.rs == rs && !b.gone() && r.peer.up {
			v.requestBlock(x)
		}
	})
	v.asking.begin(x.span)
}

// requestBlock sends the request for a block, or the offer of its checksum.
func (v *volume) requestBlock(x *rsBlock) {
	r, rs, b := v.r, v.rs, v.dsk
	sector, size := x.sector, x.size
	req := wire.BlockReq{Sector: sector, BlockID: wire.IDSyncer, Size: size}
	n := r.peer.number
	d := r.peer.dialect
	if alg := r.net.CsumsAlg; alg != "" && d.Version >= 89 && (!r.net.CsumsCrash || rs.crash) {
		var s *span
		s = v.ranges.enterLater(sector, size, true, func() {
			if b.gone() {
				v.leave(s)
				return
			}
			b.submit(Disk{Op: Read, Sector: sector, Size: size, Digest: alg}, func(dd DiskDone) {
				r.free(dd.Buf)
				v.leave(s)
				if v.rs != rs || !r.alive(n) {
					return
				}
				if !dd.OK { // the data of the source will mend it
					v.send(wire.CmdRSDataRequest, req)
					return
				}
				r.do(Send{Sock: wire.DataSocket, Vol: v.nr, Cmd: wire.CmdCsumRSRequest, Body: req, Digest: dd.Digest})
			})
		})
		v.ranges.begin(s)
		return
	}
	cmd := wire.CmdRSDataRequest
	if g := b.opts.RSDiscard; g > 0 && size == g && d.Features&wire.FeatThinResync != 0 && d.Version >= 101 {
		cmd = wire.CmdRSThinReq
	}
	v.send(cmd, req)
}

// givesWay tells whether the resync should wait for the application (c-min-rate).
func (v *volume) givesWay() bool {
	rs, b := v.rs, v.dsk
	m := rs.marks[max(0, len(rs.marks)-2)]
	speed := uint64(0)
	if dt, left := v.r.now.Sub(m.At), b.bm.Count(); dt >= 100*time.Millisecond && m.Left > left {
		speed = (m.Left - left) * 4000 / uint64(dt.Milliseconds())
	}
	return rs.brake.Pause(b.opts.MinRate, v.appSectors, len(b.al.want) > 0, speed)
}

// gotResyncData writes what the source sent.
func (v *volume) gotResyncData(p Packet, d wire.Data) {
	r, b, n := v.r, v.dsk, v.r.peer.number
	if d.BlockID != wire.IDSyncer || !inside(v, d.Sector, p.Size) {
		r.free(p.Buf)
		r.protocolError("P_RS_DATA_REPLY beyond end of local disk: %ds + %d", d.Sector, p.Size)
		return
	}
	if rs := v.rs; rs != nil {
		rs.arrived += uint64(p.Size / 512)
	}
	v.count.RecvKiB += uint64(p.Size) / 1024
	v.writeSynced(n, d.Sector, p.Size, Disk{Op: Write, Sector: d.Sector, Size: p.Size, Buf: p.Buf}, b)
}

// gotDeallocated zeroes what is zero on the source.
func (v *volume) gotDeallocated(d wire.BlockDesc) {
	if !inside(v, d.Sector, d.Size) {
		v.r.protocolError("P_RS_DEALLOCATED beyond end of local disk: %ds + %d", d.Sector, d.Size)
		return
	}
	if rs := v.rs; rs != nil {
		rs.arrived += uint64(d.Size / 512)
	}
	v.writeSynced(v.r.peer.number, d.Sector, d.Size, Disk{Op: Zero, Unmap: true, Sector: d.Sector, Size: d.Size}, v.dsk)
}

// writeSynced writes a block of the source, clears its bits and tells the
// source.
func (v *volume) writeSynced(session, sector uint64, size uint32, disk Disk, b *backing) {
	r := v.r
	a := wire.BlockAck{Sector: sector, BlockID: wire.IDSyncer, Size: size}
	asked := func() *rsBlock {
		if rs := v.rs; rs != nil && rs.target {
			return rs.find(sector, size)
		}
		return nil
	}
	x := asked()
	if !v.usable() || x == nil {
		r.free(disk.Buf)
		v.ackBlock(session, wire.CmdNegAck, a)
		return
	}
	rs := v.rs
	v.count.Unacked++
	var s *span
	s = v.ranges.enterLater(sector, size, false, func() {
		end := func(d DiskDone) {
			r.free(disk.Buf)
			if r.alive(session) {
				v.count.Unacked--
			}
			cmd := wire.CmdRSWriteAck
			if !d.OK {
				cmd = wire.CmdNegAck
				v.diskFailed(b, "WRITE", sector, size)
			}
			if v.rs == rs && r.alive(session) {
				v.blockOver(x, d.OK)
			}
			v.ackBlock(session, cmd, a)
			v.leave(s)
			if v.rs == rs && r.alive(session) {
				if !b.gone() {
					v.askOn()
				}
				v.checkTarget()
			}
		}
		if b.gone() {
			end(DiskDone{})
			return
		}
		b.submit(disk, end)
	})
	v.ranges.begin(s)
}

// blockOver ends a block on the target: its bits are cleared, or it failed.
func (v *volume) blockOver(x *rsBlock, ok bool) {
	rs, b := v.rs, v.dsk
	rs.remove(x)
	v.count.Pending--
	defer v.leaveAsking(x.span)
	if ok {
		if !b.gone() {
			b.clear(x)
		}
		return
	}
	first, n := metadata.Covering(x.sector, x.size)
	rs.failed += n
	for i := range n {
		rs.skip[first+i] = true
	}
}

// resyncEqual is a block whose checksum was equal on the source.
func (v *volume) resyncEqual(a wire.BlockAck) {
	rs := v.rs
	if rs == nil || !rs.target {
		return
	}
	if x := rs.find(a.Sector, a.Size); x != nil {
		rs.arrived += uint64(a.Size / 512)
		_, n := metadata.Covering(a.Sector, a.Size)
		rs.same += n
		v.blockOver(x, true)
		v.checkTarget()
	}
}

// resyncRefused is a block that the source cannot read.
func (v *volume) resyncRefused(a wire.BlockAck) {
	rs := v.rs
	if rs == nil || !rs.target {
		return
	}
	if x := rs.find(a.Sector, a.Size); x != nil {
		v.logf(Error, "resync: the peer cannot read sector %d+%d", a.Sector, a.Size/512)
		rs.arrived += uint64(a.Size / 512)
		v.blockOver(x, false)
		v.checkTarget()
	}
}

// resyncCancelled is a request that the source dropped because it went Ahead.
func (v *volume) resyncCancelled(a wire.BlockAck) {
	rs := v.rs
	if rs == nil || !rs.target {
		return
	}
	if x := rs.find(a.Sector, a.Size); x != nil {
		rs.remove(x)
		v.count.Pending--
		rs.next = 0
		v.leaveAsking(x.span)
	}
}

// checkTarget finishes when nothing is left to be asked for.
func (v *volume) checkTarget() {
	rs, b := v.rs, v.dsk
	if rs == nil || !rs.target || rs.finishes || !rs.ready || b.gone() || len(rs.blocks) > 0 || v.st.Conn != wire.SyncTarget {
		return
	}
	if b.bm.Count() > rs.failed {
		if rs.next >= b.bm.Bits() {
			rs.next = 0 // marked again behind us
		}
		return
	}
	v.finishSoon()
}
