package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/outdate"
	"classicha/internal/sim"
)

// heart is heartbeatd on a machine: the core, and what the daemon does around it.
type heart struct {
	m     *machine
	core  *cluster.Node // nil: it does not run
	run   int           // counts starts and ends
	power bool
	tick  *sim.Event

	gen    uint64            // on its disk
	known  map[string]uint64 // on its disk
	mayRun []string          // below /run: groups that a killed daemon left
	dopd   *dopd             // nil: communication is not up
	again  bool              // it executes itself again

	spinAt time.Duration
	spins  int
	second time.Duration // in which messages were counted
	sends  int
}

// tick is the event that says that time has passed.
var tick = cluster.Tick{}

func newHeart(m *machine) *heart {
	return &heart{m: m, gen: 100, known: map[string]uint64{}}
}

// cluster makes what both nodes have in common, and their network.
func (w *World) cluster() {
	w.media = []string{eth}
	if w.c.Serial {
		w.media = append(w.media, serial)
	}
	w.base = cluster.Config{
		Nodes: []string{"serv-a", "serv-b"}, Links: w.media,
		Keepalive: w.c.Keepalive, Deadtime: w.c.Deadtime, Warntime: w.c.Deadtime / 2, Initdead: w.c.Initdead,
		Deadping: w.c.Deadtime, MaxRexmitDelay: 250 * time.Millisecond, HopFudge: 1,
		Keys: w.keys, LogBadPack: true, AutoFailback: w.c.Failback, Fencing: w.c.Stonith,
	}
	for g := range w.c.Groups {
		words := []string{fmt.Sprintf("drbddisk::r%d", g), fmt.Sprintf("Filesystem::/dev/drbd%d::/data%d::ext4", g, g), fmt.Sprintf("10.0.0.%d", 10+g), fmt.Sprintf("app%d", g)}
		w.base.Groups = append(w.base.Groups, cluster.Group{Home: w.base.Nodes[g%2], Key: words[0], Resources: words})
	}
	w.net = sim.NewNet(w.World, func(to int, medium string, frame []byte) {
		w.machines[to].heart.event(cluster.Packet{Link: medium, Frame: frame})
	})
	for _, m := range w.media {
		for a := range 2 {
			p := w.net.Path(m, a, 1-a)
			p.Loss, p.Max = w.c.Loss, time.Millisecond
		}
	}
}

// start starts the daemon as a boot or whoever watches it does.
func (h *heart) start() {
	for _, s := range h.m.services {
		if s.busy > 0 || s.fs.stopping {
			// Scripts of a killed heartbeat still run. The real one does not wait for them: a start
			// beside a stop is a race that is not played here.
			h.m.after(100*time.Millisecond, h.start)
			return
		}
	}
	h.begin(cluster.Saved{})
}

func (h *heart) begin(saved cluster.Saved) {
	w := h.m.w
	if h.core != nil || !h.m.power {
		return
	}
	h.run++
	h.gen++
	h.again = false
	c := w.base
	c.Node, c.Generation, c.Known = h.m.name, h.gen, maps.Clone(h.known)
	c.UUID[0] = byte(h.m.i + 1)
	if saved.Held == cluster.HoldNone && len(saved.Groups) == 0 {
		saved.Groups = h.leftBehind()
		saved.Found = len(saved.Groups) > 0
		h.mayRun = slices.Clone(saved.Groups)
		for g, s := range h.m.services {
			// A job that ended with its daemon may have left nothing at all.
			if s.active && !slices.Contains(saved.Groups, c.Groups[g].Key) && !s.some() {
				s.active = false
			}
		}
	}
	h.core = cluster.New(c, w.Uint64(), saved)
	w.note("%s: heartbeat starts, generation %d %+v", h.m, h.gen, saved)
	h.event(tick)
}

// leftBehind are the groups that may run and of which a resource says so.
func (h *heart) leftBehind() (keys []string) {
	for g, s := range h.m.services {
		if key := h.m.w.base.Groups[g].Key; slices.Contains(h.mayRun, key) && s.some() {
			keys = append(keys, key)
		}
	}
	return keys
}

