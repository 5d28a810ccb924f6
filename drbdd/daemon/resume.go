package daemon

import (
	"context"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// peerPatience is how long a returned Primary waits for its peer before it goes
// on alone: applications stand still meanwhile, but a peer that was promoted in
// the meantime is noticed.
const peerPatience = 5 * time.Second

// resume makes a device go on that applications have open. Until that works they
// wait.
func (s *Server) resume(ctx context.Context, v *volume, connected bool) {
	if connected {
		events, stop := s.watch()
		limit := time.NewTimer(peerPatience)
		for waiting := true; waiting && !v.met(); {
			select {
			case <-ctx.Done():
				stop()
				return
			case <-limit.C:
				waiting = false
			case <-events:
			}
		}
		limit.Stop()
		stop()
	}
	for {
		a := s.promote(ctx, v, false)
		if ctx.Err() != nil {
			return
		}
		if a.Error == 0 && a.State == 0 && a.Usage == "" {
			s.logf(replica.Info, v, "Primary again; applications go on")
			return
		}
		s.logf(replica.Error, v, "cannot be Primary again (%s%s); applications that have it open wait", a.Usage, wire.Result(a.State).Text())
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
	}
}

// met tells whether the peer was heard.
func (v *volume) met() bool {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	for _, w := range v.r.view.Volumes {
		if w.Vol == v.nr {
			return w.Conn >= wire.Connected
		}
	}
	return false
}

// resuming is a resume under way.
type resuming struct {
	connected bool // the peer is waited for
	stop      context.CancelFunc
	ended     chan struct{}
}

// goOn begins to resume a device.
func (s *Server) goOn(v *volume, connected bool) {
	ctx, stop := context.WithCancel(s.ctx)
	x := &resuming{connected: connected, stop: stop, ended: make(chan struct{})}
	v.r.mu.Lock()
	v.resuming = x
	v.r.mu.Unlock()
	go func() {
		defer close(x.ended)
		defer stop()
		s.resume(ctx, v, connected)
	}()
}

func (v *volume) isResuming() bool {
	v.r.mu.Lock()
	x := v.resuming
	v.r.mu.Unlock()
	if x == nil {
		return false
	}
	select {
	case <-x.ended:
		return false
	default:
		return true
	}
}

// stopResuming ends that: somebody wants the node to be Secondary. It returns what was to
// end, nil if nothing.
func (v *volume) stopResuming() *resuming {
	if !v.isResuming() {
		return nil
	}
	v.r.mu.Lock()
	x := v.resuming
	v.r.mu.Unlock()
	x.stop()
	<-x.ended
	return x
}
