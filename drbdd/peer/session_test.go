package peer

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"classicha/drbdd/wire"
)

func block(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) ^ seed
	}
	return b
}

// packets is one packet of each interesting form for a dialect.
func packets(d wire.Dialect) (all []got) {
	add := func(s wire.Socket, p wire.Packet) {
		if d.Version < 100 {
			p.Volume = 0
		}
		all = append(all, got{s, p})
	}
	add(wire.DataSocket, wire.Packet{Cmd: wire.CmdProtocol, Body: wire.Protocol{Protocol: 3}.For(d)})
	cmd, sp := wire.SyncParam{Rate: 250, VerifyAlg: "sha1"}.For(d)
	add(wire.DataSocket, wire.Packet{Cmd: cmd, Volume: 3, Body: sp})
	add(wire.DataSocket, wire.Packet{Cmd: wire.CmdBitmap, Volume: 1, Payload: block(d.BitmapRoom()&^7, 1)})
	for i, n := range []int{512, 4096, 32 << 10, d.MaxData()} {
		add(wire.DataSocket, wire.Packet{Cmd: wire.CmdData, Volume: 1, Body: wire.Data{Sector: 8, BlockID: uint64(i), Seq: 1}, Payload: block(n, byte(i))})
	}
	add(wire.DataSocket, wire.Packet{Cmd: wire.CmdUnplugRemote})
	add(wire.DataSocket, wire.Packet{Cmd: wire.CmdRSDataReply, Body: wire.Data{Sector: 16, BlockID: wire.IDSyncer}, Payload: block(8192, 9)})
	add(wire.DataSocket, wire.Packet{Cmd: wire.CmdBarrier, Body: wire.Barrier{Number: 77}})
	if d.Version >= 89 {
		add(wire.DataSocket, wire.Packet{Cmd: wire.CmdCsumRSRequest, Body: wire.BlockReq{Sector: 8, BlockID: wire.IDSyncer, Size: 4096}, Digest: block(20, 5)})
	}
	if d.Features&wire.FeatTrim != 0 {
		add(wire.DataSocket, wire.Packet{Cmd: wire.CmdTrim, Volume: 2, Body: wire.Trim{Data: wire.Data{Sector: 8}, Size: 65536}})
	}
	for i := range 50 {
		add(wire.MetaSocket, wire.Packet{Cmd: wire.CmdWriteAck, Volume: 1, Body: wire.BlockAck{Sector: uint64(i), BlockID: 5, Size: 4096, Seq: uint32(i)}})
	}
	add(wire.MetaSocket, wire.Packet{Cmd: wire.CmdPing})
	add(wire.MetaSocket, wire.Packet{Cmd: wire.CmdBarrierAck, Body: wire.BarrierAck{Number: 77, SetSize: 4}})
	return all
}

// talk sends packets from one session and compares what the other node received.
func talk(t *testing.T, from *Session, to *node, all []got) {
	t.Helper()
	to.mu.Lock()
	before := len(to.packets)
	to.mu.Unlock()
	var released atomic.Int32
	for i, g := range all {
		p := g.packet
		payload := append(append([]byte(nil), p.Digest...), p.Payload...)
		from.Send(g.sock, int(p.Volume), p.Cmd, p.Body, payload, func() { released.Add(1) }, 0)
		if i%7 == 0 {
			from.Flush()
		}
	}
	from.Flush()
	have := to.received(before + len(all))[before:]
	for _, sock := range []wire.Socket{wire.DataSocket, wire.MetaSocket} {
		of := func(all []got) (s []string) {
			for _, g := range all {
				if g.sock == sock {
					s = append(s, g.packet.String()+fmt.Sprintf(" %x", g.packet.Payload))
				}
			}
			return s
		}
		want, have := of(all), of(have)
		if len(want) != len(have) {
			t.Fatalf("%s: %d packets, want %d", sock, len(have), len(want))
		}
		for i := range want {
			if have[i] != want[i] {
				t.Errorf("%s packet %d:\ngot  %.200s\nwant %.200s", sock, i, have[i], want[i])
			}
		}
	}
	for end := time.Now().Add(5 * time.Second); released.Load() != int32(len(all)); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d payloads released", released.Load(), len(all))
		}
	}
	for _, s := range []wire.Socket{wire.DataSocket, wire.MetaSocket} {
		if n := from.QueuedBytes(s); n != 0 {
			t.Errorf("%d bytes queued on %s", n, s)
		}
	}
}

