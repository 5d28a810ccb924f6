package pair

import (
	"testing"
	"time"
)

// links are the ways between the machines.
var links = []string{"ethernet", "serial", "replication"}

// TestCables: each link and each pair of them fails, in both directions or in one, and comes
// back. The client reaches both machines all the time. As long as Heartbeat has one way left
// nobody is reset and the service stays; without any, one machine resets the other.
func TestCables(t *testing.T) {
	sets := [][]int{{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}}
	for _, set := range sets {
		for _, way := range []string{"both ways", "a to b", "b to a"} {
			if len(set) == 1 && links[set[0]] == "serial" && way != "both ways" {
				continue
			}
			name := ""
			for _, l := range set {
				name += links[l] + " "
			}
			t.Run(name+way, func(t *testing.T) {
				c := newCluster(t, options{short: way == "both ways" && (name == "replication " || name == "ethernet serial ")})
				a, _ := c.active()
				c.Step("%sfails, %s", name, way)
				for _, l := range set {
					c.cutLink(l, way)
				}
				time.Sleep(6 * time.Second) // three dead times
				c.acknowledged(50)
				alone := len(set) == 2 && set[0] == 0 && set[1] == 1
				switch {
				case alone && len(c.resets()) == 0:
					t.Error("Heartbeat lost both of its links, and nobody was reset")
				case !alone && len(c.resets()) > 0:
					t.Errorf("Heartbeat has a link left, and %v were reset", c.resets())
				case !alone && c.where() != a.Name():
					t.Errorf("the service went to %q", c.where())
				}
				c.verdict()
			})
		}
	}
}

// cutLink cuts a link. A serial line is cut in both directions always.
func (c *cluster) cutLink(link int, way string) {
	c.t.Helper()
	if links[link] == "serial" {
		c.Lab.Line(0).Cut()
		return
	}
	seg := map[string]int{"ethernet": 0, "replication": 1}[links[link]]
	if way != "b to a" {
		c.Must(c.Lab.CutSegment(seg, c.A.Name(), c.B.Name()))
	}
	if way != "a to b" {
		c.Must(c.Lab.CutSegment(seg, c.B.Name(), c.A.Name()))
	}
}

func (c *cluster) resets() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.fenced...)
}
