package config

import (
	"encoding/binary"
	"fmt"
	bitlen "math/bits"
	"net/netip"
	"slices"
	"strings"
)

// Resource is one word of a group.
type Resource struct {
	// Script is the name of the script to run, in the letter case in which it exists.
	Script string
	Args   []string
	// Raw is the word as a file of the original would have it: what stands in
	// logs and, for the first of a group, the group's key on the wire.
	Raw string
	Pos Pos
}

// ipScripts take an address as their first argument: there any IPv6 address is
// one argument.
var ipScripts = []string{"ipaddr", "ipaddr2", "ipv6addr", "ipsrcaddr"}

// isIPv4Word reports whether a word is the short form of IPaddr: the shell
// pattern [0-9]*.[0-9]*.[0-9]*.[0-9]* (heartbeat-config 5).
func isIPv4Word(w string) bool {
	if w == "" || w[0] < '0' || w[0] > '9' {
		return false
	}
	dots := 0
	for i := 1; i+1 < len(w); i++ {
		if w[i] == '.' && w[i+1] >= '0' && w[i+1] <= '9' {
			dots++
		}
	}
	return dots >= 3
}

// splitResource takes a word apart. The original cuts at every "::", so that an
// IPv6 address falls into pieces; sixes are the addresses that we kept whole.
//
// An address is recognised where an argument begins, as the longest run up to a
// "::" or the end of the word that netip can read, if one of these speaks for it:
//   - the script is one of ipScripts and this is its first argument;
//   - it has a single colon between groups (2001:db8::1), which two arguments
//     hardly ever have;
//   - it carries a prefix length (fd00::5/64).
//
// So "LabRsc::a::b" remains two arguments although a::b is an address, and
// forms with an IPv4 tail (a::10.0.0.1) never count. In brackets nothing is cut
// ("[2001:db8::1]:/export").
func splitResource(word string) (script string, args, sixes []string) {
	script, rest, more := strings.Cut(word, "::")
	for first := true; more; first = false {
		n := addressLen(rest, first && slices.Contains(ipScripts, strings.ToLower(script)))
		if n > 0 {
			sixes = append(sixes, rest[:n])
		} else if n = strings.Index(rest, "::"); n < 0 {
			n = len(rest)
		} else if open := strings.IndexByte(rest, '['); open >= 0 && open < n {
			if end := strings.IndexByte(rest[open:], ']'); end >= 0 {
				if next := strings.Index(rest[open+end:], "::"); next >= 0 {
					n = open + end + next
				} else {
					n = len(rest)
				}
			}
		}
		if n > 0 {
			args = append(args, rest[:n])
		}
		if more = n < len(rest); more {
			rest = rest[n+2:]
		}
	}
	return script, args, sixes
}

// addressLen is the length of the IPv6 address with "::" in it at the beginning
// of s, with what follows a slash; 0 if there is none. sure says that an address
// is expected here.
func addressLen(s string, sure bool) int {
	for end := len(s); end > 0; end = strings.LastIndex(s[:end], "::") {
		cand := s[:end]
		addr, tail, hasTail := strings.Cut(cand, "/")
		if !strings.Contains(addr, "::") || strings.Contains(addr, ".") || strings.Contains(tail, "::") {
			continue
		}
		if a, err := netip.ParseAddr(addr); err != nil || !a.Is6() {
			continue
		}
		digits := scanDigits(tail)
		bits, _ := atoi(tail)
		prefix := hasTail && digits > 0 && bits <= 128 && (digits == len(tail) || tail[digits] == '/')
		single := strings.Contains(strings.ReplaceAll(addr, "::", "#"), ":")
		if sure || single || prefix {
			return end
		}
	}
	return 0
}

// isIPv6Word reports whether a whole word is an IPv6 address with or without
// prefix length: taken for IPv6addr::word, as IPv4 addresses are for IPaddr.
func isIPv6Word(w string) bool {
	addr, _, _ := strings.Cut(w, "/")
	a, err := netip.ParseAddr(addr)
	return err == nil && a.Is6() && strings.Count(addr, ":") > 2
}

// IPAddress is the argument of IPaddr and its relatives.
type IPAddress struct {
	Prefix    netip.Prefix // bits -1 (invalid) where none are given
	Addr      netip.Addr
	NIC       string // interface with label (eth0:0), may be empty
	Broadcast netip.Addr
}

// ParseIPAddress reads ADDRESS[/BITS[/NIC[:LABEL]][/BROADCAST]] (heartbeat-config 5).
func ParseIPAddress(arg string) (IPAddress, error) {
	parts := strings.Split(arg, "/")
	var ip IPAddress
	var err error
	if ip.Addr, err = netip.ParseAddr(parts[0]); err != nil {
		return ip, fmt.Errorf("%q is not an IP address", parts[0])
	}
	parts = parts[1:]
	if len(parts) > 0 {
		bits, whole := atoi(parts[0])
		mask, maskErr := netip.ParseAddr(parts[0])
		switch {
		case whole:
			if ip.Prefix, err = ip.Addr.Prefix(bits); err != nil {
				return ip, fmt.Errorf("%d is not a number of bits for the mask of %s", bits, ip.Addr)
			}
			ip.Prefix = netip.PrefixFrom(ip.Addr, bits)
			parts = parts[1:]
		case maskErr == nil && mask.Is4():
			n := bitlen.LeadingZeros32(^binary.BigEndian.Uint32(mask.AsSlice()))
			if netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), n).Masked().Addr() != mask || !ip.Addr.Is4() {
				return ip, fmt.Errorf("%q is no mask; write a number of bits", parts[0])
			}
			ip.Prefix = netip.PrefixFrom(ip.Addr, n)
			parts = parts[1:]
		case parts[0] == "":
			parts = parts[1:]
		}
	}
	if len(parts) > 0 && (parts[0] == "" || parts[0][0] < '0' || parts[0][0] > '9') {
		ip.NIC = parts[0]
		parts = parts[1:]
	}
	if len(parts) > 0 {
		if ip.Broadcast, err = netip.ParseAddr(parts[0]); err != nil {
			return ip, fmt.Errorf("%q is not a broadcast address", parts[0])
		}
		parts = parts[1:]
	}
	if len(parts) > 0 {
		return ip, fmt.Errorf("%q is one part too many", parts[0])
	}
	return ip, nil
}

// Address is the address that a resource serves, if its script is one of those
// that serve one.
func (r Resource) Address() (IPAddress, bool, error) {
	s := strings.ToLower(r.Script)
	if !slices.Contains(ipScripts, s) || s == "ipsrcaddr" || len(r.Args) == 0 {
		return IPAddress{}, false, nil
	}
	ip, err := ParseIPAddress(r.Args[0])
	return ip, true, err
}