func TestDialects(t *testing.T) {
	for v := 86; v <= 101; v++ {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			a, b := two(t, func(ca, cb *Config) {
				ca.MaxVersion = v
				if v < 100 {
					ca.Features = 0
				}
				if v%2 == 0 {
					ca.CramAlg, ca.Secret, cb.CramAlg, cb.Secret = "md5", "x", "md5", "x"
				}
			})
			sa, sb := up(t, a, b)
			if sa.Dialect.Version != v || sa.Dialect.Features != a.cfg.Features {
				t.Errorf("agreed on %+v", sa.Dialect)
			}
			talk(t, sa, b, packets(sa.Dialect))
			talk(t, sb, a, packets(sb.Dialect))
		})
	}
}

func TestIPv6(t *testing.T) {
	pa, pb := freePort(t, "::1"), freePort(t, "::1")
	a, b := newNode(t, "a", quick(t, pa, pb)), newNode(t, "b", quick(t, pb, pa))
	sa, _ := up(t, a, b)
	talk(t, sa, b, packets(sa.Dialect))
}

// TestIntegrity: each direction follows the P_PROTOCOL and P_PROTOCOL_UPDATE that
// were sent in it, packet by packet.
func TestIntegrity(t *testing.T) {
	a, b := two(t, nil)
	sa, sb := up(t, a, b)
	var all []got
	for i, alg := range []string{"crc32c", "md5", "", "sha1", "sha256", "sha512"} {
		cmd := wire.CmdProtocolUpdate
		if i == 0 {
			cmd = wire.CmdProtocol
		}
		all = append(all, got{wire.DataSocket, wire.Packet{Cmd: cmd, Body: wire.Protocol{Protocol: 3, Integrity: alg}}})
		all = append(all, packets(sa.Dialect)[3:]...)
	}
	talk(t, sa, b, all)
	talk(t, sb, a, all)
}

// TestWrongDigest: one byte was changed on the way.
func TestWrongDigest(t *testing.T) {
	a, b := two(t, nil)
	sa, _ := up(t, a, b)
	d := wire.Dialect{Version: 101}
	raw := d.Append(nil, &wire.Packet{Cmd: wire.CmdProtocol, Body: wire.Protocol{Protocol: 3, Integrity: "md5"}})
	raw = d.Append(raw, &wire.Packet{Cmd: wire.CmdData, Body: wire.Data{Sector: 4711}, Digest: make([]byte, 16), Payload: block(4096, 1)})
	sa.out[0].conn.put(t, raw)
	e := b.wait("down")
	if e.cause != wire.ProtocolError || e.text != "Digest integrity check FAILED: 4711s +4096" || e.sock != wire.DataSocket {
		t.Errorf("%+v", e)
	}
	if e := a.wait("down"); e.cause != wire.BrokenPipe && e.cause != wire.NetworkFailure {
		t.Errorf("%+v", e)
	}
	if len(b.received(1)) != 1 {
		t.Error("damaged data was handed over")
	}
}

