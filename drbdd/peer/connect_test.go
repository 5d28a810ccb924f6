package peer

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/wire"
)

const (
	agreed   = "info: Handshake successful: Agreed network protocol version 101"
	featline = "info: Feature flags enabled on protocol level: 0xf TRIM THIN_RESYNC WRITE_SAME WRITE_ZEROES."
	discard  = "warn: Discarding network configuration."
)

func TestAuth(t *testing.T) {
	for alg, size := range map[string]int{"sha1": 20, "sha256": 32, "md5": 16, "sha512": 64} {
		t.Run(alg, func(t *testing.T) {
			a, b := two(t, func(ca, cb *Config) {
				for _, c := range []*Config{ca, cb} {
					c.CramAlg, c.Secret = alg, strings.Repeat("s", 63)
				}
			})
			sa, _ := up(t, a, b)
			talk(t, sa, b, packets(sa.Dialect))
			for _, n := range []*node{a, b} {
				n.wantLog(agreed, featline, fmt.Sprintf("info: Peer authenticated using %d bytes HMAC", size))
			}
		})
	}
}

func TestWrongSecret(t *testing.T) {
	a, b := two(t, func(ca, cb *Config) {
		ca.CramAlg, ca.Secret, cb.CramAlg, cb.Secret = "sha1", "right", "sha1", "wrong"
	})
	a.dial()
	b.dial()
	gave := 0
	for _, n := range []*node{a, b} {
		// Who is first closes the sockets, perhaps before the other has the response:
		// then that one tries again, as the kernel does.
		n.await("end", func() bool { return len(n.events) > 0 })
		n.mu.Lock()
		if n.events[0].what == "gave up" {
			gave++
		}
		if last := n.logs[len(n.logs)-1]; last != discard && !strings.HasSuffix(last, "trying again.") {
			t.Errorf("%s: %q", n.name, n.logs)
		}
		n.mu.Unlock()
	}
	if gave == 0 {
		t.Error("nobody gave up")
	}
}

// TestSecretOnOneSide: as recorded in auth_one_side_only.
func TestSecretOnOneSide(t *testing.T) {
	a, b := two(t, func(ca, cb *Config) { ca.CramAlg, ca.Secret = "sha1", "right" })
	b.onUp = func(s *Session) {
		s.Send(wire.DataSocket, 0, wire.CmdProtocol, wire.Protocol{Protocol: 3}, nil, nil, 0)
		s.Flush()
	}
	a.dial()
	b.dial()
	if e := b.wait("down"); e.cause != wire.ProtocolError && e.cause != wire.BrokenPipe && e.cause != wire.NetworkFailure ||
		e.cause == wire.ProtocolError && e.text != "Unexpected data packet AuthChallenge (0x0010)" {
		t.Errorf("%+v", e)
	}
	a.await("end", func() bool { return len(a.events) > 0 })
	if e := a.events[0]; e.what == "gave up" {
		a.wantLog(agreed, featline, "err: expected AuthChallenge packet, received: ReportProtocol (0x000b)",
			"err: Authentication of peer failed", discard)
	} else if e.what != "failed" {
		t.Errorf("%+v", e)
	}
}

func TestIncompatible(t *testing.T) {
	a, b := two(t, func(ca, cb *Config) { ca.MaxVersion, cb.MinVersion = 94, 95 })
	a.dial()
	b.dial()
	if e := a.wait("gave up"); e.text != "incompatible DRBD dialects: I support 86-94, peer supports 95-101" {
		t.Errorf("%+v", e)
	}
	if e := b.wait("gave up"); e.text != "incompatible DRBD dialects: I support 95-101, peer supports 86-94" {
		t.Errorf("%+v", e)
	}
}

// TestNoSuchAddress: without our own address there is nothing to try.
func TestNoSuchAddress(t *testing.T) {
	a := newNode(t, "a", quick(t, netip.MustParseAddrPort("192.0.2.1:7789"), freePort(t, "127.0.0.2"))).dial()
	if e := a.wait("gave up"); !strings.HasPrefix(e.text, "bind before ") || !strings.HasSuffix(e.text, " failed, err = -99") {
		t.Errorf("%+v", e)
	}
	a.conn.Wait()
}

// TestCrossedStarts: both nodes dial at the same moment, often, on the same ports.
func TestCrossedStarts(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	pa, pb := freePort(t, "127.0.0.1"), freePort(t, "127.0.0.2")
	ca, cb := quick(t, pa, pb), quick(t, pb, pa)
	var slowest, total time.Duration
	for i := range rounds {
		a := &node{t: t, name: "a", cfg: ca, changed: make(chan struct{})}
		b := &node{t: t, name: "b", cfg: cb, changed: make(chan struct{})}
		a.cfg.Log, b.cfg.Log = a.log, b.log
		begin := time.Now()
		if i%3 == 1 {
			time.AfterFunc(time.Duration(i*10)*time.Microsecond, func() { a.event(event{what: "go"}) })
			b.dial()
			a.wait("go")
			a.dial()
		}
		if i%3 != 1 {
			a.dial()
			b.dial()
		}
		sa, sb := a.wait("up").sess, b.wait("up").sess
		took := time.Since(begin)
		slowest, total = max(slowest, took), total+took
		if sa.ResolveConflicts == sb.ResolveConflicts {
			t.Fatalf("round %d: RESOLVE_CONFLICTS is %v on both nodes", i, sa.ResolveConflicts)
		}
		sa.Send(wire.DataSocket, 0, wire.CmdData, wire.Data{Seq: uint32(i)}, block(512, 1), nil, 0)
		sb.SendAck(0, wire.CmdWriteAck, wire.BlockAck{Seq: uint32(i)})
		sa.Flush()
		sb.Flush()
		if g := b.received(1)[0]; g.packet.Body.(wire.Data).Seq != uint32(i) || g.sock != wire.DataSocket {
			t.Fatalf("round %d: %v", i, g)
		}
		if g := a.received(1)[0]; g.packet.Body.(wire.BlockAck).Seq != uint32(i) || g.sock != wire.MetaSocket {
			t.Fatalf("round %d: %v", i, g)
		}
		a.end()
		b.wait("down")
		b.end()
	}
	t.Logf("%d rounds: %s on average, %s at most", rounds, total/time.Duration(rounds), slowest)
}

