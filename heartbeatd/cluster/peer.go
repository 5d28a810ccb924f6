package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// peer is a member as this node sees it, itself included.
type peer struct {
	name  string
	index int // place in ha.cf
	ping  bool

	uuid    [16]byte
	hasUUID bool
	gen     uint64
	hasGen  bool
	ours    bool // runs this program: it marks its messages

	status      Status
	announced   bool   // its status was told to scripts and clients
	heard       bool   // something verified came from it in this run
	declared    bool   // we declared it dead
	declaredGen uint64 // its generation then
	statusSeq   uint64 // number of its newest status
	ipfailSeq   uint64
	lastStatus  time.Time
	suspected   time.Time // lastStatus at the last Suspect
	wasReset    bool      // since it was declared dead
	resetAt     time.Time
	resetGen    uint64        // the run that this was for; 0: we never heard it
	dt          time.Duration // its announced deadtime; 0 before its first status
	graceUntil  time.Time     // after a pause of our own: not declared dead before
	graces      int           // pauses of our own since its last status
	links       []link

	rx         sequence
	ackTrigger uint64
	ackOwed    bool
	acked      uint64 // highest of our numbers that it acknowledged

	// Whether it is of the present (prove.go).
	proved  bool
	proveAt time.Time // not asked again before
	proofs  int       // how often it was asked
	floor   uint64    // its generation when an earlier run of ours last heard it
	early   []*message.Message

	told time.Time // that a group is ours and not p's: not again before

	res  peerResources
	prev endedRun // the run before this one, if we knew it
}

type endedRun struct {
	gen  uint64
	ours bool
}

// peerResources is what a peer said of its resources.
type peerResources struct {
	known     bool // a report came since it started
	holds     Class
	took      Class    // ours only: classes it holds because it declared us dead
	failed    []string // ours only: keys of groups that could not be started there
	stable    bool
	mayHold   bool // it may run something although it reports none: it is releasing
	everHeld  bool
	left      bool   // shutdone: it released everything and stops
	recovered bool   // dead, and nothing of it can run any more: fenced, or it need not be
	leaving   bool   // info=shutdown: it is releasing everything
	seq       uint64 // number of the newest report: older ones that arrive later say nothing
	many      manyView

	lost    Class     // what an earlier run may have left running without knowing it (doubt.go)
	lostGen uint64    // the last run that may have
	lostAt  time.Time // when the new run must have said what it holds
}

type link struct {
	name string
	up   bool
	last time.Time
}

func newPeer(name string, index int, r *rng) *peer {
	return &peer{name: name, index: index, ackTrigger: uint64(r.below(10))}
}

// alive: it is a member as far as we know.
func (p *peer) alive() bool { return p.heard && p.status != StatusDead }

func (p *peer) active() bool { return p.heard && p.status == StatusActive }

func (p *peer) link(name string) *link {
	for i := range p.links {
		if p.links[i].name == name {
			return &p.links[i]
		}
	}
	return nil
}
