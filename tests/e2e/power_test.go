package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../etc/ha.d/samples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPlannedPowerDown: the hook of apcupsd on the node that serves. Its services are
// on the other node long before a dead time would be over, which is here much longer
// than the test; the other node knows that it was meant; nothing runs twice. Then the
// battery of the other one is empty too.
func TestPlannedPowerDown(t *testing.T) {
	t.Parallel()
	oursOnly(t, "needs nothing of this")
	p := pair.New(t, pair.Config{Roles: roles(t), Keepalive: "1", Deadtime: "60", Initdead: "60", Failback: "off"})
	p.Start(p.A, p.B)
	p.Expect(pair.Home, bootLimit)
	hook := func(n *lab.Node) lab.Result {
		t.Helper()
		p.Must(n.Conf("doshutdown", sample(t, "doshutdown")))
		return n.Run("env", "DRBD=/none", "sh", "/etc/ha.d/doshutdown", "ups", "1", "1") // as apcupsd calls it
	}
	at := time.Now()
	r := hook(p.A)
	if r.Code != 0 || !strings.Contains(r.Out, "power fails (ups): giving up the services of this node") || !strings.Contains(r.Out, "the other node was told") {
		t.Errorf("exit %d\n%s", r.Code, r.Out)
	}
	if p.A.Runs("a") || p.A.Runs("a2") {
		t.Error("the hook has ended, and services run here")
	}
	p.Must(lab.Wait(moveLimit, "node2 to serve everything", func() bool { return p.B.Runs("a") && p.B.Runs("a2") && p.B.Runs("b") }))
	t.Logf("served by the other node %s after the hook began", time.Since(at).Round(10*time.Millisecond))
	if _, err := p.B.WaitLog(at, "Received shutdown notice from 'node1'", time.Second); err != nil {
		t.Error(err)
	}
	p.Quiet(p.B, at, "is dead")
	p.Cut(p.A) // the machine is off
	r = hook(p.B)
	if r.Code != 0 || p.B.Runs("a") || p.B.Runs("b") {
		t.Errorf("the second machine: exit %d, a runs %v, b runs %v\n%s", r.Code, p.B.Runs("a"), p.B.Runs("b"), r.Out)
	}
	// Where heartbeat does not run there is nothing to give up.
	if r := hook(p.B); r.Code != 0 || r.Out != "" {
		t.Errorf("without heartbeat: exit %d, %q", r.Code, r.Out)
	}
}

// TestPowerHookHasALimit: a resource that does not stop must not keep a machine from
// shutting down whose battery is nearly empty; DRBD's turn comes all the same.
func TestPowerHookHasALimit(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir + "/" + name
	}
	hook := write("doshutdown", sample(t, "doshutdown"))
	hb := write("heartbeat", "#!/bin/sh\n[ \"$1\" = -s ] || exec sleep 30\n")
	drbd := write("drbd", "#!/bin/sh\necho \"drbd $1\"; exit 1\n")
	out, code, took := run(t, []string{"HEARTBEAT=" + hb, "DRBD=" + drbd, "LIMIT=1"}, hook, "ups")
	want := "doshutdown: power fails (ups): giving up the services of this node\ndoshutdown: heartbeat has not ended after 1 s, the machine goes down all the same\n" +
		"drbd stop\ndoshutdown: DRBD has not stopped cleanly, what differs is found at the next start\n"
	if out != want || code != 0 || took > 5*time.Second {
		t.Errorf("exit %d after %s:\n%swant exit 0 soon, and\n%s", code, took, out, want)
	}
	wake := write("hb_wake", "#!/bin/sh\necho \"woken $*\"\n")
	out, code, _ = run(t, []string{"WAKE=" + wake, "PEER_CARD=00:11:22:aa:bb:cc"}, write("mainsback", sample(t, "mainsback")))
	if out != "woken 00:11:22:aa:bb:cc\n" || code != 0 {
		t.Errorf("mainsback: exit %d, %q", code, out)
	}
}

// run runs a program here.
func run(t *testing.T, env []string, args ...string) (out string, code int, took time.Duration) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin"}, env...)
	begin := time.Now()
	b, _ := cmd.CombinedOutput()
	return string(b), cmd.ProcessState.ExitCode(), time.Since(begin)
}
