package resource

import (
	"context"
	"fmt"
	"time"
)

// GroupOptions are the differences between the ways to a group operation.
type GroupOptions struct {
	// BelowHarc: the original comes here through rc.d (mach_down, ip-request-resp)
	// and then shows paths with a double slash: /etc/ha.d//resource.d/IPaddr.
	BelowHarc bool
	// Env is added to the scripts' environment: HA_NICEFAILBACK, HA_OSTATUS and the
	// fields of the message that caused this, as in rc.d scripts.
	Env []string
}

// GroupResult is the end of a group operation.
type GroupResult struct {
	Group      Group
	OK         bool     // take: everything runs; give: everything was stopped
	Failed     Resource // the first that failed, if not OK
	Result     Result   // its last run
	Started    int      // take: start operations that were run (the others ran already)
	GaveUp     bool     // take: the group was given up again after a failed start
	StopFailed bool     // a resource could not be stopped and still runs: Emergency was called
	Err        error    // cancelled before the end
	Duration   time.Duration
}

// TakeGroup starts the resources of a group from left to right: each is asked for
// its status first and skipped if it runs. A failed start gives up the whole group
// (right to left, started or not). What to do then (hb_standby after 30 s) is for
// the core to decide.
func (r *Runner) TakeGroup(ctx context.Context, g Group, o GroupOptions) GroupResult {
	begin := time.Now()
	out := GroupResult{Group: g}
	if err := r.lockGroups(ctx); err != nil {
		out.Err = err
		return out
	}
	defer r.unlockGroups()
	dir, env := r.o.HaDir, o.Env
	if o.BelowHarc {
		dir += "/"
	}
	env = r.env(dir, env)
	r.log(entityRM, "info", "Acquiring resource group: "+g.Words())
	out.OK = true
	for _, res := range g.Resources {
		run, started := r.takeOne(ctx, res, dir, env)
		if started {
			out.Started++
		}
		if run.OK() {
			continue
		}
		out.OK, out.Failed, out.Result = false, res, run
		r.log(entityRM, "CRIT", "Giving up resources due to failure of "+res.Word)
		// What has begun must not stay: the release runs even if ctx has ended.
		give := r.release(context.WithoutCancel(ctx), g, dir, env)
		out.GaveUp, out.StopFailed = true, give.StopFailed
		out.Err = ctx.Err()
		break
	}
	out.Duration = time.Since(begin)
	return out
}

// takeOne makes one resource run.
func (r *Runner) takeOne(ctx context.Context, res Resource, dir string, env []string) (run Result, started bool) {
	t, err := r.locate(res, dir)
	if err != nil {
		r.log(entityRM, "ERROR", "Cannot locate resource script "+res.Script)
		return Result{Path: res.Script, Args: withOp(res.Args, "start"), Exit: 1, Err: err}, false
	}
	st, _, err := r.status(ctx, t, env)
	if err != nil {
		r.log(entityRM, "WARN", err.Error()+": starting it")
	}
	if st == up {
		return Result{Path: t.path, Args: withOp(t.pre, "status")}, false
	}
	return r.doScript(ctx, t, "start", env), true
}

// GiveGroup stops the resources of a group from right to left, without asking
// for status: a stop of what is stopped must succeed. A failed stop is repeated
// (1 s, 10 times); after that only a resource that is not running any more is
// passed over, otherwise the emergency action follows.
func (r *Runner) GiveGroup(ctx context.Context, g Group, o GroupOptions) GroupResult {
	begin := time.Now()
	if err := r.lockGroups(ctx); err != nil {
		return GroupResult{Group: g, Err: err}
	}
	defer r.unlockGroups()
	dir := r.o.HaDir
	if o.BelowHarc {
		dir += "/"
	}
	out := r.release(ctx, g, dir, r.env(dir, o.Env))
	out.Duration = time.Since(begin)
	return out
}

func (r *Runner) release(ctx context.Context, g Group, dir string, env []string) GroupResult {
	out := GroupResult{Group: g, OK: true}
	r.log(entityRM, "info", "Releasing resource group: "+g.Words())
	for i := len(g.Resources) - 1; i >= 0; i-- {
		res := g.Resources[i]
		run, err := r.stopOne(ctx, res, dir, env)
		if err != nil {
			out.OK, out.Failed, out.Result, out.Err = false, res, run, err
			return out
		}
		if run.OK() {
			continue
		}
		t, err := r.locate(res, dir)
		st := down
		if err == nil {
			st, _, err = r.status(ctx, t, env)
		}
		if ctx.Err() != nil {
			out.OK, out.Failed, out.Result, out.Err = false, res, run, ctx.Err()
			return out
		}
		if st == down {
			r.log(entityRM, "ERROR", fmt.Sprintf("Resource script for %s probably not LSB-compliant.", res.Word))
			r.log(entityRM, "WARN", fmt.Sprintf("it (%s) MUST succeed on a stop when already stopped", res.Word))
			r.log(entityRM, "WARN", "Machine reboot narrowly avoided!")
			continue
		}
		if err != nil { // no answer is not "stopped"
			r.log(entityRM, "ERROR", err.Error())
		}
		if out.OK {
			out.Failed, out.Result = res, run
		}
		out.OK, out.StopFailed = false, true
		r.log(entityRM, "CRIT", "Resource STOP failure. Reboot required!")
		r.log(entityRM, "CRIT", "Killing heartbeat ungracefully!")
		r.o.Emergency(fmt.Sprintf("resource %s cannot be stopped", res.Word))
	}
	return out
}

// stopOne stops one resource with the retries. A script that cannot be found is
// not tried again: it will not appear by waiting. err: ctx ended.
func (r *Runner) stopOne(ctx context.Context, res Resource, dir string, env []string) (Result, error) {
	for retries := 0; ; retries++ {
		t, err := r.locate(res, dir)
		if err != nil {
			r.log(entityRM, "ERROR", "Cannot locate resource script "+res.Script)
			return Result{Path: res.Script, Args: withOp(res.Args, "stop"), Exit: 1, Err: err}, nil
		}
		run := r.doScript(ctx, t, "stop", env)
		if run.OK() || (r.o.StopRetryMax > 0 && retries >= r.o.StopRetryMax) {
			return run, nil
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-time.After(r.o.StopRetryWait):
		}
		r.log(entityRM, "info", fmt.Sprintf("Retrying failed stop operation [%s]", res.Word))
	}
}

// GroupState is the answer of StatGroup: NONE, SOME or ALL.
type GroupState string

// States of a group, as "ResourceManager statgroup" prints them.
const (
	GroupNone GroupState = "NONE"
	GroupSome GroupState = "SOME"
	GroupAll  GroupState = "ALL"
)

// StatGroup asks the resources of a group for their status until the answer is
// known. An empty group is NONE; a resource without an answer counts as stopped.
func (r *Runner) StatGroup(ctx context.Context, g Group) GroupState {
	var ups, downs int
	for _, res := range g.Resources {
		if ok, _, _ := r.Status(ctx, res); ok {
			ups++
		} else {
			downs++
		}
		if ups > 0 && downs > 0 {
			return GroupSome
		}
	}
	if ups > 0 {
		return GroupAll
	}
	return GroupNone
}

func (r *Runner) lockGroups(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case r.groups <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runner) unlockGroups() { <-r.groups }
