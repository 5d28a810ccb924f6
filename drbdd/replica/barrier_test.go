package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// flushed is a host whose flushes end when the test says so. said is what it sent, as far as
// writes are concerned, and its flushes.
type flushed struct {
	*host
	slow bool // writes end so, too
	open []uint64
	said []string
	next uint64
}

func (f *flushed) ev(evs ...replica.Event) {
	f.run(func(a replica.Action) bool {
		switch a := a.(type) {
		case replica.Disk:
			if a.Op == replica.Flush || f.slow && a.Op == replica.Write {
				f.said = append(f.said, strings.ToLower(a.Op.String()))
				f.open = append(f.open, a.ID)
				return true
			}
		case replica.Send:
			switch b := a.Body.(type) {
			case wire.Data:
				f.said = append(f.said, "data")
			case wire.Barrier:
				f.said = append(f.said, fmt.Sprint("barrier ", b.Number))
			case wire.BarrierAck:
				f.said = append(f.said, fmt.Sprint("promise ", b.Number))
			case wire.BlockAck:
				f.said = append(f.said, fmt.Sprint("ack ", b.Sector))
			}
		}
		return false
	}, evs...)
}

// ends ends the oldest flush.
func (f *flushed) ends() {
	f.t.Helper()
	if len(f.open) == 0 {
		f.t.Fatal("no flush is under way")
	}
	id := f.open[0]
	f.open = f.open[1:]
	f.ev(replica.DiskDone{ID: id, OK: true})
}

func (f *flushed) want(said ...string) {
	f.t.Helper()
	if !slices.Equal(f.said, said) {
		f.t.Fatalf("%s; want %s", strings.Join(f.said, ", "), strings.Join(said, ", "))
	}
	f.said = nil
}

// write is one of the peer's; more: another packet came with it.
func (f *flushed) write(sector uint64, more bool) replica.Event {
	return replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdData, Buf: f.buf(), Size: 4096, More: more,
		Body: wire.Data{Sector: sector, BlockID: sector + 1, Flags: wire.DPSendWriteAck}}
}

func barrier(n uint32, more bool) replica.Event {
	return replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBarrier, Body: wire.Barrier{Number: n}, More: more}
}

func newFlushed(t *testing.T) *flushed {
	h := newHost(t, true)
	h.meet(0x1234)
	return &flushed{host: h}
}

func newFlushedSecondary(t *testing.T) *flushed {
	f := newFlushed(t)
	f.state(wire.WFConnection, wire.UpToDate, wire.DUnknown)
	f.state(wire.Connected, wire.UpToDate, wire.UpToDate)
	// What a former process wrote may be in the disk's cache: the first epoch is flushed in any case.
	f.ev(f.write(0, false), barrier(1, false))
	f.want("ack 0", "flush")
	f.ends()
	f.want("promise 1")
	return f
}

// A Secondary begins to flush when an epoch is as long as the one before; the barrier waits
// for that flush, and needs no other.
func TestEarlyFlush(t *testing.T) {
	f := newFlushedSecondary(t)
	f.ev(f.write(8, false))
	f.want("ack 8", "flush")
	f.ev(barrier(2, false))
	f.want()
	f.ends()
	f.want("promise 2")

	f.ev(f.write(16, false))
	f.want("ack 16", "flush")
	f.ends()
	f.want()
	f.ev(barrier(3, false))
	f.want("promise 3")
}

// What is written while an early flush is under way needs one of its own.
func TestEarlyFlushIsNotForLaterWrites(t *testing.T) {
	f := newFlushedSecondary(t)
	f.ev(f.write(8, false))
	f.want("ack 8", "flush")
	f.ev(f.write(16, false), barrier(2, false))
	f.want("ack 16", "flush")
	f.ends()
	f.want()
	f.ends()
	f.want("promise 2")
	// Two writes are what is expected now.
	f.ev(f.write(24, false))
	f.want("ack 24")
	f.ev(f.write(32, false))
	f.want("ack 32", "flush")
}