// TestBadPackets: what a peer may not send costs the session, with the kernel's line.
func TestBadPackets(t *testing.T) {
	d := wire.Dialect{Version: 101, Features: wire.AllFeatures}
	head := func(c wire.Command, length int) []byte { return d.AppendHeader(nil, c, 0, length) }
	data := head(wire.CmdData, 24+4096)
	for name, c := range map[string]struct {
		sock  wire.Socket
		raw   []byte
		cause wire.ConnState
		line  string
	}{
		"magic":           {wire.DataSocket, make([]byte, 16), wire.ProtocolError, "Wrong magic value 0x00000000 in protocol version 101"},
		"magic on meta":   {wire.MetaSocket, make([]byte, 16), wire.NetworkFailure, "Wrong magic value 0x00000000 in protocol version 101"},
		"unknown":         {wire.DataSocket, head(0x25, 0), wire.ProtocolError, "Unexpected data packet Unknown (0x0025)"},
		"unknown on meta": {wire.MetaSocket, head(0x25, 0), wire.Disconnecting, "Unexpected meta packet Unknown (0x0025)"},
		"challenge":       {wire.DataSocket, head(wire.CmdAuthChallenge, 64), wire.ProtocolError, "Unexpected data packet AuthChallenge (0x0010)"},
		"huge":            {wire.DataSocket, head(wire.CmdData, 1<<31), wire.ProtocolError, "Data: packet of 2147483648 bytes is too large"},
		"long ping":       {wire.MetaSocket, head(wire.CmdPing, 4), wire.NetworkFailure, "No payload expected Ping l:4"},
		"short data":      {wire.DataSocket, head(wire.CmdData, 23), wire.ProtocolError, "Data: unexpected packet size, expected:24 received:23"},
		"algorithm": {wire.DataSocket, d.Append(nil, &wire.Packet{Cmd: wire.CmdProtocol, Body: wire.Protocol{Integrity: "rot13"}}),
			wire.ProtocolError, `unknown data-integrity-alg "rot13" of the peer`},
		"cut in a header":  {wire.DataSocket, data[:5], wire.BrokenPipe, "sock was shut down by peer"},
		"cut in a struct":  {wire.DataSocket, append(bytes.Clone(data), make([]byte, 20)...), wire.BrokenPipe, "sock was shut down by peer"},
		"cut in a payload": {wire.DataSocket, append(bytes.Clone(data), make([]byte, 24+4095)...), wire.BrokenPipe, "sock was shut down by peer"},
		"cut on meta":      {wire.MetaSocket, head(wire.CmdWriteAck, 24), wire.NetworkFailure, "meta connection shut down by peer."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := two(t, nil)
			sa, _ := up(t, a, b)
			q := sa.queue(c.sock)
			q.conn.put(t, c.raw)
			if strings.HasPrefix(name, "cut") {
				q.conn.closeWrite()
			}
			e := b.wait("down")
			if e.cause != c.cause || e.text != c.line || e.sock != c.sock {
				t.Errorf("got %v %v %q\nwant %v %q", e.sock, e.cause, e.text, c.cause, c.line)
			}
			if len(b.packets) != 0 {
				t.Errorf("received %v", b.packets)
			}
			if b.conn.Wait(); b.count("down") != 1 || b.count("failed") != 0 {
				t.Errorf("events %+v", b.events)
			}
			if name == "cut in a header" {
				b.await("short read", func() bool { return strings.Contains(b.logs[len(b.logs)-1], "short read (expected size 16)") })
			}
		})
	}
}

// TestStalled: a peer that does not read makes Stalled events, again and again; when
// it reads again everything arrives; and closing releases what is left.
func TestStalled(t *testing.T) {
	a, b := two(t, func(ca, cb *Config) {
		ca.Timeout = 40 * time.Millisecond
		ca.SndBuf, cb.RcvBuf = 32<<10, 32<<10
	})
	var gate atomic.Pointer[chan struct{}]
	shut := func() func() {
		c := make(chan struct{})
		gate.Store(&c)
		return func() { close(c) }
	}
	open := shut()
	b.hook = func(*Session, got) { <-*gate.Load() }
	sa, _ := up(t, a, b)
	const n = 200
	var released atomic.Int32
	send := func(count int) {
		for i := range count {
			sa.Send(wire.DataSocket, 0, wire.CmdData, wire.Data{Sector: uint64(i) * 8}, block(64<<10, 1), func() { released.Add(1) }, uint64(i+1))
			sa.Flush()
		}
	}
	send(n)
	a.await("three stalls", func() bool {
		k := 0
		for _, e := range a.events {
			if e.what == "stalled" && e.sock == wire.DataSocket {
				k++
			}
		}
		return k >= 3
	})
	if q := sa.QueuedBytes(wire.DataSocket); q == 0 {
		t.Error("nothing is queued")
	}
	open()
	b.received(n)
	a.await("all sent", func() bool { return released.Load() == n })
	next := uint64(1)
	for _, e := range a.events {
		if e.what == "sent" {
			if e.token != next {
				t.Fatalf("token %d, want %d", e.token, next)
			}
			next++
		}
	}
	if next != n+1 {
		t.Errorf("%d tokens", next-1)
	}

	open = shut()
	send(n)
	sa.Close()
	sa.Wait()
	if r := released.Load(); r != 2*n {
		t.Errorf("%d of %d released after the end", r, 2*n)
	}
	sa.Send(wire.DataSocket, 0, wire.CmdData, wire.Data{}, block(512, 1), func() { released.Add(1) }, 99)
	sa.Flush()
	if released.Load() != 2*n+1 || a.count("down") != 1 {
		t.Errorf("after the end: %d released, %d downs", released.Load(), a.count("down"))
	}
	if e := a.wait("down"); e.cause != wire.Unconnected || e.text != "" {
		t.Errorf("%+v", e)
	}
	open()
}

