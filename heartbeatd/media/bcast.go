package media

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// NewBcast is UDP to the broadcast address of an interface (heartbeat-wire 1). A
// node hears its own broadcasts; that is how its own link comes up.
func NewBcast(s Spec) (Medium, error) {
	s = s.complete(KindBcast)
	if err := s.needUDP(); err != nil {
		return nil, err
	}
	r := newRunner(s, s.Interface)
	r.lines = []string{fmt.Sprintf("glib: UDP Broadcast heartbeat started on port %d (%d) interface %s", s.Port, s.Port, s.Interface)}
	r.open = udpOpener(s, func(int) (udpPlan, error) {
		to, err := ifBroadcast(s.Interface)
		if err != nil {
			return udpPlan{}, err
		}
		return udpPlan{
			domain: unix.AF_INET,
			to:     netip.AddrPortFrom(to, uint16(s.Port)),
			bind:   netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(s.Port)),
			send: []option{
				intOption("SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
				intOption("SO_DONTROUTE", unix.SOL_SOCKET, unix.SO_DONTROUTE, 1),
				bindToDevice(s.Interface),
			},
			listen: []option{reuseAddr, bindToDevice(s.Interface), noMcast},
			check: func() error {
				// Without an address for a while the old one is kept: the
				// interface may be in the middle of being set up again.
				if now, err := ifBroadcast(s.Interface); err == nil && now != to {
					return lost(fmt.Sprintf("interface %s has another broadcast address now, %s", s.Interface, now))
				}
				return nil
			},
		}, nil
	})
	r.sendText = func(size int, err error) string {
		to := ""
		if c, ok := r.conn().(*udpConn); ok {
			to = netip.AddrFrom4(c.to.(*unix.SockaddrInet4).Addr).String()
		}
		return udpSendText(s, fmt.Sprintf(" %s:%d", to, s.Port))(size, err)
	}
	return r, nil
}
