package resource

import (
	"net/netip"
	"strings"
)

// Address returns the service address that a resource holds, if its script is one
// of the address scripts: IPaddr and IPaddr2 (address[/mask[/nic[:label]]]) and
// IPv6addr. nic is the configured interface without label, or empty.
func Address(res Resource) (addr netip.Addr, nic string, ok bool) {
	switch strings.ToLower(res.Script) {
	case "ipaddr", "ipaddr2", "ipv6addr":
	default:
		return netip.Addr{}, "", false
	}
	// A part of an IPv6 address may have been split at its "::".
	parts := strings.Split(strings.Join(res.Args, "::"), "/")
	addr, err := netip.ParseAddr(parts[0])
	if err != nil {
		return netip.Addr{}, "", false
	}
	if len(parts) > 2 && parts[2] != "" && (parts[2][0] < '0' || parts[2][0] > '9') {
		nic, _, _ = strings.Cut(parts[2], ":")
	}
	return addr.Unmap(), nic, true
}
