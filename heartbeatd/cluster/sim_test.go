package cluster

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
	"classicha/internal/sim/seeds"
)

// simulate runs one seed: chaos, then healing and quiet, then the final check.
func simulate(seed uint64, m mutation, tracing bool) *simWorld {
	w := newSimWorld(seed, m, tracing)
	w.draw()
	w.note("seed %d: %d nodes, keepalive %s deadtime %s, auto_failback %s, fencing %v, groups %v", seed, len(w.nodes),
		w.base.Keepalive, w.base.Deadtime, w.base.AutoFailback, w.base.Fencing, w.base.Groups)
	for _, n := range w.nodes {
		if w.Chance(0.85) {
			w.After(w.Between(0, 3*time.Second), func() { n.powerOn() })
		}
	}
	chaos := w.Between(10*time.Second, 60*time.Second)
	w.chaos = chaos
	w.faults(chaos)
	w.RunUntil(chaos)
	w.heal()
	rest := w.Now() + 40*time.Second + 2*w.base.Initdead
	if w.slow > 0 {
		rest += 30 * time.Second
	}
	if w.hangs {
		rest += 3 * scriptLimit
	}
	w.RunUntil(rest)
	w.checkRest()
	if tracing {
		w.dump()
	}
	return w
}

// dump shows what each node believes at the end.
func (w *simWorld) dump() {
	for _, n := range w.nodes {
		if n.core == nil {
			continue
		}
		w.note("%s: runs %v counters %v", n.name, n.active, n.core.counters)
		for _, p := range n.core.peers {
			w.note("  %s: %s gen %d last %d missing %d status seq %d %+v", p.name, p.status, p.gen, p.rx.last, len(p.rx.missing), p.statusSeq, p.res)
		}
		switch k := n.core.policy.(type) {
		case *many:
			w.note("  %+v", k.groups)
		case *classic:
			w.note("  held %s took %s %s %+v", k.held, k.took, k.state, k.standby)
		}
		w.note("  jobs %v", n.core.jobs.state)
	}
}

// faults draws how bad this seed is and spreads the faults over the time.
func (w *simWorld) faults(chaos time.Duration) {
	loss := []float64{0, 0, 0.02, 0.2, 0.4}[w.Intn(5)]
	w.lossy = loss > 0
	dup := []float64{0, 0.05, 0.3}[w.Intn(3)]
	delay := []time.Duration{300 * time.Microsecond, 5 * time.Millisecond, 80 * time.Millisecond}[w.Intn(3)]
	for _, m := range w.media {
		for a := range w.nodes {
			for b := range w.nodes {
				p := w.net.Path(m, a, b)
				p.Loss, p.Dup, p.Max = loss, dup, delay
			}
		}
	}
	if w.Chance(0.2) {
		w.stuckP = 0.1
	}
	w.hangs = w.Chance(0.1)
	if w.Chance(0.15) {
		w.broken[fmt.Sprint(w.Intn(len(w.nodes)), "/", w.Intn(len(w.base.Groups)))] = true
	}
	for range w.Intn(12) {
		at := w.Between(0, chaos)
		kind := w.Intn(18)
		if w.mutation == ignoreOwnPauses && w.Chance(0.5) {
			kind = 4
		}
		w.After(at, func() { w.fault(kind) })
	}
}