// The answer to a barrier goes with that to the write behind it, and alone when none comes.
func TestPromiseGoesWithTheNextAck(t *testing.T) {
	f := newFlushedSecondary(t)
	f.ev(f.write(8, false))
	f.ends()
	f.want("ack 8", "flush")
	f.ev(barrier(2, true))
	f.want()
	f.ev(f.write(16, false))
	f.want("promise 2", "ack 16", "flush")
	f.ends()
	f.ev(barrier(3, true))
	f.want()
	f.ev(replica.Tick{})
	f.want("promise 3")
}

// newFlushedPrimary is a Primary with a peer that is in sync.
func newFlushedPrimary(t *testing.T) *flushed {
	f := newFlushed(t)
	peer := func(role wire.Role) wire.Body {
		return wire.StateInfo{State: wire.State(0).WithRole(wire.Secondary).WithPeer(role).WithConn(wire.Connected).WithDisk(wire.UpToDate).WithPdsk(wire.UpToDate)}
	}
	f.hear(wire.CmdState, peer(wire.Secondary))
	f.command(replica.PrimaryCmd{})
	f.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
	f.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
	if v := f.r.View().Volumes[0]; v.Role != wire.Primary || v.Conn != wire.Connected {
		t.Fatalf("%s %s", v.Role, v.Conn)
	}
	return f
}

// none is no epoch: the first has the number 0.
const none = -1

// writes writes one block and hears of it, and of the epoch promised before, at the same moment or not.
func (f *flushed) writes(promised int, together bool) {
	f.next++
	var block uint64
	f.watch = func(a replica.Action) {
		if s, ok := a.(replica.Send); ok && s.Cmd == wire.CmdData {
			block = s.Body.(wire.Data).BlockID
		}
	}
	f.ev(replica.Request{ID: f.next, Op: replica.Write, Sector: 8 * f.next, Size: 4096, Buf: 1<<40 + replica.Buf(f.next)})
	f.watch = nil
	if promised != none {
		f.promises(promised)
	}
	if !together {
		f.now = f.now.Add(time.Microsecond)
	}
	f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdWriteAck, Body: wire.BlockAck{Sector: 8 * f.next, BlockID: block, Size: 4096}})
}

func (f *flushed) promises(epoch int) {
	f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdBarrierAck, Body: wire.BarrierAck{Number: uint32(epoch), SetSize: 1}})
}

// barrierOf finds the number of the first barrier.
func (f *flushed) barrierOf(t *testing.T) (n int) {
	t.Helper()
	for _, s := range f.said {
		if _, err := fmt.Sscanf(s, "barrier %d", &n); err == nil {
			return n
		}
	}
	t.Fatalf("no barrier in %q", f.said)
	return 0
}

// A barrier that nobody waits for goes with the next write; it does not wait long, and not
// at all when an application flushes.
func TestBarrierGoesWithTheNextWrite(t *testing.T) {
	f := newFlushedPrimary(t)
	f.writes(none, true)
	f.want("data")
	f.writes(none, true)
	n := f.barrierOf(t)
	f.want(fmt.Sprint("barrier ", n), "data")
	f.promises(n)
	f.tick(4 * time.Millisecond)
	f.want()
	var late []string
	f.watch = func(a replica.Action) {
		if s, ok := a.(replica.Send); ok && s.Cmd == wire.CmdBarrier {
			late = append(late, fmt.Sprint(s.Body.(wire.Barrier).Number))
		}
	}
	f.tick(2 * time.Millisecond)
	f.watch = nil
	if !slices.Equal(late, []string{fmt.Sprint(n + 1)}) {
		t.Fatalf("barriers %q after 5 ms", late)
	}
	f.promises(n + 1)
	f.writes(none, true)
	f.want("data")
	f.ev(replica.Request{ID: 99, Op: replica.Flush})
	f.want("flush", fmt.Sprint("barrier ", n+2))
}

