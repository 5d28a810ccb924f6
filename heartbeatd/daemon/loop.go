package daemon

import (
	"time"

	"classicha/heartbeatd/cluster"
)

const (
	// lateWake is how much after its plan the loop may go on before it believes that it
	// was held up and gives the media readers a moment to bring what has arrived.
	lateWake   = 10 * time.Millisecond
	readMoment = 2 * time.Millisecond
	// maxBatch bounds what is handled before timers get their turn, so that a flood of
	// packets cannot silence us.
	maxBatch = 512
	// publishEvery is how often a changing View is copied for the status outputs.
	publishEvery = 50 * time.Millisecond
	// noProgress is the pause if the core wants a Tick again and again at once.
	noProgress = time.Millisecond
	idle       = time.Hour
)

// loop owns the core until it wants to end.
func (d *Daemon) loop() *ending {
	d.turn(nil) // the first Step sends the first packets
	for d.ending == nil {
		now := time.Now()
		d.waker.set(now, d.patience(now))
		select {
		case ev := <-d.inbox:
			d.turn(ev)
		case f := <-d.calls:
			f()
			d.turn(nil)
		case <-d.waker.C:
			d.waker.rang()
			d.turn(nil)
		}
	}
	return d.ending
}

// patience is how long there is nothing to do but wait for events.
func (d *Daemon) patience(now time.Time) time.Duration {
	wait := idle
	if next := d.next; !next.IsZero() {
		if wait = next.Sub(now); wait < noProgress && !next.After(d.now) {
			wait = noProgress
		}
	}
	if d.dirty {
		wait = min(wait, d.publishAt.Sub(now))
	}
	return max(wait, 0)
}

// turn handles first (may be nil) and everything else that waits, then what is due.
func (d *Daemon) turn(first cluster.Event) {
	if next := d.next; !next.IsZero() && time.Since(next) > lateWake {
		// We were late. Packets that arrived meanwhile may still be in the sockets;
		// silence is judged when they have been heard.
		time.Sleep(readMoment)
	}
	if first != nil {
		d.step(first)
	}
	d.drain()
	if now := time.Now(); d.due(now) {
		d.sampleLoad(now)
		d.perform(d.stepAt(now, cluster.Tick{}))
	}
	d.releaseRC()
	d.publish()
}

// drain steps through everything that waits.
func (d *Daemon) drain() {
	for range maxBatch {
		if d.ending != nil {
			return
		}
		select {
		case ev := <-d.inbox:
			d.step(ev)
		case f := <-d.calls:
			f()
		default:
			return
		}
	}
}

// step handles an event that has waited. Its time is before the next deadline: what
// lies in the queue behind it has arrived too, and must be heard before that deadline
// takes effect. The Tick that follows has the true time.
func (d *Daemon) step(ev cluster.Event) {
	now := time.Now()
	if next := d.next; !next.IsZero() && !now.Before(next) {
		now = next.Add(-time.Nanosecond)
	}
	switch ev := ev.(type) {
	case cluster.Packet, cluster.Load:
	case cluster.JobDone:
		d.jobRuns, d.dirty = false, true
		d.jobEnded(ev)
	default:
		d.dirty = true
	}
	d.perform(d.stepAt(now, ev))
}

// stepAt never lets the core's time run backwards.
func (d *Daemon) stepAt(now time.Time, ev cluster.Event) []cluster.Action {
	if now.Before(d.now) {
		now = d.now
	}
	d.now = now
	actions := d.node.Step(now, ev)
	d.next = d.node.Next()
	return actions
}

func (d *Daemon) due(now time.Time) bool {
	if d.ending != nil {
		return false
	}
	if d.now.IsZero() {
		return true // nothing was stepped yet
	}
	return !d.next.IsZero() && !now.Before(d.next)
}

// loadEvery bounds how often /proc/loadavg is read: the kernel counts anew every 5 s.
const loadEvery = 5 * time.Second

// sampleLoad reads the load for the ld field just before something is sent.
func (d *Daemon) sampleLoad(now time.Time) {
	if d.loadFile == nil || now.Sub(d.loadAt) < loadEvery || d.now.IsZero() {
		return
	}
	d.loadAt = now
	var buf [128]byte
	n, _ := d.loadFile.ReadAt(buf[:], 0)
	for n > 0 && buf[n-1] == '\n' {
		n--
	}
	if n > 0 {
		d.step(cluster.Load{Text: string(buf[:n])})
	}
}
