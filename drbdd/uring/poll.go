package uring

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A processor that has nothing to do takes time to come back, in a virtual machine as long as a
// small write takes for the rest of its way: 20 us there each time that something wakes
// the thread. So before it sleeps it asks the ring for a while, with the processor left to anybody else who can
// use it, but only while that pays: when what it waits for comes soon, again and again, and one
// operation of the disk is under way at most. With more there is work enough, and
// asking takes the time of those who do it. QEMU's event loop and KVM's halt polling do the same.
//
// Whoever sleeps gets the processor back at once; whoever left it to one that computes waits until that one's turn is
// over. A thread to which this happens sleeps for a while.
const (
	pollFirst = 8 * time.Microsecond
	pollDepth = 1 // operations of the disk under way, at most
	// crowdedAfter is more than the kernel's own work takes, and less than a turn.
	crowdedAfter = time.Millisecond
	crowdedFor   = 100 * time.Millisecond
)

// patience is how long the thread asks before it sleeps: up to max, and not at all
// at first, after a wait that was longer than max, and until quiet.
type patience struct {
	max, now time.Duration
	quiet    time.Time
}

// left takes when the thread left its processor to others, and when it had it again.
func (p *patience) left(from, to time.Time) {
	if to.Sub(from) > crowdedAfter {
		p.now, p.quiet = 0, to.Add(crowdedFor)
	}
}

// learn takes when the thread began to wait, asleep or not, and when it had what it waited for.
func (p *patience) learn(from, to time.Time) {
	waited := to.Sub(from)
	if to.Before(p.quiet) {
		return
	}
	switch {
	case waited > p.max:
		p.now = 0
	case waited > p.now:
		p.now = min(max(2*p.now, pollFirst), p.max)
	}
}

// longest is what a thread may ask for, of what was set: nothing where it would be in
// the way, on the only processor or before all others.
func longest(set time.Duration) time.Duration {
	policy, _, no := unix.Syscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	if runtime.NumCPU() == 1 || no != 0 || policy != unix.SCHED_NORMAL && policy != unix.SCHED_BATCH {
		return 0
	}
	return set
}

// await hands what is queued to the kernel and waits for a completion.
func (t *Thread) await() error {
	if t.patience.max == 0 || t.flying-t.watches-1 > pollDepth { // 1: the wake descriptor
		return t.ring.enter(true)
	}
	began := time.Now()
	err := t.ask(began)
	t.patience.learn(began, time.Now())
	return err
}

func (t *Thread) ask(now time.Time) error {
	for end := now.Add(t.patience.now); now.Before(end) && t.patience.now > 0; {
		if err := t.ring.enter(false); err != nil || t.ring.ready() {
			return err
		}
		_, _, _ = syscall.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		before := now
		now = time.Now()
		t.patience.left(before, now)
	}
	return t.ring.enter(true)
}
