package cluster

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"classicha/heartbeatd/message"
	"classicha/internal/sim"
)

// simWorld is a cluster in the simulated world: machines with clocks, disks (only the
// generation matters), scripts, power, cables and a fence device.
type simWorld struct {
	*sim.World
	net      *sim.Net
	seed     uint64
	nodes    []*simNode
	base     Config
	media    []string
	chaos    time.Duration   // when the faults end
	heldBack bool            // no more faults
	broken   map[string]bool // node/group: start fails there
	stuck    map[int]bool    // groups that could not be stopped once: only a person can end that
	slow     float64
	stuckP   float64
	hangs    bool // scripts may hang until their limit
	fenceOK  float64
	commands bool // somebody moved resources by hand, or a start failed
	mutation mutation
	trace    []string
	tracing  bool
	trouble  time.Duration // when something last began or ended that may cost packets everywhere
	lossy    bool          // packets get lost all the time
	errs     []string
	recorded []recordedFrame
	false_   map[[2]int]time.Duration // when a node last wrongly declared another dead
	keys     *message.Keys
}

type recordedFrame struct {
	from, to int
	medium   string
	frame    []byte
}

// record keeps frames for later repetition: few of many statuses, and old ones make place.
func (w *simWorld) record(from, to *simNode, medium, t string, frame []byte) {
	p := 0.2
	if t == "status" || isNS(t) {
		p = 0.02
	}
	if w.heldBack || from == to || !w.Chance(p) {
		return
	}
	r := recordedFrame{from.i, to.i, medium, frame}
	if len(w.recorded) < 300 {
		w.recorded = append(w.recorded, r)
	} else {
		w.recorded[w.Intn(len(w.recorded))] = r
	}
}

type simNode struct {
	w      *simWorld
	i      int
	name   string
	clock  sim.Clock
	core   *Node // nil: the daemon does not run
	boot   int   // counts starts of the daemon
	power  bool
	gen    uint64
	known  map[string]uint64 // on its disk
	paused time.Duration     // stopped until then
	inbox  []func()
	tick   *sim.Event

	active  []bool // group g is or may be active on this machine
	crashed []bool // was active when the power went, nobody made sure it is gone
	job     uint64
	deaf    time.Duration   // until then no ping is answered
	silent  time.Duration   // until then the others may miss its packets: it stands still, starts, ...
	apart   []time.Duration // until then packets between this node and that may be lost
	booting time.Duration   // until then its network is not up yet
	reexec  bool            // the program is executing itself
	second  time.Duration   // in which sends were counted
	numbers uint64          // of messages, before that second
	spinAt  time.Duration
	spins   int
}

func (w *simWorld) fail(format string, args ...any) {
	s := fmt.Sprintf("%.3fs ", w.Now().Seconds()) + fmt.Sprintf(format, args...)
	w.errs = append(w.errs, s)
	w.note("VIOLATION %s", s)
}

func (w *simWorld) note(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf("%9.3f ", w.Now().Seconds())+fmt.Sprintf(format, args...))
	}
}

func newSimWorld(seed uint64, m mutation, tracing bool) *simWorld {
	w := &simWorld{World: sim.NewWorld(seed), seed: seed, mutation: m, tracing: tracing,
		broken: map[string]bool{}, stuck: map[int]bool{}, false_: map[[2]int]time.Duration{}}
	w.net = sim.NewNet(w.World, func(to int, medium string, frame []byte) {
		w.nodes[to].event(Packet{Link: medium, Frame: frame})
	})
	return w
}

