package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"classicha/heartbeatd/netaddr"
	"classicha/internal/getopt"
)

// tentativeWait bounds how long send_ua waits for duplicate address detection.
const tentativeWait = 5 * time.Second

// SendUA is send_ua [-i MS] [-c COUNT] [-h] IPV6 PREFIX INTERFACE: unsolicited
// neighbour advertisements, 5 of them a second apart unless told otherwise. As
// with the one in resource-agents 4.12 complaints go to standard output, wrong
// arguments give exit code 2, and everything else 0, even when nothing could be
// sent: IPaddr2 with arp_bg=no would fail the start of the address otherwise.
//
// Differences: a missing interface is no crash, it does not sleep after the last
// one, and it waits while the address is tentative instead of giving up.
func SendUA(args []string, stdout, stderr io.Writer) int {
	usage := func() int {
		fmt.Fprintf(stdout, "usage: %s [-i[=Interval]] [-c[=Count]] [-h] IPv6-Address Prefix Interface\n", libexecName("send_ua"))
		return 2
	}
	interval, count := time.Second, 5
	p := getopt.New(libexecName("send_ua"), args, "i:c:h")
	p.Stderr = stderr
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		n, err := strconv.Atoi(strings.TrimPrefix(o.Arg, "=")) // as the usage has it
		switch {
		case o.Err != nil, o.Short == 'h', err != nil, n < 0, n > 24*3600*1000:
			return usage()
		case o.Short == 'i':
			interval = time.Duration(n) * time.Millisecond
		case o.Short == 'c':
			count = n
		}
	}
	words := p.Operands()
	if len(words) != 3 {
		return usage()
	}
	ip, err := netip.ParseAddr(words[0])
	if err != nil || !ip.Is6() || ip.Is4In6() {
		fmt.Fprintf(stdout, "ERROR: Invalid IPv6 address [%s]", words[0])
		return usage()
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := advertise(ctx, words[2], ip.WithZone(""), interval, count); err != nil {
		fmt.Fprintf(stdout, "ERROR: %v\n", err)
	}
	return 0
}

func advertise(ctx context.Context, iface string, ip netip.Addr, interval time.Duration, count int) error {
	if _, err := net.InterfaceByName(iface); err != nil {
		return errors.New("ioctl(SIOCGIFHWADDR) failed: No such device")
	}
	patience := time.Now().Add(tentativeWait)
	for i := 0; i < count; {
		held, err := netaddr.Held([]netip.Addr{ip})
		if err != nil {
			return err
		}
		// Never announce what is not here: the original's bind fails then.
		here := false
		for _, t := range held {
			here = here || t.Interface == iface
		}
		if !here {
			return errors.New("bind() failed: Cannot assign requested address")
		}
		pause := interval
		switch err := netaddr.SendNA(iface, ip, nil); {
		case errors.Is(err, netaddr.ErrTentative) && time.Now().Before(patience):
			pause = 50 * time.Millisecond
		case err != nil:
			return err
		default:
			i++
		}
		if i == count {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	return nil
}
