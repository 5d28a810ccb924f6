package media

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ifreq makes one request about an interface.
func ifreq(iface string, request uint, result func(*unix.Ifreq)) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(iface)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, request, r); err != nil {
		return err
	}
	result(r)
	return nil
}

// ifIndex is the number of an interface. A new interface of an old name has
// another number, and sockets bound to the old one are deaf.
func ifIndex(iface string) (index int, err error) {
	err = ifreq(iface, unix.SIOCGIFINDEX, func(r *unix.Ifreq) { index = int(r.Uint32()) })
	return index, err
}

// ifBroadcast is the IPv4 broadcast address of an interface. The errors are
// those of the original.
func ifBroadcast(iface string) (a netip.Addr, err error) {
	err = ifreq(iface, unix.SIOCGIFBRDADDR, func(r *unix.Ifreq) {
		if b, err := r.Inet4Addr(); err == nil {
			a, _ = netip.AddrFromSlice(b)
		}
	})
	if err != nil {
		return a, fmt.Errorf("Get broadcast for interface %s failed: %w", iface, err)
	}
	if !a.IsValid() || a.IsUnspecified() {
		return a, fmt.Errorf("Get broadcast for interface %s failed: it has none", iface)
	}
	return a, nil
}

// sameInterface is the check of a conn that belongs to an interface: nil while
// it has the index it had.
func sameInterface(iface string, index int) error {
	now, err := ifIndex(iface)
	switch {
	case err != nil:
		return lost(fmt.Sprintf("interface %s is gone", iface))
	case now != index:
		return lost(fmt.Sprintf("interface %s is another one now", iface))
	}
	return nil
}
