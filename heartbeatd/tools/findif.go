package tools

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"classicha/heartbeatd/netaddr"
	"classicha/internal/getopt"
)

// Exit codes of findif.
const (
	findIfNoRoute = 1 // no interface for this address
	findIfUsage   = 2 // bad command line
	findIfConfig  = 6 // bad or missing OCF_RESKEY_*: OCF_ERR_CONFIGURED
)

// FindIf is findif [-C]: which interface an address belongs on, with network mask
// and broadcast address, for resource agents. It reads OCF_RESKEY_ip,
// OCF_RESKEY_cidr_netmask, OCF_RESKEY_broadcast and OCF_RESKEY_nic and prints
//
//	eth0<TAB>netmask 255.255.255.0<TAB>broadcast 192.168.77.255
//
// with -C the length of the network in place of its mask. Output and exit codes
// are those of resource-agents 4.12. IPv6 addresses, which it refuses, are
// answered with the length and an empty broadcast.
func FindIf(args []string, stdout, stderr io.Writer) int {
	cidr := false
	p := getopt.New(libexecName("findif"), args, "C")
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		if o.Err != nil {
			return findIfHelp(stderr, "", findIfUsage)
		}
		cidr = true
	}
	if len(p.Operands()) > 0 {
		return findIfHelp(stderr, "", findIfUsage)
	}
	q, nic, complaint := findIfQuery(stderr)
	if complaint != "" {
		return findIfHelp(stderr, complaint, findIfConfig)
	}
	a, err := netaddr.Find(q)
	switch {
	case errors.Is(err, netaddr.ErrNeedNetmask):
		fmt.Fprintf(stderr, "ERROR: Cannot use default route w/o netmask [%s]\n", q.IP)
		return findIfNoRoute
	case errors.Is(err, netaddr.ErrNoRoute):
		fmt.Fprintf(stderr, "ERROR: No route to %s\n", q.IP)
		return findIfNoRoute
	case err != nil:
		fmt.Fprintf(stderr, "ERROR: %v\n", err)
		return findIfNoRoute
	}
	if nic == "" {
		nic = a.Interface
	}
	mask, broadcast := strconv.Itoa(a.Prefix.Bits()), ""
	if a.IP().Is4() {
		broadcast = a.Broadcast.String()
		if !cidr {
			mask = net.IP(net.CIDRMask(a.Prefix.Bits(), 32)).String()
		}
	}
	fmt.Fprintf(stdout, "%s\tnetmask %s\tbroadcast %s\n", nic, mask, broadcast)
	return 0
}

// findIfQuery reads the environment. nic is the name to print, which may be an
// alias such as eth0:0.
func findIfQuery(stderr io.Writer) (q netaddr.Query, nic, complaint string) {
	ip, mask, broadcast := os.Getenv("OCF_RESKEY_ip"), os.Getenv("OCF_RESKEY_cidr_netmask"), os.Getenv("OCF_RESKEY_broadcast")
	nic = os.Getenv("OCF_RESKEY_nic")
	if ip == "" {
		return q, "", "ERROR: IP address parameter is mandatory."
	}
	var err error
	if q.IP, err = netip.ParseAddr(ip); err != nil || q.IP.Zone() != "" || q.IP.Is4In6() {
		return q, "", fmt.Sprintf("IP address [%s] not valid.", ip)
	}
	if mask != "" {
		n := mask
		if strings.Contains(mask, ".") {
			n = strconv.Itoa(dottedBits(mask))
			fmt.Fprintf(stderr, "Converted dotted-quad netmask to CIDR as: %s\n", n)
		}
		if q.Bits, err = strconv.Atoi(n); err != nil || q.Bits < 1 || q.Bits > q.IP.BitLen() {
			return q, "", fmt.Sprintf("Invalid netmask specification [%s]", mask)
		}
	}
	if broadcast != "" {
		if q.Broadcast, err = netip.ParseAddr(broadcast); err != nil || !q.Broadcast.Is4() {
			return q, "", fmt.Sprintf("Invalid broadcast address [%s].", broadcast)
		}
	}
	if nic != "" {
		q.Interface, _, _ = strings.Cut(nic, ":")
		if strings.Contains(nic, ":") {
			fmt.Fprintf(stderr, "%s: warning: name may be invalid\n", nic)
		}
		if _, err := net.InterfaceByName(q.Interface); err != nil {
			return q, "", fmt.Sprintf("%s: unknown interface: No such device\n", nic)
		}
	}
	return q, nic, ""
}

// dottedBits is the length of a mask such as 255.255.255.0: up to its last bit that
// is set, as the original counts. -1: it is none.
func dottedBits(s string) int {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return -1
	}
	b := a.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	if v == 0 {
		return -1
	}
	return 32 - bits.TrailingZeros32(v)
}

func findIfHelp(stderr io.Writer, complaint string, code int) int {
	fmt.Fprintf(stderr, `%s
%s version 2.99.1

Usage: %s [-C]
Options:
    -C: Output netmask as the number of bits rather than as 4 octets.
Environment variables:
OCF_RESKEY_ip		 ip address (mandatory!)
OCF_RESKEY_cidr_netmask netmask of interface
OCF_RESKEY_broadcast	 broadcast address for interface
OCF_RESKEY_nic		 interface to assign to
`, complaint, libexecName("findif"), libexecName("findif"))
	return code
}
