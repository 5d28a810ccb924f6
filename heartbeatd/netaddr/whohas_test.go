package netaddr

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"classicha/heartbeatd/netaddr/nstest"
)

// Who has an address is found, whether or not we have it too; nobody learns
// anything from the question.
func TestWhoHas(t *testing.T) {
	a, b := nstest.Pair(t)
	b.Addr(t, "eth0", "10.0.0.100/24")
	b.Addr(t, "eth0", "10.0.0.101/24")
	ask := func(during time.Duration, ips ...netip.Addr) (found map[netip.Addr]net.HardwareAddr, took time.Duration) {
		t.Helper()
		begin := time.Now()
		must(t, a.Do(func() (err error) {
			found, err = WhoHas("eth0", ips, during)
			return err
		}))
		return found, time.Since(begin)
	}
	mac := b.MAC(t, "eth0")
	found, took := ask(5*time.Second, ip("10.0.0.100"), ip("10.0.0.101"), ip("10.0.0.100"))
	if len(found) != 2 || found[ip("10.0.0.100")].String() != mac || found[ip("10.0.0.101")].String() != mac || took > 2*time.Second {
		t.Errorf("after %s: %v, want both addresses at %s at once", took, found, mac)
	}
	if got := b.Neighbour(t, "eth0", "10.0.0.100"); got != "" {
		t.Errorf("the question left %s in the neighbour's cache", got)
	}
	found, took = ask(300*time.Millisecond, ip("10.0.0.100"), ip("10.0.0.102"))
	if len(found) != 1 || took < 300*time.Millisecond || took > 3*time.Second {
		t.Errorf("after %s: %v, want one of two, and the end after 300 ms", took, found)
	}
	// Ours as well: the other one is heard all the same, and we do not count.
	a.Addr(t, "eth0", "10.0.0.100/24")
	if found, _ = ask(2*time.Second, ip("10.0.0.100")); found[ip("10.0.0.100")].String() != mac {
		t.Errorf("held here too: %v, want %s", found, mac)
	}
	a.Addr(t, "eth0", "10.0.0.103/24")
	if found, _ = ask(200*time.Millisecond, ip("10.0.0.103")); len(found) != 0 {
		t.Errorf("held here only: %v, want nobody", found)
	}
	for _, name := range []string{"lo", "eth7"} {
		if err := a.Do(func() error { _, err := WhoHas(name, []netip.Addr{ip("10.0.0.1")}, time.Second); return err }); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

// The same for IPv6, and for both at once.
func TestWhoHasIPv6(t *testing.T) {
	a, b := nstest.Pair(t)
	b.Addr(t, "eth0", "fd00::100/64")
	b.Addr(t, "eth0", "10.0.0.100/24")
	ask := func(during time.Duration, ips ...netip.Addr) (found map[netip.Addr]net.HardwareAddr) {
		t.Helper()
		must(t, a.Do(func() (err error) {
			found, err = WhoHas("eth0", ips, during)
			return err
		}))
		return found
	}
	mac := b.MAC(t, "eth0")
	if found := ask(5*time.Second, ip("fd00::100"), ip("10.0.0.100")); len(found) != 2 || found[ip("fd00::100")].String() != mac || found[ip("10.0.0.100")].String() != mac {
		t.Errorf("found %v, want both at %s", found, mac)
	}
	// Held here as well, as after a take-over.
	must(t, a.Do(func() error { return Add(Address{Prefix: prefix("fd00::100/64"), Interface: "eth0"}) }))
	must(t, a.Do(func() error { return Add(Address{Prefix: prefix("fd00::101/64"), Interface: "eth0"}) }))
	if found := ask(300*time.Millisecond, ip("fd00::100"), ip("fd00::101"), ip("fd00::102")); len(found) != 1 || found[ip("fd00::100")].String() != mac {
		t.Errorf("found %v, want fd00::100 alone at %s", found, mac)
	}
}

// Rubbish on the wire is no claim.
func TestClaim(t *testing.T) {
	hw := net.HardwareAddr{2, 3, 4, 5, 6, 7}
	good, err := arpFrame(hw, ip("10.0.0.1"), nil, Reply)
	must(t, err)
	if a, h, ok := claim(good); !ok || a != ip("10.0.0.1") || h.String() != hw.String() {
		t.Errorf("an announcement: %v %v %v", a, h, ok)
	}
	question, err := probeFrame(hw, ip("10.0.0.1"))
	must(t, err)
	for name, frame := range map[string][]byte{"a question": question, "nothing": nil, "cut": good[:30], "IPv4": append(append(good[:12:12], 8, 0), good[14:]...)} {
		if _, _, ok := claim(frame); ok {
			t.Errorf("%s is taken for a claim", name)
		}
	}
}