// off: the machine is gone, or the daemon was killed.
func (h *heart) off() {
	h.kill()
	h.mayRun = nil
}

func (h *heart) kill() {
	h.core, h.dopd, h.again = nil, nil, false
	h.run++
	h.tick.Cancel()
}

// event gives the core of today an event.
func (h *heart) event(ev cluster.Event) {
	if h.core == nil {
		return
	}
	run := h.run
	h.m.post(func() {
		if h.run == run {
			h.step(ev)
		}
	})
}

func (h *heart) step(ev cluster.Event) {
	w := h.m.w
	if h.core == nil || w.err() != nil {
		return
	}
	if h.spinAt != w.Now() {
		h.spinAt, h.spins = w.Now(), 0
	}
	if h.spins++; h.spins > 2000 {
		w.fail("live", "heartbeat of %s spins", h.m)
		return
	}
	run := h.run
	for _, a := range append([]cluster.Action(nil), h.core.Step(h.m.clock.Read(w.Now()), ev)...) {
		if h.run != run {
			return // an earlier action ended it
		}
		h.carryOut(a)
	}
	h.schedule()
}

// schedule lets the core tick when it wants to, or a little later.
func (h *heart) schedule() {
	w := h.m.w
	h.tick.Cancel()
	h.tick = nil
	if h.core == nil || h.core.Next().IsZero() {
		return
	}
	late := time.Duration(0)
	if !w.calm {
		late = w.Between(0, 2*time.Millisecond)
	}
	run := h.run
	h.tick = w.After(h.m.clock.Until(w.Now(), h.core.Next())+late, func() {
		if h.run == run && !h.m.asleep() {
			h.step(tick)
		}
	})
}

func (h *heart) carryOut(a cluster.Action) {
	w := h.m.w
	switch a := a.(type) {
	case cluster.Send:
		h.send(a)
	case cluster.Log:
		w.note("%s: %s: %s", h.m, a.Level, a.Text)
		w.heardLog(h.m, a.Text)
	case cluster.Remember:
		h.known[a.Node] = a.Generation
	case cluster.Run:
		h.job(a)
	case cluster.Fence:
		w.fence(h.m, a)
	case cluster.WasReset:
		h.dopd.event(outdate.Reset{Node: a.Node})
	case cluster.Deliver:
		h.dopd.event(outdate.Heard{Msg: a.Msg})
	case cluster.CommUp:
		h.dopd = newDopd(h)
		h.event(cluster.ClientJoined{Name: outdate.Client})
	case cluster.Suspect:
		for _, p := range w.pairs {
			p.Probe(h.m.i)
		}
	case cluster.Exit:
		h.ended(a)
	case cluster.Reexec:
		h.kill()
		h.again = true
		run := h.run
		h.m.after(w.Between(20*time.Millisecond, 300*time.Millisecond), func() {
			if h.run == run {
				h.begin(a.Saved)
			}
		})
	}
}

// ended: a daemon that stops gracefully has stopped its groups.
func (h *heart) ended(a cluster.Exit) {
	w := h.m.w
	w.note("%s: heartbeat ends with %d", h.m, a.Code)
	for g, s := range h.m.services {
		if s.active && a.Code == 0 {
			w.fail("H1", "heartbeat of %s ended while group %d is active", h.m, g)
		}
	}
	h.kill()
}

func (h *heart) send(a cluster.Send) {
	w := h.m.w
	h.countSend(a)
	if a.Type != "status" || w.Chance(0.05) {
		w.checkFrame(h.m, a.Datagram)
		w.checkFrame(h.m, a.Line)
	}
	for _, medium := range w.media {
		frame := a.Datagram
		if strings.HasPrefix(medium, "/dev") {
			frame = a.Line
		} else {
			w.net.Send(medium, h.m.i, h.m.i, frame) // it hears itself
		}
		if h.m.peer().power {
			w.net.Send(medium, h.m.i, 1-h.m.i, frame)
		}
	}
}