// draw makes the cluster of this seed.
func (w *simWorld) draw() {
	count := []int{2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 1}[w.Intn(12)]
	ka := []time.Duration{100, 500, 1000, 1000}[w.Intn(4)] * time.Millisecond
	dead := time.Duration(3+w.Intn(4)) * ka
	dead += ka / 2
	w.keys = &message.Keys{Current: 1, ByNum: map[int]message.Key{1: {Method: message.SHA1, Secret: []byte("sim")}}}
	if w.Chance(0.5) {
		w.keys.ByNum[1] = message.Key{Method: message.CRC}
	}
	w.media = []string{"eth0"}
	if w.Chance(0.5) {
		w.media = append(w.media, "/dev/ttyS0")
	}
	c := Config{
		Links: w.media, Keepalive: ka, Deadtime: dead, Warntime: dead / 2,
		Initdead: max(2*dead, 5*time.Second), Deadping: dead, MaxRexmitDelay: 250 * time.Millisecond, HopFudge: 1,
		Keys: w.keys, Netstring: w.Chance(0.3), LogBadPack: true,
		AutoFailback: Failback(w.Intn(3)), Fencing: w.Chance(0.5),
	}
	if w.Chance(0.3) {
		c.AutoFailback = FailbackOn
	}
	for i := range count {
		c.Nodes = append(c.Nodes, fmt.Sprintf("node%d", i+1))
	}
	for g := range 1 + w.Intn(4) {
		c.Groups = append(c.Groups, Group{Home: c.Nodes[w.Intn(count)], Key: fmt.Sprintf("Rsc::%c", 'a'+g), Resources: []string{fmt.Sprintf("Rsc::%c", 'a'+g)}})
	}
	if count == 2 && w.Chance(0.3) {
		c.Ipfail = c.AutoFailback != FailbackLegacy
		c.Ping = []PingNode{{Name: "10.0.0.254"}, {Name: "gateways", Kind: "ping_group"}}[:1+w.Intn(2)]
	}
	switch w.mutation { // where it can be noticed, to find it soon
	case believeAnyFence:
		c.Fencing = true
	case ignoreIsStable:
		c.AutoFailback = FailbackOn
	}
	w.base = c
	w.fenceOK = []float64{1, 1, 0.7, 0.4}[w.Intn(4)]
	w.slow = []float64{0, 0.1, 0.5}[w.Intn(3)]
	for i := range count {
		n := &simNode{w: w, i: i, name: c.Nodes[i], gen: 100, known: map[string]uint64{},
			active: make([]bool, len(c.Groups)), crashed: make([]bool, len(c.Groups))}
		n.apart = make([]time.Duration, count)
		n.clock = sim.Clock{Start: time.Unix(1700000000+int64(w.Intn(1000000)), 0), Drift: (w.Float() - 0.5) * 0.02}
		w.nodes = append(w.nodes, n)
	}
}

func (n *simNode) start(saved Saved) {
	w := n.w
	n.gen++
	n.boot++
	n.power = true
	n.inbox = nil
	c := w.base
	c.Node, c.Generation, c.Known = n.name, n.gen, maps.Clone(n.known)
	c.UUID[0] = byte(n.i + 1)
	if w.mutation == ignoreInitdead {
		c.Initdead = c.Deadtime
	}
	if saved.Held == HoldNone && len(saved.Groups) == 0 {
		for g, on := range n.active { // the daemon asks every script what runs
			if on {
				saved.Groups, saved.Found = append(saved.Groups, c.Groups[g].Key), true
			}
		}
	}
	n.core = New(c, w.Uint64(), saved)
	n.core.broken = w.mutation
	n.silent = max(n.silent, w.Now())
	w.note("%s: daemon starts, generation %d %+v", n.name, n.gen, saved)
	n.event(Tick{})
}

// event hands an event to the core, now or when the machine goes on.
func (n *simNode) event(ev Event) {
	if n.core == nil {
		return
	}
	boot := n.boot
	if n.paused > n.w.Now() {
		if len(n.inbox) < 300 { // a socket buffer ends somewhere
			n.inbox = append(n.inbox, func() {
				if n.boot == boot {
					n.step(ev)
				}
			})
		}
		return
	}
	n.step(ev)
}

func (n *simNode) step(ev Event) {
	if n.core == nil {
		return
	}
	if n.spinAt != n.w.Now() {
		n.spinAt, n.spins = n.w.Now(), 0
	}
	if n.spins++; n.spins > 2000 {
		panic(fmt.Sprintf("seed %d: %s spins: now %s next %s", n.w.seed, n.name, n.core.now, n.core.Next()))
	}
	now := n.clock.Read(n.w.Now())
	acts := append([]Action(nil), n.core.Step(now, ev)...)
	for _, a := range acts {
		n.carryOut(a)
	}
	n.schedule()
}

