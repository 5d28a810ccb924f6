package netaddr

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// EtherWake is the Ethernet type of a magic packet that is no other packet's payload.
const EtherWake = 0x0842

// wakePort is the UDP port that is used for magic packets: discard.
const wakePort = 9

// MagicPacket is what a sleeping network card looks for: six bytes of ones, then
// its hardware address sixteen times.
func MagicPacket(hw net.HardwareAddr) []byte {
	return append(bytes.Repeat([]byte{0xff}, 6), bytes.Repeat(hw, 16)...)
}

// Wake sends the magic packet for hw by broadcast out of an interface: as an
// Ethernet frame of its own, which needs no address, and, where the interface has
// an IPv4 address, in a UDP datagram too, for what listens to those only. Only the
// frame must succeed.
func Wake(iface string, hw net.HardwareAddr) error {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return fmt.Errorf("wake %s: interface %s: %w", hw, iface, unwrapOp(err))
	}
	if len(ifi.HardwareAddr) != 6 {
		return fmt.Errorf("wake %s: %s is no Ethernet interface", hw, iface)
	}
	conn, err := packet.Listen(ifi, packet.Raw, EtherWake, nil)
	if err != nil {
		return fmt.Errorf("wake %s on %s: %w", hw, iface, unwrapOp(err))
	}
	defer conn.Close()
	f := ethernet.Frame{Destination: broadcastHW, Source: ifi.HardwareAddr, EtherType: EtherWake, Payload: MagicPacket(hw)}
	frame, err := f.MarshalBinary()
	if err != nil {
		return fmt.Errorf("wake %s: %w", hw, err)
	}
	if _, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: broadcastHW}); err != nil {
		return fmt.Errorf("wake %s on %s: %w", hw, iface, unwrapOp(err))
	}
	wakeUDP(ifi, hw)
	return nil
}

func wakeUDP(ifi *net.Interface, hw net.HardwareAddr) {
	addrs, _ := ifi.Addrs()
	if !slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().Is4()
	}) {
		return
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1) == nil && unix.BindToDevice(fd, ifi.Name) == nil {
		unix.Sendto(fd, MagicPacket(hw), 0, &unix.SockaddrInet4{Port: wakePort, Addr: [4]byte{255, 255, 255, 255}})
	}
}

// Ethernets are the interfaces of this machine that are up and have a hardware
// address; parts of a bond or a bridge are left out, since those have it.
func Ethernets() ([]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", unwrapOp(err))
	}
	var out []string
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 && len(i.HardwareAddr) == 6 && !enslaved(i.Index) {
			out = append(out, i.Name)
		}
	}
	return out, nil
}

func enslaved(index int) bool {
	l, err := netlink.LinkByIndex(index)
	return err == nil && l.Attrs().MasterIndex != 0
}
