package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestThreeNodes: of two survivors exactly one takes the group of a dead node
// (two real ones both do, heartbeat-wire 16), and gives it back.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	oursOnly(t, "both survivors take over (heartbeat-wire 16)")
	img, err := pair.Image("ours")
	if err != nil {
		t.Fatal(err)
	}
	opt := lab.Options{Logf: t.Logf, Lines: [][2]string{}, Files: map[string]string{
		"ha.cf":       "logfacility local0\nkeepalive 200ms\ndeadtime 1\ninitdead 4\nbcast eth0\nauto_failback on\nnode node1 node2 node3\n",
		"haresources": "node1 LabRsc::a\nnode2 LabRsc::b\nnode3 LabRsc::c\n",
		"authkeys":    "auth 1\n1 sha1 three\n",
	}}
	for i := range 3 {
		opt.Nodes = append(opt.Nodes, lab.NodeSpec{Name: fmt.Sprintf("node%d", i+1), Host: i + 1, Image: img})
	}
	l, err := lab.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	defer func() {
		if t.Failed() {
			for _, n := range l.Nodes {
				for _, line := range n.Log() {
					t.Logf("%s %s %s", line.Time.Format("05.000"), n.Name(), line.Text)
				}
			}
		}
	}()
	where := func() string {
		var b strings.Builder
		for _, r := range []string{"a", "b", "c"} {
			for _, n := range l.Nodes {
				if n.Runs(r) {
					b.WriteString(r + n.Name()[4:])
				}
			}
		}
		return b.String()
	}
	want := func(limit time.Duration, places ...string) string {
		t.Helper()
		var is string
		var since time.Time
		err := lab.Wait(limit, "one of "+strings.Join(places, " "), func() bool {
			now := where()
			if now != is {
				is, since = now, time.Now()
			}
			for _, p := range places {
				if is == p && time.Since(since) > 1500*time.Millisecond {
					return true
				}
			}
			return false
		})
		if err != nil {
			t.Fatalf("%v; is %s", err, is)
		}
		return is
	}
	for _, n := range l.Nodes {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	want(20*time.Second, "a1b2c3")
	if _, err := l.Node("node3").PowerCut(); err != nil {
		t.Fatal(err)
	}
	t.Logf("node3 dead: %s", want(12*time.Second, "a1b2c1", "a1b2c2"))
	if err := l.Node("node3").Boot(); err != nil {
		t.Fatal(err)
	}
	if err := l.Node("node3").Start(); err != nil {
		t.Fatal(err)
	}
	want(30*time.Second, "a1b2c3")
	if _, err := l.Node("node1").PowerCut(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Node("node2").PowerCut(); err != nil {
		t.Fatal(err)
	}
	want(15*time.Second, "a3b3c3")
}
