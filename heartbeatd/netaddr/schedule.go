package netaddr

import (
	"net/netip"
	"slices"
	"time"
)

// entry is one address and when it is announced next.
type entry struct {
	ip      netip.Addr
	start   time.Time // bursts count from here
	burst   int       // bursts done
	next    time.Time // zero: never again
	failure string    // the last failure logged
}

// schedule says when which address is due. It reads no clock.
type schedule struct {
	bursts  []time.Duration
	refresh time.Duration
	entries []*entry
}

func (s *schedule) find(ip netip.Addr) *entry {
	for _, e := range s.entries {
		if e.ip == ip {
			return e
		}
	}
	return nil
}

func (s *schedule) begin(ip netip.Addr, now time.Time) {
	e := s.find(ip)
	if e == nil {
		e = &entry{ip: ip}
		s.entries = append(s.entries, e)
	}
	e.start, e.burst, e.next = now, -1, now
	s.advance(e, now)
}

func (s *schedule) forget(ip netip.Addr) {
	s.entries = slices.DeleteFunc(s.entries, func(e *entry) bool { return e.ip == ip })
}

// postpone has an address tried again at t, whatever it would wait for else.
func (s *schedule) postpone(ip netip.Addr, t time.Time) {
	if e := s.find(ip); e != nil && (e.next.IsZero() || t.Before(e.next)) {
		e.next = t
		e.burst-- // this one has not been done
	}
}

// advance counts a burst and sets the time of the next one.
func (s *schedule) advance(e *entry, now time.Time) {
	e.burst++
	switch {
	case e.burst < len(s.bursts):
		e.next = e.start.Add(s.bursts[e.burst])
	case s.refresh > 0:
		e.next = now.Add(s.refresh)
	default:
		e.next = time.Time{}
	}
}

// due lists the addresses whose time has come and sets their next times.
func (s *schedule) due(now time.Time) (ips []netip.Addr) {
	for _, e := range s.entries {
		if e.next.IsZero() || e.next.After(now) {
			continue
		}
		ips = append(ips, e.ip)
		s.advance(e, now)
	}
	return ips
}

// wait is how long nothing is due.
func (s *schedule) wait(now time.Time) time.Duration {
	wait := time.Hour
	for _, e := range s.entries {
		if !e.next.IsZero() {
			wait = min(wait, e.next.Sub(now))
		}
	}
	return max(wait, 0)
}
