package state

import "classicha/drbdd/wire"

// Decide answers a request. hard is for facts (a connection that is lost), which
// skip the soft checks. If the change is allowed rc.Ok() holds, ns is the new
// state and lines are warnings for the log; NothingToDo tells that ns is os. Else
// ns is os, and lines are what the log has about the refusal.
//
// Nothing is asked of the peer here: see NeedsPeer.
func Decide(os State, c Change, env Env, hard bool) (ns State, rc wire.Result, lines []string) {
	wish := Apply(os, c)
	if env.IgnoreOutdate && wish.Disk == wire.Outdated && os.Disk < wire.Outdated {
		wish.Disk = os.Disk
	}
	// The bits of a hostile peer's request may have no name; section 10.3 is about
	// states only.
	if !wish.Legal() {
		return os, wire.UnknownError, Refusal(os, wish, wire.UnknownError)
	}
	ns, warn := Sanitize(os, wish, env)
	if ns == os {
		return os, wire.NothingToDo, nil
	}
	rc = CheckAlways(os, ns)
	if rc.Ok() && !hard && upgrades(wish, ns) {
		rc = wire.NoUpToDateDisk
		if CheckTransition(os, ns, env) == wire.ResyncRunning {
			rc = wire.ResyncRunning // the reason that the original gives
		}
	} else if rc.Ok() && !hard {
		rc = CheckValid(ns, env)
		// What was wrong before may stay wrong in the same way: else nothing could be
		// changed any more.
		if rc.Ok() || CheckValid(os, env) == rc {
			rc = CheckTransition(os, ns, env)
			if rc.Ok() && os.Role != wire.Primary && ns.noData() {
				rc = wire.NoUpToDateDisk // an Outdated disk beside a peer without one
			}
		}
	}
	if !rc.Ok() {
		return os, rc, Refusal(os, ns, rc)
	}
	if warn != "" {
		lines = []string{warn}
	}
	return ns, rc, lines
}

// upgrades tells that a wish for a verify or a full sync would take a disk for
// better than it is. The original does so.
func upgrades(wish, ns State) bool {
	switch ns.Conn {
	case wire.VerifyS, wire.VerifyT, wire.StartingSyncS, wire.StartingSyncT:
		return wish.Disk < ns.Disk || wish.PDisk < ns.PDisk
	}
	return false
}

// Refusal is what the log says about a refused change (drbd-cli 8).
func Refusal(os, wanted State, rc wire.Result) []string {
	text := rc.Text()
	if text == "" {
		text = "Unknown state in request"
	}
	return []string{"State change failed: " + text, "  state = " + os.String(), " wanted = " + wanted.String()}
}
