package netaddr

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"classicha/heartbeatd/netaddr/nstest"
	"github.com/mdlayher/packet"
)

// The frames are those of the original send_arp, byte for byte but for the
// padding to 60 bytes (captured from resource-agents 4.12).
func TestARPFrames(t *testing.T) {
	hw := net.HardwareAddr{0x7e, 0x30, 0x87, 0x17, 0xbb, 0x54}
	request := []byte("\xff\xff\xff\xff\xff\xff\x7e\x30\x87\x17\xbb\x54\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" +
		"\x7e\x30\x87\x17\xbb\x54\xc0\xa8\x32\x09\x00\x00\x00\x00\x00\x00\xc0\xa8\x32\x09")
	reply := []byte("\xff\xff\xff\xff\xff\xff\x7e\x30\x87\x17\xbb\x54\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" +
		"\x7e\x30\x87\x17\xbb\x54\xc0\xa8\x32\x09\x7e\x30\x87\x17\xbb\x54\xc0\xa8\x32\x09")
	other := bytes.ReplaceAll(reply[14:], hw, []byte{2, 3, 4, 5, 6, 7})
	for _, c := range []struct {
		name string
		hw   net.HardwareAddr
		form Form
		want []byte
	}{
		{"request", nil, Request, request},
		{"reply", nil, Reply, reply},
		{"reply for another hardware address", net.HardwareAddr{2, 3, 4, 5, 6, 7}, Reply, append(reply[:14:14], other...)},
	} {
		got, err := arpFrame(hw, ip("192.168.50.9"), c.hw, c.form)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) < 42 || !bytes.Equal(got[:42], c.want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, got, c.want)
		}
	}
	if _, err := arpFrame(hw, ip("::1"), nil, Request); err == nil {
		t.Error("ARP for an IPv6 address: want an error")
	}
}

// The proof of the whole thing: an address moves from one node to another, and
// a client that talked to the first has the second in its neighbour cache in the
// moment of the announcement - and not before it.
func TestPeersNeighbourCacheFollowsTheAddress(t *testing.T) {
	for _, c := range []struct{ name, vip, client, a, b string }{
		{"IPv4", "10.0.0.100/24", "10.0.0.9/24", "10.0.0.1/24", "10.0.0.2/24"},
		{"IPv4, nodes without another address", "10.0.0.100/24", "10.0.0.9/24", "", ""},
		{"IPv6", "2001:db8::100/64", "2001:db8::9/64", "2001:db8::1/64", "2001:db8::2/64"},
		{"IPv6, nodes without another address", "2001:db8::100/64", "2001:db8::9/64", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, client := nstest.New(t), nstest.New(t), nstest.New(t)
			nstest.Switch(t, a, b, client)
			client.Addr(t, "eth0", c.client)
			if c.a != "" {
				a.Addr(t, "eth0", c.a)
				b.Addr(t, "eth0", c.b)
			}
			vip := Address{Prefix: prefix(c.vip), Interface: "eth0"}
			must(t, a.Do(func() error { return Add(vip) }))
			talk(t, client, vip.IP(), a.MAC(t, "eth0"))

			must(t, a.Do(func() error { return Del(vip) }))
			must(t, b.Do(func() error { return Add(vip) }))
			time.Sleep(50 * time.Millisecond)
			if got := client.Neighbour(t, "eth0", vip.IP().String()); got != a.MAC(t, "eth0") {
				t.Fatalf("before the announcement the client has %s for %s, want still %s of the old node", got, vip.IP(), a.MAC(t, "eth0"))
			}
			target := Target{Interface: "eth0", IP: vip.IP()}
			must(t, b.Do(func() error { return AnnounceAll([]Target{target}) }))
			within(t, time.Second, "client's neighbour cache holds the new node", func() bool {
				return client.Neighbour(t, "eth0", vip.IP().String()) == b.MAC(t, "eth0")
			})
		})
	}
}

// Each form alone must do, for the systems that ignore the other one.
func TestEachFormAloneChangesTheCache(t *testing.T) {
	for name, form := range map[string]Form{"request": Request, "reply": Reply} {
		t.Run(name, func(t *testing.T) {
			a, b, client := nstest.New(t), nstest.New(t), nstest.New(t)
			nstest.Switch(t, a, b, client)
			client.Addr(t, "eth0", "10.0.0.9/24")
			vip := Address{Prefix: prefix("10.0.0.100/24"), Interface: "eth0"}
			must(t, a.Do(func() error { return Add(vip) }))
			talk(t, client, vip.IP(), a.MAC(t, "eth0"))
			must(t, a.Do(func() error { return Del(vip) }))
			must(t, b.Do(func() error { return SendARP("eth0", vip.IP(), nil, form) }))
			within(t, time.Second, "cache changed by the "+name+" form", func() bool {
				return client.Neighbour(t, "eth0", "10.0.0.100") == b.MAC(t, "eth0")
			})
		})
	}
}

