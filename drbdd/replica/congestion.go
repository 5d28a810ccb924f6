package replica

import (
	"time"

	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// congestion looks, before a write is sent, whether too much is under way to a
// peer that cannot keep up (section 9.7).
func (v *volume) congestion() {
	r, b := v.r, v.dsk
	if r.net == nil || r.net.OnCongestion == Block || !r.peer.up || b.gone() || v.st.Disk != wire.UpToDate ||
		v.st.Conn < wire.Connected || v.st.Conn >= wire.Ahead || r.peer.dialect.Version < 96 || !v.replicates() {
		return
	}
	what := ""
	switch {
	case r.net.CongFill > 0 && r.tl.sectors >= r.net.CongFill:
		what = "fill"
	case uint32(b.al.active()) >= r.net.CongExtents:
		what = "extents"
	default:
		return
	}
	v.logf(Info, "Congestion-%s threshold reached", what)
	if r.net.OnCongestion == DisconnectPeer {
		r.soon(r.disconnected)
		return
	}
	r.tl.next()
	v.apply(state.SetConn(wire.Ahead), false)
}

// leaveAhead begins to catch up once everything that was sent has arrived.
func (v *volume) leaveAhead() {
	r := v.r
	if v.st.Conn != wire.Ahead || v.ahead != nil && !v.ahead.stopped {
		return
	}
	v.ahead = r.after(time.Second, func() {
		if v.st.Conn == wire.Ahead && r.tl.sectors == 0 {
			v.startSource()
		}
	})
}
