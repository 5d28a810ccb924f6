package e2e

import (
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestServiceAddress moves an address under a client that fetches all the time:
// by a power cut and by the failback. The client learns of each move by the
// announcements, not by its own expiring neighbour entry (half a minute).
func TestServiceAddress(t *testing.T) {
	t.Parallel()
	const vip = "192.168.77.100"
	p := pair.New(t, pair.Config{
		Roles:     roles(t),
		Resources: "node1 IPaddr2::" + vip + "/24/eth0:0 LabRsc::a\nnode2 LabRsc::b\n",
	})
	for _, n := range p.Nodes {
		p.Must(n.ServeName("80"))
	}
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	c := p.Client(vip+":80", 10*time.Millisecond, 400*time.Millisecond, nil)
	defer c.Stop()
	answered := func(by *lab.Node, limit time.Duration) {
		t.Helper()
		p.Must(lab.Wait(limit, "an answer of "+by.Name(), func() bool {
			s := c.Shots()
			return len(s) > 0 && s[len(s)-1].OK() && s[len(s)-1].Body == by.Name()+"\n"
		}))
	}
	answered(p.A, 3*time.Second)
	at := p.Cut(p.A)
	answered(p.B, takeoverLimit)
	out, _, ok := lab.Outage(c.Shots(), at)
	if !ok || out > 5*time.Second {
		t.Errorf("without an answer for %v", out)
	}
	p.Step("without an answer for %v", out)
	p.Must(p.A.Boot())
	p.Must(p.A.ServeName("80"))
	p.Start(p.A)
	p.Expect(pair.Home, bootLimit)
	answered(p.A, 3*time.Second)
}
