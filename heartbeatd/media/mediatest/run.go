package mediatest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"classicha/heartbeatd/media"
)

// Pair is two media that should hear each other, not yet open, and what is to be
// expected of them.
type Pair struct {
	A, B        media.Medium
	HearsItself bool
	Sizes       []int                    // of frames that must get through
	Frame       func(n, size int) []byte // the n-th frame of about that size; nil: any bytes
	Cut         func(cut bool)           // breaks the link and mends it; nil: cannot be done
}

// Run holds a kind of medium to the behaviour that all share. prepare makes a
// fresh pair for each test.
func Run(t *testing.T, prepare func(t *testing.T) Pair) {
	t.Run("frames arrive as they were sent", func(t *testing.T) {
		p, a, b := open(t, prepare)
		for i, size := range p.Sizes {
			want := p.frame(i, size)
			p.A.Send(want)
			b.expect(t, want)
			if p.HearsItself {
				a.expect(t, want)
			}
			p.B.Send(want)
			a.expect(t, want)
			if p.HearsItself {
				b.expect(t, want)
			}
		}
		if !p.HearsItself {
			a.expectNothing(t)
		}
	})
	t.Run("frames arrive in order", func(t *testing.T) {
		p, _, b := open(t, prepare)
		for i := range 20 {
			p.A.Send(p.frame(i, 100))
		}
		for i := range 20 {
			b.expect(t, p.frame(i, 100))
		}
	})
	t.Run("packets name their link and are counted", func(t *testing.T) {
		p, _, b := open(t, prepare)
		frame := p.frame(1, 100)
		p.A.Send(frame)
		if got := b.expect(t, frame); got.Link != p.B.Link() || got.Link == "" {
			t.Errorf("packet came by link %q, want %q", got.Link, p.B.Link())
		}
		// The frame may arrive before its sender has counted it.
		for end := time.Now().Add(patience); p.A.Stats().Sent == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if s := p.A.Stats(); s.Sent != 1 || s.SentBytes != uint64(len(frame)) || !s.Open {
			t.Errorf("sender's statistics %+v, want one frame of %d bytes, open", s, len(frame))
		}
		if s := p.B.Stats(); s.Received != 1 || s.ReceivedBytes != uint64(len(frame)) {
			t.Errorf("receiver's statistics %+v, want one frame of %d bytes", s, len(frame))
		}
	})
	t.Run("the receiver owns what it gets", func(t *testing.T) {
		p, _, b := open(t, prepare)
		frame := p.frame(1, 100)
		want := bytes.Clone(frame)
		p.A.Send(frame)
		got := b.expect(t, want)
		clear(got.Frame)
		p.A.Send(frame)
		b.expect(t, want)
	})
	t.Run("sending never blocks, and after a cut all is well again", func(t *testing.T) {
		p, _, b := open(t, prepare)
		if p.Cut == nil {
			t.Skip("this link cannot be cut")
		}
		p.Cut(true)
		b.drain()
		frame := p.frame(1, 200)
		start := time.Now()
		for range 2000 {
			p.A.Send(frame)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("2000 sends into a cut link took %v; Send must not wait", took)
		}
		b.expectNothing(t)
		p.Cut(false)
		mark := p.frame(7, 150)
		deadline := time.Now().Add(10 * time.Second)
		for !b.has(mark) {
			if time.Now().After(deadline) {
				t.Fatalf("nothing arrived within 10 s after the link was mended; sender %+v, receiver %+v", p.A.Stats(), p.B.Stats())
			}
			p.A.Send(mark)
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Run("closing ends everything", func(t *testing.T) {
		p, a, b := open(t, prepare)
		frame := p.frame(1, 100)
		p.A.Send(frame)
		b.expect(t, frame)
		start := time.Now()
		for range 2 {
			if err := p.A.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		a.drain()
		b.drain()
		p.A.Send(frame)
		p.B.Send(frame)
		a.expectNothing(t)
		if err := p.A.Open(func(media.Packet) {}); err == nil {
			t.Error("a medium that was closed opened again; want an error")
		}
		if p.A.Stats().Open {
			t.Error("statistics say open after Close")
		}
	})
	t.Run("a medium opens once", func(t *testing.T) {
		p, _, _ := open(t, prepare)
		if err := p.A.Open(func(media.Packet) {}); err == nil {
			t.Error("second Open: want an error")
		}
	})
	t.Run("closing unopened", func(t *testing.T) {
		p := prepare(t)
		if p.A.Stats().Open {
			t.Error("statistics say open before Open")
		}
		p.A.Send([]byte("x")) // to nowhere
		p.A.Close()
		p.B.Close()
	})
	t.Run("many senders at once", func(t *testing.T) {
		p, _, b := open(t, prepare)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := range 5 {
					p.A.Send(p.frame(i*5+j, 60))
				}
			})
		}
		wg.Wait()
		for n := range 20 {
			b.wait(t, p.frame(n, 60))
		}
	})
}

func open(t *testing.T, prepare func(t *testing.T) Pair) (p Pair, a, b *inbox) {
	t.Helper()
	p = prepare(t)
	a, b = newInbox(), newInbox()
	if err := p.A.Open(a.recv); err != nil {
		t.Fatalf("open %s %s: %v", p.A.Kind(), p.A.Link(), err)
	}
	t.Cleanup(func() { p.A.Close() })
	if err := p.B.Open(b.recv); err != nil {
		t.Fatalf("open %s %s: %v", p.B.Kind(), p.B.Link(), err)
	}
	t.Cleanup(func() { p.B.Close() })
	return p, a, b
}

// frame is the n-th frame; without a rule of its own all byte values occur in it.
func (p Pair) frame(n, size int) []byte {
	if p.Frame != nil {
		return p.Frame(n, size)
	}
	f := fmt.Appendf(nil, "frame %d\n", n)
	for i := len(f); i < size; i++ {
		f = append(f, byte(i*7+n))
	}
	return f
}
