package tools

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"classicha/heartbeatd/netaddr"
	"classicha/internal/getopt"
)

const whoHasUsage = `usage: hb_whohas [-w MS] ADDRESS[/BITS] [INTERFACE]

Asks the network which other machine answers for an address, and prints
address, hardware address and interface. Nobody's cache changes by it.
Exit code 0: somebody does, 1: nobody, 2: it could not be asked.

  -w MS   how long an answer is waited for (1000)
`

// Exit codes of hb_whohas.
const (
	whoHasFound  = 0
	whoHasNobody = 1
	whoHasFailed = 2
)

// HbWhohas is hb_whohas [-w MS] ADDRESS[/BITS] [INTERFACE]. Address scripts call it
// in the background when they have taken an address over.
func HbWhohas(args []string, stdout, stderr io.Writer) int {
	during := netaddr.ProbeTime
	p := getopt.New("hb_whohas", args, "w:h", getopt.Long{Name: "help", Short: 'h'})
	p.Stderr = stderr
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		ms, err := strconv.Atoi(o.Arg)
		if o.Err != nil || o.Short == 'h' || err != nil || ms < 1 || ms > 60000 {
			io.WriteString(stderr, whoHasUsage)
			return whoHasFailed
		}
		during = time.Duration(ms) * time.Millisecond
	}
	words := p.Operands()
	if len(words) < 1 || len(words) > 2 {
		io.WriteString(stderr, whoHasUsage)
		return whoHasFailed
	}
	text, _, _ := strings.Cut(words[0], "/")
	ip, err := netip.ParseAddr(text)
	ip = ip.Unmap().WithZone("")
	if err != nil {
		fmt.Fprintf(stderr, "hb_whohas: %q is no IP address\n", words[0])
		return whoHasFailed
	}
	nic := ""
	if len(words) > 1 {
		nic, _, _ = strings.Cut(words[1], ":")
	} else if at, err := netaddr.Find(netaddr.Query{IP: ip}); err == nil {
		nic = at.Interface
	} else {
		fmt.Fprintf(stderr, "hb_whohas: %v; name the interface\n", err)
		return whoHasFailed
	}
	found, err := netaddr.WhoHas(nic, []netip.Addr{ip}, during)
	if hw := found[ip]; hw != nil {
		fmt.Fprintf(stdout, "%s %s %s\n", ip, hw, nic)
		return whoHasFound
	}
	if err != nil {
		fmt.Fprintf(stderr, "hb_whohas: %v\n", err)
		return whoHasFailed
	}
	return whoHasNobody
}
