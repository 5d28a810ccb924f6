package simworld

import (
	"errors"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// handler runs a helper: it ends some time later with a drawn code, but fence-peer
// tells the truth.
func (n *node) handler(a replica.RunHandler) {
	w := n.w
	w.stats.Handlers++
	if _, twice := n.helpers[a.ID]; twice {
		w.fail("contract", "%s: handler %d runs already", n, a.ID)
		return
	}
	n.helpers[a.ID] = a.Name
	boot := n.boot
	done := func(code int) {
		if n.boot != boot || n.core == nil {
			return
		}
		delete(n.helpers, a.ID)
		w.note("%s: handler %s ends with %d", n, a.Name, code)
		n.event(replica.HandlerDone{ID: a.ID, Code: code})
	}
	d := w.Between(time.Millisecond, 300*time.Millisecond)
	if !w.calm && w.Chance(0.1) {
		d = w.Between(time.Second, 10*time.Second)
	}
	switch a.Name {
	case "fence-peer":
		if w.outside != nil {
			w.outside.fencePeer(n, done)
			return
		}
		w.After(d, func() {
			if n.boot == boot {
				n.fencePeer(done)
			}
		})
		return
	case "split-brain":
		w.stats.SplitBrains++
		n.sawSplit = true
	}
	code := 0
	if !w.calm && w.outside == nil && w.Chance(0.02) {
		code = 1
	}
	w.After(d, func() { done(code) })
}

// fencePeer outdates the peer over another network, or says why not (section 15).
func (n *node) fencePeer(done func(code int)) {
	w := n.w
	p := n.peer()
	stonith := w.p.disk.Fencing == replica.ResourceAndStonith
	switch {
	case !p.power:
		if w.Chance(0.5) && stonith {
			done(7)
			return
		}
		done(5)
	case w.cut && w.p.commCut:
		if stonith && w.Chance(0.7) {
			p.powerOff(w.Between(2*time.Second, 20*time.Second))
			done(7)
			return
		}
		done(1)
	default:
		p.outdated(done)
	}
}

// outdated is drbdadm outdate, as a code of a fence-peer handler; 1: it failed.
func (n *node) outdated(done func(code int)) {
	w := n.w
	switch {
	case n.core == nil:
		// The daemon is down: drbdmeta outdate.
		if n.app != nil {
			done(6)
			return
		}
		worst := 4
		for _, v := range n.vols {
			b := make([]byte, page)
			v.meta.ReadAt(b, v.meta.layout.Super)
			sb, err := metadata.ParseSuperblock(b)
			if err == nil {
				err = sb.Outdate()
			}
			if errors.Is(err, metadata.ErrNewer) {
				done(6)
				return
			}
			if err != nil {
				worst = 3
				continue
			}
			v.meta.WriteAt(sb.Append(nil), v.meta.layout.Super)
			v.meta.reload()
		}
		done(worst)
	case n.asleep():
		w.After(500*time.Millisecond, func() { done(1) })
	default:
		if v := n.vol(0); v == nil || n.app != nil && v.Role == wire.Primary {
			done(6)
			return
		}
		left, worst := len(n.vols), 4
		boot := n.boot
		answered := false
		w.After(5*time.Second, func() {
			if !answered {
				answered = true
				done(1)
			}
		})
		for nr := range n.vols {
			nr := nr
			n.command(replica.Outdate{Vol: nr}, func(r replica.Reply) {
				if answered {
					return
				}
				switch v := n.vol(nr); {
				case v != nil && (v.Disk == wire.Inconsistent || v.Disk == wire.Diskless):
					if worst != 1 { // it is said of all volumes
						worst = 3
					}
				case r.Code == wire.NoUpToDateDisk && v != nil && (v.Disk == wire.UpToDate || v.Disk == wire.Consistent):
					worst = 6 // its data is the newer
				case !ok(r) || v == nil || v.Disk > wire.Outdated:
					worst = 1 // it did not do it, whatever it says
				}
				if left--; left == 0 {
					answered = true
					if n.boot != boot {
						worst = 1
					}
					done(worst)
				}
			})
		}
	}
}
