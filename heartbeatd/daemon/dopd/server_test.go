package dopd

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/outdate"
	"classicha/internal/hlog"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link is a cluster of two nodes that hears what either sends.
type link struct {
	mu      sync.Mutex
	servers map[string]*Server
	states  map[string]string
	lines   []string
	joined  int
}

type end struct{ *link }

func (l end) Joined() { l.mu.Lock(); l.joined++; l.mu.Unlock() }
func (l end) Left()   { l.mu.Lock(); l.joined--; l.mu.Unlock() }
func (l end) Send(m *message.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.servers {
		s.Deliver(m)
	}
}

func (l end) Node(name string) (n Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if st := l.states[name]; st != "" {
		n.Type, n.Status = "normal", st
	}
	return n
}

// Reset of a dead node works at once.
func (l end) Reset(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.servers {
		s.Reset(name)
	}
}

func (l *link) log(node string) func(hlog.Level, string) {
	return func(level hlog.Level, text string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, node+" "+level.String()+": "+text)
	}
}

func (l *link) logged(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.lines, "\n"), text)
}

// two starts dopd on two nodes. drbdadm of node2 is a script.
func two(t *testing.T, drbdadm string, limit time.Duration) (*link, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "drbdadm"), []byte("#!/bin/sh\n"+drbdadm+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := &link{servers: map[string]*Server{}, states: map[string]string{"node1": "active", "node2": "active", "node3": "dead"}}
	for _, n := range []string{"node1", "node2"} {
		s, err := Listen(Options{
			Path: filepath.Join(dir, n), Node: n, Cluster: end{l}, Log: l.log(n), Limit: limit, Patience: time.Millisecond,
			Env: []string{"PATH=" + dir + ":/usr/bin:/bin", "OUT=" + dir},
		})
		if err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		l.servers[n] = s
		l.mu.Unlock()
		t.Cleanup(s.Close)
	}
	return l, dir
}

// ask is drbd-peer-outdater; -1 when it gets no answer.
func ask(t *testing.T, path string, r outdate.Request) int {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(clientapi.AppendFrame(nil, r.Message())); err != nil {
		t.Fatal(err)
	}
	m, err := clientapi.ReadFrame(c)
	if err != nil {
		return -1
	}
	v, src, err := outdate.ParseAnswer(m)
	if err != nil || src != "node1" {
		t.Errorf("answer %v of %q: %v", m, src, err)
	}
	return v
}

func TestWayThereAndBack(t *testing.T) {
	l, dir := two(t, `echo "$*" >>$OUT/ran; echo of $2; case $2 in bad) exit 1;; primary) exit 17;; broken) exit 5;; killed) kill -9 $$;; esac`, 0)
	for resource, want := range map[string]int{
		"r0": 4, "broken": 3, "primary": 6, "bad": 20, "killed": 20, "$(touch x)": -1, "all": -1,
	} {
		if got := ask(t, filepath.Join(dir, "node1"), outdate.Request{Peer: "node2", Resource: resource}); got != want {
			t.Errorf("%s: %d, want %d", resource, got, want)
		}
	}
	if got := ask(t, filepath.Join(dir, "node1"), outdate.Request{Peer: "node3", Resource: "r0"}); got != 5 {
		t.Errorf("dead peer: %d", got)
	}
	ran, _ := os.ReadFile(filepath.Join(dir, "ran"))
	if n := strings.Count(string(ran), "outdate "); n != 5 || strings.Contains(string(ran), "touch") {
		t.Errorf("drbdadm ran as\n%s", ran)
	}
	for _, want := range []string{"node2 info: drbdadm outdate r0: of r0", "node2 WARN: drbdadm outdate bad: unknown exit code 1",
		"node2 WARN: drbdadm outdate killed: signal: killed", "node1 WARN: request of drbd-peer-outdater refused: \"all\" is no name of a resource"} {
		if !l.logged(want) {
			t.Errorf("nobody logged %q:\n%s", want, strings.Join(l.lines, "\n"))
		}
	}
}

