package replica

import (
	"cmp"
	"maps"
	"slices"

	"classicha/drbdd/wire"
)

// View describes the resource as it is.
func (r *Resource) View() View {
	w := View{Name: r.name, Conn: r.cs, Role: r.role(), Susp: r.susp, SuspNod: r.suspNod, SuspFen: r.suspFen}
	for _, v := range r.vols {
		w.Volumes = append(w.Volumes, v.view())
		if v.st.Peer == wire.Primary || w.Peer == wire.RoleUnknown {
			w.Peer = v.st.Peer
		}
	}
	if r.net != nil {
		w.Net = &NetView{Options: *r.net, Dialect: r.peer.dialect}
	}
	return w
}

func (v *volume) view() VolumeView {
	s := v.st
	w := VolumeView{
		Vol: v.nr, Minor: v.minor, Role: s.Role, Peer: s.Peer, Conn: s.Conn, Disk: s.Disk, Pdsk: s.PDisk,
		AftrISP: s.AftrISP, PeerISP: s.PeerISP, UserISP: s.UserISP, Size: v.size, MaxIO: v.maxIO(), Exposed: v.seen(), Waits: v.kept != 0,
		Counters: v.count, WriteOrdering: 'f',
	}
	w.Counters.Epochs = 1 + len(v.r.tl.open)
	if b := v.dsk; b != nil {
		w.HasDisk = true
		w.Options, w.UUIDs, w.Flags, w.Super = b.opts, b.super.UUIDs, b.super.Flags, b.super
		w.OOS = b.bm.Count()
		w.Degraded, w.PeerWasOutdated = b.degraded, b.attachPdsk == wire.Outdated
		w.ALSuspended = b.al.off
		w.CanDiscard = b.discard
		if !b.opts.Flushes {
			w.WriteOrdering = 'd'
			if !b.opts.Drain {
				w.WriteOrdering = 'n'
			}
		}
	} else {
		w.CanDiscard = v.r.peer.up && v.r.peer.dialect.Features&wire.FeatTrim != 0
	}
	w.Progress = v.progress()
	return w
}

func (v *volume) progress() *Progress {
	now := v.r.now
	if rs := v.rs; rs != nil && v.dsk != nil && v.st.Conn >= wire.SyncSource {
		p := &Progress{Total: rs.total, Left: v.dsk.bm.Count(), Failed: rs.failed, Started: rs.began, Paused: rs.paused, Marks: slices.Clone(rs.marks), Now: now}
		if !rs.pausedAt.IsZero() {
			p.Paused += now.Sub(rs.pausedAt)
		}
		if rs.target {
			p.Want = rs.want
		}
		return p
	}
	if o := v.ov; o != nil {
		p := &Progress{Verify: true, Left: o.left, Started: o.began, Paused: o.paused, Marks: slices.Clone(o.marks), Now: now}
		p.Total = max(o.stop, o.start) - o.start
		if !o.source && v.dsk != nil {
			p.Total = v.dsk.bm.Bits() - o.start
		}
		if o.source {
			p.Want = o.want
		}
		return p
	}
	return nil
}

// sortedKeys are the keys of a map in order: nothing here may depend on the
// order of a map.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
