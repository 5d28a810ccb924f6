package simworld

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Mutation wraps cores so that they break a rule: what the world must notice.
type Mutation struct {
	Name string
	// Rules are the checks that may notice it first.
	Rules string
	make  func(m *mutant)
}

// Wrap is a factory whose cores break the rule.
func (m Mutation) Wrap(f Factory) Factory {
	return func(cfg replica.Config, seed uint64) Core {
		x := &mutant{Core: f(cfg, seed), vols: map[int]*mutantVol{}}
		m.make(x)
		return x
	}
}

// mutant is a core with changed events and actions.
type mutant struct {
	Core
	now  time.Time
	vols map[int]*mutantVol
	// event may change what comes in; action what goes out: it calls out for each
	// action that is to be carried out, and in for events that are to follow at once.
	event  func(ev replica.Event) replica.Event
	action func(a replica.Action, out func(replica.Action), in func(replica.Event))
}

// mutantVol is what a mutation wants to know of a volume.
type mutantVol struct {
	layout metadata.Layout
	open   map[uint64]replica.Request
	early  map[uint64]bool // completed already
}

func (m *mutant) vol(nr int) *mutantVol {
	v := m.vols[nr]
	if v == nil {
		v = &mutantVol{open: map[uint64]replica.Request{}, early: map[uint64]bool{}}
		m.vols[nr] = v
	}
	return v
}

// Step steps the core under the mutation.
func (m *mutant) Step(now time.Time, ev replica.Event) (out []replica.Action) {
	queue := []replica.Event{ev}
	for n := 0; n < len(queue) && n < 1000; n++ {
		ev := queue[n]
		if c, ok := ev.(replica.Command); ok {
			if a, ok := c.Do.(replica.Attach); ok {
				m.vol(a.Vol).layout = a.Layout
			}
		}
		if m.event != nil {
			if ev = m.event(ev); ev == nil {
				continue
			}
		}
		for _, a := range m.Core.Step(now, ev) {
			if m.action == nil {
				out = append(out, a)
				continue
			}
			m.action(a, func(a replica.Action) { out = append(out, a) }, func(ev replica.Event) { queue = append(queue, ev) })
		}
	}
	return out
}

// Mutations are the rules that the world must miss when they are taken out. A bit that
// only the source clears early is not one: the target has it on record until it wrote
// the block, and the bitmaps are merged.
var Mutations = []Mutation{
	{"acknowledge before the peer's write", "D1 D2 D3 D6 contract", ackEarly},
	{"forget the activity log", "D3", forgetLog},
	{"the peer skips the flush of a barrier", "D3", skipBarrier},
	{"a bitmap that is written without its last set bits", "D3", loseBits},
	{"wrong row of the UUID table: equal data", "D1 D2 D3 D4 D6", rowEqual},
	{"wrong row of the UUID table: the other is newer", "D1 D3 D4 D5 D6 live", rowOlder},
	{"a flush that does nothing", "D1 D3", noFlush},
	{"clear a bit before the target wrote the block", "D1 D2 D3 D6", targetLies},
}

// ackEarly completes a write as soon as the own disk has it.
func ackEarly(m *mutant) {
	byDisk := map[uint64]replica.Request{}
	var fire []replica.Request
	m.event = func(ev replica.Event) replica.Event {
		switch e := ev.(type) {
		case replica.Request:
			if e.Op == replica.Write {
				m.vol(e.Vol).open[e.ID] = e
			}
		case replica.DiskDone:
			if r, ok := byDisk[e.ID]; ok && e.OK {
				delete(byDisk, e.ID)
				fire = append(fire, r)
			}
		}
		return ev
	}
	m.Core = &after{Core: m.Core, f: func(acts []replica.Action) []replica.Action {
		for _, r := range fire {
			v := m.vol(r.Vol)
			if _, open := v.open[r.ID]; open && !completes(acts, r.ID) {
				v.early[r.ID] = true
				delete(v.open, r.ID)
				acts = append(acts, earlyComplete{replica.Complete{Vol: r.Vol, ID: r.ID}})
			}
		}
		fire = nil
		return acts
	}}
	m.action = func(a replica.Action, out func(replica.Action), in func(replica.Event)) {
		switch a := a.(type) {
		case earlyComplete:
			out(a.Complete)
			return
		case replica.Complete:
			v := m.vol(a.Vol)
			delete(v.open, a.ID)
			if v.early[a.ID] {
				delete(v.early, a.ID)
				return
			}
		case replica.Disk:
			for _, r := range m.vol(a.Vol).open {
				if a.Op == replica.Write && a.Buf == r.Buf {
					byDisk[a.ID] = r
				}
			}
		}
		out(a)
	}
}

// earlyComplete is a Complete that the core knows nothing of.
type earlyComplete struct{ replica.Complete }

func completes(acts []replica.Action, id uint64) bool {
	for _, a := range acts {
		if c, ok := a.(replica.Complete); ok && c.ID == id {
			return true
		}
	}
	return false
}

// after adds actions behind those of a core.
type after struct {
	Core
	f func(acts []replica.Action) []replica.Action
}

func (a *after) Step(now time.Time, ev replica.Event) []replica.Action {
	return a.f(append([]replica.Action(nil), a.Core.Step(now, ev)...))
}

