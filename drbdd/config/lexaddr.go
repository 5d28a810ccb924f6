package config

import (
	"net/netip"
	"strings"
)

// longestIPv6 is the longest text of an IPv6 address.
const longestIPv6 = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")

// spanIPv6 is the length of the IPv6 address at the beginning of s, with its
// zone, or 0. The original's lexer knows addresses everywhere; with fewer than
// two colons a text is none.
func spanIPv6(s string) int {
	n := span(s[:min(len(s), longestIPv6)], func(c byte) bool {
		return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == ':' || c == '.'
	})
	if strings.Count(s[:n], ":") < 2 {
		return 0
	}
	for ; n >= 2; n-- {
		if validIPv6(s[:n]) {
			return n + spanZone(s[n:])
		}
	}
	return 0
}

func validIPv6(s string) bool {
	if strings.Contains(s, ".") && !strings.HasPrefix(strings.ToLower(s), "::ffff:") {
		return false
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

func spanZone(s string) int {
	if len(s) < 2 || s[0] != '%' {
		return 0
	}
	if n := span(s[1:], func(c byte) bool { return isWordByte(c) && c != '/' }); n > 0 {
		return n + 1
	}
	return 0
}

// loopback reports whether the original counts an address as one that every
// host has for itself: it looks at the text.
func loopback(ip string) bool {
	return strings.HasPrefix(ip, "127.") || ip == "::1"
}
