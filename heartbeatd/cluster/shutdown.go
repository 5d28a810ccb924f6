package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// shutdown is the graceful stop (heartbeat-wire 13.4) and the restart in place.
type shutdown struct {
	phase    shutdownPhase
	at       time.Time // next step
	exitAt   time.Time
	released time.Time
	reload   bool // a restart in place waits for a quiet moment
	stuck    bool // something could not be released
	raisedDT bool
}

type shutdownPhase uint8

const (
	running shutdownPhase = iota
	releasing
	lingering // released, statuses go on so that nobody misses the notice
)

const (
	lingerFor    = time.Second
	reloadPoll   = 200 * time.Millisecond
	reloadMargin = 10 * time.Second // added to the announced deadtime while we restart
)

func (n *Node) beginShutdown() {
	if n.shutdown.phase != running {
		return
	}
	n.shutdown.reload = false
	n.shutdown.at = time.Time{}
	if !n.jobs.idle() {
		n.log(Warn, "Shutdown delayed until current resource activity finishes.")
	}
	n.do(DisarmWatchdog{})
	n.log(Info, "Heartbeat shutdown in progress. (%d)", n.cfg.Pid)
	n.shutdown.phase = releasing
	if !n.commUp && n.jobs.clean() {
		// Nothing was ever started: there is nothing to hand over and nobody to tell.
		n.released(nil)
		return
	}
	n.log(Info, "Giving up all HA resources.")
	n.policy.stop()
	n.sendStatus()
}

// released is called by the policy when the release of everything has ended.
func (n *Node) released(stuck []int) {
	n.shutdown.phase = lingering
	n.do(StopClients{})
	if len(stuck) > 0 {
		n.shutdown.stuck = true
		n.log(Crit, "not all resources could be stopped: the other nodes are not told that they are free")
	} else {
		n.log(Info, "All HA resources relinquished.")
		n.send(message.New("t", "shutdone", "st", "dead"))
	}
	n.sendStatus()
	n.shutdown.at = n.now.Add(lingerFor / 10)
	n.shutdown.exitAt = n.now.Add(lingerFor)
	if !n.commUp {
		n.shutdown.exitAt = n.now
		n.shutdown.at = n.now
	}
}

func (n *Node) shutdownTimers() {
	if !n.due(n.shutdown.at) {
		return
	}
	if n.shutdown.reload {
		n.tryReload()
		return
	}
	if n.shutdown.phase != lingering {
		return
	}
	if n.due(n.shutdown.exitAt) {
		n.stopping = true
		n.shutdown.at = time.Time{}
		code := 0
		if n.shutdown.stuck {
			code = 1
		}
		n.log(Info, "%s Heartbeat shutdown complete.", n.cfg.Node)
		n.do(Exit{Code: code})
		return
	}
	// Statuses show the others quickly if they missed the notice.
	n.sendStatus()
	n.shutdown.at = n.now.Add(n.shutdown.exitAt.Sub(n.now)/2 + 10*time.Millisecond)
	if n.shutdown.at.After(n.shutdown.exitAt) {
		n.shutdown.at = n.shutdown.exitAt
	}
}

// beginReload waits until nothing moves, then executes the program again with its
// resources running.
func (n *Node) beginReload() {
	if n.shutdown.phase != running {
		return
	}
	n.log(Info, "Heartbeat restart triggered.")
	n.shutdown.reload = true
	n.tryReload()
}

func (n *Node) tryReload() {
	if !n.commUp || !n.jobs.idle() || !n.policy.idle() {
		n.shutdown.at = n.now.Add(reloadPoll)
		return
	}
	n.log(Info, "Restarting heartbeat.")
	n.shutdown.raisedDT = true
	n.sendStatusDT(n.shutdownDT())
	n.stopping = true
	n.shutdown.at = time.Time{}
	n.do(DisarmWatchdog{})
	n.do(StopClients{})
	n.log(Info, "Performing heartbeat restart exec.")
	n.do(Reexec{Saved: n.policy.saved()})
}

// shutdownDT is the dead time to announce, raised while we are about to restart.
func (n *Node) shutdownDT() time.Duration {
	if n.shutdown.raisedDT {
		return n.announcedDT() + reloadMargin
	}
	return n.announcedDT()
}