// forgetLog never writes the activity log.
func forgetLog(m *mutant) {
	m.action = func(a replica.Action, out func(replica.Action), in func(replica.Event)) {
		x, ok := a.(replica.Meta)
		if !ok {
			out(a)
			return
		}
		l := m.vol(x.Vol).layout
		var kept []replica.MetaWrite
		for _, w := range x.Writes {
			if w.Off < l.AL || w.Off >= l.AL+l.ALSize {
				kept = append(kept, w)
			}
		}
		if len(kept) == 0 {
			in(replica.MetaDone{ID: x.ID, OK: true})
			return
		}
		x.Writes = kept
		out(x)
	}
}

// skipBarrier: a Secondary does not flush for a barrier.
func skipBarrier(m *mutant) {
	m.action = func(a replica.Action, out func(replica.Action), in func(replica.Event)) {
		if d, ok := a.(replica.Disk); ok && d.Op == replica.Flush && m.View().Role != wire.Primary {
			in(replica.DiskDone{ID: d.ID, OK: true})
			return
		}
		out(a)
	}
}

// noFlush: no flush ever reaches the disk.
func noFlush(m *mutant) {
	m.action = func(a replica.Action, out func(replica.Action), in func(replica.Event)) {
		if d, ok := a.(replica.Disk); ok && d.Op == replica.Flush {
			in(replica.DiskDone{ID: d.ID, OK: true})
			return
		}
		out(a)
	}
}

const earlySeq = 0xfffffff0

// loseBits: of each bitmap block one set bit is not written.
func loseBits(m *mutant) {
	m.action = func(a replica.Action, out func(replica.Action), in func(replica.Event)) {
		x, ok := a.(replica.Meta)
		if ok {
			l := m.vol(x.Vol).layout
			for _, w := range x.Writes {
				if w.Off < l.BM || w.Off >= l.BM+l.BMSize {
					continue
				}
				for i := len(w.Data) - 1; i >= 0; i-- {
					if w.Data[i] != 0 {
						w.Data[i] &= w.Data[i] - 1
						break
					}
				}
			}
		}
		out(a)
	}
}

// rowEqual: what the peer says of its generation is taken for our own.
func rowEqual(m *mutant) {
	m.event = func(ev replica.Event) replica.Event {
		p, ok := ev.(replica.Packet)
		if !ok || p.Cmd != wire.CmdUUIDs {
			return ev
		}
		for _, v := range m.View().Volumes {
			if v.Vol == p.Vol && v.HasDisk && v.UUIDs.Current&^1 != metadata.JustCreated {
				u := p.Body.(wire.UUIDs)
				if u.Current&^1 == metadata.JustCreated {
					return ev
				}
				u.Current, u.Bitmap, u.History0, u.History1, u.Flags = v.UUIDs.Current, v.UUIDs.Bitmap, v.UUIDs.History0, v.UUIDs.History1, 0
				p.Body = u
			}
		}
		return p
	}
}

// rowOlder: current and bitmap generation of the peer change places, so that who is
// behind looks as if it were ahead.
func rowOlder(m *mutant) {
	m.event = func(ev replica.Event) replica.Event {
		p, ok := ev.(replica.Packet)
		if !ok || p.Cmd != wire.CmdUUIDs {
			return ev
		}
		for _, v := range m.View().Volumes {
			u := p.Body.(wire.UUIDs)
			if v.Vol != p.Vol || !v.HasDisk || u.Current&^1 == metadata.JustCreated {
				continue
			}
			own := v.UUIDs
			switch {
			case own.Bitmap != 0 && own.Bitmap&^1 == u.Current&^1: // we are ahead
				u.Bitmap, u.Current = own.Current, own.Current^0x100
			case u.Bitmap != 0 && u.Bitmap&^1 == own.Current&^1: // the peer is
				u.Current, u.Bitmap = own.Bitmap, 0
				if u.Current == 0 {
					u.Current = own.History0
				}
			}
			p.Body = u
		}
		return p
	}
}

// targetLies: a Secondary acknowledges writes when they come.
func targetLies(m *mutant) {
	done := map[uint64]bool{}
	var early []replica.Send
	m.event = func(ev replica.Event) replica.Event {
		switch e := ev.(type) {
		case replica.Up, replica.Down:
			clear(done)
		case replica.Packet:
			if b, ok := e.Body.(wire.Data); ok && e.Cmd == wire.CmdData && b.Flags&wire.DPSendWriteAck != 0 && b.Flags&wire.DPMaySetInSync == 0 {
				early = append(early, replica.Send{Sock: wire.MetaSocket, Vol: e.Vol, Cmd: wire.CmdWriteAck,
					Body: wire.BlockAck{Sector: b.Sector, BlockID: b.BlockID, Size: e.Size}})
				done[b.BlockID] = true
			}
		}
		return ev
	}
	m.action = func(a replica.Action, out func(replica.Action), in func(replica.Event)) {
		for _, s := range early {
			out(s)
		}
		early = nil
		if s, ok := a.(replica.Send); ok && s.Cmd == wire.CmdWriteAck {
			if b := s.Body.(wire.BlockAck); done[b.BlockID] {
				delete(done, b.BlockID)
				return
			}
		}
		out(a)
	}
}
