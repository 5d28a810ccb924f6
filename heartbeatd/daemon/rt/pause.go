package rt

import (
	"time"

	"golang.org/x/sys/unix"
)

// PauseMeter tells a loop that it was stopped: the machine was suspended, the
// virtual machine stalled, the process was stopped, or others had the CPU. The
// loop then does not believe that its peers were silent (DESIGN 5).
//
// The loop calls Wait when it is about to wait, with the time at which it wants
// to go on, and Woke when it goes on:
//
//	m.Wait(now, next)
//	select { case ev := <-events: case <-timer.C: }
//	if p := m.Woke(time.Now()); p > 0 { ... }
//
// A PauseMeter belongs to one goroutine.
type PauseMeter struct {
	// Slack is what counts as normal lateness; 0 is 100 ms.
	Slack time.Duration
	// Suspended is the time that the machine has slept since boot, which Go's
	// monotonic clock does not count; nil asks the kernel.
	Suspended func() time.Duration

	waiting time.Time // when Wait was called
	planned time.Time // zero: nothing was planned
	woke    time.Time
	slept   time.Duration
	started bool
}

const defaultSlack = 100 * time.Millisecond

// Wait records that the loop waits from now on until planned at the latest. It
// returns the time by which the work since Woke exceeded the slack, 0 normally: then the loop
// itself was slow or was stopped in the middle of it.
func (m *PauseMeter) Wait(now, planned time.Time) (busy time.Duration) {
	m.init()
	if !m.woke.IsZero() {
		busy = m.beyond(now.Sub(m.woke))
	}
	m.waiting, m.planned = now, planned
	return busy
}

// Woke returns how long we were stopped while waiting, 0 normally: the time
// after the plan, and the time the machine slept.
func (m *PauseMeter) Woke(now time.Time) (pause time.Duration) {
	m.init()
	if !m.planned.IsZero() && now.After(m.planned) {
		late := m.planned
		if late.Before(m.waiting) {
			late = m.waiting // it was overdue already: the caller's doing
		}
		pause = m.beyond(now.Sub(late))
	}
	if s := m.Suspended(); s > m.slept {
		pause += m.beyond(s - m.slept)
		m.slept = s
	}
	m.woke, m.planned = now, time.Time{}
	return pause
}

func (m *PauseMeter) init() {
	if m.started {
		return
	}
	m.started = true
	if m.Slack == 0 {
		m.Slack = defaultSlack
	}
	if m.Suspended == nil {
		m.Suspended = suspended
	}
	m.slept = m.Suspended()
}

func (m *PauseMeter) beyond(d time.Duration) time.Duration {
	if d <= m.Slack {
		return 0
	}
	return d
}

// suspended is the difference of the two clocks: CLOCK_BOOTTIME counts sleep.
func suspended() time.Duration {
	var mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}