// TestPoolExhausted: a reader without buffers waits, and ends when told to.
func TestPoolExhausted(t *testing.T) {
	a, b := two(t, nil)
	sa, sb := up(t, a, b)
	var hold []interface{ Release() }
	for {
		buf := b.cfg.Pool.TryGet(1 << 20)
		if buf == nil {
			break
		}
		hold = append(hold, buf)
	}
	sa.Send(wire.DataSocket, 0, wire.CmdData, wire.Data{}, block(4096, 1), nil, 0)
	sa.SendAck(0, wire.CmdWriteAck, wire.BlockAck{Size: 4096})
	sa.Flush()
	if g := b.received(1); g[0].sock != wire.MetaSocket {
		t.Errorf("got %v", g)
	}
	hold[0].Release()
	b.received(2)
	hold[0] = b.cfg.Pool.TryGet(1 << 20)
	sa.SendData(0, wire.CmdData, wire.Data{}, block(4096, 1), nil, 0)
	sa.Flush()
	time.Sleep(20 * time.Millisecond)
	sb.Close()
	sb.Wait()
	for _, h := range hold {
		h.Release()
	}
}

// TestManySenders: the order of each socket is the order of Send, also when several
// goroutines flush and the queue changes between direct writes and the writer.
func TestManySenders(t *testing.T) {
	a, b := two(t, func(ca, cb *Config) { ca.SndBuf, cb.RcvBuf = 16<<10, 16<<10 })
	sa, _ := up(t, a, b)
	const each = 300
	for g := range 4 {
		go func() {
			for i := range each {
				sa.Send(wire.DataSocket, g, wire.CmdData, wire.Data{BlockID: uint64(i)}, block(512*(1+i%40), byte(i)), nil, 0)
				sa.SendAck(g, wire.CmdWriteAck, wire.BlockAck{BlockID: uint64(i), Size: 512})
				sa.Flush()
			}
		}()
	}
	var next [2][4]uint64
	for _, g := range b.received(8 * each) {
		s, v := g.sock-1, g.packet.Volume
		id := next[s][v]
		next[s][v]++
		switch body := g.packet.Body.(type) {
		case wire.Data:
			if body.BlockID != id || !bytes.Equal(g.packet.Payload, block(512*(1+int(id)%40), byte(id))) {
				t.Fatalf("data %d of volume %d is %+v", id, v, body)
			}
		case wire.BlockAck:
			if body.BlockID != id {
				t.Fatalf("ack %d of volume %d is %+v", id, v, body)
			}
		}
	}
}

// TestResetByPeer: the other machine was switched off and on.
func TestResetByPeer(t *testing.T) {
	for _, c := range []struct {
		sock  wire.Socket
		cause wire.ConnState
		line  string
	}{
		{wire.DataSocket, wire.BrokenPipe, "sock was reset by peer"},
		{wire.MetaSocket, wire.NetworkFailure, "sock was reset by peer"},
	} {
		n := newNode(t, "n", Config{Pool: newPool(t), Ring: newRing(t)})
		s, data, meta := pair(t, &n.cfg, n, wire.Dialect{Version: 101})
		if c.sock == wire.DataSocket {
			reset(data)
		} else {
			reset(meta)
		}
		if e := n.wait("down"); e.sock != c.sock || e.cause != c.cause || e.text != c.line {
			t.Errorf("%+v, want %+v", e, c)
		}
		s.Wait()
		data.Close()
		meta.Close()
	}
}

// TestHold: a held session hands over no further packet of the data socket, and all of them
// afterwards; the meta socket goes on.
func TestHold(t *testing.T) {
	a, b := two(t, nil)
	b.hook = func(s *Session, g got) {
		if d, ok := g.packet.Body.(wire.Data); ok && d.BlockID == 1 {
			s.Hold()
			s.Hold() // who holds twice releases twice
		}
	}
	sa, sb := up(t, a, b)
	for id := range uint64(4) {
		sa.Send(wire.DataSocket, 0, wire.CmdData, wire.Data{BlockID: id}, block(4096, byte(id)), nil, 0)
	}
	sa.Flush()
	b.received(2)
	sa.SendAck(0, wire.CmdWriteAck, wire.BlockAck{Size: 4096})
	sa.Flush()
	if g := b.received(3); g[2].sock != wire.MetaSocket {
		t.Fatalf("got %v while held", g[2].packet)
	}
	sb.Release()
	time.Sleep(20 * time.Millisecond)
	b.mu.Lock()
	n := len(b.packets)
	b.mu.Unlock()
	if n != 3 {
		t.Fatalf("%d packets while it is still held once", n)
	}
	sb.Release()
	b.received(5)

	// A session that is held, with something to read, ends like any other.
	sb.Hold()
	sa.SendData(0, wire.CmdData, wire.Data{BlockID: 9}, block(4096, 9), nil, 0)
	sa.Flush()
	sb.Close()
	sb.Wait()
}
