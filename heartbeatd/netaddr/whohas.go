package netaddr

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
)

// ProbeTime is long enough for an answer on a local network: three questions, a
// third of it apart.
const ProbeTime = time.Second

// WhoHas asks on an interface who answers for IPv4 addresses, and returns the
// hardware address of the first machine that does, for each that is answered. It
// is done when all are, at the latest after the given time. Nobody's cache
// changes by it: the questions are those of RFC 5227 2.1.1 (sender address
// 0.0.0.0), which a machine that has the address must answer. This machine does
// not answer itself.
func WhoHas(iface string, ips []netip.Addr, during time.Duration) (map[netip.Addr]net.HardwareAddr, error) {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, fmt.Errorf("ask on interface %s: %w", iface, unwrapOp(err))
	}
	if len(ifi.HardwareAddr) != 6 {
		return nil, fmt.Errorf("ask on interface %s: it is no Ethernet", iface)
	}
	var frames [][]byte
	wanted := map[netip.Addr]bool{}
	for _, ip := range ips {
		if ip = ip.Unmap(); !ip.Is4() || wanted[ip] {
			continue
		}
		f, err := probeFrame(ifi.HardwareAddr, ip)
		if err != nil {
			return nil, fmt.Errorf("ask for %s: %w", ip, err)
		}
		frames, wanted[ip] = append(frames, f), true
	}
	conn, err := packet.Listen(ifi, packet.Raw, int(ethernet.EtherTypeARP), nil)
	if err != nil {
		return nil, fmt.Errorf("ask on interface %s: %w", iface, unwrapOp(err))
	}
	defer conn.Close()
	own := ownHardware()
	found := map[netip.Addr]net.HardwareAddr{}
	begin := time.Now()
	buf := make([]byte, 2048)
	for try := range 3 {
		for _, f := range frames {
			if _, err := conn.WriteTo(f, &packet.Addr{HardwareAddr: broadcastHW}); err != nil {
				return found, fmt.Errorf("ask on interface %s: %w", iface, unwrapOp(err))
			}
		}
		if err := conn.SetReadDeadline(begin.Add(during * time.Duration(try+1) / 3)); err != nil {
			return found, err
		}
		for len(found) < len(wanted) {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break // the next question, or the end
			}
			ip, hw, ok := claim(buf[:n])
			if ok && wanted[ip] && found[ip] == nil && !own[hw.String()] {
				found[ip] = hw
			}
		}
		if len(found) == len(wanted) {
			break
		}
	}
	return found, nil
}

// probeFrame is the question.
func probeFrame(hw net.HardwareAddr, ip netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, hw, netip.IPv4Unspecified(), noHW, ip)
	if err != nil {
		return nil, err
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	f := ethernet.Frame{Destination: broadcastHW, Source: hw, EtherType: ethernet.EtherTypeARP, Payload: body}
	return f.MarshalBinary()
}

// claim reads from a frame which machine says that it has which address. Requests
// count too: who asks or announces with a sender address has it.
func claim(frame []byte) (netip.Addr, net.HardwareAddr, bool) {
	var f ethernet.Frame
	var p arp.Packet
	if f.UnmarshalBinary(frame) != nil || f.EtherType != ethernet.EtherTypeARP || p.UnmarshalBinary(f.Payload) != nil {
		return netip.Addr{}, nil, false
	}
	ip := p.SenderIP.Unmap()
	if !ip.Is4() || ip.IsUnspecified() || len(p.SenderHardwareAddr) != 6 {
		return ip, nil, false
	}
	return ip, bytes.Clone(p.SenderHardwareAddr), true
}

// ownHardware are the hardware addresses of this machine, as text.
func ownHardware() map[string]bool {
	own := map[string]bool{}
	all, _ := net.Interfaces()
	for _, i := range all {
		own[i.HardwareAddr.String()] = true
	}
	return own
}
