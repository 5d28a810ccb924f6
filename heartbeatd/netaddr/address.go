package netaddr

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Address is an address on an interface.
type Address struct {
	Prefix    netip.Prefix // the address itself with the length of its network
	Interface string       // eth0; never an alias such as eth0:0
	Label     string       // alias name such as eth0:0, IPv4 only; "" for none
	Broadcast netip.Addr   // IPv4 only; invalid: the last address of the network

	Tentative bool // List: duplicate address detection still runs, it cannot be used yet
	DADFailed bool // List: another machine has this address
}

// IP is the address without its prefix length.
func (a Address) IP() netip.Addr { return a.Prefix.Addr() }

// ErrExists is the error of Add when the interface has the address already, and
// ErrNotFound that of Del when it has it not.
var (
	ErrExists   = fmt.Errorf("address is already there: %w", fs.ErrExist)
	ErrNotFound = fmt.Errorf("address is not there: %w", fs.ErrNotExist)
)

// Add puts an address on its interface. IPv6 addresses are added without
// duplicate address detection: after a takeover they must work at once, and that
// the other node no longer has it is the cluster's business.
func Add(a Address) error {
	link, err := netlink.LinkByName(a.Interface)
	if err != nil {
		return fmt.Errorf("add %s to %s: %w", a.Prefix, a.Interface, err)
	}
	err = netlink.AddrAdd(link, a.netlink())
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("add %s to %s: %w", a.Prefix, a.Interface, ErrExists)
	case err != nil:
		return fmt.Errorf("add %s to %s: %w", a.Prefix, a.Interface, err)
	}
	return nil
}

// Del takes an address from its interface. An invalid broadcast address or an
// empty label match any.
func Del(a Address) error {
	link, err := netlink.LinkByName(a.Interface)
	if err != nil {
		return fmt.Errorf("remove %s from %s: %w", a.Prefix, a.Interface, err)
	}
	nl := a.netlink()
	nl.Broadcast = nil
	err = netlink.AddrDel(link, nl)
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("remove %s from %s: %w", a.Prefix, a.Interface, ErrNotFound)
	case err != nil:
		return fmt.Errorf("remove %s from %s: %w", a.Prefix, a.Interface, err)
	}
	return nil
}

func (a Address) netlink() *netlink.Addr {
	ip := a.IP().Unmap()
	nl := &netlink.Addr{
		IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(a.Prefix.Bits(), ip.BitLen())},
		Label: a.Label,
	}
	if ip.Is4() {
		if b := a.Broadcast; b.Is4() {
			nl.Broadcast = b.AsSlice()
		}
		return nl
	}
	nl.Flags, nl.Label = unix.IFA_F_NODAD, ""
	return nl
}

// List is every address of the machine, in the kernel's order.
func List() ([]Address, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	list, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var out []Address
	for _, nl := range list {
		name, ok := names[nl.LinkIndex]
		if a := fromNetlink(nl); ok && a.Prefix.IsValid() {
			a.Interface = name
			out = append(out, a)
		}
	}
	return out, nil
}

// dump repeats a netlink listing that the kernel interrupted because the table
// changed under it; after a few times the incomplete list has to do.
func dump[T any](list func() ([]T, error)) (out []T, err error) {
	for range 4 {
		out, err = list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return out, err
		}
	}
	return out, nil
}

func fromNetlink(nl netlink.Addr) Address {
	ip, ok := netip.AddrFromSlice(nl.IP)
	if !ok {
		return Address{}
	}
	ones, _ := nl.Mask.Size()
	a := Address{
		Prefix:    netip.PrefixFrom(ip.Unmap(), ones),
		Tentative: nl.Flags&unix.IFA_F_TENTATIVE != 0 && nl.Flags&unix.IFA_F_OPTIMISTIC == 0,
		DADFailed: nl.Flags&unix.IFA_F_DADFAILED != 0,
	}
	if a.IP().Is4() {
		a.Label = nl.Label
		if b, ok := netip.AddrFromSlice(nl.Broadcast); ok {
			a.Broadcast = b.Unmap()
		}
	}
	return a
}

// Held picks from a set of addresses those that are on interfaces of this
// machine now, as targets for AnnounceAll. Addresses on the loopback are left
// out: nobody is told about those.
func Held(ips []netip.Addr) ([]Target, error) {
	all, err := List()
	if err != nil {
		return nil, err
	}
	var held []Target
	for _, ip := range ips {
		for _, a := range all {
			if a.IP() == ip.Unmap().WithZone("") && a.Interface != "lo" {
				held = append(held, Target{Interface: a.Interface, IP: a.IP()})
			}
		}
	}
	return held, nil
}
