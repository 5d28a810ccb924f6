package media_test

import (
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"classicha/heartbeatd/media"
	"classicha/heartbeatd/media/mediatest"
	"classicha/heartbeatd/netaddr/nstest"
	"github.com/mdlayher/packet"
)

// cable is two nodes on a cable, addressed for every kind of medium.
func cable(t *testing.T) (a, b *nstest.Space) {
	t.Helper()
	a, b = nstest.Pair(t)
	addresses(t, a, b)
	return a, b
}

func addresses(t *testing.T, a, b *nstest.Space) {
	t.Helper()
	a.Addr(t, "eth0", "10.77.0.1/24")
	b.Addr(t, "eth0", "10.77.0.2/24")
	for _, n := range []*nstest.Space{a, b} {
		// else the kernel drops IPv6 addresses when the interface goes down
		n.Sysctl(t, "net/ipv6/conf/eth0/keep_addr_on_down", "1")
	}
	a.Addr(t, "eth0", "fd00:77::1/64")
	b.Addr(t, "eth0", "fd00:77::2/64")
}

// udpSpecs are the UDP media of node n (1 or 2) on eth0.
func udpSpecs(n int) map[string]media.Spec {
	peer4, peer6 := [...]string{"", "10.77.0.2", "10.77.0.1"}[n], [...]string{"", "fd00:77::2", "fd00:77::1"}[n]
	specs := map[string]media.Spec{
		"bcast":        {Kind: media.KindBcast},
		"ucast":        {Kind: media.KindUcast, Address: peer4},
		"mcast":        {Kind: media.KindMcast, Address: "225.0.0.1", TTL: 1},
		"mcast loop":   {Kind: media.KindMcast, Address: "225.0.0.1", TTL: 1, Loop: true},
		"ucast6":       {Kind: media.KindUcast6, Address: peer6},
		"mcast6":       {Kind: media.KindMcast6, Address: "ff05::694", TTL: 1},
		"mcast6 local": {Kind: media.KindMcast6, Address: "ff02::694", TTL: 1, Loop: true},
	}
	for name, s := range specs {
		s.Interface = "eth0"
		specs[name] = s
	}
	return specs
}

func TestUDPMedia(t *testing.T) {
	for name, spec := range udpSpecs(1) {
		t.Run(name, func(t *testing.T) {
			mediatest.Run(t, func(t *testing.T) mediatest.Pair {
				a, b := cable(t)
				p := mediatest.Pair{
					HearsItself: spec.Kind == media.KindBcast || spec.Loop,
					// 40,000 and 60,000 bytes travel as IP fragments (heartbeat-wire 1)
					Sizes: []int{1, 245, 1472, 1473, 40000, 60000},
					Cut: func(cut bool) {
						if cut {
							a.Down(t, "eth0")
						} else {
							a.Up(t, "eth0")
						}
					},
				}
				p.A, p.B = medium(t, a, spec), medium(t, b, udpSpecs(2)[name])
				return p
			})
		})
	}
}

