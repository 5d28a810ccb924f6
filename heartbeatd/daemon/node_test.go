package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/daemon/rt"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/media/mediatest"
	"classicha/heartbeatd/resource"
	"classicha/internal/hlog"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	os.Setenv("HA_EMERGENCY", "log")
	if os.Getenv("HB_TEST_MAIN") != "" { // this is the command heartbeat, see main_test.go
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// testNode is a whole daemon in this process: real files, scripts and sockets in a
// directory of its own, media in memory, no real-time priority.
type testNode struct {
	t       *testing.T
	name    string
	dir     string
	paths   Paths
	hub     *mediatest.Hub
	devices []resource.Device // instead of those of ha.cf
	d       *Daemon
	ended   chan *ending
	peer    *testNode // whose log tells the other half
}

// rsc is a resource script: state in a file, calls recorded.
const rsc = `#!/bin/sh
for op in "$@"; do :; done
echo "$*" >>"$RSC_DIR/calls"
case $op in
start) [ -e "$RSC_DIR/fail-start-$1" ] && exit 1; : >"$RSC_DIR/up-$1";;
stop) [ -e "$RSC_DIR/fail-stop-$1" ] && exit 1; rm -f "$RSC_DIR/up-$1";;
status) if [ -e "$RSC_DIR/up-$1" ]; then echo running; else echo stopped; fi;;
esac
exit 0
`

// newTestNode writes the configuration of a node. extra are lines of ha.cf.
func newTestNode(t *testing.T, hub *mediatest.Hub, name string, extra ...string) *testNode {
	t.Helper()
	dir := t.TempDir()
	n := &testNode{t: t, name: name, dir: dir, hub: hub, paths: Paths{
		Conf: filepath.Join(dir, "ha.d"), State: filepath.Join(dir, "lib"), Run: filepath.Join(dir, "run"), PID: filepath.Join(dir, "pid")}}
	lines := append([]string{
		"logfile " + dir + "/log", "debugfile " + dir + "/debug",
		"keepalive 50ms", "deadtime 400ms", "warntime 200ms", "initdead 1",
		"ucast lo 127.0.0.1", "auto_failback on", "node node1 node2", "env RSC_UNUSED=1",
	}, extra...)
	n.write("ha.cf", strings.Join(lines, "\n")+"\n", 0o644)
	n.write("haresources", "node1 Rsc::a Rsc::a2\nnode2 Rsc::b\n", 0o644)
	n.write("authkeys", "auth 1\n1 sha1 secret\n", 0o600)
	n.write("nodeinfo", name+"\n", 0o644)
	n.write("resource.d/Rsc", strings.ReplaceAll(rsc, "$RSC_DIR", dir), 0o755)
	n.write("harc", "#!/bin/sh\nexec \"$HA_RCDIR/$1\" \"$1\"\n", 0o755)
	n.write("shellfuncs", "", 0o644)
	return n
}

func (n *testNode) write(name, text string, mode os.FileMode) {
	n.t.Helper()
	path := filepath.Join(n.paths.Conf, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		n.t.Fatal(err)
	}
}

// prepare makes the daemon as run does, without what is of the process.
func (n *testNode) prepare(o options) *Daemon {
	n.t.Helper()
	o.noRealtime = true
	l, found := load(n.paths.Conf)
	if lines, ok := config.StartLog(found); !ok {
		n.t.Fatalf("%s: configuration refused: %v", n.name, lines)
	}
	log := hlog.New(hlog.Options{Entity: "heartbeat"}, logConfig(l.Config, nil))
	d := newDaemon(n.paths, o, l, log)
	d.newMedium = func(s media.Spec) (media.Medium, error) {
		link := s.Interface + s.TTY + s.Name
		if link == "" {
			link = s.Hosts[0]
		}
		return n.hub.Join(n.name, link, s.Kind), nil
	}
	if n.devices != nil {
		d.devices = n.devices
	}
	return d
}

// tryStart wants the start to fail.
func (n *testNode) tryStart() error {
	n.t.Helper()
	d := n.prepare(options{})
	err := d.start(rt.Status{})
	d.finish()
	d.log.Close()
	return err
}

// boot starts the daemon and its loop.
func (n *testNode) boot(o options) {
	n.t.Helper()
	d := n.prepare(o)
	if err := d.start(rt.Status{}); err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
	ended := make(chan *ending, 1)
	n.d, n.ended = d, ended
	go func() {
		e := d.guardedLoop()
		d.finish()
		d.log.Close()
		ended <- e
	}()
	n.t.Cleanup(n.halt)
}

// halt ends the daemon at once if it runs, as a crash would: nobody is told.
func (n *testNode) halt() {
	if n.d == nil {
		return
	}
	d := n.d
	d.call(func() { d.ending = &ending{code: -1} })
	n.end()
}

// end waits for the daemon's end.
func (n *testNode) end() *ending {
	n.t.Helper()
	if n.d == nil {
		return nil
	}
	select {
	case e := <-n.ended:
		n.d = nil
		return e
	case <-time.After(patience):
		n.t.Fatalf("%s does not end; its log:\n%s", n.name, n.log())
		return nil
	}
}

func (n *testNode) log() string {
	b, _ := os.ReadFile(filepath.Join(n.dir, "log"))
	return string(b)
}

// until waits for a condition.
func (n *testNode) until(what string, ok func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			text := n.log()
			if n.peer != nil {
				text += n.peer.name + ":\n" + n.peer.log()
			}
			n.t.Fatalf("%s: waited in vain: %s\nlog:\n%s", n.name, what, text)
		}
	}
}

