package media

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// udpConn is a pair of sockets, one for each direction, as the original has it:
// the sender is not bound to the port, so that its packets come from another one.
type udpConn struct {
	in, out *sock
	to      unix.Sockaddr
	buf     []byte
	good    func() error // nil while the interface is the same
}

func (c *udpConn) read(deliver func([]byte)) (garbage int, err error) {
	n, _, err := c.in.recv(c.buf, false)
	if err != nil {
		return 0, err
	}
	deliver(bytes.Clone(c.buf[:n]))
	return 0, nil
}

func (c *udpConn) write(frame []byte) error { return c.out.send(frame, c.to) }
func (c *udpConn) check() error             { return c.good() }

func (c *udpConn) close() {
	c.in.close()
	c.out.close()
}

// udpPlan is what the kinds of UDP media differ in.
type udpPlan struct {
	domain       int
	to           netip.AddrPort
	bind         netip.AddrPort
	send, listen []option
	check        func() error // in addition to sameInterface
}

// udpOpener makes the open function of a UDP medium. plan is asked anew each
// time: the interface's number and addresses may have changed.
func udpOpener(s Spec, plan func(index int) (udpPlan, error)) func() (conn, error) {
	return func() (c conn, err error) {
		err = s.Enter(func() error {
			index, err := ifIndex(s.Interface)
			if err != nil {
				return fmt.Errorf("interface [%s] does not exist: %w", s.Interface, err)
			}
			p, err := plan(index)
			if err != nil {
				return err
			}
			c, err = openUDP(s, p, index)
			return err
		})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

func openUDP(s Spec, p udpPlan, index int) (*udpConn, error) {
	out, err := newSock(p.domain, unix.SOCK_DGRAM, 0, nil, p.send...)
	if err != nil {
		return nil, err
	}
	in, err := newSock(p.domain, unix.SOCK_DGRAM, 0, sockaddr(p.bind, index), p.listen...)
	if err != nil {
		out.close()
		return nil, err
	}
	check := func() error {
		return s.Enter(func() error {
			if err := sameInterface(s.Interface, index); err != nil {
				return err
			}
			if p.check != nil {
				return p.check()
			}
			return nil
		})
	}
	return &udpConn{in: in, out: out, to: sockaddr(p.to, index), buf: make([]byte, maxDatagram), good: check}, nil
}

// sockaddr is the system's form of an address. Link-local IPv6 addresses get the
// interface's number as their scope.
func sockaddr(a netip.AddrPort, index int) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if ip := a.Addr(); ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() {
		sa.ZoneId = uint32(index)
	}
	return sa
}

// resolveTimeout bounds the look-up of a name in ha.cf.
const resolveTimeout = 5 * time.Second

// resolve turns an address or a name into an address of the wanted family.
func resolve(host string, six bool) (netip.Addr, error) {
	network := "ip4"
	if six {
		network = "ip6"
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a = a.Unmap(); a.Is6() != six {
			return netip.Addr{}, fmt.Errorf("%s is no %s address", host, network)
		}
		return a, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return netip.Addr{}, err
	}
	return list[0].Unmap(), nil
}

// udpSendText is the original's line for a failed send.
func udpSendText(s Spec, dest string) func(int, error) string {
	return func(size int, err error) string {
		return fmt.Sprintf("glib: %s_write: Unable to send HBcomm packet %s%s len=%d [-1]: %v", s.Kind, s.Interface, dest, size, osText(err))
	}
}

// osText is the system's text for an error as C programs print it: Go's begins
// with a small letter.
func osText(err error) string {
	b := []byte(err.Error())
	if len(b) > 0 && 'a' <= b[0] && b[0] <= 'z' {
		b[0] -= 'a' - 'A'
	}
	return string(b)
}