func medium(t *testing.T, in *nstest.Space, s media.Spec) media.Medium {
	t.Helper()
	s.Enter = in.Do
	m, err := media.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What stands on the wire is what the original puts there (heartbeat-wire 1).
func TestPacketsLookLikeTheOriginals(t *testing.T) {
	type seen struct {
		dst      string
		tos, ttl byte
		dstPort  uint16
	}
	for name, want := range map[string]seen{
		"bcast":  {dst: "10.77.0.255", ttl: 64, dstPort: 694},
		"ucast":  {dst: "10.77.0.2", tos: 0x10, ttl: 64, dstPort: 694},
		"mcast":  {dst: "225.0.0.1", ttl: 1, dstPort: 694},
		"ucast6": {dst: "fd00:77::2", ttl: 64, dstPort: 694},
		"mcast6": {dst: "ff05::694", ttl: 1, dstPort: 694},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := cable(t)
			frames := sniff(t, b)
			s := udpSpecs(1)[name]
			s.Enter = a.Do
			m, _, _ := start(t, s)
			timeout := time.After(3 * time.Second)
			again := time.NewTicker(100 * time.Millisecond)
			defer again.Stop()
			for {
				m.Send([]byte("hello on the wire"))
				select {
				case f := <-frames:
					var got seen
					var udp []byte
					switch {
					case len(f) >= 42 && f[12] == 8 && f[13] == 0 && f[23] == 17:
						got = seen{dst: net.IP(f[30:34]).String(), tos: f[15], ttl: f[22]}
						udp = f[34:]
					case len(f) >= 62 && f[12] == 0x86 && f[20] == 17:
						got = seen{dst: net.IP(f[38:54]).String(), ttl: f[21]}
						udp = f[54:]
					default:
						continue
					}
					got.dstPort = binary.BigEndian.Uint16(udp[2:])
					if got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
					if src := binary.BigEndian.Uint16(udp); src == 694 || src < 1024 {
						t.Errorf("source port %d, want an ephemeral one", src)
					}
					return
				case <-again.C:
				case <-timeout:
					t.Fatal("nothing seen on the wire within 3 s")
				}
			}
		})
	}
}

// A line that names the node's own address is harmless: the usual practice is the
// same two ucast lines on both nodes. Both lines are one link.
func TestUcastToOneself(t *testing.T) {
	a, b := cable(t)
	var to []media.Medium
	var ins []*inbox
	for _, n := range []*nstest.Space{a, b} {
		for _, addr := range []string{"10.77.0.1", "10.77.0.2"} {
			m, in, _ := start(t, media.Spec{Kind: media.KindUcast, Interface: "eth0", Address: addr, Enter: n.Do})
			to, ins = append(to, m), append(ins, in)
		}
	}
	for i, m := range to[:2] { // node a's lines
		m.Send([]byte{byte('0' + i)})
	}
	within(t, 3*time.Second, "each line of node a reaches the node it names", func() bool {
		return (ins[0].has("0") || ins[1].has("0")) && (ins[2].has("1") || ins[3].has("1"))
	})
}

// Two mcast lines with one group on two interfaces are two links. By default
// Linux would hand the packets of the one to the other as well, and a link whose
// cable is cut would look alive.
func TestMcastLinksDoNotMix(t *testing.T) {
	for _, kind := range []media.Spec{
		{Kind: media.KindMcast, Address: "225.0.0.1", TTL: 1},
		{Kind: media.KindMcast6, Address: "ff05::694", TTL: 1},
		{Kind: media.KindMcast6, Address: "ff02::694", TTL: 1},
	} {
		t.Run(kind.Kind+" "+kind.Address, func(t *testing.T) {
			a, b := cable(t)
			nstest.Cable(t, a, "eth1", b, "eth1")
			a.Addr(t, "eth1", "10.78.0.1/24")
			b.Addr(t, "eth1", "10.78.0.2/24")
			on := func(n *nstest.Space, iface string) (media.Medium, *inbox) {
				s := kind
				s.Interface, s.Enter = iface, n.Do
				m, in, _ := start(t, s)
				return m, in
			}
			a0, _ := on(a, "eth0")
			_, b0 := on(b, "eth0")
			_, b1 := on(b, "eth1")
			keepSending(t, a0, b0, "by eth0")
			time.Sleep(50 * time.Millisecond)
			if b1.len() != 0 {
				t.Errorf("eth1 received %q, which came in by eth0", b1.frames)
			}
		})
	}
}

