package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"classicha/tests/lab"
)

// forget removes from a node whatever Heartbeat the machine has installed: the guide
// begins with nothing.
const forget = `rm -rf /usr/libexec/heartbeat /usr/share/heartbeat /etc/ha.d/* /etc/init.d/heartbeat /usr/bin/cl_status
! command -v heartbeatd hb_mon cl_status`

// TestStartGuide does what docs/start.md says on two machines that have nothing.
func TestStartGuide(t *testing.T) {
	t.Parallel()
	if why := lab.Missing(); why != "" {
		t.Skip(why)
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	l, err := lab.New(lab.Options{
		Nodes: []lab.NodeSpec{{Name: "serv-a", Host: 1}, {Name: "serv-b", Host: 2}}, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	a, b := l.Node("serv-a"), l.Node("serv-b")
	src := copySources(t)
	prepare := func(n *lab.Node) {
		t.Helper()
		makePrivate(t, n)
		if r := n.Run("sh", "-c", forget); r.Code != 0 {
			t.Fatal(r.Out)
		}
	}
	// make and go are found, and the guide's directory is that of the sources.
	there := func(bl block) block {
		bl.text = "PATH=$PATH:" + filepath.Dir(goTool) + "\nexport PATH\ncd " + src + "\n" + bl.text
		return bl
	}
	install := func(n *lab.Node) {
		t.Helper()
		for _, bl := range blocks(t, "start.md") {
			if bl.about("serv-a", "serv-b") {
				run(t, n, there(bl))
			}
		}
	}
	for _, n := range l.Nodes {
		prepare(n)
	}
	for rest := blocks(t, "start.md"); len(rest) > 0; {
		var now []block
		now, rest = stretch(rest)
		where := strings.Join(now[0].words[1:], " ")
		nodes := []*lab.Node{a}
		switch where {
		case "serv-a serv-b":
			nodes = l.Nodes
		case "serv-a":
		case "serv-b after the power cut":
			nodes = []*lab.Node{b}
			if _, err := a.PowerCut(); err != nil {
				t.Fatal(err)
			}
		case "serv-a after its return":
			if err := a.Boot(); err != nil {
				t.Fatal(err)
			}
			prepare(a) // its memory was lost, and that is where it had the installation
			install(a)
		default:
			t.Fatalf("line %d: where is a block for %q to be run?", now[0].line, where)
		}
		for _, bl := range now {
			for _, n := range nodes {
				run(t, n, there(bl))
			}
		}
	}
	holder := func(n *lab.Node) bool {
		return strings.Contains(n.Run("ip", "-4", "addr", "show", "dev", "eth0").Out, "192.168.77.100")
	}
	if !holder(a) || holder(b) {
		t.Errorf("in the end the address is on serv-a: %v, on serv-b: %v; want it home", holder(a), holder(b))
	}
}
