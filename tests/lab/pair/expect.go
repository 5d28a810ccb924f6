package pair

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"classicha/tests/lab"
)

// Place says where groups run: the name of the node that serves the groups of
// node1 and of node2, or "" for nobody.
type Place struct{ OfA, OfB string }

// Often used places.
var (
	Home = Place{"node1", "node2"} // everything where it belongs
	AllA = Place{"node1", "node1"}
	AllB = Place{"node2", "node2"}
)

// Expect waits until every group runs where it should and nowhere else, and the
// living nodes' cl_status agrees.
func (p *Pair) Expect(want Place, limit time.Duration) {
	p.T.Helper()
	start := time.Now()
	var wrong []string
	err := lab.Wait(limit, "", func() bool {
		// Asking cl_status costs two processes: only when the rest is right.
		if wrong = p.wrongPlaces(want); len(wrong) == 0 {
			wrong = p.wrongHoldings(want)
		}
		return len(wrong) == 0
	})
	if err != nil {
		p.T.Fatalf("after %v: %s", limit, strings.Join(wrong, "; "))
	}
	p.Step("as expected after %.2fs: node1's groups on %s, node2's on %s", time.Since(start).Seconds(), or(want.OfA, "none"), or(want.OfB, "none"))
}

// ExpectPlaces is Expect without asking cl_status.
func (p *Pair) ExpectPlaces(want Place, limit time.Duration) {
	p.T.Helper()
	var wrong []string
	if err := lab.Wait(limit, "", func() bool { wrong = p.wrongPlaces(want); return len(wrong) == 0 }); err != nil {
		p.T.Fatalf("after %v: %s", limit, strings.Join(wrong, "; "))
	}
	p.Step("as expected: node1's groups on %s, node2's on %s", or(want.OfA, "none"), or(want.OfB, "none"))
}

// ExpectOnce waits until every resource has run on exactly one node, the same
// one, for the given time; it does not matter on which.
func (p *Pair) ExpectOnce(span, limit time.Duration) {
	p.T.Helper()
	var last string
	since := time.Now()
	err := lab.Wait(limit, "", func() bool {
		now, once := "", true
		for _, names := range [][]string{p.cfg.groups()["node1"], p.cfg.groups()["node2"]} {
			for _, r := range names {
				a, b := p.A.Runs(r), p.B.Runs(r)
				now += fmt.Sprintf("%s: node1 %v, node2 %v; ", r, a, b)
				once = once && a != b
			}
		}
		if now != last || !once {
			last, since = now, time.Now()
		}
		return time.Since(since) >= span
	})
	if err != nil {
		p.T.Fatalf("after %v: not every resource once: %s", limit, last)
	}
	p.Step("each once: %s", last)
}

// Stays checks that the place is right now and for the given time.
func (p *Pair) Stays(want Place, span time.Duration) {
	p.T.Helper()
	end := time.Now().Add(span)
	for time.Now().Before(end) {
		if wrong := p.wrongPlaces(want); len(wrong) > 0 {
			p.T.Fatalf("should have stayed: %s", strings.Join(wrong, "; "))
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.Expect(want, 3*time.Second)
}

// wrongPlaces compares the resources' state files with what should be.
func (p *Pair) wrongPlaces(want Place) []string {
	var wrong []string
	owner := map[string]string{"node1": want.OfA, "node2": want.OfB}
	for home, names := range p.cfg.groups() {
		for _, r := range names {
			for _, n := range p.Nodes {
				if is, should := n.Runs(r), owner[home] == n.Name(); is != should {
					wrong = append(wrong, fmt.Sprintf("%s on %s: running %v, want %v", r, n.Name(), is, should))
				}
			}
		}
	}
	sort.Strings(wrong)
	return wrong
}

// wrongHoldings compares "cl_status rscstatus" on the nodes that run Heartbeat
// with the place. In legacy mode the real program always says none: not asked.
func (p *Pair) wrongHoldings(want Place) []string {
	if p.cfg.Failback == "legacy" {
		return nil
	}
	var wrong []string
	for i, n := range p.Nodes {
		local, foreign := want.OfA, want.OfB
		if i == 1 {
			local, foreign = foreign, local
		}
		should := "none"
		switch {
		case local == n.Name() && foreign == n.Name():
			should = "all"
		case local == n.Name():
			should = "local"
		case foreign == n.Name():
			should = "foreign"
		}
		if !n.Up() || should == "none" && !p.running(n) {
			continue
		}
		if is := n.Holding(); is != should {
			wrong = append(wrong, fmt.Sprintf("rscstatus on %s: %q, want %q", n.Name(), is, should))
		}
	}
	return wrong
}

// running says whether Heartbeat runs on a node.
func (p *Pair) running(n *lab.Node) bool {
	return n.Run("cl_status", "hbstatus").Code == 0
}

// severe are the level words of lines that nobody wants.
var severe = []string{"ERROR:", "CRIT:", "ALERT:", "EMERG:"}

// usual are errors that the real 3.0.6 logs in normal operation.
var usual = []string{
	// A root without CAP_SYS_RESOURCE (containers) cannot raise the limit.
	"Cannot lock ourselves into memory",
}

// severeLines are the errors that a node logged and that are not allowed. On a
// real node our mistakes show there.
func (p *Pair) severeLines() []string {
	var found []string
	for _, n := range p.Nodes {
		for _, l := range n.Log() {
			if hasAny(l.Text, severe) && !hasAny(l.Text, usual) && !hasAny(l.Text, p.cfg.Allow) {
				found = append(found, fmt.Sprintf("%8.3f %s (%s) logged: %s", l.Time.Sub(p.began).Seconds(), n.Name(), l.By.Name, l.Text))
			}
		}
	}
	return found
}

func hasAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}
