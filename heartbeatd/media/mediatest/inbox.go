package mediatest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"classicha/heartbeatd/media"
)

const (
	patience = 5 * time.Second       // for what must arrive
	quiet    = 60 * time.Millisecond // for what must not
)

// inbox collects what a medium hands on.
type inbox struct {
	mu      sync.Mutex
	packets []media.Packet
	came    chan struct{}
}

func newInbox() *inbox { return &inbox{came: make(chan struct{}, 1)} }

func (b *inbox) recv(p media.Packet) {
	b.mu.Lock()
	b.packets = append(b.packets, p)
	b.mu.Unlock()
	select {
	case b.came <- struct{}{}:
	default:
	}
}

// take removes the first packet, waiting for it.
func (b *inbox) take(limit time.Duration) (media.Packet, bool) {
	timeout := time.After(limit)
	for {
		b.mu.Lock()
		if len(b.packets) > 0 {
			p := b.packets[0]
			b.packets = b.packets[1:]
			b.mu.Unlock()
			return p, true
		}
		b.mu.Unlock()
		select {
		case <-b.came:
		case <-timeout:
			return media.Packet{}, false
		}
	}
}

// expect wants this frame next.
func (b *inbox) expect(t *testing.T, want []byte) media.Packet {
	t.Helper()
	p, ok := b.take(patience)
	if !ok {
		t.Fatalf("nothing arrived, want a frame of %d bytes", len(want))
	}
	if !bytes.Equal(p.Frame, want) {
		t.Fatalf("got %d bytes %.60q\nwant %d bytes %.60q", len(p.Frame), p.Frame, len(want), want)
	}
	return p
}

func (b *inbox) expectNothing(t *testing.T) {
	t.Helper()
	if p, ok := b.take(quiet); ok {
		t.Fatalf("got %.60q, want nothing", p.Frame)
	}
}

// has tells whether the frame is among those that came, and forgets these.
func (b *inbox) has(frame []byte) bool {
	for {
		p, ok := b.take(0)
		if !ok {
			return false
		}
		if bytes.Equal(p.Frame, frame) {
			return true
		}
	}
}

// wait wants the frame to come sooner or later, in whatever order.
func (b *inbox) wait(t *testing.T, frame []byte) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		b.mu.Lock()
		for i, p := range b.packets {
			if bytes.Equal(p.Frame, frame) {
				b.packets = append(b.packets[:i:i], b.packets[i+1:]...)
				b.mu.Unlock()
				return
			}
		}
		b.mu.Unlock()
		select {
		case <-b.came:
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("frame %.40q did not arrive", frame)
}

func (b *inbox) drain() {
	for {
		if _, ok := b.take(quiet); !ok {
			return
		}
	}
}
