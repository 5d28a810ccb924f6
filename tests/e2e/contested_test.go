package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestDeadNodeStillAnswers: the daemon of the node that serves is killed, its machine
// and the address are still there. The other node takes the address over as from
// a machine without power, and its log names the one that still answers.
func TestDeadNodeStillAnswers(t *testing.T) {
	t.Parallel()
	oursOnly(t, "says nothing of it")
	const vip = "192.168.77.100"
	p := pair.New(t, pair.Config{Roles: roles(t), Failback: "off", Resources: "node1 LabRsc::a IPaddr2::" + vip + "/24/eth0 LabRsc::a2\nnode2 LabRsc::b\n"})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	p.Tolerate(true)
	at := time.Now()
	for _, proc := range p.A.Processes() {
		if proc.IsHeartbeat() {
			if pr, err := os.FindProcess(proc.Pid); err == nil {
				pr.Kill()
			}
		}
	}
	p.Must(lab.Wait(takeoverLimit, "the group on node2", func() bool { return p.B.Runs("a2") }))
	if !strings.Contains(p.A.Run("ip", "-o", "addr", "show", "dev", "eth0").Out, " "+vip+"/") {
		t.Fatal("the address of the killed node is gone: this proves nothing")
	}
	words := strings.Fields(p.A.Run("ip", "-o", "link", "show", "eth0").Out)
	mac := words[slices.Index(words, "link/ether")+1]
	if _, err := p.B.WaitLog(at, vip+" is answered by another machine too, "+mac+" on eth0", 5*time.Second); err != nil {
		t.Error(err)
	}
	p.Cut(p.A)
	p.Tolerate(false)
}
