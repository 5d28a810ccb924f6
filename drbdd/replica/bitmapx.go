package replica

import (
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// bitmapOut is the sending of the bitmap, a few packets at a time.
type bitmapOut struct {
	s    *wire.BitmapSender
	then func()
}

// bitmapBatch is the number of packets that are under way at a time.
const bitmapBatch = 32

// sendBitmap sends the bitmap and then calls then.
func (v *volume) sendBitmap(then func()) {
	o := &bitmapOut{s: wire.NewBitmapSender(v.r.peer.dialect, v.dsk.bm, v.r.net.UseRLE), then: then}
	v.bmOut = o
	v.moreBitmap(o)
}

func (v *volume) moreBitmap(o *bitmapOut) {
	r := v.r
	if v.bmOut != o || !r.peer.up || v.dsk.gone() {
		return
	}
	for i := range bitmapBatch {
		p, ok := o.s.Next(make([]byte, 0, 4096), uint16(v.nr))
		if !ok {
			v.bmOut = nil
			if o.s.Stats.Worth() {
				v.logf(Info, "send %s", o.s.Stats)
			}
			o.then()
			return
		}
		s := Send{Sock: wire.DataSocket, Vol: v.nr, Cmd: p.Cmd, Body: p.Body, Extra: p.Payload, Size: uint32(len(p.Payload))}
		if i == bitmapBatch-1 {
			s.Token = r.id()
			r.sent[s.Token] = func() { v.moreBitmap(o) }
		}
		r.do(s)
	}
}

// startBitmapSource sends the bitmap to the node that will be the target.
func (v *volume) startBitmapSource() {
	if v.st.Conn == wire.WFBitMapS && !v.dsk.gone() && v.r.peer.up {
		v.sendBitmap(func() {})
	}
}

// startBitmapTarget waits for the source's bitmap.
func (v *volume) startBitmapTarget() { v.bmIn = nil }

// gotBitmap merges a packet of the peer's bitmap (section 12).
func (v *volume) gotBitmap(p Packet) {
	r, b := v.r, v.dsk
	if b.gone() {
		return
	}
	if v.st.Conn != wire.WFBitMapS && v.st.Conn != wire.WFBitMapT {
		v.logf(Info, "unexpected cstate (%s) in receive_bitmap", v.st.Conn)
		return
	}
	if v.bmIn == nil {
		v.bmIn = wire.NewBitmapReceiver(r.peer.dialect, b.bm)
	}
	done, err := v.bmIn.Packet(&wire.Packet{Cmd: p.Cmd, Volume: uint16(p.Vol), Body: p.Body, Payload: p.Payload})
	if err != nil {
		r.protocolError("%v", err)
		return
	}
	if !done {
		return
	}
	if v.bmIn.Stats.Worth() {
		v.logf(Info, "receive %s", v.bmIn.Stats)
	}
	v.bmIn = nil
	if v.st.Conn == wire.WFBitMapS {
		v.p.disk = min(v.p.disk, wire.Outdated) // it knows that it is behind, or would not have sent it
		r.peerIsBack()
		v.startSource()
		return
	}
	// What the peer has changed must be marked here on disk before any of it is
	// written: if this node crashes in the middle, the peer has forgotten what it
	// sent.
	n, unblock := r.peer.number, r.block()
	b.syncBitmap(func() {
		if r.alive(n) && v.st.Conn == wire.WFBitMapT && !b.gone() {
			v.sendBitmap(func() { v.apply(state.SetConn(wire.WFSyncUUID), true) })
		}
		unblock()
	})
}