func (n *simNode) schedule() {
	n.tick.Cancel()
	n.tick = nil
	if n.core == nil {
		return
	}
	next := n.core.Next()
	if next.IsZero() {
		return
	}
	boot := n.boot
	late := time.Duration(0)
	if !n.w.heldBack {
		late = n.w.Between(0, 2*time.Millisecond)
	}
	n.tick = n.w.After(n.clock.Until(n.w.Now(), next)+late, func() {
		if n.boot == boot && n.core != nil && n.paused <= n.w.Now() {
			n.step(Tick{})
		}
	})
}

// pause stops the machine: packets wait, time goes on.
func (n *simNode) pause(d time.Duration) {
	w := n.w
	if n.core == nil || n.paused > w.Now() {
		return
	}
	w.note("%s: paused for %s", n.name, d)
	n.silent = max(n.silent, w.Now()+d)
	n.paused = w.Now() + d
	w.After(d, func() {
		if n.core == nil {
			return
		}
		w.note("%s: goes on", n.name)
		in := n.inbox
		n.inbox = nil
		for _, f := range in {
			f()
		}
		n.event(Tick{})
	})
}

func (n *simNode) carryOut(a Action) {
	w := n.w
	switch a := a.(type) {
	case Send:
		w.countSend(n)
		if a.Type != "status" || w.Chance(0.05) {
			w.checkFrame(n, a.Datagram)
			w.checkFrame(n, a.Line)
		}
		for _, m := range w.media {
			frame := a.Datagram
			if strings.HasPrefix(m, "/dev") {
				frame = a.Line
			}
			for _, to := range w.nodes {
				if to == n && strings.HasPrefix(m, "/dev") {
					continue
				}
				if to != n && (n.booting > w.Now() || to.booting > w.Now()) {
					continue
				}
				w.net.Send(m, n.i, to.i, frame)
				w.record(n, to, m, a.Type, frame)
			}
		}
		if w.tracing && a.Type != "status" && !isNS(a.Type) {
			if m, _, err := message.Parse(a.Datagram, nil); err == nil {
				w.note("%s: sends %s", n.name, m)
			}
		}
	case Echo:
		if n.deaf <= w.Now() {
			w.After(w.Between(time.Millisecond, 5*time.Millisecond), func() { n.event(Packet{Link: a.Node, Frame: a.Frame}) })
		}
	case Log:
		w.note("%s: %s: %s", n.name, a.Level, a.Text)
		w.heardLog(n, a.Text)
	case Remember:
		n.known[a.Node] = a.Generation
	case Run:
		n.run(a)
	case Fence:
		n.fence(a.Node, a.ID)
	case Exit:
		w.note("%s: daemon ends", n.name)
		for g, on := range n.active {
			if on && a.Code == 0 {
				w.fail("%s ended while group %d is active", n.name, g)
			}
		}
		n.core = nil
	case Reexec:
		n.core, n.reexec = nil, true
		boot := n.boot
		w.After(w.Between(20*time.Millisecond, 300*time.Millisecond), func() {
			if n.boot == boot && n.power && n.core == nil {
				n.reexec = false
				n.start(a.Saved)
			}
		})
	}
}

// scriptLimit is what haext.cf grants a script here.
const scriptLimit = 25 * time.Second

// run plays the resource scripts.
func (n *simNode) run(a Run) {
	w := n.w
	boot := n.boot
	var failed []int
	at := time.Duration(0)
	step := func(d time.Duration, f func()) {
		at += d
		w.After(at, func() {
			if n.boot == boot && n.power {
				f()
			}
		})
	}
	took := func() time.Duration {
		switch {
		case w.hangs && !w.heldBack && w.Chance(0.05):
			return scriptLimit // it hangs until its time is up
		case w.Chance(w.slow * 0.2):
			return w.Between(time.Second, 20*time.Second)
		case w.Chance(w.slow):
			return w.Between(100*time.Millisecond, 2*time.Second)
		}
		return w.Between(5*time.Millisecond, 80*time.Millisecond)
	}
	w.note("%s: %s %v", n.name, a.Kind, a.Groups)
	for _, g := range a.Groups {
		if a.Kind == Acquire {
			step(0, func() {
				w.activate(n, g)
				n.event(GroupChanged{g, GroupStarting})
			})
			bad := w.broken[fmt.Sprint(n.i, "/", g)]
			step(took(), func() {
				if !bad {
					n.event(GroupChanged{g, GroupRunning})
				}
			})
			if bad {
				step(took(), func() { w.deactivate(n, g) }) // the runner gives it up
				failed = append(failed, g)
				w.commands = true
			}
		} else if w.Chance(w.stuckP / 2) {
			// It does not stop, and HA_EMERGENCY is log: it goes on running here.
			step(took(), func() { w.note("%s: group %d does not stop", n.name, g) })
			failed = append(failed, g)
			w.commands, w.stuck[g] = true, true
		} else {
			step(took(), func() {
				w.deactivate(n, g)
				n.event(GroupChanged{g, GroupStopped})
			})
		}
	}
	step(0, func() { n.event(JobDone{Job: a.Job, Failed: failed, Reason: "start failed"}) })
	if a.Kind == Release && w.Chance(w.stuckP) && len(a.Groups) > 0 {
		// A resource that does not stop: the machine reboots itself at once.
		w.After(at/2, func() {
			if n.boot == boot && n.power {
				w.note("%s: a resource does not stop, emergency reboot", n.name)
				n.crash(w.Between(time.Second, 20*time.Second))
			}
		})
	}
}

