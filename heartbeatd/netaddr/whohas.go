package netaddr

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
)

// ProbeTime is long enough for an answer on a local network: three questions, a
// third of it apart.
const ProbeTime = time.Second

// WhoHas asks on an interface who answers for addresses, and returns the hardware
// address of the first machine that does, for each that is answered. It is done when
// all are, at the latest after the given time. Nobody's idea of where an address is
// changes by it: for IPv4 the questions are those of RFC 5227 2.1.1 (sender address
// 0.0.0.0), for IPv6 neighbour solicitations from the link-local address; a machine
// that has the address must answer either. This machine does not answer itself.
func WhoHas(iface string, ips []netip.Addr, during time.Duration) (map[netip.Addr]net.HardwareAddr, error) {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, fmt.Errorf("ask on interface %s: %w", iface, unwrapOp(err))
	}
	if len(ifi.HardwareAddr) != 6 {
		return nil, fmt.Errorf("ask on interface %s: it is no Ethernet", iface)
	}
	families := map[bool][]netip.Addr{} // by: is it IPv6?
	for _, ip := range ips {
		ip = ip.Unmap().WithZone("")
		if !slices.Contains(families[ip.Is6()], ip) {
			families[ip.Is6()] = append(families[ip.Is6()], ip)
		}
	}
	// Sockets are made here, in the network namespace of the caller's thread.
	var errs []error
	var askers []*inquiry
	for six, wanted := range families {
		open := openARP
		if six {
			open = openNDP
		}
		a, err := open(ifi, wanted)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask on interface %s: %w", iface, unwrapOp(err)))
			continue
		}
		defer a.Close()
		askers = append(askers, &inquiry{asker: a, wanted: wanted, found: map[netip.Addr]net.HardwareAddr{}})
	}
	own := ownHardware()
	var wg sync.WaitGroup
	for _, q := range askers {
		wg.Go(func() { q.run(during, own) })
	}
	wg.Wait()
	found := map[netip.Addr]net.HardwareAddr{}
	for _, q := range askers {
		maps.Copy(found, q.found)
		if q.err != nil {
			errs = append(errs, fmt.Errorf("ask on interface %s: %w", iface, unwrapOp(q.err)))
		}
	}
	return found, errors.Join(errs...)
}

// asker is a socket that asks for some addresses, and hears who has one.
type asker interface {
	Ask() error
	SetReadDeadline(time.Time) error
	// Hear returns what one packet says; ok is false if it is no answer. An error
	// that is no timeout is about one packet.
	Hear() (ip netip.Addr, hw net.HardwareAddr, ok bool, err error)
	Close() error
}

// inquiry is the questions for one family of addresses.
type inquiry struct {
	asker
	wanted []netip.Addr
	found  map[netip.Addr]net.HardwareAddr
	err    error
}

const tries = 3

func (q *inquiry) run(during time.Duration, own map[string]bool) {
	begin := time.Now()
	for try := 1; try <= tries && len(q.found) < len(q.wanted); try++ {
		if q.err = q.Ask(); q.err != nil {
			return
		}
		until := begin.Add(during * time.Duration(try) / tries)
		if q.err = q.SetReadDeadline(until); q.err != nil {
			return
		}
		for len(q.found) < len(q.wanted) && time.Now().Before(until) {
			ip, hw, ok, err := q.Hear()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if ok && slices.Contains(q.wanted, ip) && q.found[ip] == nil && !own[hw.String()] {
				q.found[ip] = hw
			}
		}
	}
}

// arpAsker asks for IPv4 addresses.
type arpAsker struct {
	*packet.Conn
	frames [][]byte
	buf    []byte
}

func openARP(ifi *net.Interface, ips []netip.Addr) (asker, error) {
	a := &arpAsker{buf: make([]byte, 2048)}
	for _, ip := range ips {
		f, err := probeFrame(ifi.HardwareAddr, ip)
		if err != nil {
			return nil, err
		}
		a.frames = append(a.frames, f)
	}
	var err error
	a.Conn, err = packet.Listen(ifi, packet.Raw, int(ethernet.EtherTypeARP), nil)
	return a, err
}

func (a *arpAsker) Ask() error {
	for _, f := range a.frames {
		if _, err := a.WriteTo(f, &packet.Addr{HardwareAddr: broadcastHW}); err != nil {
			return err
		}
	}
	return nil
}

func (a *arpAsker) Hear() (netip.Addr, net.HardwareAddr, bool, error) {
	n, _, err := a.ReadFrom(a.buf)
	if err != nil {
		return netip.Addr{}, nil, false, err
	}
	ip, hw, ok := claim(a.buf[:n])
	return ip, hw, ok, nil
}

// ndpAsker asks for IPv6 addresses.
type ndpAsker struct {
	*ndp.Conn
	ifi *net.Interface
	ips []netip.Addr
}

func openNDP(ifi *net.Interface, ips []netip.Addr) (asker, error) {
	conn, _, err := ndp.Listen(ifi, ndp.LinkLocal)
	return &ndpAsker{Conn: conn, ifi: ifi, ips: ips}, err
}

func (a *ndpAsker) Ask() error {
	for _, ip := range a.ips {
		group, err := ndp.SolicitedNodeMulticast(ip)
		if err != nil {
			return err
		}
		ns := &ndp.NeighborSolicitation{TargetAddress: ip, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: a.ifi.HardwareAddr}}}
		if err := a.WriteTo(ns, nil, group.WithZone(a.ifi.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (a *ndpAsker) Hear() (netip.Addr, net.HardwareAddr, bool, error) {
	m, _, _, err := a.ReadFrom()
	na, ok := m.(*ndp.NeighborAdvertisement)
	if err != nil || !ok {
		return netip.Addr{}, nil, false, err
	}
	for _, o := range na.Options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == ndp.Target && len(l.Addr) == 6 {
			return na.TargetAddress, l.Addr, true, nil
		}
	}
	return netip.Addr{}, nil, false, nil
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
