package resource

import "context"

// TakeDead takes the groups of a node that died, with the lines that the
// original's mach_down writes around them. In modern failback modes (nice) the
// line about foreign resources is part of it; the report to the cluster that
// follows it there is the core's.
func (r *Runner) TakeDead(ctx context.Context, node string, groups []Group, nice bool, o GroupOptions) []GroupResult {
	o.BelowHarc = true
	var out []GroupResult
	for _, g := range groups {
		r.log("mach_down", "info", "Taking over resource group "+g.Key())
		out = append(out, r.TakeGroup(ctx, g, o))
	}
	r.MachDownDone(node, nice)
	return out
}

// MachDownDone writes the lines at the end of mach_down, for a daemon that takes
// the groups one by one.
func (r *Runner) MachDownDone(node string, nice bool) {
	if nice {
		r.log("mach_down", "info", haNoarch+"/mach_down: nice_failback: foreign resources acquired")
	}
	r.log("mach_down", "info", "mach_down takeover complete for node "+node+".")
}
