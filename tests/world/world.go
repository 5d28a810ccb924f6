package world

import (
	"fmt"
	"io"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/replica/simworld"
	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
	"classicha/internal/sim"
)

// records is how many blocks the application of a group keeps.
const records = 8

// World is one run.
type World struct {
	*sim.World
	c     Config
	out   io.Writer
	bad   []error
	stats Stats

	net      *sim.Net // of heartbeat
	media    []string
	base     cluster.Config
	keys     *message.Keys
	cables   cables
	machines [2]*machine
	pairs    []*simworld.Pair // by group
	clients  []*client        // by group

	calm     bool                     // no more faults
	quiet    bool                     // nothing moves any more, the clients have gone
	loose    bool                     // a living peer was called dead, as documented
	commands bool                     // somebody moved resources by hand, or a start failed
	wrong    map[[2]int]time.Duration // when a machine last wrongly declared the other dead
	helped   time.Duration            // when the administrator last did something
	apart    []time.Duration          // by group: since when the disks have not been in sync
}

// Stats counts what happened, for those who want to know whether the world is hard enough.
type Stats struct {
	Resets, Takeovers, Moves, GivenUp, Reboots int
	Acked, Verified, Forks, Handlers, Stuck    int
	PowerCuts, Kills, Cuts, Pauses             int
	Virtual                                    time.Duration
}

// Violation is a broken promise.
type Violation struct {
	At   time.Duration
	Rule string
	Text string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%.3fs: %s: %s", v.At.Seconds(), v.Rule, v.Text)
}

// Run lives through a configuration with its faults. The error is a *Violation here or one
// of package simworld. With out it is written what happens, and a panic is not caught.
func Run(c Config, out io.Writer) (st Stats, err error) {
	w := newWorld(c, out)
	if out == nil {
		defer func() {
			if p := recover(); p != nil {
				st, err = w.stats, &Violation{w.Now(), "panic", fmt.Sprint(p)}
			}
		}()
	}
	w.live()
	w.stats.Virtual = w.Now()
	return w.stats, w.err()
}

func newWorld(c Config, out io.Writer) *World {
	w := &World{World: sim.NewWorld(c.Seed), c: c, out: out, wrong: map[[2]int]time.Duration{}}
	w.keys = &message.Keys{Current: 1, ByNum: map[int]message.Key{1: {Method: message.CRC}}}
	if c.Signed {
		w.keys.ByNum[1] = message.Key{Method: message.SHA1, Secret: []byte("world")}
	}
	w.cluster()
	for g := range c.Groups {
		g := g
		w.clients = append(w.clients, newClient(w, g))
		w.pairs = append(w.pairs, simworld.NewPair(w.World, simworld.Setup{
			Factory: func(cfg replica.Config, seed uint64) simworld.Core { return replica.New(cfg, seed) },
			Seed:    c.Seed, Out: out, Protocol: c.Protocol, Fencing: c.Fencing, Rate: c.Rate, Records: records,
			FencePeer: func(i int, done func(code int)) { w.machines[i].fencePeer(g, done) },
			Emergency: func(i int, reason string) { w.machines[i].reboot(reason) },
			Forked:    func(f simworld.Fork) { w.forked(g, f) },
			Lost:      func(i, record int) { w.clients[g].ledger.lost(i, record, w.Now()) },
			Paired:    func() { w.clients[g].ledger.paired() },
		}))
	}
	for i := range w.machines {
		w.machines[i] = newMachine(w, i)
		for _, p := range w.pairs {
			p.SetClock(i, w.machines[i].clock)
		}
	}
	return w
}

// live runs the world from its first start to its end.
func (w *World) live() {
	w.note("%+v", w.c)
	w.firstStart()
	for _, f := range w.c.Faults {
		f := f
		w.After(f.At-w.Now(), func() { w.do(f) })
	}
	w.run(max(w.c.Chaos, w.Now()))
	w.heal()
}

// firstStart is the day on which the pair was set up: the disks are declared to be
// equal, then heartbeat starts on both machines.
func (w *World) firstStart() {
	for _, m := range w.machines {
		m.power = true
		for _, p := range w.pairs {
			p.Start(m.i)
		}
	}
	synced := func() bool {
		all := true
		for _, p := range w.pairs {
			all = p.SkipSync() && all
		}
		return all
	}
	if !w.until(time.Minute, synced) {
		w.fail("live", "the first sync has no end: %s", w.status())
		return
	}
	for _, m := range w.machines {
		m.after(w.Between(0, 500*time.Millisecond), m.heart.start)
	}
	for _, c := range w.clients {
		c.think()
	}
}

// run lets time pass until t, or until something is wrong.
func (w *World) run(t time.Duration) {
	for w.Now() < t && w.err() == nil {
		w.RunUntil(min(t, w.Now()+50*time.Millisecond))
	}
}

// until lets time pass until f holds, at most for d.
func (w *World) until(d time.Duration, f func() bool) bool {
	for end := w.Now() + d; w.err() == nil && w.Now() < end; {
		if f() {
			return true
		}
		w.run(w.Now() + 100*time.Millisecond)
	}
	return w.err() == nil && f()
}

// err is the first thing that was wrong.
func (w *World) err() error {
	if len(w.bad) > 0 {
		return w.bad[0]
	}
	for _, p := range w.pairs {
		if err := p.Err(); err != nil {
			return err
		}
	}
	return nil
}

// fail notes a violation. The first one ends the run.
func (w *World) fail(rule, format string, args ...any) {
	v := &Violation{w.Now(), rule, fmt.Sprintf(format, args...)}
	w.bad = append(w.bad, v)
	w.note("VIOLATION %s: %s", v.Rule, v.Text)
}

// note writes a line of the trace.
func (w *World) note(format string, args ...any) {
	if w.out != nil {
		fmt.Fprintf(w.out, "%12.6f %s\n", w.Now().Seconds(), fmt.Sprintf(format, args...))
	}
}

// Add adds the numbers of another run.
func (s *Stats) Add(o Stats) {
	s.Resets, s.Takeovers, s.Moves = s.Resets+o.Resets, s.Takeovers+o.Takeovers, s.Moves+o.Moves
	s.GivenUp, s.Reboots, s.Stuck = s.GivenUp+o.GivenUp, s.Reboots+o.Reboots, s.Stuck+o.Stuck
	s.Acked, s.Verified, s.Forks, s.Handlers = s.Acked+o.Acked, s.Verified+o.Verified, s.Forks+o.Forks, s.Handlers+o.Handlers
	s.PowerCuts, s.Kills, s.Cuts, s.Pauses = s.PowerCuts+o.PowerCuts, s.Kills+o.Kills, s.Cuts+o.Cuts, s.Pauses+o.Pauses
	s.Virtual += o.Virtual
}
