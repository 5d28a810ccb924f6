package netaddr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Query asks where an address belongs; only IP must be given.
type Query struct {
	IP        netip.Addr
	Bits      int        // length of the network, 0: as the route has it
	Broadcast netip.Addr // IPv4, invalid: the last address of the network
	Interface string     // "" : by the routing table
}

// The errors of Find.
var (
	ErrNoRoute     = errors.New("no route to this address, so no interface for it")
	ErrNeedNetmask = errors.New("only the default route leads to this address: its network mask must be given")
)

// Find completes a query: the interface that has a route to the network of the
// address, the length of that network and its broadcast address. With an
// interface given only the rest is completed; the network is then the address
// alone unless Bits says otherwise (as findif of resource-agents 4.12 does).
//
// Where several routes fit, the longest prefix wins and then the lowest metric,
// which is what the kernel would do. (findif looks at the metric first, and so
// prefers a default route without metric to a subnet that has one.)
func Find(q Query) (Address, error) {
	q.IP = q.IP.Unmap().WithZone("")
	if !q.IP.IsValid() {
		return Address{}, fmt.Errorf("find an interface: no address given")
	}
	if q.Interface == "" {
		routes, err := routes(q.IP)
		if err != nil {
			return Address{}, err
		}
		r, ok := choose(routes, q.IP)
		if !ok {
			return Address{}, fmt.Errorf("%s: %w", q.IP, ErrNoRoute)
		}
		if q.Bits == 0 && r.dst.Bits() == 0 {
			return Address{}, fmt.Errorf("%s: %w", q.IP, ErrNeedNetmask)
		}
		q.Interface = r.dev
		if q.Bits == 0 {
			q.Bits = r.dst.Bits()
		}
	} else if q.Bits == 0 {
		q.Bits = q.IP.BitLen()
	}
	a := Address{Interface: q.Interface, Prefix: netip.PrefixFrom(q.IP, q.Bits), Broadcast: q.Broadcast}
	if !a.Prefix.IsValid() {
		return Address{}, fmt.Errorf("%s/%d: no such network", q.IP, q.Bits)
	}
	if q.IP.Is4() && !a.Broadcast.IsValid() {
		a.Broadcast = lastOf(a.Prefix)
	}
	return a, nil
}

// lastOf is the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	host := uint32(1)<<(32-p.Bits()) - 1
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|host)
	return netip.AddrFrom4(b)
}

// route is what choose needs to know of one.
type route struct {
	dst    netip.Prefix
	dev    string
	metric int
}

// choose picks the route to ip: longest prefix, then lowest metric, then the
// first of the list.
func choose(routes []route, ip netip.Addr) (best route, ok bool) {
	for _, r := range routes {
		if !r.dst.Contains(ip) {
			continue
		}
		longer := r.dst.Bits() > best.dst.Bits()
		same := r.dst.Bits() == best.dst.Bits()
		if !ok || longer || same && r.metric < best.metric {
			best, ok = r, true
		}
	}
	return best, ok
}

// routes reads the main routing table of the address's family. Routes over the
// loopback, blackholes and routes with several next hops name no interface.
func routes(ip netip.Addr) ([]route, error) {
	family, any := netlink.FAMILY_V4, netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if ip.Is6() {
		family, any = netlink.FAMILY_V6, netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	list, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("read the routing table: %w", err)
	}
	names := map[int]string{}
	var out []route
	for _, r := range list {
		if r.LinkIndex == 0 || r.Type != unix.RTN_UNICAST {
			continue
		}
		name, ok := names[r.LinkIndex]
		if !ok {
			if l, err := netlink.LinkByIndex(r.LinkIndex); err == nil && l.Attrs().Flags&net.FlagUp != 0 {
				name = l.Attrs().Name
			}
			names[r.LinkIndex] = name
		}
		if name == "" || name == "lo" {
			continue
		}
		dst := any
		if r.Dst != nil {
			a, _ := netip.AddrFromSlice(r.Dst.IP)
			ones, _ := r.Dst.Mask.Size()
			dst = netip.PrefixFrom(a.Unmap(), ones)
		}
		out = append(out, route{dst: dst, dev: name, metric: r.Priority})
	}
	return out, nil
}
