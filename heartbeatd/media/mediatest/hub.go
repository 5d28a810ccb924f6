// Package mediatest is the in-memory twin of the media, for tests: a Hub joins
// stations by links that can be cut, made deaf in one direction, lossy and slow.
// Its behaviour is held to that of the real media by one set of tests that runs
// against both (Run).
//
// A station has a goroutine of its own and uses only channels and timers, so a
// hub also works under testing/synctest.
package mediatest

import (
	"math/rand/v2"
	"sync"
	"time"

	"classicha/heartbeatd/media"
)

// Hub is a set of links, each a wire that any number of stations share. The zero
// value is not usable; see NewHub.
type Hub struct {
	mu       sync.Mutex
	rng      *rand.Rand
	stations []*station
	cuts     map[way]bool
	deadPing map[string]bool
	refused  map[string]bool
	loss     float64
	delay    time.Duration
}

// way is one direction between two nodes on a link.
type way struct{ link, from, to string }

// NewHub makes a hub without stations. The seed decides which frames are lost.
func NewHub(seed uint64) *Hub {
	return &Hub{rng: rand.New(rand.NewPCG(seed, 0)), cuts: map[way]bool{}, deadPing: map[string]bool{}, refused: map[string]bool{}}
}

// Join makes the medium by which a node takes part in a link. kind is one of
// media.Kind…: a bcast station hears itself, a serial one carries text, and for
// the ping kinds link is the host, which sends everything back.
func (h *Hub) Join(node, link, kind string) media.Medium {
	return &station{hub: h, node: node, link: link, kind: kind, in: make(chan parcel, 128), stop: make(chan struct{})}
}

// Cut breaks a link between two nodes in both directions, Heal mends it.
func (h *Hub) Cut(link, a, b string)  { h.set(true, way{link, a, b}, way{link, b, a}) }
func (h *Hub) Heal(link, a, b string) { h.set(false, way{link, a, b}, way{link, b, a}) }

// CutOneWay has to hear nothing from from; the other direction stays.
func (h *Hub) CutOneWay(link, from, to string)  { h.set(true, way{link, from, to}) }
func (h *Hub) HealOneWay(link, from, to string) { h.set(false, way{link, from, to}) }

func (h *Hub) set(cut bool, ways ...way) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range ways {
		h.cuts[w] = cut
	}
}

// PingHost switches the host of a ping medium on or off.
func (h *Hub) PingHost(host string, alive bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadPing[host] = !alive
}

// Refuse lets a link be such that it cannot be opened, or can be again. What is open stays.
func (h *Hub) Refuse(link string, refuse bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused[link] = refuse
}

func (h *Hub) refuses(link string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused[link]
}

// Loss sets the share of frames, from 0 to 1, that get lost from now on.
func (h *Hub) Loss(share float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loss = share
}

// Delay sets how long frames take from now on.
func (h *Hub) Delay(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delay = d
}

// plug adds an open station, unplug takes it away.
func (h *Hub) plug(s *station) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stations = append(h.stations, s)
}

func (h *Hub) unplug(s *station) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, other := range h.stations {
		if other == s {
			h.stations = append(h.stations[:i:i], h.stations[i+1:]...)
			return
		}
	}
}

// carry takes a frame to everybody who hears it.
func (h *Hub) carry(from *station, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, to := range h.stations {
		if !h.hears(from, to) || h.cuts[way{from.link, from.node, to.node}] {
			continue
		}
		if h.loss > 0 && h.rng.Float64() < h.loss {
			continue
		}
		to.arrive(parcel{frame: frame, due: time.Now().Add(h.delay)})
	}
}

func (h *Hub) hears(from, to *station) bool {
	switch {
	case from.link != to.link || from.kind != to.kind:
		return false
	case from.Ping():
		return from == to && !h.deadPing[from.link]
	case from == to:
		return from.kind == media.KindBcast
	}
	return true
}
