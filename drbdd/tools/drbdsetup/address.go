package drbdsetup

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// defaultPort is that of an address without one.
const defaultPort = "7788"

// lookupLimit bounds the look-up of a host name.
const lookupLimit = 5 * time.Second

// resolver finds the addresses of a host name; tests have their own.
var resolver = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// endpoint makes "ipv4:10.0.0.1:7788" of an address as users write it:
// [FAMILY:]HOST[:PORT], where HOST of ipv6 stands in brackets. note is a line for
// standard error.
func endpoint(text string) (address, note string, err error) {
	family, rest := "ipv4", text
	for _, f := range []string{"ipv4", "ipv6", "ssocks", "sdp"} {
		if r, ok := strings.CutPrefix(text, f+":"); ok {
			family, rest = f, r
		}
	}
	if family == "ipv6" {
		return endpoint6(text, rest)
	}
	host, port := rest, defaultPort
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, port = rest[:i], rest[i+1:]
	}
	if port, err = portNumber(port); err != nil {
		return "", "", err
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !a.Is4() {
		if a, err = lookup("ip4", host); err != nil {
			return "", "", &failure{exit: exitUsage, err: fmt.Sprintf("can not resolve the hostname: gethostbyname(%s): Unknown host\n", host)}
		}
	}
	return family + ":" + a.String() + ":" + port, "", nil
}

func endpoint6(text, rest string) (address, note string, err error) {
	host, port := rest, defaultPort
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], rest[i+1:]
		if !strings.HasPrefix(host, "[") {
			note = fmt.Sprintf("interpreting %s as ipv6:[%s]:%s\n", text, host, port)
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if port, err = portNumber(port); err != nil {
		return "", "", err
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !a.Is6() {
		if a, err = lookup("ip6", host); err != nil {
			return "", "", &failure{exit: exitUsage, err: note + fmt.Sprintf("getaddrinfo %s: Name or service not known\n", host)}
		}
	}
	return "ipv6:[" + a.String() + "]:" + port, note, nil
}

func portNumber(text string) (string, error) {
	n, err := whole(text)
	if err != nil {
		return "", err
	}
	if n > 65535 {
		return "", &failure{exit: exitUsage, err: fmt.Sprintf("port %s => %d out of range [0..65535]\n", text, n)}
	}
	return strconv.Itoa(n), nil
}

// lookup takes the first address of a name.
func lookup(network, host string) (netip.Addr, error) {
	if host == "" || strings.ContainsAny(host, ": \t\n") {
		return netip.Addr{}, fmt.Errorf("%q is no host name", host)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	found, err := resolver(ctx, network, host)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range found {
		if a = a.Unmap(); a.Is4() == (network == "ip4") {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no address", host)
}
