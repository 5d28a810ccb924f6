package simworld

import (
	"fmt"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

// node is a machine with a daemon, disks, and perhaps the application.
type node struct {
	w     *world
	i     int
	clock sim.Clock

	core   Core // nil: the daemon does not run
	boot   int  // counts starts and ends of the daemon
	power  bool
	paused time.Duration // stopped until then
	inbox  []func()
	tick   *sim.Event

	version  uint32 // newest protocol it speaks
	features wire.Feature

	vols []*nodeVol
	dial *replica.NetOptions
	end  *end
	bufs buffers

	cmds     map[uint64]*command
	helpers  map[uint64]string
	app      *app
	exposed  []uint64 // what the application of a killed daemon saw, by volume
	view     replica.View
	viewGood bool
	seen     []seen // volumes as they were looked at last
	sawSplit bool   // handler split-brain ran
	ready    bool   // the start-up commands are through
	net      replica.NetOptions
	busy     int // commands of the administrator under way
	forcing  int // promotions by force under way
	connects int // Connect commands since the nodes were in sync

	stuck                int           // attempts to stop the application
	waits                time.Duration // since when the application waits
	downing              bool          // the core is being told that its connection is gone
	gaveUp               time.Duration
	discard, discardPeer bool // the administrator gave up its data, or its peer's
}

// nodeVol is a volume on a node.
type nodeVol struct {
	meta      *metaDev
	disk      *disk
	attached  bool          // an Attach was given to the core, and no CloseDisk came yet
	lastBad   time.Duration // when it was seen not to be good
	refused   int           // attaches in a row that failed
	tries     int           // attach commands of the administrator since it was in sync
	halfSince time.Duration // since when a resync is over that failed
}

func newNode(w *world, i int) *node {
	n := &node{w: w, i: i, power: true}
	n.clock = sim.Clock{Start: time.Unix(1700000000+int64(w.Intn(1000000)), 0), Drift: (w.Float() - 0.5) * 0.01}
	n.version, n.features = w.p.version[i], w.p.features[i]
	n.net = w.p.net
	return n
}

func (n *node) String() string {
	if n.w.outside != nil {
		return [2]string{"serv-a", "serv-b"}[n.i]
	}
	return [2]string{"alpha", "bravo"}[n.i]
}

func (n *node) peer() *node { return n.w.nodes[1-n.i] }

// asleep tells whether the machine stands still.
func (n *node) asleep() bool { return n.paused > n.w.Now() }

// post runs f now, or when the machine goes on.
func (n *node) post(f func()) {
	if n.asleep() {
		n.inbox = append(n.inbox, f)
		return
	}
	f()
}

// event gives the core of today an event.
func (n *node) event(ev replica.Event) {
	boot := n.boot
	n.post(func() {
		if n.boot == boot {
			n.step(ev)
		}
	})
}

// step steps the core and carries out what it wants.
func (n *node) step(ev replica.Event) {
	w := n.w
	if n.core == nil || len(w.bad) > 0 {
		return
	}
	if w.spinAt != w.Now() {
		w.spinAt, w.spins = w.Now(), 0
	}
	if w.spins++; w.spins > 20000 {
		w.fail("live", "%s spins", n)
		return
	}
	w.stats.Steps++
	if w.out != nil {
		if _, ok := ev.(replica.Tick); !ok {
			w.note("%s < %s", n, show(ev))
		}
	}
	_, n.downing = ev.(replica.Down)
	acts := n.core.Step(n.clock.Read(w.Now()), ev)
	n.viewGood = false
	look := false
	switch ev.(type) {
	case replica.Up, replica.Down, replica.Command:
		look = true
	}
	for _, a := range acts {
		switch a.(type) {
		case replica.Log, replica.Reply, replica.CloseDisk:
			look = true
		}
		n.carryOut(a)
	}
	n.schedule()
	if look && n.core != nil {
		n.observe()
	}
}

// look is the core's view.
func (n *node) look() *replica.View {
	if !n.viewGood {
		n.view = n.core.View()
		n.viewGood = true
	}
	return &n.view
}

// vol is a volume in the core's view; nil if there is none.
func (n *node) vol(nr int) *replica.VolumeView {
	if n.core == nil {
		return nil
	}
	v := n.look()
	for i := range v.Volumes {
		if v.Volumes[i].Vol == nr {
			return &v.Volumes[i]
		}
	}
	return nil
}

// schedule lets the core tick when it wants to, or a little later.
func (n *node) schedule() {
	n.tick.Cancel()
	n.tick = nil
	if n.core == nil {
		return
	}
	next := n.core.Next()
	if next.IsZero() {
		return
	}
	w := n.w
	d := n.clock.Until(w.Now(), next)
	if !w.calm {
		d += w.Between(0, time.Millisecond)
	}
	boot := n.boot
	n.tick = w.After(d, func() {
		if n.boot == boot && !n.asleep() {
			n.step(replica.Tick{})
		}
	})
}

// carryOut does what the core wants.
func (n *node) carryOut(a replica.Action) {
	w := n.w
	if n.core == nil {
		return // an earlier action ended the machine
	}
	if w.out != nil {
		if _, ok := a.(replica.Send); !ok {
			w.note("%s > %s", n, show(a))
		}
	}
	switch a := a.(type) {
	case replica.Send:
		if n.downing {
			return // wanted before it knew
		}
		if n.end == nil || !n.end.up {
			w.fail("contract", "%s: Send %s without a connection", n, a.Cmd)
			return
		}
		n.end.send(a)
	case replica.Disk:
		if v := n.device(a.Vol, "Disk"); v != nil {
			v.disk.start(a)
		}
	case replica.Meta:
		if v := n.device(a.Vol, "Meta"); v != nil {
			v.meta.start(a)
		}
	case replica.Complete:
		n.complete(a)
	case replica.Free:
		n.bufs.free(a.Buf, "Free")
	case replica.Dial:
		if n.end != nil && n.end.up {
			w.fail("contract", "%s: Dial while connected", n)
		}
		o := a.Options
		n.dial = &o
		w.tryConnect()
	case replica.HangUp:
		n.dial = nil
		if n.end != nil {
			n.end.hangUp()
		}
	case replica.Integrity:
		if n.end == nil || !n.end.up {
			w.fail("contract", "%s: Integrity without a connection", n)
			return
		}
		n.end.sendAlg, n.end.recvAlg = a.Send, a.Recv
	case replica.Reply:
		n.replied(a)
	case replica.RunHandler:
		n.handler(a)
	case replica.Emergency:
		w.note("%s: emergency: %s", n, a.Reason)
		if w.outside != nil {
			w.outside.emergency(n, a.Reason)
			return
		}
		n.powerOff(w.Between(5*time.Second, 30*time.Second))
	case replica.CloseDisk:
		n.closeDisk(a.Vol)
	case replica.Pause:
		if n.end == nil || !n.end.up {
			w.fail("contract", "%s: Pause without a connection", n)
			return
		}
		n.end.full = a.On
		l := n.end.c.ends[1-n.i].out[wire.DataSocket]
		w.After(0, l.deliver)
	case replica.Resized, replica.Log:
	default:
		w.fail("contract", "%s: unknown action %T", n, a)
	}
}

// device is the volume of a Disk or Meta action.
func (n *node) device(nr int, what string) *nodeVol {
	if nr < 0 || nr >= len(n.vols) || !n.vols[nr].attached {
		n.w.fail("contract", "%s: %s action for volume %d, which has no disk", n, what, nr)
		return nil
	}
	return n.vols[nr]
}

func (n *node) closeDisk(nr int) {
	v := n.device(nr, "CloseDisk")
	if v == nil {
		return
	}
	if len(v.disk.flying) > 0 || v.meta.fly != nil {
		n.w.fail("contract", "%s: CloseDisk of volume %d while %d Disk actions are under way (Meta: %v)", n, nr, len(v.disk.flying), v.meta.fly != nil)
	}
	v.attached = false
	v.lastBad = n.w.Now()
}

// show prints an event or action in one line.
func show(x any) string {
	s := fmt.Sprintf("%T%+v", x, x)
	switch x := x.(type) {
	case replica.Packet:
		p := wire.Packet{Cmd: x.Cmd, Volume: uint16(x.Vol), Body: x.Body, Digest: x.Digest, Payload: x.Payload}
		return fmt.Sprintf("%s %s buf=%d size=%d", x.Sock, p.String(), x.Buf, x.Size)
	case replica.Meta:
		s = fmt.Sprintf("Meta{%d vol %d:", x.ID, x.Vol)
		for _, m := range x.Writes {
			s += fmt.Sprintf(" %d+%d", m.Off, len(m.Data))
		}
		return s + "}"
	case replica.Log:
		return fmt.Sprintf("log %d: %s", x.Vol, x.Text)
	case replica.Command:
		if a, ok := x.Do.(replica.Attach); ok {
			return fmt.Sprintf("Command{%d Attach %d %+v %s bits=%d}", x.ID, a.Vol, a.Options, a.Super.String(), a.Bitmap.Count())
		}
		return fmt.Sprintf("Command{%d %T%+v}", x.ID, x.Do, x.Do)
	}
	return s
}