func TestAnnouncementOnTheWire(t *testing.T) {
	a, b := nstest.Pair(t)
	a.Addr(t, "eth0", "2001:db8::9/64")
	frames := sniff(t, b)
	must(t, a.Do(func() error {
		return AnnounceAll([]Target{
			{Interface: "eth0", IP: ip("192.168.50.9")}, // no IPv4 address on the interface at all
			{Interface: "eth0", IP: ip("2001:db8::9")},
		})
	}))
	var request, reply, na bool
	deadline := time.After(2 * time.Second)
	for !request || !reply || !na {
		select {
		case f := <-frames:
			switch {
			case len(f) >= 42 && f[12] == 8 && f[13] == 6:
				request = request || f[21] == 1
				reply = reply || f[21] == 2
			case len(f) >= 86 && f[20] == 58 && f[54] == 136:
				na = true
				if src, _ := netip.AddrFromSlice(f[22:38]); src != ip("2001:db8::9") {
					t.Errorf("advertisement comes from %s, want from the address itself", src)
				}
				if dst, _ := netip.AddrFromSlice(f[38:54]); dst != ip("ff02::1") || f[21] != 255 || f[58] != 0x20 {
					t.Errorf("advertisement to %s, hop limit %d, flags %#x; want ff02::1, 255, Override (0x20) alone", dst, f[21], f[58])
				}
			}
		case <-deadline:
			t.Fatalf("seen on the peer within 2 s: request %v, reply %v, advertisement %v; want all", request, reply, na)
		}
	}
}

// While duplicate address detection runs nothing can be announced; the caller is
// told so, and a moment later it works.
func TestTentativeAddressesAreReported(t *testing.T) {
	a, _ := nstest.Pair(t)
	a.Sysctl(t, "net/ipv6/conf/eth0/accept_dad", "1")
	a.Down(t, "eth0")
	a.Up(t, "eth0")
	a.Addr(t, "eth0", "2001:db8::9/64") // with detection, unlike Add
	send := func() error { return a.Do(func() error { return SendNA("eth0", ip("2001:db8::9"), nil) }) }
	if err := send(); !errors.Is(err, ErrTentative) {
		t.Fatalf("right after adding: got %v, want %v", err, ErrTentative)
	}
	within(t, 5*time.Second, "the announcement works once detection is over", func() bool { return send() == nil })
}

func TestAnnounceErrorsAndExceptions(t *testing.T) {
	a := nstest.New(t)
	err := a.Do(func() error { return Announce(Target{Interface: "eth7", IP: ip("10.0.0.1")}) })
	if err == nil {
		t.Error("on an interface that does not exist: want an error")
	}
	for _, addr := range []string{"127.0.0.1", "::1"} {
		if err := a.Do(func() error { return Announce(Target{Interface: "lo", IP: ip(addr)}) }); err != nil {
			t.Errorf("%s on the loopback: %v; want silence", addr, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within waits for a condition.
func within(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// talk has the client send datagrams to ip until its neighbour cache holds mac.
func talk(t *testing.T, client *nstest.Space, ip netip.Addr, mac string) {
	t.Helper()
	var conn net.Conn
	must(t, client.Do(func() (err error) {
		conn, err = net.Dial("udp", netip.AddrPortFrom(ip, 9).String())
		return err
	}))
	defer conn.Close()
	within(t, 3*time.Second, "client found "+ip.String(), func() bool {
		conn.Write([]byte("x"))
		return client.Neighbour(t, "eth0", ip.String()) == mac
	})
}

// sniff returns the frames that arrive at eth0 of a namespace.
func sniff(t *testing.T, s *nstest.Space) <-chan []byte {
	t.Helper()
	var conn *packet.Conn
	must(t, s.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Raw, 3 /* every protocol */, nil)
		return err
	}))
	frames := make(chan []byte, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			b := make([]byte, 2000)
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			frames <- b[:n]
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return frames
}
