package cluster

import (
	"time"

	"classicha/heartbeatd/message"
)

// policy decides who runs the groups. The node calls it with facts about the peers
// and with resource messages; it answers with messages and jobs.
type policy interface {
	commUp()                                                   // we are active
	proved(p *peer)                                            // p answered us: what it says from now on is of the present
	becameActive(p *peer)                                      // p says st=active
	restarted(p *peer)                                         // p runs with a higher generation
	returned(p *peer)                                          // p was declared dead, but is alive in the same run
	takeOver(p *peer)                                          // p is dead and fenced, or need not be
	waitReset(p *peer)                                         // p is dead, and another node resets it
	wasReset(p *peer, gen uint64)                              // its run gen was reset, and p is up again in another run
	mayHold(p *peer) bool                                      // p, if it is not really dead, may run something
	mayAsk() bool                                              // a standby request may be sent now
	left(p *peer)                                              // p released everything and stops
	starting(p *peer, m *message.Message)                      // also our own
	resource(p *peer, m *message.Message)                      // also our own
	ask(p *peer, m *message.Message)                           // ask_resources, also our own
	takeoverRequest(p *peer, m *message.Message)               // hb_takeover run on p
	fencedBy(p *peer, m *message.Message)                      // stonith message, also our own
	message(p *peer, t string, m *message.Message) (mine bool) // any other type
	stop()                                                     // graceful stop: release everything, then n.released
	idle() bool                                                // nothing is in motion: a reload may happen
	saved() Saved
	timers()
	next() time.Time
	view(v *View)
	recoverer(p *peer) bool // this node is the one that fences p
}

// base has the answers of a policy that does not care.
type base struct{}

func (base) commUp()                                                   {}
func (base) proved(p *peer)                                            {}
func (base) becameActive(p *peer)                                      {}
func (base) restarted(p *peer)                                         {}
func (base) returned(p *peer)                                          {}
func (base) takeOver(p *peer)                                          {}
func (base) waitReset(p *peer)                                         {}
func (base) wasReset(p *peer, gen uint64)                              {}
func (base) mayHold(p *peer) bool                                      { return true }
func (base) mayAsk() bool                                              { return true }
func (base) left(p *peer)                                              {}
func (base) starting(p *peer, m *message.Message)                      {}
func (base) resource(p *peer, m *message.Message)                      {}
func (base) ask(p *peer, m *message.Message)                           {}
func (base) takeoverRequest(p *peer, m *message.Message)               {}
func (base) fencedBy(p *peer, m *message.Message)                      {}
func (base) message(p *peer, t string, m *message.Message) (mine bool) { return false }
func (base) idle() bool                                                { return true }
func (base) saved() Saved                                              { return Saved{} }
func (base) timers()                                                   {}
func (base) next() (t time.Time)                                       { return t }
func (base) view(v *View)                                              {}
func (base) recoverer(p *peer) bool                                    { return true }

// unmanaged is the policy of -M: this daemon starts and stops nothing.
type unmanaged struct {
	base
	n *Node
}

func (u *unmanaged) stop()                { u.n.released(nil) }
func (u *unmanaged) view(v *View)         { v.Holds, v.Stable, v.ResState = "none", true, "unmanaged" }
func (u *unmanaged) mayHold(*peer) bool   { return false }
func (u *unmanaged) recoverer(*peer) bool { return false }

func (u *unmanaged) starting(p *peer, m *message.Message) {
	if p != u.n.self {
		u.n.send(message.New("t", "resource", "rsc_hold", "none", "rtype", "full", "isstable", "1"))
	}
}
