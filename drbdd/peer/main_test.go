package peer

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
	"classicha/drbdd/wire"
)

// ringed: sockets are read by rings, not by goroutines.
var ringed bool

// bothWays runs everything with goroutines and then with rings.
type bothWays struct{ m *testing.M }

func (b bothWays) Run() int {
	if code := b.m.Run(); code != 0 || flag.Lookup("test.fuzz").Value.String() != "" {
		return code
	}
	fmt.Println("with rings:")
	ringed = true
	return b.m.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(bothWays{m}) }

// newRing is nil unless rings are tested; it ends after what the test registers later.
func newRing(t testing.TB) *uring.Thread {
	if !ringed {
		return nil
	}
	r, err := uring.Start(uring.Options{})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// got is a packet that a node received.
type got struct {
	sock   wire.Socket
	packet wire.Packet
}

// event is another call of the handler.
type event struct {
	what  string // up, failed, gave up, down, stalled, sent
	sess  *Session
	sock  wire.Socket
	cause wire.ConnState
	text  string
	token uint64
}

// node is a handler that remembers.
type node struct {
	t    *testing.T
	name string
	cfg  Config
	conn *Connector

	mu      sync.Mutex
	changed chan struct{} // closed and made anew with each change
	packets []got
	events  []event
	logs    []string
	hook    func(*Session, got) // called with each packet, before it is remembered
	onUp    func(*Session)
}

func (n *node) change(f func()) {
	n.mu.Lock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
}

func (n *node) event(e event) { n.change(func() { n.events = append(n.events, e) }) }

func (n *node) Up(s *Session) {
	if n.onUp != nil {
		n.onUp(s)
	}
	n.event(event{what: "up", sess: s})
}

func (n *node) Failed(giveUp bool, reason string) {
	what := "failed"
	if giveUp {
		what = "gave up"
	}
	n.event(event{what: what, text: reason})
}

func (n *node) Packet(s *Session, sock wire.Socket, vol int, cmd wire.Command, body wire.Body, payload *blockdev.Buffer, digest []byte) {
	g := got{sock, wire.Packet{Cmd: cmd, Volume: uint16(vol), Body: body, Digest: slices.Clone(digest)}}
	if payload != nil {
		g.packet.Payload = slices.Clone(payload.B)
		payload.Release()
	}
	if n.hook != nil {
		n.hook(s, g)
	}
	n.change(func() { n.packets = append(n.packets, g) })
}

func (n *node) Sent(s *Session, token uint64) { n.event(event{what: "sent", sess: s, token: token}) }
func (n *node) Stalled(s *Session, sock wire.Socket) {
	n.event(event{what: "stalled", sess: s, sock: sock})
}

func (n *node) Down(s *Session, sock wire.Socket, cause wire.ConnState, line string) {
	n.event(event{what: "down", sess: s, sock: sock, cause: cause, text: line})
}

func (n *node) log(l Level, text string) {
	n.change(func() { n.logs = append(n.logs, l.String()+": "+text) })
}

// await waits until f, called with mu, is true.
func (n *node) await(what string, f func() bool) {
	n.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		n.mu.Lock()
		ok, changed := f(), n.changed
		n.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			n.mu.Lock()
			defer n.mu.Unlock()
			n.t.Fatalf("%s: no %s\nevents: %+v\nlog: %q\n%d packets", n.name, what, n.events, n.logs, len(n.packets))
		}
	}
}

// wait returns the first event of that kind.
func (n *node) wait(what string) (e event) {
	n.t.Helper()
	n.await(what, func() bool {
		for _, e = range n.events {
			if e.what == what {
				return true
			}
		}
		return false
	})
	return e
}

func (n *node) count(what string) (k int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.what == what {
			k++
		}
	}
	return k
}

func (n *node) received(count int) []got {
	n.t.Helper()
	n.await(fmt.Sprint(count, " packets"), func() bool { return len(n.packets) >= count })
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.packets
}

func (n *node) wantLog(lines ...string) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	logs := slices.DeleteFunc(slices.Clone(n.logs), func(s string) bool { return strings.HasSuffix(s, " crossed") })
	// Connections that cross may end before they said anything; those of another program too.
	const crossed = "warn: Error receiving initial packet"
	if !slices.Contains(lines, crossed) {
		logs = slices.DeleteFunc(logs, func(l string) bool { return l == crossed })
	}
	if got, want := strings.Join(logs, "\n"), strings.Join(lines, "\n"); got != want {
		n.t.Errorf("%s logs:\n%s\nwant:\n%s", n.name, got, want)
	}
}

func (n *node) dial() *node {
	n.conn = Dial(n.cfg, n)
	return n
}

// end closes what the node has and waits.
func (n *node) end() {
	if n.conn == nil {
		return
	}
	n.conn.Close()
	n.conn.Wait()
	n.mu.Lock()
	events := slices.Clone(n.events)
	n.mu.Unlock()
	for _, e := range events {
		if e.what == "up" {
			e.sess.Close()
			e.sess.Wait()
		}
	}
	if p := n.cfg.Pool; p.Free() != p.Size() {
		n.t.Errorf("%s: %d bytes of the pool are not released", n.name, p.Size()-p.Free())
	}
}

// freePort returns a port below those that the system gives to outgoing connections.
func freePort(t testing.TB, addr string) netip.AddrPort {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", net.JoinHostPort(addr, strconv.Itoa(20000+rand.IntN(12000))))
		if err == nil {
			defer l.Close()
			return l.Addr().(*net.TCPAddr).AddrPort()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Skip(err)
		}
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}

func newPool(t testing.TB) *blockdev.Pool {
	p, err := blockdev.NewPool(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func quick(t testing.TB, local, remote netip.AddrPort) Config {
	return Config{
		Local: local, Remote: remote, Pool: newPool(t), Ring: newRing(t),
		ConnectInt: 500 * time.Millisecond, PingTimeout: 250 * time.Millisecond,
		SockCheckTimeo: 10 * time.Millisecond, Timeout: 6 * time.Second,
		Features: wire.AllFeatures, Cork: true,
	}
}

// newNode makes a node that is ended with the test.
func newNode(t *testing.T, name string, cfg Config) *node {
	n := &node{t: t, name: name, cfg: cfg, changed: make(chan struct{})}
	n.cfg.Log = n.log
	t.Cleanup(n.end)
	return n
}

// two makes two nodes that know each other.
func two(t *testing.T, change func(a, b *Config)) (a, b *node) {
	t.Helper()
	pa, pb := freePort(t, "127.0.0.1"), freePort(t, "127.0.0.2")
	ca, cb := quick(t, pa, pb), quick(t, pb, pa)
	if change != nil {
		change(&ca, &cb)
	}
	return newNode(t, "a", ca), newNode(t, "b", cb)
}

// up dials both and returns their sessions.
func up(t *testing.T, a, b *node) (sa, sb *Session) {
	t.Helper()
	for _, n := range []*node{a, b} {
		if n.conn == nil {
			n.dial()
		}
	}
	sa, sb = a.wait("up").sess, b.wait("up").sess
	if sa.ResolveConflicts == sb.ResolveConflicts {
		t.Errorf("RESOLVE_CONFLICTS is %v on both nodes", sa.ResolveConflicts)
	}
	if sa.Dialect != sb.Dialect {
		t.Errorf("dialects %+v and %+v", sa.Dialect, sb.Dialect)
	}
	return sa, sb
}
