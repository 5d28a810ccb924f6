package peer

import (
	"io"
	"net"
	"testing"
	"time"

	"classicha/drbdd/peer/meet"
	"classicha/drbdd/wire"
)

// tcpPair is a connection over loopback.
func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); f.Close() })
	return c.(*net.TCPConn), f.(*net.TCPConn)
}

// A kernel that is still sending when we hang up must be able to finish, and then
// read what we said: else "incompatible settings" is a broken line to it, and it
// calls again for ever.
func TestClosedSessionLetsThePeerFinish(t *testing.T) {
	nearData, data := tcpPair(t)
	nearMeta, meta := tcpPair(t)
	n := newNode(t, "a", quick(t, freePort(t, "127.0.0.1"), freePort(t, "127.0.0.2")))
	d := wire.Dialect{Version: 101, Features: wire.AllFeatures}
	s := begin(t, &n.cfg, n, meet.Established{Dialect: d}, nearData, nearMeta)
	s.Send(wire.DataSocket, 0, wire.CmdProtocol, wire.Protocol{Protocol: 3}.For(d), nil, nil, 0)
	s.Flush()
	s.Close()
	n.wait("down")

	for i := range 50 {
		if _, err := data.Write(make([]byte, 4096)); err != nil {
			t.Fatalf("write %d after the other end closed: %v", i, err)
		}
		time.Sleep(time.Millisecond)
	}
	_ = meta.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := meta.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("meta socket: %v; it must stay open until the peer has closed the data socket", err)
	}
	got, err := io.ReadAll(data)
	if want := d.HeaderSize() + 24 + 1; err != nil || len(got) != want {
		t.Errorf("read %d bytes and %v, wanted the P_PROTOCOL of %d", len(got), err, want)
	}
	data.Close()
	_ = meta.SetReadDeadline(time.Now().Add(farewell))
	if _, err := meta.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("meta socket after the end of the data socket: %v", err)
	}
	s.Wait()
}

// A peer that does not end costs a moment only.
func TestFarewellIsBounded(t *testing.T) {
	nearData, _ := tcpPair(t)
	nearMeta, _ := tcpPair(t)
	n := newNode(t, "a", quick(t, freePort(t, "127.0.0.1"), freePort(t, "127.0.0.2")))
	s := begin(t, &n.cfg, n, meet.Established{Dialect: wire.Dialect{Version: 101}}, nearData, nearMeta)
	began := time.Now()
	s.Close()
	n.wait("down")
	if d := time.Since(began); d > farewell/2 {
		t.Errorf("Down came after %v; the owner must not wait for the farewell", d)
	}
	s.Wait()
	if d := time.Since(began); d < farewell || d > farewell+5*time.Second {
		t.Errorf("the sockets were closed after %v, wanted %v", d, farewell)
	}
}
