package netaddr

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"classicha/internal/hlog"
)

// The schedule when Options leaves it open: at once, again after a second for
// those who lost the first (a port that has just come up may drop frames for as
// long), then slowly, for a switch or router that forgot.
const (
	DefaultRefresh = 60 * time.Second
	secondBurst    = time.Second

	// tentativeRetry is how soon an address is tried again that cannot be
	// announced yet because its interface's addresses are tentative.
	tentativeRetry = 100 * time.Millisecond
)

// Options of an Announcer.
type Options struct {
	Bursts  []time.Duration // when to announce, counted from the request; nil: 0 and 1 s
	Refresh time.Duration   // from the last burst on; 0: DefaultRefresh, < 0: never

	// Log gets a line when an address cannot be announced, once per change.
	Log func(level hlog.Level, text string)
	// Enter runs a function where the sockets shall be made, another network
	// namespace for instance. nil: here.
	Enter func(f func() error) error

	send func(Target) error                   // tests; nil: Announce
	held func([]netip.Addr) ([]Target, error) // tests; nil: Held
}

// Announcer announces addresses repeatedly. It never announces an address that
// this node does not have: before each burst it looks, and an address that has
// gone from its interface is forgotten. So it need not be told when a script
// gives an address up, and it cannot take an address back from the other node.
type Announcer struct {
	opt      Options
	requests chan func(*schedule)
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once
}

// NewAnnouncer starts one. Close ends it.
func NewAnnouncer(opt Options) *Announcer {
	if opt.Bursts == nil {
		opt.Bursts = []time.Duration{0, secondBurst}
	}
	if opt.Refresh == 0 {
		opt.Refresh = DefaultRefresh
	}
	if opt.Enter == nil {
		opt.Enter = func(f func() error) error { return f() }
	}
	if opt.Log == nil {
		opt.Log = func(hlog.Level, string) {}
	}
	if opt.send == nil {
		opt.send = Announce
	}
	if opt.held == nil {
		opt.held = Held
	}
	a := &Announcer{opt: opt, requests: make(chan func(*schedule), 16), stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// Add begins the schedule of these addresses; one that is known already begins
// anew. Addresses that are on no interface are ignored.
func (a *Announcer) Add(ips ...netip.Addr) {
	ips = slices.Clone(ips)
	a.ask(func(s *schedule) {
		for _, ip := range ips {
			s.begin(ip.Unmap().WithZone(""), time.Now())
		}
	})
}

// Again begins the schedule of all known addresses anew: after an episode in
// which the other node may have announced them too.
func (a *Announcer) Again() {
	a.ask(func(s *schedule) {
		for _, e := range s.entries {
			s.begin(e.ip, time.Now())
		}
	})
}

// Remove forgets addresses.
func (a *Announcer) Remove(ips ...netip.Addr) {
	ips = slices.Clone(ips)
	a.ask(func(s *schedule) {
		for _, ip := range ips {
			s.forget(ip.Unmap().WithZone(""))
		}
	})
}

// ask hands a change to the goroutine. It blocks only while 16 earlier ones
// wait, which takes a burst at most.
func (a *Announcer) ask(f func(*schedule)) {
	select {
	case a.requests <- f:
	case <-a.stop:
	}
}

// Close ends the announcements and waits for the goroutine.
func (a *Announcer) Close() {
	a.once.Do(func() { close(a.stop) })
	<-a.done
}

func (a *Announcer) run() {
	defer close(a.done)
	s := &schedule{bursts: a.opt.Bursts, refresh: a.opt.Refresh}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.wait(time.Now()))
		select {
		case <-a.stop:
			return
		case f := <-a.requests:
			f(s)
		case <-timer.C:
		}
		if due := s.due(time.Now()); len(due) > 0 {
			a.burst(s, due)
		}
	}
}

// burst announces what is due and still here.
func (a *Announcer) burst(s *schedule, due []netip.Addr) {
	var held []Target
	err := a.opt.Enter(func() (err error) {
		held, err = a.opt.held(due)
		return err
	})
	if err != nil {
		// The machine cannot be asked: not announcing is the safe side.
		for _, ip := range due {
			a.note(s.find(ip), err)
		}
		return
	}
	for _, ip := range due {
		e := s.find(ip)
		here := slices.DeleteFunc(slices.Clone(held), func(t Target) bool { return t.IP != ip })
		if len(here) == 0 {
			s.forget(ip)
			continue
		}
		err := a.opt.Enter(func() error {
			var errs []error
			for _, t := range here {
				errs = append(errs, a.opt.send(t))
			}
			return errors.Join(errs...)
		})
		if errors.Is(err, ErrTentative) {
			s.postpone(ip, time.Now().Add(tentativeRetry))
			continue
		}
		a.note(e, err)
	}
}

// note logs a failure when it begins, changes or ends.
func (a *Announcer) note(e *entry, err error) {
	if e == nil {
		return
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == e.failure:
	case text == "":
		a.opt.Log(hlog.Info, "announce "+e.ip.String()+": works again")
	default:
		a.opt.Log(hlog.Warn, text)
	}
	e.failure = text
}
