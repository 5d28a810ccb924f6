package interop

import (
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestCommands gives every hb_standby and hb_takeover from either side
// (heartbeat-behaviour 4). Automatic failback is off, so that what is reached
// stays.
func TestCommands(t *testing.T) {
	t.Parallel()
	type step struct {
		node, tool, class string
		want              pair.Place
	}
	swapped := pair.Place{OfA: "node2", OfB: "node1"}
	// Each step starts where the one before ended; the first from Home. The
	// classes are from the view of the node that gives the command.
	steps := []step{
		{"node1", "standby", "all", pair.AllB},
		{"node1", "takeover", "all", pair.AllA},
		{"node1", "standby", "foreign", pair.Home},
		{"node1", "standby", "local", pair.AllB},
		{"node2", "standby", "failback", pair.Home}, // failback means foreign
		{"node2", "takeover", "local", pair.Home},   // nothing to move
		{"node1", "takeover", "foreign", pair.AllA},
		{"node2", "takeover", "failback", pair.AllB}, // means all: the script knows no failback
		{"node1", "takeover", "local", pair.Home},
		{"node2", "standby", "all", pair.AllA},
		{"node2", "takeover", "all", pair.AllB},
		{"node2", "standby", "foreign", pair.Home},
		{"node2", "standby", "local", pair.AllA},
		{"node1", "standby", "failback", pair.Home},
		{"node2", "takeover", "foreign", pair.AllB},
		{"node1", "takeover", "failback", pair.AllA},
		{"node1", "standby", "local", swapped},
		{"node1", "standby", "foreign", pair.AllB},
		{"node2", "standby", "foreign", pair.Home},
	}
	pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
		p := pair.New(t, pair.Config{Roles: r, Failback: "off"})
		p.Start(p.A, p.B)
		p.Expect(pair.Home, bootLimit)
		before := pair.Home
		for _, s := range steps {
			settle(p)
			n := p.Node(s.node)
			p.Step("%s (%s): hb_%s %s", s.node, n.Image().Name, s.tool, s.class)
			if s.tool == "standby" {
				p.Must(n.Standby(s.class))
			} else {
				p.Must(n.Takeover(s.class))
			}
			if s.want == before {
				p.Stays(s.want, time.Second) // not yet moved would look like moved
			}
			before = s.want
			p.Expect(s.want, moveLimit)
		}
	})
}

// settle waits until neither node is in transition and the last move's reports
// have been exchanged; a command given earlier is refused by either program
// ("Other side is in flux").
func settle(p *pair.Pair) {
	p.T.Helper()
	p.Must(lab.Wait(moveLimit, "both nodes settled", func() bool {
		for _, n := range p.Nodes {
			if h := n.Holding(); h == "" || h == "transition" {
				return false
			}
		}
		return true
	}))
	time.Sleep(time.Second)
}

// waitActive waits until both nodes say of each other that they are active.
func waitActive(p *pair.Pair) error {
	return lab.Wait(bootLimit, "both nodes active", func() bool {
		for _, n := range p.Nodes {
			if n.Sees(p.Peer(n).Name()) != "active" {
				return false
			}
		}
		return true
	})
}
