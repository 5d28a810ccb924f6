package world

import (
	"slices"
	"time"

	"classicha/heartbeatd/cluster"
)

const (
	// scriptLimit is what haext.cf grants a script here.
	scriptLimit = 12 * time.Second
	// stopTries is how often a stop is tried; 10 in life, but a world has no time for that.
	stopTries = 3
)

// job works through the groups of a Run, one after the other, as heartbeatd/daemon does. It
// ends with the daemon, at the next border between two scripts.
func (h *heart) job(a cluster.Run) {
	w := h.m.w
	w.note("%s: %s %v", h.m, a.Kind, a.Groups)
	if a.Kind == cluster.Acquire {
		for _, g := range a.Groups {
			if key := w.base.Groups[g].Key; !slices.Contains(h.mayRun, key) {
				h.mayRun = append(h.mayRun, key)
			}
		}
		if a.Taking {
			w.stats.Takeovers++
		}
	}
	run := h.run
	done := cluster.JobDone{Job: a.Job}
	var next func(k int)
	next = func(k int) {
		if h.run != run {
			return
		}
		if k == len(a.Groups) {
			h.jobEnds(a, done)
			return
		}
		g := a.Groups[k]
		end := func(ok bool, state cluster.GroupState) {
			if h.run != run {
				return
			}
			if !ok {
				done.Failed, done.Reason = append(done.Failed, g), "a script failed"
			}
			h.event(cluster.GroupChanged{Group: g, State: state})
			next(k + 1)
		}
		s := h.m.services[g]
		if a.Kind == cluster.Acquire {
			h.take(s, func(ok bool) {
				if ok {
					end(true, cluster.GroupRunning)
				} else {
					end(false, cluster.GroupFailed)
				}
			})
			return
		}
		h.give(s, func(ok bool) {
			if ok {
				end(true, cluster.GroupStopped)
			} else {
				end(false, cluster.GroupStuck)
			}
		})
	}
	next(0)
}

// jobEnds forgets the groups that surely do not run.
func (h *heart) jobEnds(a cluster.Run, done cluster.JobDone) {
	for _, g := range a.Groups {
		if slices.Contains(done.Failed, g) == (a.Kind == cluster.Acquire) {
			h.mayRun = slices.DeleteFunc(h.mayRun, func(k string) bool { return k == h.m.w.base.Groups[g].Key })
		}
	}
	h.event(done)
}

// take starts a group from left to right; what runs is left alone. One that cannot be started
// is given up.
func (h *heart) take(s *service, done func(ok bool)) {
	w := h.m.w
	w.activate(s)
	run := h.run
	var next func(k int)
	next = func(k int) {
		if h.run != run {
			return
		}
		if k == len(s.chain) {
			w.note("%s: group %d runs", h.m, s.g)
			done(true)
			return
		}
		if s.chain[k].status() {
			next(k + 1)
			return
		}
		h.script(s, s.chain[k], "start", func(ok bool) {
			if ok {
				next(k + 1)
				return
			}
			w.note("%s: group %d is given up: %s does not start: %s", h.m, s.g, s.chain[k].name(), w.status())
			w.stats.GivenUp++
			w.commands = true
			if h.run == run {
				h.give(s, func(bool) { done(false) })
			}
		})
	}
	next(0)
}

// give stops a group from right to left, without asking. A resource that does not stop and
// still runs makes the machine reboot.
func (h *heart) give(s *service, done func(ok bool)) {
	w := h.m.w
	run := h.run
	var next func(k, tries int)
	next = func(k, tries int) {
		if h.run != run {
			return
		}
		if k < 0 {
			s.active = false
			w.note("%s: group %d is stopped", h.m, s.g)
			done(true)
			return
		}
		h.script(s, s.chain[k], "stop", func(ok bool) {
			switch {
			case h.run != run:
			case ok, tries == 1 && !s.chain[k].status():
				next(k-1, stopTries)
			case tries > 1:
				h.m.after(second, func() { next(k, tries-1) })
			default:
				w.stats.Stuck++
				h.m.reboot("resource " + s.chain[k].name() + " cannot be stopped")
			}
		})
	}
	next(len(s.chain)-1, stopTries)
}

// script runs a script: it takes its time, and its time is limited.
func (h *heart) script(s *service, r resource, op string, done func(ok bool)) {
	w := h.m.w
	over := false
	s.busy++
	boot := h.m.boot
	end := func(ok bool) {
		if !over && h.m.boot == boot {
			over = true
			s.busy--
			done(ok)
		}
	}
	h.m.after(scriptLimit, func() {
		if !over {
			w.note("%s: %s %s is killed", h.m, r.name(), op)
			r.killed()
			end(false)
		}
	})
	d := w.Between(5*time.Millisecond, 60*time.Millisecond)
	switch {
	case w.calm:
	case w.Chance(w.c.Hang):
		return
	case op == "start" && w.Chance(w.c.Fail):
		h.m.after(d, func() { end(false) })
		return
	case w.Chance(w.c.Slow):
		d = w.Between(100*time.Millisecond, 3*time.Second)
	}
	h.m.after(d, func() {
		w.note("%s: %s %s", h.m, r.name(), op)
		if op == "start" {
			r.start(end)
		} else {
			r.stop(end)
		}
	})
}
