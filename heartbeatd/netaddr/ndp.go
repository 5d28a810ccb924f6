package netaddr

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"
)

// ErrTentative is returned while no address of the interface can be a source
// yet, because duplicate address detection runs; it is over within 2 s.
var ErrTentative = errors.New("the interface's IPv6 addresses are still tentative")

// SendNA sends one unsolicited neighbour advertisement for an IPv6 address to
// all nodes of the link (RFC 4861 7.2.6): Override set, with the link-layer
// address hw (nil: the interface's own). The source is the address itself, as
// the original's send_ua has it; while that one is tentative, or not on the
// interface, the link-local address takes its place.
func SendNA(iface string, ip netip.Addr, hw net.HardwareAddr) error {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("announce %s: interface %s: %w", ip, iface, unwrapOp(err))
	}
	if hw == nil {
		hw = ifi.HardwareAddr
	}
	if len(hw) == 0 {
		return nil // no link-layer addresses here, so no neighbour caches
	}
	conn, err := ndpSource(ifi, ip)
	if err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, iface, err)
	}
	defer conn.Close()
	na := &ndp.NeighborAdvertisement{
		Override:      true,
		TargetAddress: ip.WithZone(""),
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: hw}},
	}
	all := netip.IPv6LinkLocalAllNodes().WithZone(ifi.Name)
	if err := conn.WriteTo(na, nil, all); err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, iface, unwrapOp(err))
	}
	return nil
}

// ndpSource opens a socket whose source is the address, else the link-local one.
func ndpSource(ifi *net.Interface, ip netip.Addr) (*ndp.Conn, error) {
	var last error
	tentative := false
	for _, source := range []ndp.Addr{ndp.Addr(ip.WithZone("").String()), ndp.LinkLocal} {
		conn, _, err := ndp.Listen(ifi, source)
		if err == nil {
			return conn, nil
		}
		last = err
		// The address is on the interface, or ndp would have said so; that it
		// cannot be bound means that it is tentative.
		tentative = tentative || errors.Is(err, unix.EADDRNOTAVAIL)
	}
	if tentative {
		return nil, ErrTentative
	}
	return nil, unwrapOp(last)
}

// unwrapOp takes the reason out of a net.OpError, whose own text repeats
// addresses and calls that say nothing here.
func unwrapOp(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
