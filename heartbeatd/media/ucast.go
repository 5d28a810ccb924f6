package media

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// iptosLowdelay is the type of service of the original's unicast packets.
const iptosLowdelay = 0x10

// NewUcast is UDP to one address (heartbeat-wire 1). Every line has a receiver of
// its own; a packet reaches one of those that listen on the same interface, and
// that it may be another line's does not matter, as both are the same link.
func NewUcast(s Spec) (Medium, error) {
	s = s.complete(KindUcast)
	if err := s.needUDP(); err != nil {
		return nil, err
	}
	if s.Address == "" {
		return nil, fmt.Errorf("glib: ucast: [%s] missing target IP address/hostname", s.Interface)
	}
	r := newRunner(s, s.Interface)
	r.lines = []string{
		"glib: ucast: write socket priority set to IPTOS_LOWDELAY on " + s.Interface,
		"glib: ucast: bound send socket to device: " + s.Interface,
		"glib: ucast: set SO_REUSEPORT(w)",
		"glib: ucast: set SO_REUSEADDR",
		"glib: ucast: bound receive socket to device: " + s.Interface,
		"glib: ucast: set SO_REUSEPORT",
		fmt.Sprintf("glib: ucast: started on port %d interface %s to %s", s.Port, s.Interface, s.Address),
	}
	r.open = udpOpener(s, func(int) (udpPlan, error) {
		to, err := resolve(s.Address, false)
		if err != nil {
			return udpPlan{}, fmt.Errorf("ucast: cannot resolve hostname: %w", err)
		}
		return udpPlan{
			domain: unix.AF_INET,
			to:     netip.AddrPortFrom(to, uint16(s.Port)),
			bind:   netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(s.Port)),
			send: []option{
				intOption("IP_TOS", unix.SOL_IP, unix.IP_TOS, iptosLowdelay),
				bindToDevice(s.Interface),
				reusePort,
			},
			listen: []option{reuseAddr, bindToDevice(s.Interface), reusePort, noMcast},
		}, nil
	})
	r.sendText = udpSendText(s, fmt.Sprintf(" %s:%d", s.Address, s.Port))
	return r, nil
}

// socketBuffer is the size the original asks for with IPv6.
const socketBuffer = 1 << 20

var ipv6Buffers = []option{
	intOption("SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer),
	intOption("SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer),
}

// ipv6Only keeps an IPv6 receiver from claiming the port for IPv4, too.
var ipv6Only = intOption("IPV6_V6ONLY", unix.SOL_IPV6, unix.IPV6_V6ONLY, 1)

// NewUcast6 is the same over IPv6.
func NewUcast6(s Spec) (Medium, error) {
	s = s.complete(KindUcast6)
	if err := s.needUDP(); err != nil {
		return nil, err
	}
	if s.Address == "" {
		return nil, fmt.Errorf("glib: ucast6 [%s] missing ucast6 address", s.Interface)
	}
	r := newRunner(s, s.Interface)
	r.lines = []string{
		"glib: ucast6: bound send socket to device: " + s.Interface,
		"glib: ucast6: bound receive socket to device: " + s.Interface,
		"glib: ucast6: set SO_REUSEPORT",
		fmt.Sprintf("glib: ucast6: heartbeat started for [%s]:%d on interface %s", s.Address, s.Port, s.Interface),
	}
	r.open = udpOpener(s, func(int) (udpPlan, error) {
		to, err := resolve(s.Address, true)
		if err != nil {
			return udpPlan{}, fmt.Errorf("getaddrinfo([%s]:%d): %w", s.Address, s.Port, err)
		}
		return udpPlan{
			domain: unix.AF_INET6,
			to:     netip.AddrPortFrom(to, uint16(s.Port)),
			bind:   netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(s.Port)),
			send:   append([]option{bindToDevice(s.Interface)}, ipv6Buffers...),
			listen: append([]option{ipv6Only, reuseAddr, bindToDevice(s.Interface), reusePort, noMcast6}, ipv6Buffers...),
		}, nil
	})
	r.sendText = udpSendText(s, fmt.Sprintf("[%s]:%d", s.Address, s.Port))
	return r, nil
}
