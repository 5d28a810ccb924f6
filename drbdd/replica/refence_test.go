package replica_test

import (
	"testing"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// slow is a node whose fence-peer handler ends when the test says so.
type slow struct {
	*host
	calls, open []uint64
	again       int           // calls that are not logged
	got         replica.Errno // of the write
}

const unanswered = replica.Errno(255)

func (f *slow) ev(evs ...replica.Event) {
	f.run(func(a replica.Action) bool {
		if h, ok := a.(replica.RunHandler); ok && h.Name == "fence-peer" {
			if len(f.open) > 0 {
				f.t.Error("the handler is called while it runs")
			}
			f.calls, f.open = append(f.calls, h.ID), append(f.open, h.ID)
			if h.Again {
				f.again++
			}
			return true
		}
		if c, ok := a.(replica.Complete); ok {
			f.got = c.Err
		}
		return false
	}, evs...)
}

func (f *slow) do(v replica.Verb) { f.id++; f.ev(replica.Command{ID: f.id, Do: v}) }

func (f *slow) ends(code int) {
	id := f.open[0]
	f.open = f.open[1:]
	f.ev(replica.HandlerDone{ID: id, Code: code})
}

func (f *slow) up()  { f.ev(replica.Up{Dialect: dialect}) }
func (f *slow) cut() { f.ev(replica.Down{Cause: wire.NetworkFailure, Line: "cut"}) }

func (f *slow) says(conn wire.ConnState, disk wire.DiskState) {
	s := wire.State(0).WithRole(wire.Secondary).WithPeer(wire.RoleUnknown).WithConn(conn).WithDisk(disk).WithPdsk(wire.DUnknown)
	if conn >= wire.Connected {
		s = s.WithPeer(wire.Primary).WithPdsk(wire.UpToDate)
	}
	f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdState, Body: wire.StateInfo{State: s}})
}

// shakes is a handshake but for the state of the peer.
func (f *slow) shakes() {
	p := func(c wire.Command, b wire.Body) replica.Event {
		return replica.Packet{Sock: wire.DataSocket, Cmd: c, Body: b}
	}
	f.up()
	f.ev(p(wire.CmdProtocol, wire.Protocol{Protocol: 3}),
		p(wire.CmdSizes, wire.Sizes{DSize: hostSectors, CSize: hostSectors, MaxBioSize: 1 << 20}), p(wire.CmdUUIDs, wire.UUIDs{Current: 0x1234}))
}

// meets is a handshake with a peer whose disk is UpToDate.
func (f *slow) meets() {
	f.shakes()
	f.says(wire.WFReportParams, wire.UpToDate)
	f.says(wire.Connected, wire.UpToDate)
}

// primary is Primary, Connected, UpToDate/UpToDate.
func primary(t *testing.T, policy replica.Fencing) *slow {
	t.Helper()
	o := replica.DefaultDiskOptions()
	o.Fencing = policy
	f := &slow{host: newHostWith(t, true, o)}
	f.meets()
	f.do(replica.PrimaryCmd{})
	f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck},
		replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
	if v := f.r.View().Volumes[0]; v.Role != wire.Primary || v.Conn != wire.Connected || v.Pdsk != wire.UpToDate {
		t.Fatalf("%+v", v)
	}
	return f
}

// wait lets time pass; the handler does not end.
func (f *slow) wait(d time.Duration) {
	for end := f.now.Add(d); ; f.ev(replica.Tick{}) {
		next := f.r.Next()
		if next.IsZero() || next.After(end) {
			f.now = end
			return
		}
		if next.After(f.now) {
			f.now = next
		}
	}
}

// writes has the application write, and lets ten minutes pass.
func (f *slow) writes() replica.Errno {
	f.got = unanswered
	f.ev(replica.Request{ID: 999, Op: replica.Write, Size: 4096, Buf: 1<<40 + 1})
	f.wait(10 * time.Minute)
	return f.got
}

// A Primary that lost its peer, and whose fence-peer handler was called for nothing, asks
// again: it would be frozen for ever, or write beside a peer that is not outdated.
func TestFencePeerIsCalledAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(f *slow)
	}{
		{"the link was back meanwhile", func(f *slow) { f.meets(); f.cut(); f.ends(4) }},
		{"there was a connection for a moment", func(f *slow) { f.up(); f.cut(); f.ends(4) }},
		{"the answer comes in a handshake that fails", func(f *slow) { f.up(); f.ends(7); f.cut() }},
		{"the reset takes too long", func(f *slow) { f.ends(20) }},
		{"there is no handler", func(f *slow) { f.ends(0) }},
		{"it fails, and a handshake too", func(f *slow) { f.ends(20); f.up(); f.wait(time.Minute); f.cut() }},
		{"it fails twice", func(f *slow) { f.ends(20); f.wait(5 * time.Second); f.ends(1) }},
	} {
		for _, policy := range []replica.Fencing{replica.ResourceOnly, replica.ResourceAndStonith} {
			t.Run(c.name, func(t *testing.T) {
				f := primary(t, policy)
				f.cut()
				c.do(f)
				got := f.writes()
				if want := policy == replica.ResourceOnly; want != (got == replica.OK) {
					t.Errorf("with the policy %d a write ended with %d", policy, got)
				}
				if len(f.open) != 1 {
					t.Fatalf("%d handlers run, of %d", len(f.open), len(f.calls))
				}
				f.ends(7)
				if v := f.r.View().Volumes[0]; v.Pdsk != wire.Outdated || f.got != replica.OK {
					t.Errorf("after the reset the peer is %s, and the write ended with %d", v.Pdsk, f.got)
				}
				f.wait(time.Hour)
				if len(f.open) > 0 {
					t.Error("it is called again after it succeeded")
				}
			})
		}
	}
}

// A handler that fails for a day is called every five seconds, and logged once.
func TestFencePeerFailsForLong(t *testing.T) {
	f := primary(t, replica.ResourceAndStonith)
	f.cut()
	lines := 0
	f.watch = func(a replica.Action) {
		if _, ok := a.(replica.Log); ok {
			lines++
		}
	}
	const tries = 1000
	for range tries {
		f.ends(20)
		f.wait(4 * time.Second)
		if len(f.open) > 0 {
			t.Fatal("it is called again at once")
		}
		f.wait(time.Second)
	}
	if f.again != tries || lines > 3 {
		t.Errorf("%d of %d calls not logged, %d lines", f.again, tries, lines)
	}
	f.meets()
	f.ends(20)
	f.wait(9 * time.Second) // then it is pinged
	if len(f.open) > 0 {
		t.Error("it is called again though the peer is there")
	}
}

// The peer is Primary too, or has the newer data: nothing changes, and the log says so.
func TestFencePeerOfAnActivePeer(t *testing.T) {
	f := primary(t, replica.ResourceAndStonith)
	f.cut()
	lies := false
	f.watch = func(a replica.Action) {
		if l, ok := a.(replica.Log); ok && l.Text == "Peer is primary, outdating myself." {
			lies = true
		}
	}
	f.ends(6)
	if v := f.r.View(); v.Volumes[0].Disk != wire.UpToDate || !v.SuspFen || lies {
		t.Errorf("disk %s, frozen %v, log %v", v.Volumes[0].Disk, v.SuspFen, lies)
	}
}
