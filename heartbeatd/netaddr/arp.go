package netaddr

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
)

var (
	broadcastHW = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	noHW        = net.HardwareAddr{0, 0, 0, 0, 0, 0}
)

// Form is which of the two gratuitous ARP packets is sent. Some systems listen
// to the one and some to the other, so both are sent for every announcement.
type Form uint8

const (
	Request Form = iota // "who has IP? tell IP"
	Reply               // "IP is at HW", to everybody
)

// SendARP sends one gratuitous ARP packet for an IPv4 address out of an
// interface: sender and target are the address itself. The reply names the
// sender's hardware address as the target's, too: Linux takes a reply as
// gratuitous only then. hw nil is the interface's own hardware address; the
// Ethernet source is always the interface's own.
//
// The frames are built by mdlayher/arp and written on a packet socket of our
// own rather than by arp.Dial, which refuses an interface that has no IPv4
// address. Interfaces that do no ARP (no hardware address, or marked NOARP) are
// passed over in silence, as the original does with the loopback.
func SendARP(iface string, ip netip.Addr, hw net.HardwareAddr, form Form) error {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("announce %s: interface %s: %w", ip, iface, unwrapOp(err))
	}
	if len(ifi.HardwareAddr) == 0 {
		return nil
	}
	if len(ifi.HardwareAddr) != 6 {
		return fmt.Errorf("announce %s: %s is no Ethernet interface", ip, iface)
	}
	frame, err := arpFrame(ifi.HardwareAddr, ip, hw, form)
	if err != nil {
		return fmt.Errorf("announce %s: %w", ip, err)
	}
	conn, err := packet.Listen(ifi, packet.Raw, int(ethernet.EtherTypeARP), nil)
	if err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, iface, unwrapOp(err))
	}
	defer conn.Close()
	if _, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: broadcastHW}); err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, iface, unwrapOp(err))
	}
	return nil
}

// arpFrame is the whole Ethernet frame.
func arpFrame(ifiHW net.HardwareAddr, ip netip.Addr, hw net.HardwareAddr, form Form) ([]byte, error) {
	if hw == nil {
		hw = ifiHW
	}
	op, target := arp.OperationRequest, noHW
	if form == Reply {
		op, target = arp.OperationReply, hw
	}
	p, err := arp.NewPacket(op, hw, ip, target, ip)
	if err != nil {
		return nil, err
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	f := ethernet.Frame{Destination: broadcastHW, Source: ifiHW, EtherType: ethernet.EtherTypeARP, Payload: body}
	return f.MarshalBinary()
}