// A peer that answers a barrier before it has done the write behind it may have flushed its disk for it: it
// is told early.
func TestBarrierIsSentAtOnceToWhoNeedsIt(t *testing.T) {
	for _, together := range []bool{true, false} {
		f := newFlushedPrimary(t)
		f.writes(none, true)
		f.said = nil
		f.writes(none, true)
		n := f.barrierOf(t)
		for range 40 {
			f.said = nil
			f.writes(n, together)
			if n++; f.said[0] != fmt.Sprint("barrier ", n) {
				break
			}
		}
		if together {
			f.want(fmt.Sprint("barrier ", n), "data")
		} else {
			f.want("data", fmt.Sprint("barrier ", n+1))
		}
	}
}

// A node is not promoted while writes of a Primary that died are on their way to its disk: an
// application would see them come.
func TestPromotionWaitsForTheLastWrites(t *testing.T) {
	f := newFlushedSecondary(t)
	f.slow = true
	f.ev(f.write(8, false))
	f.step(replica.Down{Cause: wire.NetworkFailure, Line: "the Primary died"})
	f.command(replica.PrimaryCmd{})
	if v := f.r.View().Volumes[0]; v.Role == wire.Primary {
		t.Fatal("promoted while a write of the peer is under way")
	}
	f.ends()
	if v := f.r.View().Volumes[0]; v.Role != wire.Primary {
		t.Fatalf("it is %s after the last write", v.Role)
	}
}

// A Primary without a disk has its flushes answered by the peer's promise. When its disk comes before that,
// it was not flushed; and a peer that lost its disk promises nothing.
func TestFlushWithoutDisk(t *testing.T) {
	peer := func(f *flushed, disk wire.DiskState) {
		f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdState, Body: wire.StateInfo{State: wire.State(0).WithRole(wire.Secondary).
			WithPeer(wire.Primary).WithConn(wire.Connected).WithDisk(disk).WithPdsk(wire.Diskless)}})
	}
	attach := func(f *flushed) {
		f.command(backing(t, replica.DefaultDiskOptions(), inSync))
		if v := f.r.View().Volumes[0]; v.Disk != wire.Negotiating {
			t.Fatalf("attached, it is %s", v.Disk)
		}
	}
	for _, c := range []struct {
		name      string
		meanwhile func(f *flushed)
		want      replica.Errno // when the peer has promised
		then      func(f *flushed)
		flushes   bool
	}{
		{name: "nothing changes"},
		{name: "the peer's disk fails", meanwhile: func(f *flushed) { peer(f, wire.Diskless) }, want: replica.EIO},
		{name: "the disk is attached", meanwhile: func(f *flushed) { attach(f); peer(f, wire.UpToDate) }, want: unanswered, flushes: true},
		{name: "the disk is being attached", meanwhile: attach, want: unanswered, then: func(f *flushed) { peer(f, wire.UpToDate) }, flushes: true},
	} {
		f := newFlushedPrimary(t)
		f.writes(none, true)
		f.command(replica.DetachCmd{Force: true})
		f.said = nil
		got := unanswered
		f.watch = func(a replica.Action) {
			if a, ok := a.(replica.Complete); ok {
				got = a.Err
			}
		}
		f.ev(replica.Request{ID: 99, Op: replica.Flush})
		n := f.barrierOf(t)
		if c.meanwhile != nil {
			c.meanwhile(f)
		}
		if got != unanswered {
			t.Fatalf("%s: answered with %d before the promise", c.name, got)
		}
		f.said = nil
		f.promises(n)
		if got != c.want {
			t.Errorf("%s: promised, and answered with %d, want %d", c.name, got, c.want)
		}
		if c.then != nil {
			c.then(f)
		}
		if c.flushes != (len(f.open) > 0) {
			t.Errorf("%s: own flushes under way: %d", c.name, len(f.open))
			continue
		}
		if c.flushes {
			f.ends()
			if got != replica.OK {
				t.Errorf("%s: answered with %d", c.name, got)
			}
		}
	}
}
