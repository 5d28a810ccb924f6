package replica

import (
	"fmt"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// packet takes a packet of the peer. Those of the data socket are processed in
// their order, one after the other: some have to wait (for a flush, for metadata),
// and then all behind them wait too.
func (r *Resource) packet(p Packet) {
	if !r.peer.up {
		r.free(p.Buf)
		return
	}
	r.peer.received = r.now
	if p.Sock == wire.MetaSocket {
		r.metaPacket(p)
		return
	}
	if r.peer.blocked > 0 || len(r.peer.queue) > 0 {
		p.Payload = append([]byte(nil), p.Payload...)
		r.peer.queue = append(r.peer.queue, p)
		if len(r.peer.queue) >= queueHigh && !r.peer.paused {
			r.peer.paused = true
			r.do(Pause{On: true})
		}
		return
	}
	r.dataPacket(p)
}

// drain processes the packets that waited.
func (r *Resource) drain() {
	for r.peer.up && r.peer.blocked == 0 && len(r.peer.queue) > 0 {
		p := r.peer.queue[0]
		r.peer.queue = r.peer.queue[1:]
		r.dataPacket(p)
	}
	if r.peer.up && r.peer.paused && len(r.peer.queue) <= queueLow {
		r.peer.paused = false
		r.do(Pause{})
	}
}

// dataPacket processes a packet of the data socket.
func (r *Resource) dataPacket(p Packet) {
	switch b := p.Body.(type) {
	case wire.Protocol:
		r.gotProtocol(p.Cmd, b)
		return
	case wire.Barrier:
		r.gotBarrier(b)
		return
	}
	switch p.Cmd {
	case wire.CmdUnplugRemote, wire.CmdDelayProbe:
		return
	case wire.CmdConnStChgReq:
		r.gotStateReq(nil, p.Body.(wire.StateReq))
		return
	case wire.CmdAuthChallenge, wire.CmdAuthResponse:
		r.protocolError("Unexpected data packet %s (%#04x)", p.Cmd.LogName(), uint16(p.Cmd))
		return
	}
	if !r.peer.protocol {
		r.free(p.Buf)
		r.protocolError("packet %s before P_PROTOCOL", p.Cmd)
		return
	}
	v := r.volume(p.Vol)
	if v == nil {
		r.free(p.Buf)
		switch p.Cmd {
		case wire.CmdSyncParam, wire.CmdSyncParam89, wire.CmdSizes, wire.CmdUUIDs, wire.CmdState:
			r.logf(Warn, "%s packet received for volume %d, which is not configured locally", p.Cmd.LogName(), p.Vol)
		default:
			r.protocolError("%s packet received for volume %d, which is not configured locally", p.Cmd.LogName(), p.Vol)
		}
		return
	}
	switch b := p.Body.(type) {
	case wire.SyncParam:
		v.gotSyncParam(b)
	case wire.Sizes:
		v.gotSizes(b)
	case wire.UUIDs:
		v.gotUUIDs(b)
	case wire.StateInfo:
		v.gotState(b.State)
	case wire.StateReq:
		r.gotStateReq(v, b)
	case wire.SyncUUID:
		v.gotSyncUUID(b.UUID)
	case wire.Data:
		switch p.Cmd {
		case wire.CmdData:
			v.gotWrite(p, b, Write, p.Size)
		case wire.CmdDataReply:
			v.dataReply(p, b)
		case wire.CmdRSDataReply:
			v.gotResyncData(p, b)
		default:
			r.unexpected(p)
		}
	case wire.Trim:
		switch p.Cmd {
		case wire.CmdTrim:
			v.gotWrite(p, b.Data, Discard, b.Size)
		case wire.CmdZeroes:
			v.gotWrite(p, b.Data, Zero, b.Size)
		default:
			r.unexpected(p)
		}
	case wire.BlockReq:
		switch p.Cmd {
		case wire.CmdDataRequest:
			v.gotDataRequest(b)
		case wire.CmdRSDataRequest, wire.CmdRSThinReq, wire.CmdCsumRSRequest:
			v.gotResyncRequest(p.Cmd, b, p.Digest)
		case wire.CmdOVRequest:
			v.gotVerifyRequest(b)
		case wire.CmdOVReply:
			v.gotVerifyReply(b, p.Digest)
		default:
			r.unexpected(p)
		}
	case wire.BlockDesc:
		switch p.Cmd {
		case wire.CmdOutOfSync:
			v.gotOutOfSync(b)
		case wire.CmdRSDeallocated:
			v.gotDeallocated(b)
		default:
			r.unexpected(p)
		}
	default:
		switch p.Cmd {
		case wire.CmdBitmap, wire.CmdCompressedBitmap:
			v.gotBitmap(p)
		default:
			r.unexpected(p)
		}
	}
}

func (r *Resource) unexpected(p Packet) {
	r.free(p.Buf)
	r.protocolError("Unexpected data packet %s (%#04x)", p.Cmd.LogName(), uint16(p.Cmd))
}

// metaPacket processes a packet of the meta socket, at once: acknowledgements
// never wait.
func (r *Resource) metaPacket(p Packet) {
	switch p.Cmd {
	case wire.CmdPing:
		r.answerPing()
		return
	case wire.CmdPingAck:
		r.pingAck()
		return
	case wire.CmdBarrierAck:
		r.barrierAck(p.Body.(wire.BarrierAck))
		return
	case wire.CmdConnStChgReply:
		r.gotStateReply(nil, p.Body.(wire.StateReply).Result)
		return
	}
	v := r.volume(p.Vol)
	if v == nil {
		r.lose(wire.NetworkFailure, fmt.Sprintf("%s for volume %d, which is not configured locally", p.Cmd.LogName(), p.Vol))
		return
	}
	switch b := p.Body.(type) {
	case wire.StateReply:
		r.gotStateReply(v, b.Result)
	case wire.BlockAck:
		v.gotAck(p.Cmd, b)
	default:
		r.lose(wire.NetworkFailure, "Unexpected meta packet "+p.Cmd.LogName())
	}
}

// answerPing answers a ping. The last one of a resync means that the target is
// about to be good and forgets what was marked: before that this node must not
// have it on record as outdated any more, and what it sent has to be stable
// here too (a Secondary may have it from a Primary that died before a barrier).
func (r *Resource) answerPing() {
	n, wait := r.peer.number, 1
	answer := func() {
		if wait--; wait == 0 && r.alive(n) {
			r.send(wire.MetaSocket, 0, wire.CmdPingAck, nil)
		}
	}
	for _, v := range r.vols {
		b, rs := v.dsk, v.rs
		if rs == nil || rs.target || b.gone() || b.bm.Count() > rs.failed {
			continue
		}
		v.synced = true
		if b.dirtyWrites != b.stableWrites && (b.opts.Flushes || b.opts.MDFlushes) {
			wait++
			b.flush(func(ok bool) {
				if ok {
					answer()
				}
			})
		}
		if (b.recorded | b.super.Flags).Has(metadata.PeerOutdated) { // or it is being written
			b.super.Flags &^= metadata.PeerOutdated
			wait++
			b.syncSuper(answer)
		}
	}
	answer()
}

// gotAck takes an acknowledgement of a block.
func (v *volume) gotAck(cmd wire.Command, a wire.BlockAck) {
	r := v.r
	syncer := a.BlockID == wire.IDSyncer
	switch cmd {
	case wire.CmdOVResult:
		v.gotVerifyResult(a)
	case wire.CmdNegDReply:
		v.negDReply(a)
	case wire.CmdNegRSDReply:
		v.resyncRefused(a)
	case wire.CmdRSCancel:
		v.resyncCancelled(a)
	case wire.CmdRSIsInSync:
		v.resyncEqual(a)
	case wire.CmdRSWriteAck, wire.CmdNegAck:
		if syncer {
			v.resyncAcked(a, cmd == wire.CmdRSWriteAck)
			return
		}
		r.acked(v, cmd, a)
	case wire.CmdRecvAck, wire.CmdWriteAck:
		r.acked(v, cmd, a)
	case wire.CmdSuperseded, wire.CmdRetryWrite:
		r.protocolError("%s without two primaries", cmd.LogName())
	default:
		r.lose(wire.NetworkFailure, "Unexpected meta packet "+cmd.LogName())
	}
}

// inside tells whether a range of the peer lies on the device.
func inside(v *volume, sector uint64, size uint32) bool {
	return size > 0 && size%512 == 0 && sector < v.size && uint64(size/512) <= v.size-sector
}
