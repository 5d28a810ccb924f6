package cluster

// jobs runs the scripts of groups: one job at a time, in the order in which they
// were asked for, so that a release never overtakes the start it has to undo.
type jobs struct {
	queue   []*job
	running *job
	lastID  uint64
	state   []GroupState // what we know of each group here
	reason  []string     // why it failed
}

type job struct {
	id     uint64
	kind   JobKind
	groups []int
	taking bool
	direct bool
	done   func(failed []int)
	still  func() bool // nil, or asked when its turn comes: false drops the groups
}

func (j *jobs) init(groups int) {
	j.state = make([]GroupState, groups)
	j.reason = make([]string, groups)
}

func (j *jobs) idle() bool { return j.running == nil && len(j.queue) == 0 }

// releasing: something is being stopped, or will be.
func (j *jobs) releasing() bool { return len(j.letting()) > 0 }

// letting is the groups that are being stopped, or will be.
func (j *jobs) letting() (groups []int) {
	if j.running != nil && j.running.kind == Release {
		groups = append(groups, j.running.groups...)
	}
	for _, q := range j.queue {
		if q.kind == Release {
			groups = append(groups, q.groups...)
		}
	}
	return groups
}

// clean: nothing was ever started here.
func (j *jobs) clean() bool {
	for _, s := range j.state {
		if s != GroupStopped {
			return false
		}
	}
	return j.idle()
}

func (j *jobs) changed(group int, s GroupState) {
	if group >= 0 && group < len(j.state) && j.running != nil {
		j.state[group] = s
	}
}

// queueJob asks for a job; done is called in the Step in which it ended.
func (n *Node) queueJob(kind JobKind, groups []int, taking bool, done func(failed []int)) *job {
	n.jobs.lastID++
	j := &job{id: n.jobs.lastID, kind: kind, groups: groups, taking: taking, done: done}
	n.jobs.queue = append(n.jobs.queue, j)
	return j
}

// startJob lets the next job run if none does. A job without groups ends at once.
func (n *Node) startJob() {
	for n.jobs.running == nil && len(n.jobs.queue) > 0 {
		j := n.jobs.queue[0]
		n.jobs.queue = n.jobs.queue[1:]
		if j.still != nil && !j.still() {
			j.groups = nil
		}
		if len(j.groups) == 0 {
			j.done(nil)
			n.drainLoop()
			continue
		}
		n.jobs.running = j
		s := GroupStarting
		if j.kind == Release {
			s = GroupStopping
		}
		for _, g := range j.groups {
			if j.kind == Release || n.jobs.state[g] != GroupRunning {
				n.jobs.state[g] = s
			}
		}
		n.do(Run{Job: j.id, Kind: j.kind, Groups: j.groups, Taking: j.taking, Direct: j.direct})
	}
}

func (n *Node) jobDone(ev JobDone) {
	j := n.jobs.running
	if j == nil || j.id != ev.Job {
		return
	}
	n.jobs.running = nil
	if n.broken == stuckIsReleased && j.kind == Release {
		ev.Failed = nil
	}
	good, bad := GroupRunning, GroupFailed
	if j.kind == Release {
		good, bad = GroupStopped, GroupStuck
	}
	for _, g := range j.groups {
		n.jobs.state[g], n.jobs.reason[g] = good, ""
	}
	for _, g := range ev.Failed {
		if g >= 0 && g < len(n.jobs.state) {
			n.jobs.state[g], n.jobs.reason[g] = bad, ev.Reason
		}
	}
	j.done(ev.Failed)
}

// runningGroups lists the groups that run here, to be announced again.
func (n *Node) runningGroups() (g []int) {
	for i, s := range n.jobs.state {
		if s == GroupRunning {
			g = append(g, i)
		}
	}
	return g
}
