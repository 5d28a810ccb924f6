package netaddr

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"classicha/heartbeatd/netaddr/nstest"
	"classicha/internal/hlog"
)

// world stands for the machine: what it holds, what was sent when.
type world struct {
	mu    sync.Mutex
	start time.Time
	held  []netip.Addr
	sent  []string
	log   []string
	err   error
}

func (w *world) options() Options {
	w.start = time.Now()
	return Options{
		Refresh: 10 * time.Second,
		Log: func(l hlog.Level, text string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.log = append(w.log, l.String()+": "+text)
		},
		send: func(t Target) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sent = append(w.sent, time.Since(w.start).String()+" "+t.IP.String())
			return w.err
		},
		held: func(ips []netip.Addr) (out []Target, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, ip := range ips {
				if slices.Contains(w.held, ip) {
					out = append(out, Target{Interface: "eth0", IP: ip})
				}
			}
			return out, nil
		},
	}
}

// fail sets what sending returns from now on, hold what is on the interfaces.
func (w *world) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *world) hold(ips ...netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = ips
}

func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.sent, want) {
		t.Errorf("sent\n got %q\nwant %q", w.sent, want)
	}
	w.sent = nil
}

func TestAnnouncerSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{held: []netip.Addr{ip("10.0.0.1")}}
		a := NewAnnouncer(w.options())
		defer a.Close()
		a.Add(ip("10.0.0.1"))
		w.expect(t, "0s 10.0.0.1")
		time.Sleep(25 * time.Second)
		w.expect(t, "1s 10.0.0.1", "11s 10.0.0.1", "21s 10.0.0.1")

		a.Again() // both sides may have been active: all from the beginning
		time.Sleep(2 * time.Second)
		w.expect(t, "25s 10.0.0.1", "26s 10.0.0.1")

		a.Remove(ip("10.0.0.1"))
		time.Sleep(time.Minute)
		w.expect(t)
	})
}

// An address that went to the other node must never be announced from here, even
// though nobody told the announcer.
func TestAnnouncerForgetsAddressesThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{held: []netip.Addr{ip("10.0.0.1"), ip("10.0.0.2")}}
		a := NewAnnouncer(w.options())
		defer a.Close()
		a.Add(ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3"))
		w.expect(t, "0s 10.0.0.1", "0s 10.0.0.2") // .3 never was here
		time.Sleep(500 * time.Millisecond)
		w.hold(ip("10.0.0.2"))
		time.Sleep(time.Second)
		w.expect(t, "1s 10.0.0.2")
		w.hold(ip("10.0.0.1"), ip("10.0.0.2")) // back, but not by us: it must be added again
		a.Again()
		w.expect(t, "1.5s 10.0.0.2")
	})
}

func TestAnnouncerLogsFailuresOncePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{held: []netip.Addr{ip("10.0.0.1")}, err: errors.New("network is down")}
		a := NewAnnouncer(w.options())
		defer a.Close()
		a.Add(ip("10.0.0.1"))
		time.Sleep(time.Minute)
		w.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"WARN: network is down", "info: announce 10.0.0.1: works again"}
		if !slices.Equal(w.log, want) {
			t.Errorf("log\n got %q\nwant %q", w.log, want)
		}
	})
}

func TestAnnouncerRetriesTentativeAddressesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{held: []netip.Addr{ip("2001:db8::1")}, err: ErrTentative}
		a := NewAnnouncer(w.options())
		defer a.Close()
		a.Add(ip("2001:db8::1"))
		time.Sleep(150 * time.Millisecond)
		w.fail(nil)
		time.Sleep(2 * time.Second)
		w.expect(t, "0s 2001:db8::1", "100ms 2001:db8::1", "200ms 2001:db8::1", "1s 2001:db8::1")
		if len(w.log) != 0 {
			t.Errorf("logged %q; want nothing, this is the usual course", w.log)
		}
	})
}

// With the real network: the announcer sends by itself what AnnounceAll does.
func TestAnnouncerForReal(t *testing.T) {
	a, b := nstest.Pair(t)
	frames := sniff(t, b)
	vip := Address{Prefix: prefix("10.0.0.100/24"), Interface: "eth0"}
	must(t, a.Do(func() error { return Add(vip) }))
	ann := NewAnnouncer(Options{
		Bursts: []time.Duration{0, 100 * time.Millisecond}, Refresh: -1, Enter: a.Do,
		Log: func(_ hlog.Level, text string) { t.Log(strings.ToUpper(text)) },
	})
	defer ann.Close()
	ann.Add(vip.IP())
	count := 0
	for deadline := time.After(2 * time.Second); count < 4; {
		select {
		case f := <-frames:
			if len(f) >= 42 && f[12] == 8 && f[13] == 6 {
				count++
			}
		case <-deadline:
			t.Fatalf("%d ARP packets in 2 s, want 4 (two bursts of both forms)", count)
		}
	}
}
