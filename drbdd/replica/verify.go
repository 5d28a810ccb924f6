package replica

import (
	"bytes"
	"time"

	"classicha/drbdd/replica/rate"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// verify is an online verify under way, on either side (section 14).
type verify struct {
	source bool // VerifyS: asks
	began  time.Time
	marks  []Mark
	want   uint64

	next, stop    uint64 // bits; what is asked for next, and where it ends
	start         uint64
	left          uint64 // bits without a result
	found         uint64 // bits that differ
	oosAt, oosLen uint64 // sectors of the differing range that is not logged yet

	flying  uint64
	arrived uint64
	locks   map[uint64]*span // ranges that are kept until the result, by sector
	pace    *rate.Controller
	turn    *timer
	paused  time.Duration
	over    bool
}

// verifyPos is where the last verify ended.
type verifyPos struct{ start, stop uint64 }

// startVerify begins on the side that asked for it; the peer has agreed.
func (v *volume) startVerify(pos verifyPos) {
	b := v.dsk
	o := &verify{source: true, began: v.r.now, locks: map[uint64]*span{}}
	o.start = min(pos.start/8, b.bm.Bits())
	o.next, o.stop = o.start, b.bm.Bits()
	// Other peers cannot be told that it ends early.
	if d := v.r.peer.dialect.Version; pos.stop != 0 && d >= 97 && d != 100 {
		o.stop = max(o.start, min((pos.stop+7)/8, o.stop))
	}
	o.left = o.stop - o.start
	o.marks = []Mark{{v.r.now, o.left}}
	p := b.opts
	o.pace = rate.New(rate.Params{ResyncRate: p.ResyncRate, PlanAhead: p.PlanAhead, DelayTarget: p.DelayTarget, FillTarget: p.FillTarget, MaxRate: p.MaxRate, MaxBuffers: v.r.net.MaxBuffers})
	v.ov = o
	v.logf(Info, "Starting Online Verify from sector %d", o.start*8)
	v.verifyTurn()
	v.markVerify()
}

func (v *volume) markVerify() {
	o := v.ov
	v.r.after(3*time.Second, func() {
		if v.ov != o {
			return
		}
		if o.marks = append(o.marks, Mark{v.r.now, o.left}); len(o.marks) > 8 {
			o.marks = o.marks[1:]
		}
		v.markVerify()
	})
}

// verifyTurn asks for more, ten times a second.
func (v *volume) verifyTurn() {
	o, r := v.ov, v.r
	o.turn.stop()
	if v.st.Conn != wire.VerifyS || o.over {
		return
	}
	o.turn = r.after(100*time.Millisecond, v.verifyTurn)
	n, want := o.pace.Turn(o.arrived)
	o.arrived, o.want = 0, want
	limit := uint64(r.net.MaxBuffers / 2)
	sent := 0
	for sent < n && o.flying < limit && o.next < o.stop {
		sector := o.next * 8
		size := uint32(min(4096, (v.size-sector)*512))
		o.next++
		o.flying++
		sent++
		v.count.Pending++
		session := r.peer.number
		o.lock(v, sector, size, func() {
			if v.ov == o && r.alive(session) {
				v.send(wire.CmdOVRequest, wire.BlockReq{Sector: sector, BlockID: wire.IDSyncer, Size: size})
			}
		})
	}
	o.pace.Sent(sent)
	v.checkVerify()
}

// lock keeps the application here from changing a block until both sides have read
// it. Writes of the peer are kept back there, and arrive before its answer.
func (o *verify) lock(v *volume, sector uint64, size uint32, run func()) {
	s := v.asking.enterLater(sector, size, true, run)
	o.locks[sector] = s
	v.asking.begin(s)
}

func (o *verify) unlock(v *volume, sector uint64) {
	if s := o.locks[sector]; s != nil {
		delete(o.locks, sector)
		v.leaveAsking(s)
	}
}

// gotVerifyRequest reads a block for the node that compares.
func (v *volume) gotVerifyRequest(q wire.BlockReq) {
	r, b, n := v.r, v.dsk, v.r.peer.number
	if !inside(v, q.Sector, q.Size) || q.Size > 1<<20 {
		r.protocolError("request from peer beyond end of local disk: capacity: %ds < sector: %ds + size: %d", v.size, q.Sector, q.Size)
		return
	}
	alg := r.net.VerifyAlg
	size, known := wire.DigestSize(alg)
	if alg == "" || !known {
		r.protocolError("P_OV_REQUEST without verify-alg")
		return
	}
	if v.ov == nil {
		v.ov = &verify{began: r.now, locks: map[uint64]*span{}, start: q.Sector / 8, left: (v.size+7)/8 - q.Sector/8}
		v.ov.marks = []Mark{{r.now, v.ov.left}}
		v.logf(Info, "Online Verify start sector: %d", q.Sector)
		v.markVerify()
	}
	o := v.ov
	if o.source || o.locks[q.Sector] != nil {
		r.protocolError("P_OV_REQUEST for sector %d in state %s", q.Sector, v.st.Conn)
		return
	}
	v.serve()
	answer := func(d DiskDone) {
		v.served(n)
		r.free(d.Buf)
		if !r.alive(n) {
			return
		}
		digest := d.Digest
		if !d.OK {
			digest = make([]byte, size) // differs from any
		}
		r.do(Send{Sock: wire.DataSocket, Vol: v.nr, Cmd: wire.CmdOVReply, Body: wire.BlockReq{Sector: q.Sector, BlockID: wire.IDSyncer, Size: q.Size}, Digest: digest})
		if v.ov != o {
			return
		}
		v.count.Pending++
	}
	o.lock(v, q.Sector, q.Size, func() {
		var s *span
		s = v.ranges.enterLater(q.Sector, q.Size, true, func() {
			if b.gone() || v.ov != o {
				answer(DiskDone{})
				v.leave(s)
				return
			}
			b.submit(Disk{Op: Read, Sector: q.Sector, Size: q.Size, Digest: alg}, func(d DiskDone) {
				if !d.OK {
					v.diskFailed(b, "READ", q.Sector, q.Size)
				}
				answer(d)
				v.leave(s)
			})
		})
		v.ranges.begin(s)
	})
}

// gotVerifyReply compares the peer's digest with our block.
func (v *volume) gotVerifyReply(q wire.BlockReq, digest []byte) {
	r, b, o, n := v.r, v.dsk, v.ov, v.r.peer.number
	if !inside(v, q.Sector, q.Size) {
		r.protocolError("P_OV_REPLY beyond end of local disk: %ds + %d", q.Sector, q.Size)
		return
	}
	a := wire.BlockAck{Sector: q.Sector, BlockID: wire.OVSame, Size: q.Size}
	if o == nil || !o.source || b.gone() || o.locks[q.Sector] == nil {
		v.ackBlock(n, wire.CmdOVResult, a)
		return
	}
	o.arrived += uint64(q.Size / 512)
	digest = bytes.Clone(digest)
	alg := r.net.VerifyAlg
	v.serve()
	// A write of the peer that came before its answer must be on our disk.
	var s *span
	s = v.ranges.enterLater(q.Sector, q.Size, true, func() {
		b.submit(Disk{Op: Read, Sector: q.Sector, Size: q.Size, Digest: alg}, func(d DiskDone) {
			v.served(n)
			r.free(d.Buf)
			same := d.OK && bytes.Equal(d.Digest, digest)
			if !d.OK {
				v.diskFailed(b, "READ", q.Sector, q.Size)
			}
			if !same {
				a.BlockID = wire.OVDiffers
			}
			v.ackBlock(n, wire.CmdOVResult, a)
			v.leave(s)
			if v.ov != o {
				return
			}
			o.flying--
			v.count.Pending--
			v.verified(q.Sector, q.Size, same)
			o.unlock(v, q.Sector) // what waited for it may end the verify
			if v.ov == o {
				v.checkVerify()
			}
		})
	})
	v.ranges.begin(s)
}

// gotVerifyResult is the outcome on the side that was asked.
func (v *volume) gotVerifyResult(a wire.BlockAck) {
	o := v.ov
	if o == nil || o.source || o.locks[a.Sector] == nil {
		return
	}
	v.count.Pending--
	v.verified(a.Sector, a.Size, a.BlockID != wire.OVDiffers)
	o.unlock(v, a.Sector)
	if o.left == 0 && len(o.locks) == 0 {
		v.verifyDone()
	}
}

// verified counts a result; differing blocks are marked, nothing is synced.
func (v *volume) verified(sector uint64, size uint32, same bool) {
	o := v.ov
	if o.left > 0 {
		o.left--
	}
	if same {
		v.logDiffering()
		return
	}
	n := uint64(size / 512)
	if !v.dsk.gone() && inside(v, sector, size) {
		v.dsk.oos(sector, size)
	}
	o.found++
	if o.oosLen > 0 && o.oosAt+o.oosLen == sector {
		o.oosLen += n
		return
	}
	v.logDiffering()
	o.oosAt, o.oosLen = sector, n
}

func (v *volume) logDiffering() {
	if o := v.ov; o.oosLen > 0 {
		v.logf(Error, "Out of sync: start=%d, size=%d (sectors)", o.oosAt, o.oosLen)
		o.oosLen = 0
	}
}

// checkVerify ends when every block has its result.
func (v *volume) checkVerify() {
	o := v.ov
	if o.over || o.next < o.stop || o.flying > 0 {
		return
	}
	o.over = true
	v.r.ping(func(ok bool) {
		if ok && v.ov == o {
			v.verifyDone()
		}
	})
}

// verifyDone ends a verify on this side.
func (v *volume) verifyDone() {
	o := v.ov
	if o == nil {
		if v.st.Conn == wire.VerifyT || v.st.Conn == wire.VerifyS {
			v.apply(state.SetConn(wire.Connected), true)
		}
		return
	}
	v.logDiffering()
	v.logDone("Online verify done", o.began, o.paused, max(o.stop, o.start)-o.start)
	if o.source && o.stop < v.dsk.bm.Bits() {
		v.logf(Info, "Online Verify reached sector %d", o.stop*8)
	}
	found := o.found
	if found > 0 {
		v.logf(Alert, "Online verify found %d 4k block out of sync!", found)
	}
	v.apply(state.SetConn(wire.Connected), true)
	if found > 0 {
		if !v.dsk.gone() {
			v.dsk.syncBitmap(nil)
		}
		v.r.helper("out-of-sync", v.nr, nil)
	}
}

// endVerify forgets a verify.
func (v *volume) endVerify() {
	o := v.ov
	if o == nil {
		return
	}
	v.ov = nil
	o.turn.stop()
	if o.source {
		v.count.Pending -= int(o.flying)
	}
	locks := o.locks
	o.locks = nil
	for _, sector := range sortedKeys(locks) {
		v.leaveAsking(locks[sector])
	}
}
