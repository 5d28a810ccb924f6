package mediatest

import (
	"testing"
	"testing/synctest"
	"time"

	"classicha/heartbeatd/media"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHubBehavesLikeAMedium(t *testing.T) {
	for _, kind := range []string{media.KindBcast, media.KindUcast, media.KindMcast, media.KindSerial} {
		t.Run(kind, func(t *testing.T) {
			Run(t, func(t *testing.T) Pair {
				h := NewHub(1)
				return Pair{
					A: h.Join("a", "eth0", kind), B: h.Join("b", "eth0", kind),
					HearsItself: kind == media.KindBcast,
					Sizes:       []int{1, 300, 60000},
					Cut: func(cut bool) {
						if cut {
							h.Cut("eth0", "a", "b")
						} else {
							h.Heal("eth0", "a", "b")
						}
					},
				}
			})
		})
	}
}

func stations(t *testing.T, h *Hub, kind string) (a, b media.Medium, inA, inB *inbox) {
	t.Helper()
	a, b = h.Join("a", "eth0", kind), h.Join("b", "eth0", kind)
	inA, inB = newInbox(), newInbox()
	if a.Open(inA.recv) != nil || b.Open(inB.recv) != nil {
		t.Fatal("the hub does not open")
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b, inA, inB
}

func TestOneWayCut(t *testing.T) {
	h := NewHub(1)
	a, b, inA, inB := stations(t, h, media.KindUcast)
	h.CutOneWay("eth0", "a", "b")
	a.Send([]byte("unheard"))
	b.Send([]byte("heard"))
	inA.expect(t, []byte("heard"))
	inB.expectNothing(t)
	h.HealOneWay("eth0", "a", "b")
	a.Send([]byte("heard again"))
	inB.expect(t, []byte("heard again"))
}

func TestLinksAndKindsAreApart(t *testing.T) {
	h := NewHub(1)
	a, _, _, inB := stations(t, h, media.KindUcast)
	other := h.Join("c", "eth1", media.KindUcast)
	in := newInbox()
	other.Open(in.recv)
	defer other.Close()
	a.Send([]byte("on eth0"))
	inB.expect(t, []byte("on eth0"))
	in.expectNothing(t)
}

func TestLossIsRepeatable(t *testing.T) {
	count := func(seed uint64) (n uint64) {
		h := NewHub(seed)
		a, b, _, inB := stations(t, h, media.KindUcast)
		h.Loss(0.5)
		for range 100 {
			a.Send([]byte("x"))
		}
		h.Loss(0)
		a.Send([]byte("end"))
		inB.wait(t, []byte("end"))
		return b.Stats().Received - 1
	}
	first, second := count(7), count(7)
	if first != second || first < 20 || first > 80 {
		t.Errorf("with 50%% loss %d and %d of 100 frames arrived; want about half, and the same number for the same seed", first, second)
	}
}

func TestPingHostAnswersWhileItLives(t *testing.T) {
	h := NewHub(1)
	p := h.Join("a", "10.0.0.254", media.KindPing)
	in := newInbox()
	p.Open(in.recv)
	defer p.Close()
	if !p.Ping() {
		t.Fatal("Ping() is false")
	}
	p.Send([]byte("one"))
	in.expect(t, []byte("one"))
	h.PingHost("10.0.0.254", false)
	p.Send([]byte("two"))
	in.expectNothing(t)
	h.PingHost("10.0.0.254", true)
	p.Send([]byte("three"))
	in.expect(t, []byte("three"))
}

func TestDelayInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(1)
		h.Delay(3 * time.Second)
		a, _, _, inB := stations(t, h, media.KindMcast)
		start := time.Now()
		a.Send([]byte("slow"))
		inB.expect(t, []byte("slow"))
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
	})
}
