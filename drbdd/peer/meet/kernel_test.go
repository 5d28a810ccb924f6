package meet

import (
	"iter"
	"testing"
	"time"

	"classicha/drbdd/wire"
	"classicha/internal/sim"
)

// kernel is a node that connects strictly as section 1.2 says, one step after the
// other, with the listener's backlog between it and the network: what a kernel does
// to us. Its loop is a coroutine that the world goes on with.
type kernel struct {
	net     *network
	id      int
	cfg     Config
	on      bool
	backlog []*end
	open    bool // the listener

	data, meta *end
	resolve    bool
	up         bool

	wake  func() bool // what the loop waits for
	next  func() (bool, bool)
	stopc func()
	timer *sim.Event
}

func (k *kernel) listening() bool { return k.open && len(k.backlog) < 5 }

func (k *kernel) accepted(e *end) {
	k.backlog = append(k.backlog, e)
	k.poll()
}

func (k *kernel) readable(e *end) {
	if k.up && e.eof && (e == k.data || e == k.meta) {
		k.up = false
	}
	k.poll()
}

func (k *kernel) paired() (data, meta *end, resolve bool) {
	if !k.up {
		return nil, nil, false
	}
	return k.data, k.meta, k.resolve
}

func (k *kernel) start() {
	k.on = true
	k.next, k.stopc = iter.Pull(k.run)
	k.next()
	k.poll()
}

func (k *kernel) stop() {
	if !k.on {
		return
	}
	k.on, k.up = false, false
	k.timer.Cancel()
	k.stopc()
	k.release()
}

func (k *kernel) release() {
	k.open = false
	for _, e := range append([]*end{k.data, k.meta}, k.backlog...) {
		if e != nil {
			e.close()
		}
	}
	k.data, k.meta, k.backlog = nil, nil, nil
}

// poll goes on with the loop while what it waits for is there.
func (k *kernel) poll() {
	for k.on && k.wake != nil && k.wake() {
		k.wake = nil
		k.timer.Cancel()
		k.next()
	}
}

// run is the life of the receiver. It yields whenever it waits.
func (k *kernel) run(yield func(bool) bool) {
	// wait returns false when the time is over first.
	wait := func(cond func() bool, timeout time.Duration) bool {
		end := k.net.Now() + timeout
		late := func() bool { return timeout >= 0 && k.net.Now() >= end }
		k.wake = func() bool { return cond() || late() }
		if timeout >= 0 {
			k.timer = k.net.After(timeout, k.poll)
		}
		if !yield(true) {
			panic(stopped{})
		}
		return cond()
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stopped); !ok {
				panic(r)
			}
		}
	}()
	for {
		if k.connect(wait) && k.features(wait) {
			k.up = true
			wait(func() bool { return !k.up || k.data.eof || k.meta.eof }, -1)
			k.up = false
		}
		k.release()
		wait(never, time.Second)
	}
}

type stopped struct{}

type waiter func(cond func() bool, timeout time.Duration) bool

func never() bool { return false }

func (k *kernel) connect(wait waiter) bool {
	k.open = true
	check := func() bool {
		for _, s := range []**end{&k.data, &k.meta} {
			if *s != nil && !(*s).alive() {
				(*s).close()
				*s = nil
			}
		}
		return k.data != nil && k.meta != nil
	}
	established := func() bool {
		if k.data == nil || k.meta == nil {
			return false
		}
		wait(never, k.cfg.PingTimeout)
		return check()
	}
	for {
		if e := k.try(wait); e != nil {
			if k.data == nil {
				k.data = e
				e.send(message{wire.Initial, wire.Packet{Cmd: wire.CmdInitialData}})
			} else {
				k.resolve = false
				k.meta = e
				e.send(message{wire.Initial, wire.Packet{Cmd: wire.CmdInitialMeta}})
			}
		}
		if established() {
			break
		}
		for k.accept(wait, check) {
		}
		if established() {
			break
		}
	}
	k.open = false
	for _, e := range k.backlog {
		e.close()
	}
	k.backlog = nil
	return true
}

// try is a blocking connect.
func (k *kernel) try(wait waiter) *end {
	var got *end
	done, gone := false, false
	k.net.connect(k.id, func(e *end) {
		if gone || !k.on {
			if e != nil {
				e.close()
			}
			return
		}
		got, done = e, true
		k.poll()
	})
	wait(func() bool { return done }, k.cfg.ConnectInt)
	gone = true
	return got
}

// accept takes one incoming connection; true: wait for another one.
func (k *kernel) accept(wait waiter, check func() bool) bool {
	timeout := k.cfg.ConnectInt + k.cfg.ConnectInt/7
	if k.net.Intn(2) == 0 {
		timeout = k.cfg.ConnectInt - k.cfg.ConnectInt/7
	}
	if !wait(func() bool { return len(k.backlog) > 0 }, timeout) {
		return false
	}
	e := k.backlog[0]
	k.backlog = k.backlog[1:]
	wait(func() bool { return len(e.inbox) > 0 || e.eof }, 4*k.cfg.PingTimeout)
	cmd := wire.Command(0)
	if len(e.inbox) > 0 {
		cmd = e.inbox[0].packet.Cmd
		e.inbox = e.inbox[1:]
	}
	check()
	switch cmd {
	case wire.CmdInitialData:
		old := k.data
		if k.data = e; old == nil {
			return false
		}
		old.close()
	case wire.CmdInitialMeta:
		k.resolve = true
		old := k.meta
		if k.meta = e; old == nil {
			return false
		}
		old.close()
	default:
		e.close()
	}
	return k.net.Intn(2) == 1
}

func (k *kernel) features(wait waiter) bool {
	k.data.send(message{wire.Initial, wire.Packet{Cmd: wire.CmdFeatures, Body: k.cfg.Features}})
	d := k.data
	if !wait(func() bool { return len(d.inbox) > 0 || d.eof }, 4*k.cfg.PingTimeout) || len(d.inbox) == 0 {
		return false
	}
	d.inbox = d.inbox[1:]
	return true
}

// TestWithKernel: ours meets a node that does each step after the other.
func TestWithKernel(t *testing.T) {
	meetMany(t, func(n *network) {
		n.nodes[0] = newOur(n, 0, testConfig())
		n.nodes[1] = &kernel{net: n, id: 1, cfg: testConfig()}
		if n.Intn(2) == 0 {
			n.nodes[0], n.nodes[1] = n.nodes[1], n.nodes[0]
			n.nodes[0].(*kernel).id, n.nodes[1].(*our).id = 0, 1
		}
		t.Cleanup(n.nodes[0].stop)
		t.Cleanup(n.nodes[1].stop)
	})
}

// TestTwoKernels checks the model: the kernel's own way works, too.
func TestTwoKernels(t *testing.T) {
	meetMany(t, func(n *network) {
		for i := range 2 {
			n.nodes[i] = &kernel{net: n, id: i, cfg: testConfig()}
			t.Cleanup(n.nodes[i].stop)
		}
	})
}
