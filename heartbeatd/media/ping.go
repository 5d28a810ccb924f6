package media

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// NewPing is a ping node: each frame sent goes to the host as the payload of an
// ICMP echo request, and what the host echoes counts as sent by it
// (heartbeat-wire 12.3).
func NewPing(s Spec) (Medium, error) {
	s = s.complete(KindPing)
	return newPing(s, s.Hosts, false)
}

// NewPing6 is the same over IPv6.
func NewPing6(s Spec) (Medium, error) {
	s = s.complete(KindPing6)
	return newPing(s, s.Hosts, true)
}

// NewPingGroup is a group of hosts under one name, alive while any of them
// answers. All are sent the same frame.
func NewPingGroup(s Spec) (Medium, error) {
	s = s.complete(KindPingGroup)
	if s.Name == "" || len(s.Hosts) == 0 {
		return nil, errors.New("ping_group: needs a name and at least one host")
	}
	return newPing(s, []string{s.Name}, false)
}

func newPing(s Spec, link []string, six bool) (Medium, error) {
	if len(link) != 1 || link[0] == "" {
		return nil, fmt.Errorf("%s: needs one host", s.Kind)
	}
	r := newRunner(s, link[0])
	// One frame says all; older ones need not be sent behind it.
	r.q = newQueue(8, 1<<20)
	r.ping = true
	r.lines = []string{"glib: ping heartbeat started."}
	if s.Kind == KindPingGroup {
		r.lines = []string{"glib: ping group heartbeat started."}
	}
	r.open = func() (c conn, err error) {
		err = s.Enter(func() (err error) {
			c, err = openPing(s, six)
			return err
		})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	r.sendText = func(_ int, err error) string { return "glib: Error sending packet: " + osText(err) }
	return r, nil
}

// pingConn is a raw ICMP socket. The kernel hands it every echo reply that the
// machine gets; ours are those with our id, from one of our hosts, with exactly
// the payload that was sent under that sequence number. The last rule keeps two
// media of one daemon apart that ping the same host, and forged replies out.
type pingConn struct {
	s     *sock
	six   bool
	id    uint16
	hosts []host
	buf   []byte // of the reader

	mu   sync.Mutex // guards what is below
	out  []byte
	seq  uint16
	sent [pingMemory]echo
}

type host struct {
	addr netip.Addr
	to   unix.Sockaddr
}

// pingMemory is how many requests back a reply is recognised: at a keepalive of
// 50 ms those of the last 6 s.
const pingMemory = 128

func openPing(s Spec, six bool) (*pingConn, error) {
	c := &pingConn{six: six, id: uint16(s.PID), buf: make([]byte, maxDatagram)}
	for _, name := range s.Hosts {
		a, err := resolve(name, six)
		if err != nil {
			return nil, fmt.Errorf("unknown host: %s: %w", name, err)
		}
		h := host{addr: a.WithZone(""), to: sockaddr(netip.AddrPortFrom(a, 0), 0)}
		if a.Zone() != "" {
			index, err := ifIndex(a.Zone())
			if err != nil {
				return nil, fmt.Errorf("unknown host: %s: %w", name, err)
			}
			h.to = sockaddr(netip.AddrPortFrom(a, 0), index)
		}
		c.hosts = append(c.hosts, h)
	}
	domain, proto := unix.AF_INET, unix.IPPROTO_ICMP
	// Only echo replies are let through to the socket: a filter bit that is set
	// blocks its type.
	filter := option{"ICMP_FILTER", func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_RAW, unix.ICMP_FILTER, int(^uint32(1<<icmpEchoReply)))
	}}
	if six {
		domain, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
		filter = option{"ICMP6_FILTER", func(fd int) error {
			var f unix.ICMPv6Filter
			for i := range f.Data {
				f.Data[i] = ^uint32(0)
			}
			f.Data[icmp6EchoReply/32] &^= 1 << (icmp6EchoReply % 32)
			return unix.SetsockoptICMPv6Filter(fd, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, &f)
		}}
	}
	var err error
	if c.s, err = newSock(domain, unix.SOCK_RAW, proto, nil, filter); err != nil {
		return nil, fmt.Errorf("Can't open RAW socket.: %w", err)
	}
	return c, nil
}

func (c *pingConn) check() error { return nil } // not bound to any interface
func (c *pingConn) close()       { c.s.close() }

func (c *pingConn) read(deliver func([]byte)) (garbage int, err error) {
	n, from, err := c.s.recv(c.buf, true)
	if err != nil {
		return 0, err
	}
	e, err := parseReply(c.buf[:n], c.six)
	if err != nil {
		return 1, nil
	}
	// Replies to the pings of others reach us in the ordinary course.
	if e.id != c.id || !c.ours(from) {
		return 0, nil
	}
	if !c.wasSent(e) {
		return 1, nil
	}
	deliver(bytes.Clone(e.payload))
	return 0, nil
}

func (c *pingConn) ours(from unix.Sockaddr) bool {
	var a netip.Addr
	switch sa := from.(type) {
	case *unix.SockaddrInet4:
		a = netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		a = netip.AddrFrom16(sa.Addr)
	}
	for _, h := range c.hosts {
		if h.addr == a {
			return true
		}
	}
	return false
}

func (c *pingConn) wasSent(e echo) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sent[e.seq%pingMemory]
	return s.payload != nil && s.seq == e.seq && bytes.Equal(s.payload, e.payload)
}

// write fails if no host of the group could be sent to.
func (c *pingConn) write(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := echo{id: c.id, seq: c.seq, payload: frame}
	c.seq++
	c.sent[e.seq%pingMemory] = e
	c.out = e.appendRequest(c.out[:0], c.six)
	var first error
	failed := 0
	for _, h := range c.hosts {
		if err := c.s.send(c.out, h.to); err != nil {
			failed++
			if first == nil {
				first = err
			}
		}
	}
	if failed < len(c.hosts) {
		return nil
	}
	return first
}
