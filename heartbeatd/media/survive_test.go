package media_test

import (
	"testing"
	"time"

	"classicha/heartbeatd/media"
	"classicha/heartbeatd/netaddr/nstest"
)

// The interface goes down, comes up, is deleted and made anew under its name: the
// medium follows without being told, and says so once each.
func TestMediaSurviveTheirInterface(t *testing.T) {
	for name, spec := range udpSpecs(1) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := cable(t)
			spec.Enter = a.Do
			m, _, book := start(t, spec)
			peer := udpSpecs(2)[name]
			peer.Enter = b.Do
			_, in, _ := start(t, peer)
			keepSending(t, m, in, "before")

			a.Down(t, "eth0")
			sendFor(m, 400*time.Millisecond)
			down := book.count("Unable to send HBcomm packet")
			if down < 1 || down > 2 { // at most: network is down, then unreachable
				t.Errorf("with the interface down the log has %d lines about sending, want one: %q", down, book.all())
			}
			a.Up(t, "eth0")
			keepSending(t, m, in, "after down and up")
			if got := m.Stats().Reopens; got != 0 {
				t.Errorf("opened again %d times, want 0: it is the same interface", got)
			}

			a.Remove(t, "eth0")
			sendFor(m, 300*time.Millisecond)
			within(t, 3*time.Second, "the medium notices that its interface is gone", func() bool { return !m.Stats().Open })
			if s := m.Stats(); s.LastError == "" {
				t.Errorf("statistics name no error while the interface is gone: %+v", s)
			}
			nstest.Cable(t, a, "eth0", b, "eth0")
			addresses(t, a, b)
			keepSending(t, m, in, "after the interface was made anew")
			if n := book.count("interface eth0 is gone; opening it again"); n != 1 {
				t.Errorf("%d lines say that the interface is gone, want 1: %q", n, book.all())
			}
			if spec.Kind != media.KindBcast {
				return // the end of trouble is logged after some calm; once is enough
			}
			within(t, 5*time.Second, "the log says that it works again", func() bool {
				m.Send([]byte("x"))
				return book.count(spec.Kind+" eth0 works again") == 1
			})
		})
	}
}

func sendFor(m media.Medium, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		m.Send([]byte("into the void"))
	}
}

func TestBcastFollowsANewBroadcastAddress(t *testing.T) {
	a, b := cable(t)
	m, _, _ := start(t, media.Spec{Kind: media.KindBcast, Interface: "eth0", Enter: a.Do})
	_, in, _ := start(t, media.Spec{Kind: media.KindBcast, Interface: "eth0", Enter: b.Do})
	keepSending(t, m, in, "in the old network")
	a.DelAddr(t, "eth0", "10.77.0.1/24")
	sendFor(m, 100*time.Millisecond)
	a.Addr(t, "eth0", "10.99.0.1/24")
	b.Addr(t, "eth0", "10.99.0.2/24")
	keepSending(t, m, in, "in the new network")
}
