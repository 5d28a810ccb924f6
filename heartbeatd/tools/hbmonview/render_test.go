package hbmonview

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/internal/screen"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

var now = time.Date(2026, 11, 21, 0, 25, 43, 0, time.UTC)

func healthy() cluster.View {
	return cluster.View{
		Node: "serv-a", Version: "0.1", Generation: 1795220914, Started: now.Add(-52*time.Hour - 10*time.Minute), Now: now,
		Status: "active", CommUp: true, AutoFailback: "on", ResState: "stable", Holds: "local", Stable: true,
		DeadtimeMS: 10000, KeepaliveMS: 1500,
		Nodes: []cluster.NodeView{
			{Name: "serv-a", Type: "normal", Status: "active", Ours: true, Holds: "local", Stable: true,
				Links: []cluster.LinkView{{Name: "eth0", Status: "up"}, {Name: "/dev/ttyS0", Status: "up"}}},
			{Name: "serv-b", Type: "normal", Status: "active", Holds: "local", Stable: true, LastMS: 400,
				Links: []cluster.LinkView{{Name: "eth0", Status: "up"}, {Name: "/dev/ttyS0", Status: "up"}}},
			{Name: "130.66.201.254", Type: "ping", Status: "ping", LastMS: 1200,
				Links: []cluster.LinkView{{Name: "130.66.201.254", Status: "up"}}},
		},
		Groups: []cluster.GroupView{
			{Key: "130.66.201.3", Home: "serv-a", Owner: "serv-a", State: "running",
				Resources: []string{"130.66.201.3", "drbddisk::web", "Filesystem::/dev/drbd0::/var/www::ext4", "apache", "MailTo::root::failover"}},
			{Key: "mysql-debian", Home: "serv-b", Owner: "serv-b", State: "running", Resources: []string{"mysql-debian"}},
		},
		Counters: map[string]int64{"retransmitted": 3, "bad auth": 0, "malformed": 12},
	}
}

func afterFailure() cluster.View {
	v := healthy()
	v.Holds = "all"
	v.Nodes[0].Holds = "all"
	v.Nodes[1].Status, v.Nodes[1].LastMS, v.Nodes[1].Holds = "dead", 185000, "none"
	v.Nodes[1].Links[0].Status, v.Nodes[1].Links[1].Status = "dead", "dead"
	v.Groups[1].Owner, v.Groups[1].State, v.Groups[1].Reason = "serv-a", "failed", "/etc/ha.d/resource.d/mysql-debian start ended with exit code 1 after 30 s"
	v.Warnings = []string{"node serv-b is dead", "group mysql-debian could not be started here"}
	return v
}

func transition() cluster.View {
	v := healthy()
	v.Standby, v.Stable, v.Shutdown = "me foreign", false, true
	v.Groups[0].State = "stopping"
	v.Groups[1].State, v.Groups[1].Owner = "stopped", ""
	v.Nodes[1].Links[1].Status = "dead"
	v.Nodes[2].Status = "dead"
	v.Nodes[1].LastMS = 6200
	v.Warnings = []string{"nothing is heard from node serv-b on /dev/ttyS0", "ping node 130.66.201.254 does not answer"}
	return v
}

func starting() cluster.View {
	return cluster.View{Node: "a-very-long-node-name.with.its.domain.example.org", Now: now, Started: now.Add(-4 * time.Second), Status: "up",
		AutoFailback: "legacy", ResState: "init", Holds: "none", Fencing: true, KeepaliveMS: 50, DeadtimeMS: 200,
		Nodes: []cluster.NodeView{
			{Name: "a-very-long-node-name.with.its.domain.example.org", Type: "normal", Status: "up", Holds: "none"},
			{Name: "evil\x1b[2Jnode", Type: "normal", Status: "dead", Holds: "unknown", LastMS: -1, Links: []cluster.LinkView{{Name: "eth0", Status: "dead"}}},
		}}
}

// The golden files are what a person sees: look at them when they change
// (go test -run Golden -rewrite).
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name   string
		view   cluster.View
		o      Options
		colour bool
	}{
		{"healthy-80", healthy(), Options{Width: 80, Counters: true}, false},
		{"healthy-120", healthy(), Options{Width: 120}, false},
		{"healthy-50", healthy(), Options{Width: 50}, false},
		{"healthy-30", healthy(), Options{Width: 30}, false},
		{"healthy-80-colour", healthy(), Options{Width: 80}, true},
		{"failure-80", afterFailure(), Options{Width: 80}, false},
		{"failure-80-colour", afterFailure(), Options{Width: 80}, true},
		{"transition-80", transition(), Options{Width: 80}, false},
		{"transition-50", transition(), Options{Width: 50}, false},
		{"starting-80", starting(), Options{Width: 80, Counters: true}, false},
	} {
		got := screen.Encode(Render(c.view, c.o), c.o.Width, c.colour)
		path := filepath.Join("testdata", c.name+".txt")
		if *rewrite {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, want)
		}
	}
}

func TestSummaries(t *testing.T) {
	v := healthy()
	check := func(what string, want Severity, text string) {
		t.Helper()
		if sev, got := Summary(v); sev != want || got != text {
			t.Errorf("%s: %v %q, want %v %q", what, sev, got, want, text)
		}
	}
	check("healthy", OK, "2 of 2 nodes active, 2 of 2 groups running")
	v = afterFailure()
	check("failure", Critical, "group mysql-debian failed on serv-a; 1 of 2 nodes active (serv-b is dead), 1 of 2 groups running")
	v = healthy()
	v.Groups[0].State, v.Groups[0].Owner = "stopped", ""
	check("nobody runs it", Critical, "group 130.66.201.3 runs nowhere; 2 of 2 nodes active, 1 of 2 groups running")
	v.Stable = false
	check("in transition that is no trouble", Busy, "2 of 2 nodes active, 1 of 2 groups running")
	v = healthy()
	v.Groups[0].State = "stuck"
	check("stuck", Critical, "group 130.66.201.3 cannot be stopped on serv-a; 2 of 2 nodes active, 1 of 2 groups running")
	v = healthy()
	v.Nodes[1].Links[0].Status = "dead"
	check("a link", Warning, "1 link is dead; 2 of 2 nodes active, 2 of 2 groups running")
	v = healthy()
	v.Nodes[1].Status = "up"
	check("joining", Busy, "1 of 2 nodes active (serv-b is up), 2 of 2 groups running")
	v = cluster.View{Node: "x", Stable: true, Nodes: []cluster.NodeView{{Name: "x", Status: "active"}}}
	check("no groups", OK, "1 of 1 node active")
}

// Every width gives lines that fit, and nothing hostile reaches the terminal.
func TestEveryWidth(t *testing.T) {
	for _, v := range []cluster.View{healthy(), afterFailure(), transition(), starting(), {}} {
		for width := 1; width <= 200; width++ {
			out := screen.Encode(Render(v, Options{Width: width, Counters: true}), width, false)
			for _, l := range strings.Split(out, "\n") {
				if n := len([]rune(l)); n > width {
					t.Fatalf("width %d: a line has %d columns: %q", width, n, l)
				}
				if strings.ContainsAny(l, "\x1b\r\a") {
					t.Fatalf("width %d: %q", width, l)
				}
			}
		}
	}
}
