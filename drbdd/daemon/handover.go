package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// handoverPatience is how long an end that was asked for waits for what is under way.
const handoverPatience = 5 * time.Second

// handOver prepares for an end that was asked for: a new version, a restart. Devices in use stay
// with the keeper, their requests wait, and the node becomes Secondary with nothing under way.
// So the successor is no crashed Primary, whose peer would have to be synced, and would have
// no good data until that has ended.
func (s *Server) handOver() {
	s.keepState.Store(true) // with what was Primary
	var wg sync.WaitGroup
	for _, r := range s.all() {
		wg.Go(func() { r.handOver(s) })
	}
	wg.Wait()
}

func (r *resource) handOver(s *Server) {
	ctx, stop := context.WithTimeout(context.Background(), handoverPatience)
	defer stop()
	for _, v := range r.volumes() {
		if !v.primary() {
			continue
		}
		err := v.handOver(ctx)
		if err == nil {
			a := result(r.command(ctx, replica.SecondaryCmd{Vol: v.nr, Waits: true}))
			if a.Error != 0 || a.State != 0 || a.Usage != "" {
				err = errors.New(a.Usage + wire.Result(a.State).Text())
			}
		}
		if err != nil {
			s.logf(replica.Warn, v, "ends as Primary (%v): the peer will be synced as after a crash", err)
		}
	}
}

// primary tells whether this node is Primary for the volume.
func (v *volume) primary() bool {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	for _, w := range v.r.view.Volumes {
		if w.Vol == v.nr {
			return w.Role == wire.Primary
		}
	}
	return false
}

// handOver leaves the device to a successor. What was taken from applications is
// answered then; what they want meanwhile waits in the kernel.
func (v *volume) handOver(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	f, ok := v.front.(interface {
		Handover(ctx context.Context) error
	})
	if !ok {
		return errors.New("its device cannot be handed over")
	}
	if err := f.Handover(ctx); err != nil {
		return err
	}
	v.front = nil
	return nil
}
