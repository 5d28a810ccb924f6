package replica

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/gi"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// finishResync ends a resync on this side.
func (v *volume) finishResync() {
	rs, b := v.rs, v.dsk
	if b.gone() {
		return
	}
	v.logDone("Resync done", rs.began, rs.paused, rs.total)
	if rs.same > 0 {
		ratio := uint64(0)
		if rs.total > 0 {
			ratio = rs.same * 100 / rs.total
		}
		v.logf(Info, "%d %% had equal checksums, eliminated: %dK; transferred %dK total %dK", ratio, rs.same*4, (rs.total-min(rs.total, rs.same))*4, rs.total*4)
	}
	if rs.failed > 0 {
		v.logf(Error, "            %d failed blocks", rs.failed)
	}
	if !rs.target {
		v.finishSource(rs)
		return
	}
	if rs.failed > 0 || v.p.uuids == nil {
		v.apply(state.Join(state.SetConn(wire.Connected), state.SetDisk(wire.Inconsistent), state.SetPDisk(wire.UpToDate)), true)
		return
	}
	// This disk may be relied upon when all of it is stable, and that is on record.
	n := v.r.peer.number
	// A write of the application may have failed here since the last block came.
	late := func() bool {
		if b.bm.Count() == 0 {
			return false
		}
		rs.failed = b.bm.Count()
		v.logf(Error, "            %d failed blocks", rs.failed)
		v.apply(state.Join(state.SetConn(wire.Connected), state.SetDisk(wire.Inconsistent), state.SetPDisk(wire.UpToDate)), true)
		return true
	}
	record := func() {
		if v.rs != rs || !v.r.alive(n) || b.gone() || late() {
			return
		}
		peer := v.peerUUIDs()
		gi.FinishAsTarget(&b.super.UUIDs, &peer, v.st.Role == wire.Primary)
		v.setPeerUUIDs(peer)
		v.expose(b.super.UUIDs.Current)
		v.logUUIDs("updated UUIDs")
		b.super.Flags |= metadata.Consistent | metadata.WasUpToDate
		b.crashed = false // what it left behind is overwritten
		b.super.Flags &^= metadata.CrashedPrimary
		b.syncBitmap(nil)
		b.syncSuper(func() {
			if v.rs != rs || !v.r.alive(n) || b.gone() || late() {
				return
			}
			v.apply(state.Join(state.SetConn(wire.Connected), state.SetDisk(wire.UpToDate), state.SetPDisk(wire.UpToDate)), true)
			v.r.helper("after-resync-target", v.nr, nil)
		})
	}
	b.flush(func(ok bool) {
		if ok {
			record()
		}
	})
}

func (v *volume) setPeerUUIDs(u metadata.UUIDs) {
	p := v.p.uuids
	p.Current, p.Bitmap, p.History0, p.History1 = u.Current, u.Bitmap, u.History0, u.History1
}

func (v *volume) finishSource(rs *resync) {
	r, b := v.r, v.dsk
	if rs.failed > 0 {
		v.apply(state.Join(state.SetConn(wire.Connected), state.SetPDisk(wire.Inconsistent)), true)
		return
	}
	peer := metadata.UUIDs{}
	if v.p.uuids != nil {
		peer = v.peerUUIDs()
	}
	v.synced = false
	gi.FinishAsSource(&b.super.UUIDs, &peer)
	if v.p.uuids != nil {
		v.setPeerUUIDs(peer)
	}
	v.logUUIDs("updated UUIDs")
	v.apply(state.Join(state.SetConn(wire.Connected), state.SetPDisk(wire.UpToDate)), true)
	b.syncBitmap(nil)
	b.syncSuper(nil)
	if b.opts.Fencing != DontCare {
		for _, o := range r.vols {
			if o.st.Disk != wire.UpToDate || o.st.PDisk != wire.UpToDate {
				return
			}
		}
		r.helper("unfence-peer", -1, nil)
	}
}

// logDone logs how long something took, and how fast it was without pauses.
func (v *volume) logDone(what string, began time.Time, paused time.Duration, bits uint64) {
	total := v.r.now.Sub(began)
	dt := uint64((total - paused) / time.Second)
	v.logf(Info, "%s (total %d sec; paused %d sec; %d K/sec)", what, total/time.Second, paused/time.Second, bits*4/max(1, dt))
}
