package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// Segment is one Ethernet: a bridge in the hub with a port for every node.
type Segment struct {
	// Prefix is the subnet. Node i has the host number of its NodeSpec, the hub
	// (client, ping node) has Hub.
	Prefix netip.Prefix
	Hub    int
}

// hostAddr is the address with the given host number in an IPv4 subnet of /24 or longer.
func (s Segment) hostAddr(host int) netip.Addr {
	b := s.Prefix.Masked().Addr().As4()
	b[3] += byte(host)
	return netip.AddrFrom4(b)
}

func (s Segment) netlinkAddr(host int) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: s.hostAddr(host).AsSlice(), Mask: net.CIDRMask(s.Prefix.Bits(), 32)}}
}

// bridgeName and portName are the names in the hub.
func bridgeName(seg int) string            { return fmt.Sprintf("br%d", seg) }
func portName(node string, seg int) string { return fmt.Sprintf("%s.%d", node, seg) }

// setUpHub makes the bridges. Snooping is off and forwarding starts at once, as
// on a plain switch.
func (l *Lab) setUpHub() error {
	if err := linkUp(l.hub, "lo"); err != nil {
		return err
	}
	off := false
	for i, s := range l.opt.Segments {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName(i)}, MulticastSnooping: &off}
		if err := l.hub.nl.LinkAdd(br); err != nil {
			return fmt.Errorf("bridge %d: %w", i, err)
		}
		if err := l.hub.nl.AddrAdd(br, s.netlinkAddr(s.Hub)); err != nil {
			return fmt.Errorf("address of bridge %d: %w", i, err)
		}
		if err := l.hub.nl.LinkSetUp(br); err != nil {
			return err
		}
	}
	return nil
}

// plug gives a node that is booting its cables and addresses.
func (n *Node) plug() error {
	sp, err := spaceOf(n.cmd.Process.Pid)
	if err != nil {
		return err
	}
	n.space = sp
	if err := linkUp(sp, "lo"); err != nil {
		return err
	}
	for i, s := range n.lab.opt.Segments {
		br, err := n.lab.hub.nl.LinkByName(bridgeName(i))
		if err != nil {
			return err
		}
		veth := &netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: portName(n.spec.Name, i), MasterIndex: br.Attrs().Index, TxQLen: 1000},
			PeerName:      fmt.Sprintf("eth%d", i),
			PeerNamespace: netlink.NsFd(sp.ns),
		}
		if err := n.lab.hub.nl.LinkAdd(veth); err != nil {
			return fmt.Errorf("cable of %s, eth%d: %w", n.spec.Name, i, err)
		}
		if err := linkUp(n.lab.hub, veth.Name); err != nil {
			return err
		}
		eth, err := sp.nl.LinkByName(veth.PeerName)
		if err != nil {
			return err
		}
		if err := sp.nl.AddrAdd(eth, s.netlinkAddr(n.spec.Host)); err != nil {
			return fmt.Errorf("address of %s, eth%d: %w", n.spec.Name, i, err)
		}
		if err := sp.nl.LinkSetUp(eth); err != nil {
			return err
		}
		if err := n.waitPort(i); err != nil {
			return err
		}
		if i == 0 { // multicast without an address of its own leaves by eth0
			dst := &net.IPNet{IP: net.IPv4(224, 0, 0, 0).To4(), Mask: net.CIDRMask(4, 32)}
			r := &netlink.Route{LinkIndex: eth.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}
			if err := sp.nl.RouteAdd(r); err != nil {
				return fmt.Errorf("multicast route of %s: %w", n.spec.Name, err)
			}
		}
	}
	return nil
}

// waitPort waits until the switch forwards on a node's port. The kernel notices
// a carrier in the background; before that it drops frames, and a lost first ARP
// request keeps packets in the sender's queue for seconds, which a peer that has
// meanwhile been restarted then gets.
func (n *Node) waitPort(seg int) error {
	name := portName(n.spec.Name, seg)
	return Wait(3*time.Second, "port "+name+" forwards", func() bool {
		link, err := n.lab.hub.nl.LinkByName(name)
		return err == nil && link.Attrs().OperState == netlink.OperUp
	})
}

func linkUp(s *space, name string) error {
	link, err := s.nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return s.nl.LinkSetUp(link)
}

// Cable pulls (up=false) or plugs the cable of one segment. The node's
// interface loses its carrier.
func (n *Node) Cable(seg int, up bool) error {
	link, err := n.lab.hub.nl.LinkByName(portName(n.spec.Name, seg))
	if err != nil {
		return err
	}
	if up {
		return n.lab.hub.nl.LinkSetUp(link)
	}
	return n.lab.hub.nl.LinkSetDown(link)
}

// unplug removes the hub's ends of a dead node's cables, and so the cables.
func (n *Node) unplug() {
	for i := range n.lab.opt.Segments {
		if link, err := n.lab.hub.nl.LinkByName(portName(n.spec.Name, i)); err == nil {
			_ = n.lab.hub.nl.LinkDel(link) // gone already with the namespace: fine
		}
	}
	if n.space != nil {
		n.space.Close()
		n.space = nil
	}
}
