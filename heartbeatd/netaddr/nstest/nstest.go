// Package nstest gives tests network namespaces of their own, so that real
// sockets, addresses and neighbour tables can be tried without touching the
// machine's network. Everything a test makes goes away with the test.
//
//	a, b := nstest.Pair(t)          // two namespaces joined by a cable
//	a.Addr(t, "eth0", "10.0.0.1/24")
//	a.Do(func() error { ... })      // sockets made here belong to a
//
// Namespaces need root; a test that asks for one without is skipped.
package nstest

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Space is one network namespace with its loopback up.
type Space struct {
	ns netns.NsHandle
	nl *netlink.Handle
}

// New makes an empty namespace, or skips the test where that is not allowed.
func New(t testing.TB) *Space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: network namespaces need root")
	}
	s := &Space{}
	err := onThread(func() error {
		ns, err := netns.New() // moves this thread in; onThread moves it back
		if err != nil {
			return err
		}
		s.ns = ns
		s.nl, err = netlink.NewHandle()
		return err
	})
	if err != nil {
		t.Skipf("skipped: cannot make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		s.nl.Close()
		s.ns.Close()
	})
	s.Up(t, "lo")
	// Duplicate address detection would keep every IPv6 address tentative for
	// a second or two; tests that want it turn it on again.
	s.Sysctl(t, "net/ipv6/conf/default/accept_dad", "0")
	return s
}

// Pair is two namespaces, eth0 of the one cabled to eth0 of the other, both up.
func Pair(t testing.TB) (a, b *Space) {
	t.Helper()
	a, b = New(t), New(t)
	Cable(t, a, "eth0", b, "eth0")
	return a, b
}

// Cable joins two namespaces with a pair of virtual interfaces, sets them up and
// waits until both can be used: the carrier, and with it the link-local IPv6
// address, comes a moment later.
func Cable(t testing.TB, a *Space, aName string, b *Space, bName string) {
	t.Helper()
	err := a.nl.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: aName},
		PeerName:      bName,
		PeerNamespace: netlink.NsFd(b.ns),
	})
	if err != nil {
		t.Fatalf("cable %s - %s: %v", aName, bName, err)
	}
	a.Up(t, aName)
	b.Up(t, bName)
	a.ready(t, aName)
	b.ready(t, bName)
}

// Switch is a namespace with a bridge br0; port i of it is the eth0 of the i-th
// of the given namespaces.
func Switch(t testing.TB, nodes ...*Space) *Space {
	t.Helper()
	hub := New(t)
	snooping := false
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}, MulticastSnooping: &snooping}
	if err := hub.nl.LinkAdd(br); err != nil {
		t.Skipf("skipped: this kernel makes no bridge: %v", err)
	}
	hub.Up(t, "br0")
	for i, n := range nodes {
		port := fmt.Sprintf("p%d", i)
		Cable(t, hub, port, n, "eth0")
		if err := hub.nl.LinkSetMaster(hub.link(t, port), br); err != nil {
			t.Fatalf("port %s: %v", port, err)
		}
	}
	return hub
}

// Do runs f on a thread inside the namespace: sockets that f itself makes belong
// to it. Goroutines that f starts do not.
func (s *Space) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(s.ns); err != nil {
			return err
		}
		return f()
	})
}

// Netlink is a netlink socket inside the namespace.
func (s *Space) Netlink() *netlink.Handle { return s.nl }

// onThread runs f on a thread of its own and puts the thread back into the
// namespace it came from. A thread that cannot go back is not used again.
func onThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			result <- err
			return
		}
		defer home.Close()
		err = f()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}
