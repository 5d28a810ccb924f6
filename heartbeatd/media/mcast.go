package media

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// NewMcast is UDP to a multicast group (heartbeat-wire 1). With Loop off a node
// never hears itself, and its own link stays dead.
//
// The interface is named by its number, not by its address as in the original:
// that works without an address, and after the address has changed. And the
// receiver is bound to the interface: otherwise Linux hands it the group's packets
// of all interfaces, and of two mcast lines each would think its link up while the
// other's cable is the only one left.
func NewMcast(s Spec) (Medium, error) {
	s = s.complete(KindMcast)
	group, err := s.needMcast(false)
	if err != nil {
		return nil, err
	}
	r := newRunner(s, s.Interface)
	r.lines = []string{fmt.Sprintf("glib: UDP multicast heartbeat started for group %s port %d interface %s (ttl=%d loop=%d)",
		s.Address, s.Port, s.Interface, s.TTL, bit(s.Loop))}
	r.open = udpOpener(s, func(index int) (udpPlan, error) {
		mreq := &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)}
		out := &unix.IPMreqn{Ifindex: int32(index)}
		return udpPlan{
			domain: unix.AF_INET,
			to:     netip.AddrPortFrom(group, uint16(s.Port)),
			bind:   netip.AddrPortFrom(group, uint16(s.Port)),
			send: []option{
				{"IP_MULTICAST_IF", func(fd int) error { return unix.SetsockoptIPMreqn(fd, unix.SOL_IP, unix.IP_MULTICAST_IF, out) }},
				intOption("IP_MULTICAST_LOOP", unix.SOL_IP, unix.IP_MULTICAST_LOOP, bit(s.Loop)),
				intOption("IP_MULTICAST_TTL", unix.SOL_IP, unix.IP_MULTICAST_TTL, s.TTL),
			},
			listen: []option{
				reuseAddr, bindToDevice(s.Interface),
				{"IP_ADD_MEMBERSHIP", func(fd int) error { return unix.SetsockoptIPMreqn(fd, unix.SOL_IP, unix.IP_ADD_MEMBERSHIP, mreq) }},
			},
		}, nil
	})
	r.sendText = udpSendText(s, fmt.Sprintf(" %s:%d", s.Address, s.Port))
	return r, nil
}

// NewMcast6 is the same over IPv6; TTL is the hop limit.
func NewMcast6(s Spec) (Medium, error) {
	s = s.complete(KindMcast6)
	group, err := s.needMcast(true)
	if err != nil {
		return nil, err
	}
	r := newRunner(s, s.Interface)
	r.lines = []string{fmt.Sprintf("glib: UDP multicast heartbeat started for [%s]:%d on interface %s (hops=%d loop=%d)",
		s.Address, s.Port, s.Interface, s.TTL, bit(s.Loop))}
	r.open = udpOpener(s, func(index int) (udpPlan, error) {
		mreq := &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)}
		return udpPlan{
			domain: unix.AF_INET6,
			to:     netip.AddrPortFrom(group, uint16(s.Port)),
			bind:   netip.AddrPortFrom(group, uint16(s.Port)),
			send: append([]option{
				intOption("IPV6_MULTICAST_IF", unix.SOL_IPV6, unix.IPV6_MULTICAST_IF, index),
				intOption("IPV6_MULTICAST_LOOP", unix.SOL_IPV6, unix.IPV6_MULTICAST_LOOP, bit(s.Loop)),
				intOption("IPV6_MULTICAST_HOPS", unix.SOL_IPV6, unix.IPV6_MULTICAST_HOPS, s.TTL),
			}, ipv6Buffers...),
			listen: append([]option{
				ipv6Only, reuseAddr, bindToDevice(s.Interface),
				{"IPV6_ADD_MEMBERSHIP", func(fd int) error {
					return unix.SetsockoptIPv6Mreq(fd, unix.SOL_IPV6, unix.IPV6_JOIN_GROUP, mreq)
				}},
			}, ipv6Buffers...),
		}, nil
	})
	r.sendText = udpSendText(s, fmt.Sprintf("[%s]:%d", s.Address, s.Port))
	return r, nil
}

// needMcast checks the fields of a multicast medium.
func (s Spec) needMcast(six bool) (group netip.Addr, err error) {
	if err := s.needUDP(); err != nil {
		return group, err
	}
	group, err = netip.ParseAddr(s.Address)
	if err != nil || !group.IsMulticast() || group.Is6() != six || group.Zone() != "" {
		return group, fmt.Errorf("glib: %s [%s] bad addr [%s]", s.Kind, s.Interface, s.Address)
	}
	if s.TTL < 0 || s.TTL > 255 {
		return group, fmt.Errorf("glib: %s [%s] bad ttl [%d]", s.Kind, s.Interface, s.TTL)
	}
	return group, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