func (n *testNode) logged(text string) {
	n.t.Helper()
	n.until("log line "+text, func() bool { return strings.Contains(n.log(), text) })
}

func (n *testNode) runs(name string) bool {
	_, err := os.Stat(filepath.Join(n.dir, "up-"+name))
	return err == nil
}

// runsOnly waits until exactly these resources run here.
func (n *testNode) runsOnly(names ...string) {
	n.t.Helper()
	n.until(fmt.Sprintf("running exactly %v", names), func() bool {
		for _, r := range []string{"a", "a2", "b"} {
			want := false
			for _, w := range names {
				want = want || w == r
			}
			if n.runs(r) != want {
				return false
			}
		}
		return true
	})
}

func (n *testNode) view() cluster.View {
	n.t.Helper()
	v, err := ctl.View(context.Background(), n.paths.control())
	if err != nil {
		n.t.Fatal(err)
	}
	return v
}

// settled waits until nothing moves: a request to move something would be refused before.
func (n *testNode) settled() {
	n.t.Helper()
	n.until("settled", func() bool {
		v := n.view()
		ok := v.Stable
		for _, g := range v.Groups {
			ok = ok && g.Owner != "" && g.State == "running"
		}
		return ok
	})
}

// bootPair starts node1 and node2 on one hub and waits until both serve.
func bootPair(t *testing.T, extra ...string) (a, b *testNode, hub *mediatest.Hub) {
	t.Helper()
	hub = mediatest.NewHub(1)
	a, b = newTestNode(t, hub, "node1", extra...), newTestNode(t, hub, "node2", extra...)
	a.peer, b.peer = b, a
	a.boot(options{})
	b.boot(options{})
	a.runsOnly("a", "a2")
	b.runsOnly("b")
	a.settled()
	b.settled()
	return a, b, hub
}

// ask sends a request to the control socket.
func (n *testNode) ask(verb string, args ...string) error {
	return ctl.Do(context.Background(), n.paths.control(), nil, verb, args...)
}

// tryView is view without giving up on an error.
func (n *testNode) tryView() (cluster.View, error) {
	return ctl.View(context.Background(), n.paths.control())
}
