package netaddr

import (
	"errors"
	"testing"

	"classicha/heartbeatd/netaddr/nstest"
	"github.com/vishvananda/netlink"
)

func TestChoose(t *testing.T) {
	routes := []route{
		{prefix("0.0.0.0/0"), "wan", 0},
		{prefix("192.168.50.0/24"), "eth0", 100},
		{prefix("192.168.50.128/25"), "eth1", 200},
		{prefix("10.0.0.0/8"), "slow", 200},
		{prefix("10.0.0.0/8"), "fast", 50},
	}
	for addr, want := range map[string]string{
		"192.168.50.9":   "eth0", // not the default route, though its metric is lower
		"192.168.50.200": "eth1",
		"10.1.2.3":       "fast",
		"8.8.8.8":        "wan",
	} {
		if got, ok := choose(routes, ip(addr)); !ok || got.dev != want {
			t.Errorf("%s: got %q, want %q", addr, got.dev, want)
		}
	}
	if _, ok := choose(routes[1:], ip("8.8.8.8")); ok {
		t.Error("8.8.8.8 without a default route: want no route")
	}
}

func TestFind(t *testing.T) {
	a, b := nstest.Pair(t)
	nstest.Cable(t, a, "eth1", b, "eth1")
	a.Addr(t, "eth0", "192.168.50.1/24")
	a.Addr(t, "eth1", "192.168.50.129/25")
	a.Addr(t, "eth1", "2001:db8::1/64")
	gw := ip("192.168.50.2").AsSlice()
	if err := a.Netlink().RouteAdd(&netlink.Route{Gw: gw}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		q    Query
		want Address
		err  error
	}{
		{"by the subnet route", Query{IP: ip("192.168.50.9")},
			Address{Prefix: prefix("192.168.50.9/24"), Interface: "eth0", Broadcast: ip("192.168.50.255")}, nil},
		{"by the longer prefix", Query{IP: ip("192.168.50.200")},
			Address{Prefix: prefix("192.168.50.200/25"), Interface: "eth1", Broadcast: ip("192.168.50.255")}, nil},
		{"network length given", Query{IP: ip("192.168.50.9"), Bits: 26},
			Address{Prefix: prefix("192.168.50.9/26"), Interface: "eth0", Broadcast: ip("192.168.50.63")}, nil},
		{"broadcast given", Query{IP: ip("192.168.50.9"), Broadcast: ip("10.0.0.1")},
			Address{Prefix: prefix("192.168.50.9/24"), Interface: "eth0", Broadcast: ip("10.0.0.1")}, nil},
		{"interface given", Query{IP: ip("192.168.50.9"), Interface: "eth1"},
			Address{Prefix: prefix("192.168.50.9/32"), Interface: "eth1", Broadcast: ip("192.168.50.9")}, nil},
		{"default route", Query{IP: ip("8.8.8.8"), Bits: 24},
			Address{Prefix: prefix("8.8.8.8/24"), Interface: "eth0", Broadcast: ip("8.8.8.255")}, nil},
		{"default route without a mask", Query{IP: ip("8.8.8.8")}, Address{}, ErrNeedNetmask},
		{"IPv6", Query{IP: ip("2001:db8::7")}, Address{Prefix: prefix("2001:db8::7/64"), Interface: "eth1"}, nil},
		{"IPv6 without a route", Query{IP: ip("2001:db9::7")}, Address{}, ErrNoRoute},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Address
			err := a.Do(func() (err error) { got, err = Find(c.q); return err })
			if !errors.Is(err, c.err) || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v, %v", got, err, c.want, c.err)
			}
		})
	}
	t.Run("interface down", func(t *testing.T) {
		a.Down(t, "eth1")
		var got Address
		err := a.Do(func() (err error) { got, err = Find(Query{IP: ip("192.168.50.200")}); return err })
		if err != nil || got.Interface != "eth0" {
			t.Errorf("got %+v, %v; want eth0, the other interface with a route", got, err)
		}
	})
}
