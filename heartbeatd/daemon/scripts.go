package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/resource"
	"classicha/internal/hlog"
)

// run works through a job in a goroutine. The core has one at a time.
func (d *Daemon) run(a cluster.Run) {
	d.jobRuns = true
	d.jobBegins(a)
	groups := append([]int(nil), a.Groups...)
	env := modeEnv(d.conf, d.ownStatus())
	d.spawn(func() { d.post(d.job(a, groups, env)) })
}

// job starts or stops the groups one after the other and tells the loop of each.
func (d *Daemon) job(a cluster.Run, groups []int, env []string) cluster.JobDone {
	done := cluster.JobDone{Job: a.Job}
	homes := map[string]bool{}
	for _, i := range groups {
		g := d.groups[i]
		var res resource.GroupResult
		state := cluster.GroupRunning
		if a.Kind == cluster.Acquire {
			if a.Taking && g.Node != d.conf.HA.Node {
				homes[g.Node] = true
				d.logScript(resource.Line{Entity: "mach_down", Level: "info", Text: "Taking over resource group " + g.Key()})
			}
			// The original starts groups from rc.d scripts, but not in a standby.
			res = d.runner.TakeGroup(d.ctx, g, resource.GroupOptions{BelowHarc: !a.Direct, Env: env})
			if !res.OK {
				state = cluster.GroupFailed
			} else {
				d.announcer.Add(addresses(g)...)
			}
		} else {
			d.announcer.Remove(addresses(g)...)
			res = d.runner.GiveGroup(context.WithoutCancel(d.ctx), g, resource.GroupOptions{Env: env})
			state = cluster.GroupStopped
			if !res.OK {
				state = cluster.GroupStuck
			}
		}
		if !res.OK {
			done.Failed = append(done.Failed, i)
			if done.Reason == "" {
				done.Reason = failure(a.Kind, res)
			}
		}
		d.post(cluster.GroupChanged{Group: i, State: state})
	}
	for home := range homes {
		nice := lookupEnv(env, "HA_NICEFAILBACK") == "yes"
		d.runner.MachDownDone(home, nice)
	}
	return done
}

// failure is one sentence for people.
func failure(k cluster.JobKind, res resource.GroupResult) string {
	op := "start"
	if k == cluster.Release {
		op = "stop"
	}
	switch {
	case res.Failed.Word == "":
		return fmt.Sprintf("%s of %s: %v", op, res.Group.Key(), res.Err)
	case res.Result.Err != nil:
		return fmt.Sprintf("%s of %s: %v", op, res.Failed.Word, res.Result.Err)
	}
	text := fmt.Sprintf("%s of %s: exit code %d", op, res.Failed.Word, res.Result.Exit)
	if lines := resource.Lines(res.Result.Output, 1); len(lines) > 0 {
		text += ": " + lines[0]
	}
	return text
}

// maxWaitingRC bounds what a peer can make us remember while a job runs.
const maxWaitingRC = 256

// releaseRC hands rc.d jobs to the runner, which queues them. While a job runs they
// wait here: no script of an administrator shall delay a takeover.
func (d *Daemon) releaseRC() {
	if d.jobRuns || len(d.waitingRC) == 0 || d.runner == nil {
		return
	}
	env := modeEnv(d.conf, d.ownStatus())
	for _, a := range d.waitingRC {
		d.runner.RunRC(a.Type, stringFields(a.Msg), env...)
	}
	clear(d.waitingRC)
	d.waitingRC = d.waitingRC[:0]
}

// stringFields are the fields that scripts get as HA_<name>.
func stringFields(m *message.Message) [][2]string {
	var out [][2]string
	for _, f := range m.Fields {
		if f.Kind == message.String {
			out = append(out, [2]string{f.Name, string(f.Value)})
		}
	}
	return out
}

// ownStatus is our status as scripts know it: what was published last, which is the
// past by 50 ms at most.
func (d *Daemon) ownStatus() string {
	if v := d.view.Load(); v != nil {
		return v.Status
	}
	return cluster.StatusUp.String()
}

// fence resets a node with the first device that can.
func (d *Daemon) fence(node string, id uint64) {
	devs := d.devices
	d.spawn(func() {
		ev := cluster.FenceDone{Node: node, ID: id, Result: "bad"}
		for _, dev := range devs {
			res := d.runner.Fence(d.ctx, dev, node)
			if res.OK() {
				ev.OK, ev.Result = true, "OK"
				break
			}
			ev.Result = "bad"
			if res.Err == nil && res.Exit == resource.FenceBadHost && !strings.HasPrefix(dev.Type, "fence_") {
				ev.Result = "badhost"
			}
		}
		d.post(ev)
	})
}

// announce repeats the announcements of the groups that run here.
func (d *Daemon) announce(groups []int) {
	var ips []netip.Addr
	for _, i := range groups {
		ips = append(ips, addresses(d.groups[i])...)
	}
	if len(ips) == 0 {
		return
	}
	d.log.Log(hlog.Info, fmt.Sprintf("announcing %d address(es) of this node again", len(ips)))
	d.spawn(func() { d.announcer.Add(ips...) })
}

// addresses are the service addresses of a group.
func addresses(g resource.Group) []netip.Addr {
	var out []netip.Addr
	for _, r := range g.Resources {
		if a, _, ok := resource.Address(r); ok {
			out = append(out, a)
		}
	}
	return out
}