// kill ends only the daemon: its resources go on running, and somebody starts it again.
func (n *simNode) kill(down time.Duration) {
	if n.core == nil {
		return
	}
	n.w.note("%s: daemon killed", n.name)
	n.silent = max(n.silent, n.w.Now()+down)
	n.core = nil
	n.tick.Cancel()
	n.boot++
	boot := n.boot
	n.w.After(down, func() {
		if n.boot == boot && n.power && n.core == nil {
			n.start(Saved{})
		}
	})
}

// alive: something of it runs, whatever others believe.
func (n *simNode) alive() bool {
	for _, on := range n.active {
		if on {
			return true
		}
	}
	return n.core != nil || n.reexec
}

// crash: the power goes, and comes back after a while (0: stays off).
func (n *simNode) crash(off time.Duration) {
	w := n.w
	if !n.power {
		return
	}
	w.note("%s: power off", n.name)
	for g, on := range n.active {
		if on {
			n.crashed[g] = true
			n.active[g] = false
		}
	}
	for k := range w.false_ {
		if k[0] == n.i || k[1] == n.i {
			delete(w.false_, k) // it believes nothing any more, and is as dead as others believe
		}
	}
	n.power, n.core, n.paused, n.reexec = false, nil, 0, false
	n.tick.Cancel()
	n.boot++
	if off > 0 {
		w.After(off, func() { n.powerOn() })
	}
}

func (n *simNode) powerOn() {
	if n.power {
		return
	}
	w := n.w
	for g := range n.crashed {
		n.crashed[g] = false // booted: nothing runs
	}
	if !w.heldBack && w.Chance(0.2) {
		// A switch that learns, a slow driver: that is what initdead is for.
		n.booting = w.Now() + w.Between(0, w.base.Initdead*8/10)
		n.silent = max(n.silent, n.booting)
	}
	n.start(Saved{})
}

func (n *simNode) fence(target string, id uint64) {
	w := n.w
	boot := n.boot
	w.After(w.Between(50*time.Millisecond, 3*time.Second), func() {
		ok := w.heldBack || w.Chance(w.fenceOK)
		for _, t := range w.nodes {
			if t.name == target && ok {
				w.note("%s: fenced by %s", t.name, n.name)
				t.crash(0)
				for g := range t.crashed {
					t.crashed[g] = false
				}
				boots := w.Between(time.Second, 15*time.Second)
				w.After(boots, func() { t.powerOn() })
				if !w.heldBack && w.Chance(0.2) { // it comes up, and dies again
					w.After(boots+w.Between(2*time.Second, 12*time.Second), func() { t.crash(w.Between(time.Second, 30*time.Second)) })
				}
			}
		}
		late := time.Duration(0)
		often := 0.3
		if w.mutation == believeAnyFence {
			often = 0.8
		}
		if !w.heldBack && w.Chance(often) {
			late = w.Between(time.Second, 40*time.Second) // an agent that waits for the machine to boot, a person
		}
		late = min(late, max(0, w.chaos+10*time.Second-w.Now()))
		w.After(late, func() {
			if n.boot == boot {
				n.event(FenceDone{Node: target, ID: id, OK: ok, Result: "bad"})
			}
		})
	})
}
