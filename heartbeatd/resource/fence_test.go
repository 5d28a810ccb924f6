package resource

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStonithArgs(t *testing.T) {
	for _, c := range []struct {
		d    Device
		op   string
		want string
	}{
		{Device{Type: "baytech", Params: []string{"10.0.0.3", "login", "secret"}}, "reset", "-t|baytech|-p|10.0.0.3 login secret|-T|reset|node2"},
		{Device{Type: "external/ssh", Params: []string{"hostlist=node1,node2", "livedangerously=yes"}}, "reset", "-t|external/ssh|hostlist=node1,node2|livedangerously=yes|-T|reset|node2"},
		{Device{Type: "ssh", File: "/etc/ha.d/conf/st"}, "reset", "-t|ssh|-F|/etc/ha.d/conf/st|-T|reset|node2"},
		{Device{Type: "null", Params: []string{"node1"}}, "status", "-t|null|-p|node1|-S"},
	} {
		if got := strings.Join(c.d.stonithArgs(c.op, "node2"), "|"); got != c.want {
			t.Errorf("%+v: %s, want %s", c.d, got, c.want)
		}
	}
}

// heartbeat-behaviour 9: the lines of a reset that works.
func TestFenceNull(t *testing.T) {
	e := newEnv(t, Options{})
	d := Device{Type: "null", Params: []string{"node1", "node2"}}
	if r := e.r.Fence(t.Context(), d, "node1"); !r.OK() {
		t.Errorf("Fence = %+v", r)
	}
	e.wantLog("heartbeat info: Resetting node node1 with [NULL STONITH device]", "heartbeat info: node node1 now reset.")
	if r := e.r.FenceStatus(t.Context(), d); !r.OK() {
		t.Errorf("FenceStatus = %+v", r)
	}
	e.wantLog("heartbeat info: Checking status of STONITH device [NULL STONITH device]")
}

func TestFenceFailures(t *testing.T) {
	e := newEnv(t, Options{FenceTimeout: 5 * time.Second, KillGrace: time.Second})
	for _, d := range []Device{
		{Type: "fence_no_such_agent", Params: []string{"ip=1"}},
		{Type: "no_such_type", Params: []string{"x"}},
		{Type: "../../bin/true"},
		{Type: "fence_/../../bin/true"},
	} {
		if r := e.r.Fence(t.Context(), d, "node1"); r.OK() {
			t.Errorf("%s: Fence = %+v, want a failure", d.Type, r)
		}
		l := e.log()
		if len(l) == 0 || !strings.HasPrefix(l[len(l)-1], "heartbeat ERROR: ") {
			t.Errorf("%s: log %q does not end with an error", d.Type, l)
		}
	}
	for _, node := range []string{"a\nb", "-T", "x\x00"} {
		if r := e.r.Fence(t.Context(), Device{Type: "null"}, node); r.OK() {
			t.Errorf("node %q was fenced", node)
		}
	}
}

// Waits for a person: ends when told to, and that is no success.
func TestFenceMeatwareWaits(t *testing.T) {
	if _, err := findProgram("stonith"); err != nil {
		t.Skip("cluster-glue's stonith is not installed")
	}
	e := newEnv(t, Options{FenceTimeout: 100 * time.Millisecond, KillGrace: time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	r := e.r.Fence(ctx, Device{Type: "meatware", Params: []string{"noderesettest"}}, "noderesettest")
	if r.OK() || r.TimedOut || r.Duration < 400*time.Millisecond {
		t.Errorf("Fence = %+v, want it to wait until it is cancelled", r)
	}
	os.Remove("/var/run/meatware.noderesettest")
}

// The agent gets its parameters on standard input; a real one of Debian.
func TestFenceAgent(t *testing.T) {
	if _, err := findProgram("fence_dummy"); err != nil {
		t.Skip("fence-agents is not installed")
	}
	e := newEnv(t, Options{FenceTimeout: 20 * time.Second})
	file := t.TempDir() + "/state"
	d := Device{Type: "fence_dummy", Params: []string{"status_file=" + file}}
	if r := e.r.Fence(t.Context(), d, "node2"); !r.OK() {
		t.Errorf("Fence = %+v", r)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "on") {
		t.Errorf("fence_dummy left %q, %v: want a reboot (off, then on)", b, err)
	}
	l := e.log()
	if !slices.Contains(l, "heartbeat info: node node2 now reset.") {
		t.Errorf("log: %q", l)
	}
}

func TestAgentInput(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		params   []string
		op, want string
	}{
		{[]string{"ip=10.0.0.9", "username=a"}, "reset", "ip=10.0.0.9\nusername=a\naction=reboot\nnodename=node2\nport=node2\n"},
		{[]string{"port=7"}, "reset", "port=7\naction=reboot\nnodename=node2\n"},
		{[]string{"plug=7", "action=off"}, "reset", "plug=7\naction=off\nnodename=node2\n"},
		{[]string{"ip=1", "action=off"}, "status", "ip=1\naction=monitor\n"},
	} {
		node := "node2"
		if c.op == "status" {
			node = ""
		}
		in, err := agentInput(Device{Type: "fence_x", Params: c.params}, c.op, node)
		if err != nil || in != c.want {
			t.Errorf("%q %s: %q %v, want %q", c.params, c.op, in, err, c.want)
		}
	}
	for _, p := range []string{"word", "action=on", "action=list"} {
		if in, err := agentInput(Device{Type: "fence_x", Params: []string{p}}, "reset", "n"); err == nil {
			t.Errorf("parameter %q was taken: %q", p, in)
		}
	}
	if err := os.WriteFile(dir+"/f", []byte("# comment\nip=1 login=2\nport=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if in, err := agentInput(Device{Type: "fence_x", File: dir + "/f"}, "reset", "n"); err != nil || !strings.HasPrefix(in, "ip=1\nlogin=2\nport=3\n") {
		t.Errorf("from a file: %q %v", in, err)
	}
}
