package netaddr

import (
	"errors"
	"net"
	"net/netip"
)

// Target is an address to be announced.
type Target struct {
	Interface string
	IP        netip.Addr
	HW        net.HardwareAddr // nil: the interface's own
}

// Announce tells the neighbours once that an address is here: both forms of
// gratuitous ARP for IPv4, an unsolicited neighbour advertisement for IPv6. It
// does not look whether the address is on the interface.
func Announce(t Target) error {
	ip := t.IP.Unmap()
	if ip.Is6() {
		return SendNA(t.Interface, ip, t.HW)
	}
	if err := SendARP(t.Interface, ip, t.HW, Request); err != nil {
		return err
	}
	return SendARP(t.Interface, ip, t.HW, Reply)
}

// AnnounceAll announces each target once. An error does not keep the others
// from being announced; all errors are returned together.
func AnnounceAll(targets []Target) error {
	var errs []error
	for _, t := range targets {
		errs = append(errs, Announce(t))
	}
	return errors.Join(errs...)
}
