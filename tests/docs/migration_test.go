package docs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestMigrationGuide does what docs/migration.md says with a real pair, while a client
// fetches from the service address: real+real -> ours+real -> ours+ours -> real+ours ->
// real+real. The info strings of the blocks say where they belong: "build", the nodes on
// which they are done at once, or "node1 then node2": all of them on one node first.
func TestMigrationGuide(t *testing.T) {
	t.Parallel()
	if why := pair.Missing([2]string{"real", "real"}); why != "" {
		t.Skip(why)
	}
	all := blocks(t, "migration.md")
	if !all[0].about("build") {
		t.Fatalf("the guide begins with the block of line %d, want one to build with", all[0].line)
	}
	src := copySources(t)
	runHere(t, src, all[0])
	program, err := os.ReadFile(filepath.Join(src, "heartbeatd.tgz"))
	if err != nil {
		t.Fatal(err)
	}

	const vip = "192.168.77.100"
	p := pair.New(t, pair.Config{
		Roles:     [2]string{"real", "real"},
		Media:     "all",
		Resources: "node1 IPaddr2::" + vip + "/24/eth0 LabRsc::a\nnode2 LabRsc::b\n",
	})
	for _, n := range p.Nodes {
		makePrivate(t, n)
		if r := n.Run("mount", "-t", "tmpfs", "root", "/root"); r.Code != 0 {
			t.Fatal(r.Out)
		}
		p.Must(os.WriteFile(n.Path("/root/heartbeatd.tgz"), program, 0o600))
		p.Must(n.ServeName("80"))
	}
	p.Start(p.A, p.B)
	p.Expect(pair.Home, 25*time.Second)
	c := p.Client(vip+":80", 10*time.Millisecond, 500*time.Millisecond, nil)
	defer c.Stop()

	nodes := []*lab.Node{p.A, p.B}
	for rest := all[1:]; len(rest) > 0; {
		var now []block
		now, rest = stretch(rest)
		back := now[0].about("node1", "then", "node2", "back")
		switch {
		case now[0].about("node1", "node2"):
			for _, b := range now {
				for _, n := range nodes {
					run(t, n, b)
				}
			}
		case back, now[0].about("node1", "then", "node2"):
			for _, n := range nodes {
				p.Step("%s: line %d and on", n.Name(), now[0].line)
				for _, b := range now {
					run(t, n, b)
				}
				p.Expect(pair.Home, 30*time.Second)
				// Only ours has hb_mon.
				if ours := n.Run("hb_mon", "-1").Code == 0; ours == back {
					t.Errorf("line %d on %s: runs heartbeatd: %v", now[0].line, n.Name(), ours)
				}
			}
		default:
			t.Fatalf("line %d: where is a block %q to be run?", now[0].line, now[0].words)
		}
	}
	shots := c.Stop()
	if gap := longest(shots); gap > 5*time.Second || len(shots) < 1000 {
		t.Errorf("the service was away for %v in one piece (%d requests)", gap, len(shots))
	} else {
		t.Logf("longest time without an answer: %v of %d requests", gap.Round(time.Millisecond), len(shots))
	}
}

// longest is the longest time between two good answers.
func longest(shots []lab.Shot) (gap time.Duration) {
	var last time.Time
	for _, s := range shots {
		if !s.OK() {
			continue
		}
		if !last.IsZero() {
			gap = max(gap, s.Done.Sub(last))
		}
		last = s.Done
	}
	return gap
}
