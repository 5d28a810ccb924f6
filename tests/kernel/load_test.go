package kernel

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"classicha/tests/kernel/talk"
)

// load is writing that goes on until it is stopped or fails. The model knows what
// was acknowledged; of the write that failed it is open whether it took place.
type load struct {
	p     *pair
	s     side
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}
	count atomic.Int64 // acknowledged writes
	err   error
}

// startLoad begins to write on s. Only the load may touch the model until it ended.
func (p *pair) startLoad(s side) *load {
	l := &load{p: p, s: s, stop: make(chan struct{}), done: make(chan struct{})}
	if p.maybe == nil {
		p.maybe = map[int64]bool{}
	}
	go func() {
		defer close(l.done)
		for {
			select {
			case <-l.stop:
				return
			default:
			}
			if l.err = l.one(); l.err != nil {
				return
			}
			l.count.Add(1)
		}
	}()
	return l
}

// one writes 64 KiB in calls of 4 KiB, or 4 KiB, anywhere.
func (l *load) one() error {
	p := l.p
	p.seed++
	n := int64(4096)
	if p.seed%3 == 0 {
		n = 65536
	}
	blocks := p.size / 4096
	if p.span != 0 {
		blocks = p.span / 4096
	}
	off := int64(p.seed*2654435761%uint64(blocks-n/4096)) * 4096
	for b := off; b < off+n; b += talk.Block {
		p.maybe[b] = true
	}
	if err := l.s.write(off, n, 4096, 4, p.seed); err != nil {
		return err
	}
	for b := off; b < off+n; b += talk.Block {
		delete(p.maybe, b)
	}
	talk.Fill(p.want[off:off+n], off, p.seed)
	return nil
}

// reached waits until some writes were acknowledged.
func (l *load) reached(t *testing.T, n int) {
	t.Helper()
	base := -1
	await(t, stateLimit, func() string {
		select {
		case <-l.done:
			return fmt.Sprintf("writing on %s ended after %d writes: %v", l.s.name(), l.count.Load(), l.err)
		default:
		}
		c := int(l.count.Load())
		if base < 0 {
			base = c
		}
		if c-base >= n {
			return ""
		}
		return fmt.Sprintf("%d of %d writes on %s were acknowledged", c-base, n, l.s.name())
	})
}

// end stops the load and waits for its last write; it must have had no error.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.once.Do(func() { close(l.stop) })
	<-l.done
	if l.err != nil {
		t.Fatalf("writing on %s: %v", l.s.name(), l.err)
	}
	t.Logf("%s wrote %d times", l.s.name(), l.count.Load())
}

// broken waits until the load has failed, as it must when its node is gone.
func (l *load) broken(t *testing.T) {
	t.Helper()
	await(t, stateLimit, func() string {
		select {
		case <-l.done:
			return ""
		default:
			return "writing on " + l.s.name() + " goes on though the node is gone"
		}
	})
	if l.err == nil {
		t.Fatalf("writing on %s ended without an error", l.s.name())
	}
	t.Logf("%s wrote %d times, then: %v", l.s.name(), l.count.Load(), l.err)
}