func (w *simWorld) fault(kind int) {
	n := w.nodes[w.Intn(len(w.nodes))]
	switch kind {
	case 0, 1:
		n.crash(w.Between(0, 40*time.Second) + time.Millisecond)
	case 2: // partition, whole or of one medium
		w.cut(n, w.Chance(0.5), true, true, w.Between(100*time.Millisecond, 30*time.Second))
	case 3: // one way only
		in := w.Chance(0.5)
		w.cut(n, true, in, !in, w.Between(100*time.Millisecond, 30*time.Second))
	case 4:
		n.pause(w.Between(10*time.Millisecond, 3*w.base.Deadtime))
	case 5:
		n.pause(w.Between(10*time.Millisecond, w.base.Deadtime/2))
	case 6: // graceful stop, later a start
		w.note("%s: stop", n.name)
		n.event(Stop{})
		w.After(w.Between(5*time.Second, 40*time.Second), func() {
			if n.power && n.core == nil && !n.reexec {
				n.start(Saved{})
			}
		})
	case 7:
		c := []Class{HoldAll, HoldLocal, HoldForeign}[w.Intn(3)]
		w.note("%s: hb_standby %s", n.name, c)
		w.commands = true
		n.event(FromScript{Frame: []byte(">>>\nt=ask_resources\nrsc_hold=" + c.String() + "\ninfo=me\n<<<\n")})
	case 8:
		c := []string{"all", "local", "foreign", "failback"}[w.Intn(4)]
		w.note("%s: hb_takeover %s", n.name, c)
		w.commands = true
		n.event(FromScript{Frame: []byte(">>>\nt=hb_takeover\nrsc_hold=" + c + "\n<<<\n")})
	case 9:
		w.note("%s: reload", n.name)
		n.event(Reload{})
	case 10: // replay and damage of recorded frames
		w.trouble = max(w.trouble, w.Now())
		for range 20 {
			if len(w.recorded) == 0 {
				break
			}
			r := w.recorded[w.Intn(len(w.recorded))]
			if w.Chance(0.3) {
				w.repeat(r)
				continue
			}
			f := append([]byte(nil), r.frame...)
			if w.Chance(0.5) {
				f[w.Intn(len(f))] ^= byte(1 << w.Intn(8))
				if w.keys.ByNum[1].Method.String() == "crc" {
					continue // crc proves nothing
				}
			}
			w.nodes[r.to].event(Packet{Link: r.medium, Frame: f})
		}
	case 15: // a node boots behind a cut, and hears a recording of the others
		w.note("%s: boots among recordings", n.name)
		n.crash(time.Millisecond + w.Between(0, 2*time.Second))
		w.cut(n, true, true, true, w.Between(w.base.Deadtime, 30*time.Second))
		for i := range 200 {
			w.After(w.Between(0, 100*time.Millisecond)+time.Duration(i)*100*time.Millisecond, func() {
				if len(w.recorded) > 0 {
					r := w.recorded[w.Intn(len(w.recorded))]
					r.to = n.i
					w.repeat(r)
				}
			})
		}
	case 16:
		w.forge()
	case 12: // the way to the ping nodes is cut
		if len(w.base.Ping) > 0 {
			n.deaf = w.Now() + w.Between(time.Second, 30*time.Second)
			w.note("%s: no ping is answered", n.name)
			w.commands = true
		}
	case 13: // new keys, at the same time everywhere
		keys := &message.Keys{Current: 2, ByNum: map[int]message.Key{1: w.keys.ByNum[1], 2: {Method: message.MD5, Secret: []byte("new")}}}
		w.keys = keys
		w.base.Keys = keys
		for _, n := range w.nodes {
			n.event(NewKeys{Keys: keys})
		}
	case 14:
		n.kill(w.Between(50*time.Millisecond, 2*w.base.Deadtime))
	case 17: // dopd on one of them wants a dead node reset
		p := w.nodes[w.Intn(len(w.nodes))]
		for i := range 10 {
			w.After(time.Duration(i)*time.Second, func() {
				if n.core != nil {
					n.event(WantReset{Node: p.name})
				}
			})
		}
	case 11: // both at once
		for _, n := range w.nodes {
			n.crash(w.Between(time.Second, 10*time.Second))
		}
	}
}

// repeat delivers a recorded frame again. Its sender never hears its own past by mistake.
func (w *simWorld) repeat(r recordedFrame) {
	if r.from != r.to {
		w.nodes[r.to].event(Packet{Link: r.medium, Frame: r.frame})
	}
}

// forge delivers frames of somebody who knows everything but the key.
func (w *simWorld) forge() {
	w.note("somebody forges packets")
	wrong := &message.Keys{Current: 1, ByNum: map[int]message.Key{1: {Method: message.SHA1, Secret: []byte("guess")}}}
	for range 10 {
		from, to := w.nodes[w.Intn(len(w.nodes))], w.nodes[w.Intn(len(w.nodes))]
		if from == to || from.core == nil {
			continue
		}
		m := [][]string{
			{"t", "shutdone", "st", "dead"},
			{"t", "resource", "rsc_hold", "none", "rtype", "full", "isstable", "1", "hbd", "1", "hbd_groups", "", "hbd_failed", ""},
			{"t", "resource", "rsc_hold", "all", "rtype", "full", "isstable", "1", "hbd", "1"},
			{"t", "starting", "hbd", "1"},
			{"t", "ask_resources", "rsc_hold", "all", "info", "done"},
			{"t", "ip-request-resp", "ipaddr", w.base.Groups[0].Key, "ok", "OK", "dest", to.name},
		}[w.Intn(6)]
		f := message.New(m...)
		f.Set("src", from.name)
		f.Set("hg", hex(from.gen))
		f.Set("seq", hex(from.core.seq+1))
		f.Set("ts", "1")
		f.Set("ttl", "3")
		to.event(Packet{Link: w.media[0], Frame: f.AppendText(nil, wrong, true)})
	}
}

