package peer

import (
	"fmt"
	"net"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/peer/meet"
	"classicha/drbdd/uring"
	"classicha/drbdd/wire"
)

// pair makes a session and the other ends of its sockets.
func pair(t testing.TB, cfg *Config, h Handler, d wire.Dialect) (s *Session, data, meta *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	connect := func() (a, b *net.TCPConn) {
		x, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		y, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return x.(*net.TCPConn), y.(*net.TCPConn)
	}
	d1, d2 := connect()
	m1, m2 := connect()
	if cfg.Log == nil {
		cfg.Log = func(Level, string) {}
	}
	return begin(t, cfg, h, meet.Established{Dialect: d}, d1, m1), d2, m2
}

// begin starts a session.
func begin(t testing.TB, cfg *Config, h Handler, end meet.Established, data, meta *net.TCPConn) *Session {
	t.Helper()
	s, err := newSession(cfg, h, end, data, meta)
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

// put sends bytes past the sender.
func (k *socket) put(t testing.TB, b []byte) {
	t.Helper()
	k.fd(func(fd int) {
		if n, err := unix.Write(fd, b); n != len(b) {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
		}
	})
}

// FuzzReceive gives a session any bytes. It must hand over exactly the packets that
// the decoder of package wire sees in them, and end with everything released, read by
// goroutines or by a ring.
// Goroutines make the coverage vary: fuzz with -fuzzminimizetime=1x.
func FuzzReceive(f *testing.F) {
	for _, v := range []int{88, 95, 101} {
		d := wire.Dialect{Version: v}
		var data, meta []byte
		for _, g := range packets(d) {
			if g.packet.Payload != nil && len(g.packet.Payload) > 4096 {
				continue
			}
			if b := d.Append(nil, &g.packet); g.sock == wire.DataSocket {
				data = append(data, b...)
			} else {
				meta = append(meta, b...)
			}
		}
		f.Add(uint8(v), data, meta)
		f.Add(uint8(0x80|(v-86)%16), data, meta)
		f.Add(uint8(v), data[:len(data)/2], meta[:len(meta)-3])
		f.Add(uint8(v), d.Append(d.Append(nil, &wire.Packet{Cmd: wire.CmdProtocol, Body: wire.Protocol{Integrity: "crc32c"}}),
			&wire.Packet{Cmd: wire.CmdData, Body: wire.Data{}, Payload: make([]byte, 512)}), meta)
	}
	pool, err := blockdev.NewPool(4 << 20)
	if err != nil {
		f.Fatal(err)
	}
	ring, err := uring.Start(uring.Options{})
	if err != nil {
		f.Log("goroutines only: ", err)
	} else {
		f.Cleanup(ring.Stop)
	}
	f.Fuzz(func(t *testing.T, v uint8, data, meta []byte) {
		d := wire.Dialect{Version: 86 + int(v)%16, Features: wire.Feature(v >> 4)}
		n := &node{t: t, name: "n", changed: make(chan struct{}), cfg: Config{Pool: pool}}
		if ringed || v&0x80 != 0 {
			n.cfg.Ring = ring
		}
		s, dc, mc := pair(t, &n.cfg, n, d)
		for _, w := range []struct {
			nc *net.TCPConn
			b  []byte
		}{{mc, meta}, {dc, data}} {
			go func() {
				w.nc.Write(w.b)
				w.nc.CloseWrite()
			}()
		}
		s.Wait()
		reset(dc)
		reset(mc)
		if pool.Free() != pool.Size() {
			t.Fatal("buffers are lost")
		}
		for i, b := range [][]byte{data, meta} {
			sock := wire.Socket(i + 1)
			var want []string
			for d := d; len(b) > 0; {
				p, n, err := d.Next(sock, b)
				if err != nil || stranger(p.Cmd) {
					break
				}
				b = b[n:]
				want = append(want, fmt.Sprint(p.String(), p.Payload))
				if pr, ok := p.Body.(wire.Protocol); ok && pr.Integrity != "" {
					break // what follows is checked by TestIntegrity
				}
			}
			var have []string
			for _, g := range n.packets {
				if g.sock == sock {
					have = append(have, fmt.Sprint(g.packet.String(), g.packet.Payload))
				}
			}
			// The other socket's end may have come first.
			k := min(len(want), len(have))
			if !slices.Equal(have[:k], want[:k]) || len(have) > len(want) && !announced(n.packets) {
				t.Fatalf("%s: got\n%q\nwant\n%q", sock, have, want)
			}
		}
	})
}

// announced tells whether the integrity algorithm was named.
func announced(all []got) bool {
	return slices.ContainsFunc(all, func(g got) bool {
		p, ok := g.packet.Body.(wire.Protocol)
		return ok && p.Integrity != ""
	})
}