// A frame sent by mcast arrives by the mcast line alone, not by the bcast and
// ucast lines on the same port as well.
func TestMcastFramesArriveOnce(t *testing.T) {
	a, b := cable(t)
	for _, c := range []struct{ mcast, others []string }{
		{[]string{"mcast"}, []string{"bcast", "ucast"}}, {[]string{"mcast6"}, []string{"ucast6"}},
	} {
		s := udpSpecs(1)[c.mcast[0]]
		s.Enter = a.Do
		from, _, _ := start(t, s)
		ins := map[string]*inbox{}
		for _, name := range append(c.mcast, c.others...) {
			s := udpSpecs(2)[name]
			s.Enter = b.Do
			_, ins[name], _ = start(t, s)
		}
		keepSending(t, from, ins[c.mcast[0]], "to the group")
		time.Sleep(50 * time.Millisecond)
		for _, name := range c.others {
			if n := ins[name].len(); n != 0 {
				t.Errorf("%s line received %d frames that were sent by %s", name, n, c.mcast[0])
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	a := nstest.New(t)
	for _, c := range []struct {
		spec media.Spec
		want string
	}{
		{media.Spec{Kind: media.KindBcast, Interface: "eth9"}, "eth9"},
		{media.Spec{Kind: media.KindBcast, Interface: "lo"}, "Get broadcast for interface lo failed"},
		{media.Spec{Kind: media.KindUcast, Interface: "eth9", Address: "10.0.0.1"}, "interface [eth9] does not exist"},
		{media.Spec{Kind: media.KindUcast, Interface: "lo", Address: "::1"}, "cannot resolve hostname"},
		{media.Spec{Kind: media.KindMcast, Interface: "eth9", Address: "225.0.0.1", TTL: 1}, "interface [eth9] does not exist"},
	} {
		c.spec.Enter = a.Do
		m, err := media.New(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Open(func(media.Packet) {})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error with %q", c.spec.Kind, err, c.want)
		}
		m.Close()
	}
}

// An empty datagram and a flood of rubbish from a stranger are just frames to a
// medium; they must neither end nor slow its reader.
func TestReaderSurvivesStrangers(t *testing.T) {
	a, b := cable(t)
	_, in, _ := start(t, media.Spec{Kind: media.KindBcast, Interface: "eth0", Enter: a.Do})
	m, _, _ := start(t, media.Spec{Kind: media.KindUcast, Interface: "eth0", Address: "10.77.0.1", Enter: b.Do})
	m.Send(nil)
	m.Send([]byte{})
	m.Send([]byte{0})
	keepSending(t, m, in, "still there")
}

// At a keepalive of 50 ms detection has 20 ms: what the media add must be far
// below that.
func TestLatency(t *testing.T) {
	a, b := cable(t)
	m, _, _ := start(t, media.Spec{Kind: media.KindUcast, Interface: "eth0", Address: "10.77.0.2", Enter: a.Do})
	var arrived atomic.Int64
	peer := media.Spec{Kind: media.KindUcast, Interface: "eth0", Address: "10.77.0.1", Enter: b.Do}
	p, err := media.New(peer)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan struct{}, 1)
	if err := p.Open(func(media.Packet) { arrived.Store(time.Now().UnixNano()); got <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var took []time.Duration
	for range 50 {
		time.Sleep(2 * time.Millisecond)
		begin := time.Now().UnixNano()
		m.Send(make([]byte, 250))
		<-got
		took = append(took, time.Duration(arrived.Load()-begin))
	}
	slices.Sort(took)
	t.Logf("Send to recv over a virtual cable: median %v, worst of 50 %v", took[25], took[49])
	if took[25] > 50*time.Millisecond { // a machine under load; a medium that polls is slower
		t.Errorf("median latency %v", took[25])
	}
}

// sniff returns the frames that arrive at eth0 of a namespace.
func sniff(t *testing.T, s *nstest.Space) <-chan []byte {
	t.Helper()
	var conn *packet.Conn
	err := s.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Raw, 3 /* every protocol */, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	frames := make(chan []byte, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			b := make([]byte, 2000)
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			select {
			case frames <- b[:n]:
			default:
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return frames
}