// cut separates n from all others for a while.
func (w *simWorld) cut(n *simNode, allMedia, in, out bool, d time.Duration) {
	w.note("%s: cut allMedia=%v in=%v out=%v for %s", n.name, allMedia, in, out, d)
	set := func(v bool) {
		for i, m := range w.media {
			if i > 0 && !allMedia {
				continue
			}
			for _, o := range w.nodes {
				if o == n {
					continue
				}
				if in {
					w.net.Path(m, o.i, n.i).Cut = v
				}
				if out {
					w.net.Path(m, n.i, o.i).Cut = v
				}
			}
		}
	}
	set(true)
	for _, o := range w.nodes {
		n.apart[o.i] = max(n.apart[o.i], w.Now()+d)
		o.apart[n.i] = max(o.apart[n.i], w.Now()+d)
	}
	w.After(d, func() { set(false) })
}

// heal ends all faults and starts what is down.
func (w *simWorld) heal() {
	w.note("--- heal")
	w.heldBack = true
	w.stuckP, w.slow = 0, 0
	for _, m := range w.media {
		for a := range w.nodes {
			for b := range w.nodes {
				p := w.net.Path(m, a, b)
				p.Cut, p.Loss, p.Dup, p.Max = false, 0, 0, time.Millisecond
			}
		}
	}
	// Cuts that are due to end must not be the only thing that ends them, and a node that
	// stops gracefully just now is started again.
	var again func()
	again = func() {
		for _, n := range w.nodes {
			if !n.power {
				n.powerOn()
			} else if n.core == nil && !n.reexec {
				n.start(Saved{})
			}
		}
		if w.Now() < 400*time.Second {
			w.After(2*time.Second, again)
		}
	}
	w.After(time.Second, again)
}

// TestSimulation runs HB_SEEDS seeds (default 2000) from HB_SEED on. With HB_SEED alone
// it runs that one and prints what happened.
func TestSimulation(t *testing.T) {
	std := uint64(2000)
	if testing.Short() {
		std = 300
	}
	first, count, show := seeds.Chosen("HB", std)
	if show {
		w := simulate(first, soundRules, true)
		t.Log("\n" + strings.Join(w.trace, "\n"))
		if len(w.errs) > 0 {
			t.Fatal(strings.Join(w.errs, "\n"))
		}
		return
	}
	debug.SetGCPercent(800)
	failed := runSeeds(first, count, soundRules, 10)
	for _, f := range failed {
		t.Errorf("seed %d: %v\nrepeat: HB_SEED=%d go test -v -run 'TestSimulation$' ./heartbeatd/cluster", f.Seed, f.Err, f.Seed)
	}
	t.Logf("%d seeds, %d failed", count, len(failed))
}

// runSeeds stops early after limit failures.
func runSeeds(first, count uint64, m mutation, limit int) []seeds.Failed {
	return seeds.Run(first, count, limit, func(seed uint64) error {
		if w := simulate(seed, m, false); len(w.errs) > 0 {
			return errors.New(w.errs[0])
		}
		return nil
	})
}

// TestMutations takes one rule out at a time: the simulation must notice.
func TestMutations(t *testing.T) {
	for m, name := range map[mutation]string{
		takeoverWithoutDeadtime: "takeover without deadtime",
		ignoreIsStable:          "ignoring isstable",
		skipFencing:             "fencing skipped",
		believeUnsigned:         "believing forged frames",
		believeOldRuns:          "believing frames of earlier runs",
		believeRecordings:       "believing recordings at boot",
		believeOldNumbers:       "believing old sequence numbers",
		ignoreOwnPauses:         "blaming the others for own pauses",
		ignoreInitdead:          "no initdead",
		believeAnyFence:         "taking the answer of another reset",
		stuckIsReleased:         "taking a failed release for one that worked",
	} {
		t.Run(name, func(t *testing.T) {
			if failed := runSeeds(1, 3000, m, 1); len(failed) == 0 {
				t.Errorf("3000 seeds did not notice: %s", name)
			} else {
				t.Logf("seed %d: %v", failed[0].Seed, failed[0].Err)
			}
		})
	}
}
