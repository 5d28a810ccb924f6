package netaddr

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"classicha/heartbeatd/netaddr/nstest"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr       { return netip.MustParseAddr(s) }

func TestAddListDel(t *testing.T) {
	a, _ := nstest.Pair(t)
	for _, want := range []Address{
		{Prefix: prefix("192.168.1.10/24"), Interface: "eth0", Label: "eth0:0", Broadcast: ip("192.168.1.255")},
		{Prefix: prefix("192.168.2.10/28"), Interface: "eth0", Label: "eth0", Broadcast: ip("192.168.2.99")},
		{Prefix: prefix("192.168.3.10/32"), Interface: "eth0", Label: "eth0"},
		{Prefix: prefix("2001:db8::10/64"), Interface: "eth0"},
	} {
		t.Run(want.Prefix.String(), func(t *testing.T) {
			err := a.Do(func() error { return Add(want) })
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Do(func() error { return Add(want) }); !errors.Is(err, ErrExists) {
				t.Errorf("adding it again: got %v, want %v", err, ErrExists)
			}
			if got := lookUp(t, a, want.IP()); got != want {
				t.Errorf("listed as\n got %+v\nwant %+v", got, want)
			}
			if err := a.Do(func() error { return Del(want) }); err != nil {
				t.Fatal(err)
			}
			if err := a.Do(func() error { return Del(want) }); !errors.Is(err, ErrNotFound) {
				t.Errorf("removing it again: got %v, want %v", err, ErrNotFound)
			}
			if got := lookUp(t, a, want.IP()); got.Prefix.IsValid() {
				t.Errorf("still listed after Del: %+v", got)
			}
		})
	}
	err := a.Do(func() error { return Add(Address{Prefix: prefix("10.0.0.1/8"), Interface: "eth9"}) })
	if err == nil {
		t.Error("adding to an interface that does not exist: want an error")
	}
}

// A service address must be usable in the moment it was added, although the
// interface does duplicate address detection.
func TestAddedIPv6IsNotTentative(t *testing.T) {
	a, _ := nstest.Pair(t)
	a.Sysctl(t, "net/ipv6/conf/eth0/accept_dad", "1")
	want := Address{Prefix: prefix("2001:db8::10/64"), Interface: "eth0"}
	if err := a.Do(func() error { return Add(want) }); err != nil {
		t.Fatal(err)
	}
	if got := lookUp(t, a, want.IP()); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestHeldFindsOnlyOurOwn(t *testing.T) {
	a, _ := nstest.Pair(t)
	a.Addr(t, "eth0", "10.1.1.1/24")
	a.Addr(t, "lo", "10.1.1.2/32")
	var got []Target
	err := a.Do(func() (err error) {
		got, err = Held([]netip.Addr{ip("10.1.1.1"), ip("10.1.1.2"), ip("10.1.1.3"), ip("::ffff:10.1.1.1")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Target{Interface: "eth0", IP: ip("10.1.1.1")}
	if len(got) != 2 || !slices.EqualFunc(got, []Target{want, want}, func(a, b Target) bool { return a.IP == b.IP && a.Interface == b.Interface }) {
		t.Errorf("got %+v, want twice %+v (once by each spelling)", got, want)
	}
}

func lookUp(t *testing.T, s *nstest.Space, ip netip.Addr) (found Address) {
	t.Helper()
	err := s.Do(func() error {
		list, err := List()
		for _, a := range list {
			if a.IP() == ip {
				found = a
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
