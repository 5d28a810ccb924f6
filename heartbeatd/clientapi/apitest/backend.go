// Package apitest is a daemon for tests of the client API: a fixed View, the
// parameters of a small ha.cf, and a record of what clients did.
package apitest

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
)

// Backend implements clientapi.Backend. Change V and Params through Edit.
type Backend struct {
	mu     sync.Mutex
	v      cluster.View
	params map[string]string
	remote map[string]bool // "node client" -> online
	events []string
	wake   chan struct{}
	msgs   []*message.Message
}

// New returns a cluster of node1 (ours, named ours) and node2 with two links
// and a ping node, in the order ping, node1, node2.
func New(ours string) *Backend {
	links := func() []cluster.LinkView {
		return []cluster.LinkView{{Name: "eth0", Status: "up"}, {Name: "eth1", Status: "up"}}
	}
	return &Backend{
		wake: make(chan struct{}, 1),
		v: cluster.View{
			Node: ours, Version: "3.0.6 (node: 958e11be8686759f1b99204c17812f2c2633b169)",
			Status: "active", CommUp: true, AutoFailback: "off", Holds: "local", Stable: true,
			DeadtimeMS: 3000, KeepaliveMS: 1000,
			Nodes: []cluster.NodeView{
				{Name: "192.168.77.254", Type: "ping", Status: "ping", Links: []cluster.LinkView{{Name: "192.168.77.254", Status: "up"}}, Weight: 100},
				{Name: ours, Type: "normal", Status: "active", UUID: "000102030405060708090a0b0c0d0e0f", Links: links(), Weight: 100},
				{Name: "node2", Type: "normal", Status: "active", UUID: "101112131415161718191a1b1c1d1e1f", Links: links(), Weight: 100},
			},
		},
		params: map[string]string{"deadtime": "3", "keepalive": "1", "auto_failback": "off", "udpport": "694",
			"crm": "false", "pacemaker": "false", "deadping": "3000ms", "baud": "19200", "hopfudge": "1", "debug": "0",
			"logfile": "/var/log/ha-log", "initdead": "12", "warntime": "2"},
		remote: map[string]bool{"node2 ipfail": true},
	}
}

// Edit changes the view and the parameters.
func (b *Backend) Edit(f func(v *cluster.View, params map[string]string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.v.Nodes = slices.Clone(b.v.Nodes)
	for i := range b.v.Nodes {
		b.v.Nodes[i].Links = slices.Clone(b.v.Nodes[i].Links)
	}
	f(&b.v, b.params)
}

// View implements clientapi.Backend.
func (b *Backend) View() cluster.View {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.v
}

// Param implements clientapi.Backend.
func (b *Backend) Param(name string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.params[name]
	return v, ok
}

func (b *Backend) note(format string, args ...any) {
	b.mu.Lock()
	b.events = append(b.events, fmt.Sprintf(format, args...))
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// ClientJoined implements clientapi.Backend.
func (b *Backend) ClientJoined(name string, pid int, casual bool) {
	if casual {
		name = "casual"
	}
	b.note("join %s", name)
}

// ClientLeft implements clientapi.Backend.
func (b *Backend) ClientLeft(name, reason string) { b.note("leave %s: %s", name, reason) }

// FromClient implements clientapi.Backend.
func (b *Backend) FromClient(name string, m *message.Message) {
	b.mu.Lock()
	b.msgs = append(b.msgs, m)
	b.mu.Unlock()
	b.note("message from %s: %v", name, m)
}

// ClientStatus implements clientapi.Backend.
func (b *Backend) ClientStatus(ctx context.Context, node, client string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.remote[node+" "+client], nil
}

// UUIDOf implements clientapi.Backend.
func (b *Backend) UUIDOf(node string) ([]byte, bool) {
	for _, n := range b.View().Nodes {
		if n.Name == node && n.UUID != "" {
			u, err := hex.DecodeString(n.UUID)
			return u, err == nil
		}
	}
	return nil, false
}

// NameOf implements clientapi.Backend.
func (b *Backend) NameOf(uuid []byte) (string, bool) {
	for _, n := range b.View().Nodes {
		if n.UUID == hex.EncodeToString(uuid) {
			return n.Name, true
		}
	}
	return "", false
}

// Wait waits until an event was noted that is exactly text, and reports what
// was noted; ok is false when ctx ended first.
func (b *Backend) Wait(ctx context.Context, text string) (events []string, ok bool) {
	for {
		b.mu.Lock()
		events = slices.Clone(b.events)
		b.mu.Unlock()
		if slices.Contains(events, text) {
			return events, true
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return events, false
		}
	}
}

// Messages returns what named clients sent.
func (b *Backend) Messages() []*message.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.msgs)
}
