package interop

import (
	"fmt"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestRolling replaces the program on one node after the other, there and back,
// while a client fetches from the service address: real+real -> ours+real ->
// ours+ours -> real+ours -> real+real. The service moves over to the other node
// before each replacement and is never on both.
func TestRolling(t *testing.T) {
	t.Parallel()
	if why := pair.Missing([2]string{"real", "real"}); why != "" {
		t.Skip(why)
	}
	mine := "ours"
	for _, r := range roles() {
		if r == [2]string{"real", "real"} {
			mine = "real" // proving the test itself
		}
	}
	const vip = "192.168.77.100"
	p := pair.New(t, pair.Config{
		Roles:     [2]string{"real", "real"},
		Resources: "node1 IPaddr2::" + vip + "/24/eth0 LabRsc::a\nnode2 LabRsc::b\n",
	})
	serve := func(n *lab.Node) { p.Must(n.ServeName("80")) }
	serve(p.A)
	serve(p.B)
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	c := p.Client(vip+":80", 10*time.Millisecond, 500*time.Millisecond, nil)
	defer c.Stop()
	answered := func(by *lab.Node) {
		t.Helper()
		p.Must(lab.Wait(5*time.Second, "an answer of "+by.Name(), func() bool {
			s := c.Shots()
			return len(s) > 0 && s[len(s)-1].OK() && s[len(s)-1].Body == by.Name()+"\n"
		}))
	}
	answered(p.A)
	replace := func(n *lab.Node, role string) {
		t.Helper()
		settle(p)
		other := p.Peer(n)
		moved := time.Now()
		p.Stop(n)
		all := pair.AllA
		if other == p.B {
			all = pair.AllB
		}
		p.Expect(all, takeoverLimit)
		answered(other)
		p.Step("replace %s on %s by %s", n.Image().Name, n.Name(), role)
		p.Cut(n)
		img, err := pair.Image(role)
		p.Must(err)
		n.SetImage(img)
		p.Must(n.Boot())
		serve(n)
		p.Start(n)
		p.Expect(pair.Home, returnLimit)
		answered(p.A)
		p.Step("%s: longest time without an answer during the replacement: %v", what(p), longest(c.Shots(), moved).Round(time.Millisecond))
	}
	replace(p.A, mine)
	replace(p.B, mine)
	replace(p.A, "real")
	replace(p.B, "real")
	if gap := longest(c.Stop(), time.Time{}); gap > 5*time.Second {
		t.Errorf("the service was away for %v in one piece", gap)
	}
}

func what(p *pair.Pair) string {
	return fmt.Sprintf("%s+%s", p.A.Image().Name, p.B.Image().Name)
}

// longest is the longest time between two good answers since then.
func longest(shots []lab.Shot, since time.Time) time.Duration {
	var last time.Time
	var gap time.Duration
	for _, s := range shots {
		if !s.OK() || s.Sent.Before(since) {
			continue
		}
		if !last.IsZero() {
			gap = max(gap, s.Done.Sub(last))
		}
		last = s.Done
	}
	return gap
}
