package nstest

import (
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (s *Space) link(t testing.TB, dev string) netlink.Link {
	t.Helper()
	l, err := s.nl.LinkByName(dev)
	if err != nil {
		t.Fatalf("interface %s: %v", dev, err)
	}
	return l
}

// ready waits until an interface that is up has a usable link-local address.
func (s *Space) ready(t testing.TB, dev string) {
	t.Helper()
	link := s.link(t, dev)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		list, err := s.nl.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			continue
		}
		for _, a := range list {
			if a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				return
			}
		}
	}
	t.Fatalf("%s got no link-local address within 5 s", dev)
}

// Up and Down switch an interface on and off.
func (s *Space) Up(t testing.TB, dev string) {
	t.Helper()
	if err := s.nl.LinkSetUp(s.link(t, dev)); err != nil {
		t.Fatalf("%s up: %v", dev, err)
	}
}

func (s *Space) Down(t testing.TB, dev string) {
	t.Helper()
	if err := s.nl.LinkSetDown(s.link(t, dev)); err != nil {
		t.Fatalf("%s down: %v", dev, err)
	}
}

// Remove deletes an interface; the other end of its cable goes too.
func (s *Space) Remove(t testing.TB, dev string) {
	t.Helper()
	if err := s.nl.LinkDel(s.link(t, dev)); err != nil {
		t.Fatalf("remove %s: %v", dev, err)
	}
}

// Addr gives an interface an address such as 10.0.0.1/24 or fd00::1/64. IPv4
// addresses get the usual broadcast address.
func (s *Space) Addr(t testing.TB, dev, cidr string) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nl.AddrAdd(s.link(t, dev), a); err != nil {
		t.Fatalf("address %s on %s: %v", cidr, dev, err)
	}
}

// DelAddr takes an address away again.
func (s *Space) DelAddr(t testing.TB, dev, cidr string) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nl.AddrDel(s.link(t, dev), a); err != nil {
		t.Fatalf("remove address %s from %s: %v", cidr, dev, err)
	}
}

// MAC is the hardware address of an interface, as text.
func (s *Space) MAC(t testing.TB, dev string) string {
	t.Helper()
	return s.link(t, dev).Attrs().HardwareAddr.String()
}

// Sysctl writes a value below /proc/sys as the namespace sees it.
func (s *Space) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	err := s.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644) })
	if err != nil {
		t.Fatalf("sysctl %s: %v", name, err)
	}
}

// Neighbour is the hardware address that the namespace believes ip to have,
// "" if it knows none.
func (s *Space) Neighbour(t testing.TB, dev, ip string) string {
	t.Helper()
	list, err := s.nl.NeighList(s.link(t, dev).Attrs().Index, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatalf("neighbours of %s: %v", dev, err)
	}
	for _, n := range list {
		if n.IP.String() == ip && len(n.HardwareAddr) > 0 {
			return n.HardwareAddr.String()
		}
	}
	return ""
}
