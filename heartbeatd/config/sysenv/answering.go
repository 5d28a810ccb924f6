package sysenv

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/netaddr"
)

// nameTime is how long the addresses of the nodes are looked for: without them
// the answers are worth less, but they are there.
const nameTime = time.Second

// addressesOf finds the addresses of nodes by their names.
func addressesOf(nodes []string) map[string][]netip.Addr {
	ctx, cancel := context.WithTimeout(context.Background(), nameTime)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[string][]netip.Addr{}
	for _, n := range nodes {
		wg.Go(func() {
			addrs, _ := net.DefaultResolver.LookupNetIP(ctx, "ip4", n)
			mu.Lock()
			defer mu.Unlock()
			out[n] = nil
			for _, a := range addrs {
				if a = a.Unmap(); !a.IsLoopback() {
					out[n] = append(out[n], a)
				}
			}
		})
	}
	wg.Wait()
	return out
}

// Answering is config.Env.Answering on this machine: it needs root, and takes
// netaddr.ProbeTime if an address is free, whatever their number.
func Answering(asks []config.AddressAsk, others []string) []config.AddressAnswer {
	peers := addressesOf(others)
	var ips []netip.Addr
	for _, a := range asks {
		ips = append(ips, a.Addr)
	}
	held, err := netaddr.Held(ips)
	if err != nil {
		return nil
	}
	byNIC := map[string][]netip.Addr{}
	for _, a := range asks {
		if slices.ContainsFunc(held, func(t netaddr.Target) bool { return t.IP == a.Addr }) {
			continue
		}
		if a.NIC == "" {
			at, err := netaddr.Find(netaddr.Query{IP: a.Addr})
			if err != nil {
				continue
			}
			a.NIC = at.Interface
		}
		byNIC[a.NIC] = append(byNIC[a.NIC], a.Addr)
	}
	var nodes []netip.Addr
	for _, addrs := range peers {
		nodes = append(nodes, addrs...)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	found := map[netip.Addr]config.AddressAnswer{}
	for nic, wanted := range byNIC {
		wg.Go(func() {
			// A network card that is down or no Ethernet was said elsewhere, or needs no word.
			at, _ := netaddr.WhoHas(nic, slices.Concat(wanted, nodes), netaddr.ProbeTime)
			mu.Lock()
			defer mu.Unlock()
			for _, ip := range wanted {
				if hw := at[ip]; hw != nil {
					found[ip] = answer(ip, nic, hw, at, peers)
				}
			}
		})
	}
	wg.Wait()
	var out []config.AddressAnswer
	for _, a := range asks {
		if f, ok := found[a.Addr]; ok {
			out = append(out, f)
		}
	}
	return out
}

// answer tells whether the machine is a node of the cluster. It is surely none
// only if every other node was heard on that network, with another card.
func answer(ip netip.Addr, nic string, hw net.HardwareAddr, at map[netip.Addr]net.HardwareAddr, peers map[string][]netip.Addr) config.AddressAnswer {
	out := config.AddressAnswer{Addr: ip, NIC: nic, MAC: hw.String(), Foreign: len(peers) > 0}
	for node, addrs := range peers {
		heard := false
		for _, a := range addrs {
			if peer := at[a]; peer != nil {
				heard = true
				if peer.String() == out.MAC {
					out.Node = node
				}
			}
		}
		out.Foreign = out.Foreign && heard
	}
	out.Foreign = out.Foreign && out.Node == ""
	return out
}
