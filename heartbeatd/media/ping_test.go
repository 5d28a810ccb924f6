package media_test

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"classicha/heartbeatd/media"
	"classicha/heartbeatd/netaddr/nstest"
)

func TestPing(t *testing.T) {
	for name, spec := range map[string]media.Spec{
		"ping":       {Kind: media.KindPing, Hosts: []string{"10.77.0.2"}},
		"ping6":      {Kind: media.KindPing6, Hosts: []string{"fd00:77::2"}},
		"ping group": {Kind: media.KindPingGroup, Name: "routers", Hosts: []string{"10.77.0.9", "10.77.0.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := cable(t)
			spec.Enter = a.Do
			m, in, book := start(t, spec)
			want := spec.Name
			if want == "" {
				want = spec.Hosts[0]
			}
			if m.Link() != want || !m.Ping() || m.Text() {
				t.Errorf("link %q, ping %v, text %v; want %q, true, false", m.Link(), m.Ping(), m.Text(), want)
			}
			// A frame with the first, the last and odd lengths.
			for _, frame := range []string{"f", "odd", string(make([]byte, 195)), string(make([]byte, 5000))} {
				keepSending(t, m, in, frame)
			}

			b.Down(t, "eth0")
			before := in.len()
			sendFor(m, 200*time.Millisecond)
			if in.len() > before+1 {
				t.Errorf("%d replies from a host that is cut off", in.len()-before)
			}
			b.Up(t, "eth0")
			keepSending(t, m, in, "back again")
			if n := len(book.all()); n > 2 {
				t.Errorf("%d log lines: %q", n, book.all())
			}
		})
	}
}

func TestPingLinkLocal(t *testing.T) {
	a, b := cable(t)
	addrs, err := b.Netlink().AddrList(nil, 10 /* IPv6 */)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		if addr.IP.IsLinkLocalUnicast() {
			m, in, _ := start(t, media.Spec{Kind: media.KindPing6, Hosts: []string{addr.IP.String() + "%eth0"}, Enter: a.Do})
			keepSending(t, m, in, "hello")
			return
		}
	}
	t.Fatal("no link-local address")
}

// A host and a group that contains it are two ping nodes: neither may get the
// frames of the other, although requests and replies look alike.
func TestPingMediaOfOneHostAreApart(t *testing.T) {
	a, _ := cable(t)
	m1, in1, _ := start(t, media.Spec{Kind: media.KindPing, Hosts: []string{"10.77.0.2"}, Enter: a.Do})
	m2, in2, _ := start(t, media.Spec{Kind: media.KindPingGroup, Name: "g", Hosts: []string{"10.77.0.2"}, Enter: a.Do})
	for range 20 {
		m1.Send([]byte("src=host"))
		m2.Send([]byte("src=g"))
		time.Sleep(5 * time.Millisecond)
	}
	within(t, 3*time.Second, "both get replies", func() bool { return in1.len() > 10 && in2.len() > 10 })
	if in1.has("src=g") || in2.has("src=host") {
		t.Error("one medium got the frames of the other")
	}
}

