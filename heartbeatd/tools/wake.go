package tools

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"classicha/heartbeatd/netaddr"
	"classicha/internal/getopt"
)

const wakeUsage = `usage: hb_wake [-i INTERFACE] [-n COUNT] HARDWARE...

Sends the magic packet (Wake on LAN) for each hardware address by broadcast, on
all Ethernet interfaces that are up. The network card must have been told to
listen for it: ethtool -s INTERFACE wol g.
Exit code 0: sent, 1: not sent, 2: wrong usage.

  -i INTERFACE   on this one only
  -n COUNT       so many times, a tenth of a second apart (3)
`

// HbWake is hb_wake [-i INTERFACE] [-n COUNT] HARDWARE...; the script WakeOnLan
// calls it.
func HbWake(args []string, stderr io.Writer) int {
	usage := func() int {
		io.WriteString(stderr, wakeUsage)
		return 2
	}
	nic, times := "", 3
	p := getopt.New("hb_wake", args, "i:n:h", getopt.Long{Name: "help", Short: 'h'})
	p.Stderr = stderr
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		switch {
		case o.Err == nil && o.Short == 'i':
			nic = o.Arg
		case o.Err == nil && o.Short == 'n':
			n, err := strconv.Atoi(o.Arg)
			if err != nil || n < 1 || n > 100 {
				return usage()
			}
			times = n
		default:
			return usage()
		}
	}
	var cards []net.HardwareAddr
	for _, w := range p.Operands() {
		hw, err := wakeAddress(w)
		if err != nil {
			fmt.Fprintf(stderr, "hb_wake: %v\n", err)
			return 2
		}
		cards = append(cards, hw)
	}
	if len(cards) == 0 {
		return usage()
	}
	nics := []string{nic}
	if nic == "" {
		var err error
		if nics, err = netaddr.Ethernets(); err != nil || len(nics) == 0 {
			fmt.Fprintf(stderr, "hb_wake: no Ethernet interface is up (%v)\n", err)
			return 1
		}
	}
	sent := false
	for n := range times {
		if n > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		for _, nic := range nics {
			for _, hw := range cards {
				err := netaddr.Wake(nic, hw)
				if err != nil && n == 0 {
					fmt.Fprintf(stderr, "hb_wake: %v\n", err)
				}
				sent = sent || err == nil
			}
		}
	}
	if !sent {
		return 1
	}
	return 0
}

// wakeAddress reads a hardware address: six bytes with colons or dashes, or
// nothing, between them.
func wakeAddress(s string) (net.HardwareAddr, error) {
	hw, err := net.ParseMAC(s)
	if err != nil {
		hw, err = parseHW(s)
	}
	if err != nil || len(hw) != 6 {
		return nil, fmt.Errorf("%q is no hardware address: six bytes, as in 00:11:22:33:44:55", s)
	}
	return hw, nil
}
