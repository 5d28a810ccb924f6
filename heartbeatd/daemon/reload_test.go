package daemon

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/media/mediatest"
)

// rewrite changes a file of the configuration and its time stamp.
func (n *testNode) rewrite(name string, change func(string) string) {
	n.t.Helper()
	path := n.paths.Conf + "/" + name
	st, err := os.Stat(path)
	if err != nil {
		n.t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		n.t.Fatal(err)
	}
	n.write(name, change(string(b)), st.Mode().Perm())
	later := st.ModTime().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		n.t.Fatal(err)
	}
}

func (n *testNode) hangup() { n.d.signalled(syscall.SIGHUP) }

func TestReloadKeepsResources(t *testing.T) {
	a, b, _ := bootPair(t)
	a.hangup()
	a.logged("Configuration unchanged.")
	a.rewrite("ha.cf", func(s string) string { return s + "hopfudge 2\n" })
	a.logged("changed; it is used after") // noticed, not used
	a.until("warning in the view", func() bool {
		return strings.Contains(strings.Join(a.view().Warnings, ""), "changed since heartbeat read it: ha.cf;")
	})
	a.hangup()
	e := a.end()
	if e.again == nil || e.again.Held != cluster.HoldLocal || strings.Join(e.again.Groups, " ") != "Rsc::a" {
		t.Fatalf("ended with %+v, want another execution that holds local and Rsc::a", e)
	}
	// What execAgain does before the exec, in one process.
	if err := state.SaveHeld(a.paths.held(), state.Held{Class: e.again.Held.String(), Took: e.again.Took.String(), Groups: e.again.Groups}); err != nil {
		t.Fatal(err)
	}
	a.boot(options{restart: true, held: "local"})
	a.logged("restarted in place, holding local resources: Rsc::a")
	a.until("stable again", func() bool { v := a.view(); return v.Stable && v.Holds == "local" })
	if _, err := os.Stat(a.paths.held()); err == nil {
		t.Error("the file of held resources is used twice")
	}
	if n := a.calls("a start"); n != 1 {
		t.Errorf("a was started %d times, want once: the restart keeps it", n)
	}
	if n := a.calls("a stop"); n != 0 {
		t.Errorf("a was stopped %d times", n)
	}
	if strings.Contains(b.log(), "is dead") || b.runs("a") {
		t.Error("the peer did not wait for the restart")
	}
}

func TestReloadOfBrokenFilesChangesNothing(t *testing.T) {
	a, _, _ := bootPair(t)
	a.rewrite("ha.cf", func(s string) string { return s + "wibble 2\n" })
	a.hangup()
	a.logged("ERROR: Illegal directive [wibble]")
	a.logged("heartbeat goes on with the one that it has")
	a.rewrite("ha.cf", func(s string) string { return strings.Replace(s, "wibble 2\n", "", 1) })
	a.rewrite("nodeinfo", func(string) string { return "node2\n" })
	a.hangup()
	a.logged("the name of this node changed from node1 to node2")
	if v := a.view(); !v.Stable || v.Holds != "local" {
		t.Errorf("after two refused reloads: %+v", v)
	}
}

// A medium that cannot be opened refuses the reload. One that went away between the check and
// the exec does not end a daemon whose resources run.
func TestReloadWithAMediumThatCannotBeOpened(t *testing.T) {
	a, b, hub := bootPair(t)
	for _, n := range []*testNode{a, b} {
		n.rewrite("ha.cf", func(s string) string { return s + "ping 10.9.9.9\n" })
	}
	hub.Refuse("10.9.9.9", true)
	a.hangup()
	a.logged("ERROR: cannot open ping 10.9.9.9: no such device")
	a.logged("heartbeat goes on with the one that it has")
	hub.Refuse("10.9.9.9", false)
	a.hangup()
	e := a.end()
	if e.again == nil {
		t.Fatalf("ended with %+v, want another execution", e)
	}
	if err := state.SaveHeld(a.paths.held(), state.Held{Class: e.again.Held.String(), Took: e.again.Took.String(), Groups: e.again.Groups}); err != nil {
		t.Fatal(err)
	}
	hub.Refuse("10.9.9.9", true)
	a.boot(options{restart: true, held: "local"})
	a.logged("ERROR: cannot open ping 10.9.9.9: no such device")
	a.until("stable again", func() bool { v := a.view(); return v.Stable && v.Holds == "local" })
	if n := a.calls("a start"); n != 1 || strings.Contains(b.log(), "is dead") {
		t.Errorf("a was started %d times, or node2 missed node1", n)
	}
	open := func() bool { return !strings.Contains(strings.Join(a.view().Warnings, "\n"), "10.9.9.9 is not open") }
	if open() {
		t.Error("nothing is said of the medium that is not open")
	}
	hub.Refuse("10.9.9.9", false)
	a.d.call(func() { a.d.dirty = true })
	a.until("open later", open)
}

func TestReloadOfKeys(t *testing.T) {
	a, b, _ := bootPair(t)
	a.rewrite("authkeys", func(string) string { return "auth 1\n" })
	a.hangup()
	a.logged("Authentication reparsing error: heartbeat goes on with the keys that it has.")
	// A second key on both, then it is used.
	for _, n := range []*testNode{a, b} {
		n.rewrite("authkeys", func(string) string { return "auth 1\n1 sha1 secret\n2 md5 other\n" })
		n.hangup()
		n.logged("Rereading authentication file.")
	}
	for _, n := range []*testNode{a, b} {
		n.rewrite("authkeys", func(string) string { return "auth 2\n1 sha1 secret\n2 md5 other\n" })
		n.hangup()
		n.until("second key in use", func() bool { return strings.Count(n.log(), "Rereading authentication file.") >= 2 })
	}
	if err := a.ask("standby", "all"); err != nil {
		t.Fatal(err)
	}
	b.runsOnly("a", "a2", "b")
	if strings.Contains(a.log()+b.log(), "is dead") {
		t.Error("a node died of the change of keys")
	}
}

func TestDebugSignals(t *testing.T) {
	a, _, _ := bootPair(t)
	a.d.signalled(syscall.SIGUSR1)
	a.logged("debug now set to 1 [pid ")
	a.d.signalled(syscall.SIGUSR2)
	a.logged("debug now set to 0 [pid ")
	if err := a.ask("debug", "3"); err != nil {
		t.Fatal(err)
	}
	a.until("messages in the debug file", func() bool {
		b, _ := os.ReadFile(a.dir + "/debug")
		return strings.Contains(string(b), "debug: received on lo: t=status st=active") && strings.Contains(string(b), "debug: sent: t=status st=active")
	})
	a.d.signalled(syscall.SIGINT)
	a.d.signalled(syscall.SIGPIPE)
	if a.view().Shutdown {
		t.Error("INT or PIPE stopped the node")
	}
}

func TestJSONLog(t *testing.T) {
	hub := mediatest.NewHub(1)
	a := newTestNode(t, hub, "node1")
	a.write("haext.cf", "logformat json\n", 0o644)
	a.boot(options{})
	a.logged("Local status now set to: 'up'")
	for line := range strings.Lines(a.log()) {
		var rec struct{ Time, Level, Text string }
		if err := json.Unmarshal([]byte(line), &rec); err != nil || rec.Time == "" || rec.Level == "" || rec.Text == "" {
			t.Fatalf("%q: %v %+v", line, err, rec)
		}
	}
}