// TestRedial: after Down the owner dials again, at once, and the other node too.
func TestRedial(t *testing.T) {
	a, b := two(t, nil)
	for range 5 {
		sa, sb := up(t, a, b)
		sa.Close()
		b.wait("down")
		sb.Wait()
		sa.Wait()
		a.events, b.events = nil, nil
		a.conn, b.conn = nil, nil
	}
}

// raw is a connection that a stranger makes to a node.
func raw(t *testing.T, from string, to netip.AddrPort) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		nc, err := d.Dial("tcp", to.String())
		if err == nil {
			t.Cleanup(func() { nc.Close() })
			return nc
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// ended waits until the other side closes a connection.
func ended(t *testing.T, nc net.Conn) {
	t.Helper()
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, nc); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("the connection was not closed")
	}
}

// TestStrangers: another address is turned away; the peer's address with a wrong
// first packet, none, or many connections costs one line, and the peer gets through.
func TestStrangers(t *testing.T) {
	a, b := two(t, nil)
	a.dial()
	for range 3 {
		ended(t, raw(t, "127.0.0.3", a.cfg.Local))
	}
	for _, first := range [][]byte{
		wire.Initial.AppendHeader(nil, wire.CmdPing, 0, 0),
		wire.Initial.AppendHeader(nil, wire.CmdInitialData, 0, 8),
		[]byte("GET / HTTP/1.1\r\n\r\n"),
		make([]byte, 8),
	} {
		nc := raw(t, "127.0.0.2", a.cfg.Local)
		nc.Write(first)
		ended(t, nc)
	}
	raw(t, "127.0.0.2", a.cfg.Local).Close()
	var silent []net.Conn
	for range 3 * maxHalfOpen { // each waits for its first packet
		silent = append(silent, raw(t, "127.0.0.2", a.cfg.Local))
	}
	for _, nc := range silent[:2*maxHalfOpen] {
		ended(t, nc)
	}
	sa, _ := up(t, a, b)
	talk(t, sa, b, packets(sa.Dialect))
	a.mu.Lock()
	defer a.mu.Unlock()
	want := []string{
		"warn: connection from 127.0.0.3 refused: the peer is 127.0.0.2",
		"warn: Error receiving initial packet", agreed, featline,
	}
	if !slices.Equal(a.logs, want) {
		t.Errorf("log %q", a.logs)
	}
}

// TestSlowHandshake: a peer that opens both sockets and then sends its features a byte
// at a time has four times ping-timeout for them.
func TestSlowHandshake(t *testing.T) {
	a, b := two(t, nil)
	a.dial()
	data := raw(t, "127.0.0.2", a.cfg.Local)
	data.Write(wire.Initial.AppendHeader(nil, wire.CmdInitialData, 0, 0))
	meta := raw(t, "127.0.0.2", a.cfg.Local)
	meta.Write(wire.Initial.AppendHeader(nil, wire.CmdInitialMeta, 0, 0))
	go func() {
		for _, c := range wire.Initial.Append(nil, &wire.Packet{Cmd: wire.CmdFeatures, Body: wire.OwnFeatures(0)}) {
			if _, err := data.Write([]byte{c}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	begin := time.Now()
	if e := a.wait("failed"); e.text != "no ConnectionFeatures packet in time" {
		t.Errorf("%+v", e)
	}
	if d := time.Since(begin); d < 900*time.Millisecond || d > 10*time.Second {
		t.Errorf("after %s", d)
	}
	up(t, a, b)
}

// TestCloseWhileConnecting: nothing is called afterwards, and the port is free.
func TestCloseWhileConnecting(t *testing.T) {
	a, b := two(t, func(ca, cb *Config) {
		for _, c := range []*Config{ca, cb} {
			c.CramAlg, c.Secret = "sha1", "x"
		}
	})
	for i := range 40 {
		a.dial()
		b.dial()
		time.Sleep(time.Duration(i) * time.Millisecond)
		a.conn.Close()
		l, err := net.Listen("tcp", a.cfg.Local.String())
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		l.Close()
		n := a.count("up") + a.count("failed")
		a.conn.Wait()
		if m := a.count("up") + a.count("failed"); m > n+1 {
			t.Errorf("round %d: called after Close: %+v", i, a.events)
		}
		b.conn.Close()
		b.conn.Wait()
		for _, x := range []*node{a, b} {
			x.end()
			x.events = nil
		}
	}
}