// A drbdadm that hangs is killed with all that it started, and the peer gets its answer.
func TestHangingCommand(t *testing.T) {
	l, dir := two(t, `sleep 1000 & echo $! >$OUT/pid; wait`, 300*time.Millisecond)
	if got := ask(t, filepath.Join(dir, "node1"), outdate.Request{Peer: "node2", Resource: "r0"}); got != 20 {
		t.Errorf("%d, want 20", got)
	}
	if !l.logged("killed after 300ms") {
		t.Errorf("log:\n%s", strings.Join(l.lines, "\n"))
	}
	pid, _ := os.ReadFile(filepath.Join(dir, "pid"))
	for i := 0; ; i++ {
		if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid))); err != nil {
			break
		} else if st, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); bytes.Contains(st, []byte(") Z ")) {
			break
		}
		if i > 200 {
			t.Fatal("the child of drbdadm lives on")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestFullOfOthers: one user, and all users but root, leave room for others and for root.
func TestFullOfOthers(t *testing.T) {
	s := &Server{clients: map[uint64]client{}}
	add := func(uid uint32, n int) (got int) {
		for range n {
			if s.full(uid) {
				return got
			}
			s.last++
			s.clients[s.last] = client{uid: uid}
			got++
		}
		return got
	}
	for _, c := range []struct {
		uid  uint32
		want int
	}{{1000, maxOfOne}, {1001, maxOfOne}, {1002, 0}, {0, maxClients - maxOthers}} {
		if got := add(c.uid, 100); got != c.want {
			t.Errorf("user %d: %d connections, want %d", c.uid, got, c.want)
		}
	}
	if uid := testUID(t); uid != uint32(os.Getuid()) {
		t.Errorf("the other end is user %d, want %d", uid, os.Getuid())
	}
}

// testUID is what a socket says of ourselves.
func testUID(t *testing.T) uint32 {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, err := ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	return uidOf(in)
}

// TestLeftBehind: a command that outlives its kill (its pipe does, here) is not waited for.
func TestLeftBehind(t *testing.T) {
	_, dir := two(t, `setsid sleep 4 & sleep 1000`, 300*time.Millisecond)
	begin := time.Now()
	if got := ask(t, filepath.Join(dir, "node1"), outdate.Request{Peer: "node2", Resource: "r0"}); got != 20 || time.Since(begin) > 3*time.Second {
		t.Errorf("%d after %v, want 20 after 0.3 to 1.3 s", got, time.Since(begin))
	}
}

// TestRole: who asks for the answer to a peer that left may be about to become Primary.
func TestRole(t *testing.T) {
	_, dir := two(t, `case $2 in two) echo Secondary/Unknown; echo Primary/Unknown;; r0) echo Secondary/Unknown;; pri) echo Primary/Unknown;; bad) echo Secondary/Unknown; exit 1;; none) ;; esac`, 0)
	s := &Server{o: Options{Env: []string{"PATH=" + dir + ":/usr/bin:/bin"}, Start: (*exec.Cmd).Start}, ctx: t.Context()}
	for resource, want := range map[string]bool{"r0": true, "pri": false, "two": false, "bad": false, "none": false} {
		if got := s.secondary(resource); got != want {
			t.Errorf("%s: %v, want %v", resource, got, want)
		}
	}
}

// Strangers: none of them holds anything up or brings dopd down.
func TestHostileConnections(t *testing.T) {
	l, dir := two(t, "exit 0", 0)
	for _, b := range [][]byte{
		nil, []byte("GET / HTTP/1.0\r\n\r\n"), {0xff, 0xff, 0xff, 0x7f, 0xcd, 0xab, 0, 0}, {5, 0, 0, 0, 0xcd, 0xab, 0, 0, 'h', 'e', 'l', 'l', 'o'},
		clientapi.AppendFrame(nil, message.New("t", "outdater")), clientapi.AppendFrame(nil, message.New("t", "start_outdate", "src", "node2", "dop_res", "r0")),
	} {
		c, err := net.Dial("unix", filepath.Join(dir, "node1"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(b)
		if len(b)%2 == 0 {
			c.Close()
		} else {
			defer c.Close()
		}
	}
	if got := ask(t, filepath.Join(dir, "node1"), outdate.Request{Peer: "node2", Resource: "r0"}); got != 4 {
		t.Errorf("%d, want 4", got)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joined != 2 {
		t.Errorf("%d nodes have announced dopd, want 2", l.joined)
	}
}

// A socket of a dead run is replaced; a file of somebody is not.
func TestSocketOfBefore(t *testing.T) {
	dir := t.TempDir()
	o := Options{Path: filepath.Join(dir, "s"), Node: "n", Cluster: end{&link{}}, Log: func(hlog.Level, string) {}}
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: o.Path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.WriteFile(o.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Listen(o); err == nil {
		s.Close()
		t.Error("a file was replaced")
	}
}

func TestDrbdadmIsMissing(t *testing.T) {
	if _, err := lookPath("drbdadm-that-nobody-has", []string{"PATH=.:" + t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Error(err)
	}
}

// FuzzRequest: what comes over the socket is a request with names that may be used, or refused.
func FuzzRequest(f *testing.F) {
	f.Add(clientapi.AppendFrame(nil, outdate.Request{Peer: "node2", Resource: "r0"}.Message()))
	f.Add([]byte("\x04\x00\x00\x00\xcd\xab\x00\x00>>>\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := clientapi.ReadFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		if r, err := outdate.ParseRequest(m); err == nil && (r.Peer == "" || strings.ContainsAny(r.Resource, " /,:\n\x00") || r.Resource[0] == '-') {
			t.Errorf("%q", r)
		}
	})
}