// Replies that we did not ask for are not handed on: another id, a host that is
// not ours, a payload that was not sent, a sequence number long gone.
func TestPingForgedReplies(t *testing.T) {
	a, b := cable(t)
	b.Addr(t, "eth0", "10.77.0.3/24")
	m, in, _ := start(t, media.Spec{Kind: media.KindPing, Hosts: []string{"10.77.0.2"}, PID: 0x12345, Enter: a.Do})
	keepSending(t, m, in, "genuine")
	time.Sleep(100 * time.Millisecond) // for the last reply, and for the counts
	sent := uint16(m.Stats().Sent - 1)
	before := in.len()

	forge := func(from string, id, seq uint16, payload string) {
		t.Helper()
		err := b.Do(func() error {
			c, err := net.ListenPacket("ip4:icmp", from)
			if err != nil {
				return err
			}
			defer c.Close()
			p := append([]byte{0, 0, 0, 0, byte(id >> 8), byte(id), byte(seq >> 8), byte(seq)}, payload...)
			binary.BigEndian.PutUint16(p[2:], sum(p))
			_, err = c.WriteTo(p, &net.IPAddr{IP: net.IPv4(10, 77, 0, 1)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	forge("10.77.0.2", 0x2346, sent, "genuine")      // another program's id
	forge("10.77.0.3", 0x2345, sent, "genuine")      // another host
	forge("10.77.0.2", 0x2345, sent, "forged")       // not what we sent
	forge("10.77.0.2", 0x2345, sent+1000, "genuine") // never asked
	forge("10.77.0.2", 0x2345, sent, "")
	time.Sleep(100 * time.Millisecond)
	if n := in.len() - before; n != 0 {
		t.Errorf("%d forged replies were handed on", n)
	}
	if g := m.Stats().Garbage; g != 3 {
		t.Errorf("%d counted as garbage, want the 3 from our host with our id", g)
	}
	forge("10.77.0.2", 0x2345, sent, "genuine")
	within(t, time.Second, "a reply that is as asked for is handed on", func() bool { return in.len() == before+1 })
}

// The raw socket sees the replies to everybody's pings; the kernel keeps all other
// ICMP away from it.
func TestPingSocketGetsOnlyReplies(t *testing.T) {
	a, b := cable(t)
	m, in, _ := start(t, media.Spec{Kind: media.KindPing, Hosts: []string{"10.77.0.2"}, Enter: a.Do})
	m2, in2, _ := start(t, media.Spec{Kind: media.KindPing, Hosts: []string{"10.77.0.1"}, Enter: b.Do})
	keepSending(t, m2, in2, "requests to a") // a's socket must not see them
	keepSending(t, m, in, "reply")
	if s := m.Stats(); s.Garbage != 0 || s.ReceiveErrors != 0 {
		t.Errorf("statistics %+v, want no garbage", s)
	}
}

func TestPingOpenErrors(t *testing.T) {
	a := nstest.New(t)
	for _, s := range []media.Spec{
		{Kind: media.KindPing, Hosts: []string{"::1"}},
		{Kind: media.KindPing6, Hosts: []string{"10.0.0.1"}},
		{Kind: media.KindPing6, Hosts: []string{"fe80::1%eth9"}},
	} {
		s.Enter = a.Do
		m, err := media.New(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Open(func(media.Packet) {}); err == nil {
			t.Errorf("%s %v: want an error", s.Kind, s.Hosts)
		}
		m.Close()
	}
	for _, s := range []media.Spec{
		{Kind: media.KindPing},
		{Kind: media.KindPing, Hosts: []string{"a", "b"}},
		{Kind: media.KindPingGroup, Name: "g"},
		{Kind: media.KindPingGroup, Hosts: []string{"a"}},
		{Kind: "carrier pigeon"},
		{Kind: media.KindBcast},
		{Kind: media.KindBcast, Interface: "a-name-that-is-too-long"},
		{Kind: media.KindBcast, Interface: "eth0", Port: 70000},
		{Kind: media.KindUcast, Interface: "eth0"},
		{Kind: media.KindUcast6, Interface: "eth0"},
		{Kind: media.KindMcast, Interface: "eth0", Address: "10.0.0.1"},
		{Kind: media.KindMcast, Interface: "eth0", Address: "ff02::1"},
		{Kind: media.KindMcast6, Interface: "eth0", Address: "225.0.0.1"},
		{Kind: media.KindMcast, Interface: "eth0", Address: "225.0.0.1", TTL: 256},
	} {
		if _, err := media.New(s); err == nil {
			t.Errorf("New(%+v): want an error", s)
		}
	}
}

// sum is the Internet checksum, written another way than the one under test.
func sum(b []byte) uint16 {
	var s uint64
	for i, c := range b {
		s += uint64(c) << (8 * (1 - i&1))
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}
