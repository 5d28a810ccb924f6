package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestDeadNodeStillAnswers: the daemon of the node that serves is killed, its machine
// and the address are still there. The other node takes the address over as fast as
// from a machine without power, and its log names the one that still answers.
func TestDeadNodeStillAnswers(t *testing.T) {
	t.Parallel()
	oursOnly(t, "says nothing of it")
	const vip = "192.168.77.100"
	start := func(end func(p *pair.Pair)) (p *pair.Pair, took time.Duration) {
		t.Helper()
		p = pair.New(t, pair.Config{Roles: roles(t), Failback: "off", Resources: "node1 LabRsc::a IPaddr2::" + vip + "/24/eth0 LabRsc::a2\nnode2 LabRsc::b\n"})
		p.Start(p.A, p.B)
		p.Expect(pair.Home, bootLimit)
		p.Tolerate(true)
		end(p)
		p.Must(lab.Wait(takeoverLimit, "the group on node2", func() bool { return p.B.Runs("a2") }))
		first, last := startOf(t, p.B, "a "), startOf(t, p.B, "a2 ")
		return p, last.Sub(first)
	}
	_, normal := start(func(p *pair.Pair) { p.Cut(p.A) })
	at := time.Now()
	p, took := start(func(p *pair.Pair) {
		for _, proc := range p.A.Processes() {
			if proc.IsHeartbeat() {
				if pr, err := os.FindProcess(proc.Pid); err == nil {
					pr.Kill()
				}
			}
		}
	})
	if !strings.Contains(p.A.Run("ip", "-o", "addr", "show", "dev", "eth0").Out, " "+vip+"/") {
		t.Fatal("the address of the killed node is gone: this proves nothing")
	}
	words := strings.Fields(p.A.Run("ip", "-o", "link", "show", "eth0").Out)
	mac := words[slices.Index(words, "link/ether")+1]
	line, err := p.B.WaitLog(at, vip+" is answered by another machine too, "+mac+" on eth0", 5*time.Second)
	if err != nil {
		t.Error(err)
	}
	t.Logf("from the resource before the address to the one behind it: %s from a dead machine, %s from one that answers; %s", normal, took, line.Text)
	if took > normal+500*time.Millisecond {
		t.Errorf("the take-over was held up: %s, from a machine without power %s", took, normal)
	}
	p.Tolerate(false)
	p.Cut(p.A)
}

// startOf is when a LabRsc was first started on a node, by its own record.
func startOf(t *testing.T, n *lab.Node, call string) time.Time {
	t.Helper()
	data, err := os.ReadFile(n.LogPath("labrsc"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		stamp, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if rest == call+"start" {
			s, err := strconv.ParseFloat(stamp, 64)
			if err != nil {
				t.Fatal(err)
			}
			return time.UnixMicro(int64(s * 1e6))
		}
	}
	t.Fatalf("%s was never started on %s:\n%s", call, n.Name(), data)
	return time.Time{}
}
