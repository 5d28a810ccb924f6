package replica_test

import (
	"testing"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// meet begins a connection; the peer says all of the handshake but its state.
func (h *host) meet(uuid uint64) {
	h.step(replica.Up{Dialect: dialect})
	h.hear(wire.CmdProtocol, wire.Protocol{Protocol: 3})
	h.hear(wire.CmdSizes, wire.Sizes{DSize: hostSectors, CSize: hostSectors, MaxBioSize: 1 << 20})
	if uuid != 0 {
		h.hear(wire.CmdUUIDs, wire.UUIDs{Current: uuid})
	}
}

func (h *host) hear(c wire.Command, b wire.Body) {
	h.step(replica.Packet{Sock: wire.DataSocket, Cmd: c, Body: b})
}

// state is what a peer that is Primary says of itself and of us.
func (h *host) state(conn wire.ConnState, disk, pdsk wire.DiskState) {
	peer := wire.RoleUnknown
	if conn >= wire.Connected {
		peer = wire.Secondary
	}
	h.hear(wire.CmdState, wire.StateInfo{State: wire.State(0).WithRole(wire.Primary).WithPeer(peer).WithConn(conn).WithDisk(disk).WithPdsk(pdsk)})
}

// A peer that never ends the handshake cannot keep a node from leaving.
func TestLeavingDuringTheHandshake(t *testing.T) {
	h := newHost(t, true)
	h.meet(0x1234)
	var code wire.Result
	h.watch = func(a replica.Action) {
		if r, ok := a.(replica.Reply); ok {
			code = r.Code
		}
	}
	h.command(replica.Disconnect{})
	if code != 0 {
		t.Fatalf("answered with %d while the handshake may still end", code)
	}
	h.tick(11 * time.Second)
	if code != wire.Success || h.r.View().Net != nil {
		t.Fatalf("after the patience is over: %d, %+v", code, h.r.View().Net)
	}
}

// The peer goes on alone as soon as it hears of a detach: then this disk says on
// record that it is old.
func TestDetachIsOnRecordFirst(t *testing.T) {
	h := newHost(t, true)
	h.meet(0x1235)
	h.state(wire.WFConnection, wire.UpToDate, wire.DUnknown)
	h.state(wire.Connected, wire.UpToDate, wire.UpToDate)
	good, asked := true, false
	h.watch = func(a replica.Action) {
		switch a := a.(type) {
		case replica.Meta:
			for _, w := range a.Writes {
				if sb, err := metadata.ParseSuperblock(w.Data); err == nil {
					good = sb.Flags.Has(metadata.WasUpToDate)
				}
			}
		case replica.Send:
			if a.Cmd == wire.CmdStateChgReq {
				asked = true
				if good {
					t.Error("the peer was asked while the disk still counts as good")
				}
			}
		}
	}
	h.command(replica.DetachCmd{})
	if !asked {
		t.Fatalf("the peer was not asked: %+v", h.r.View().Volumes)
	}
}

// A disk of which nobody knows whether it is the newest does not get better because a
// Primary without a disk is met: only when that one goes on with it.
func TestPrimaryWithoutDisk(t *testing.T) {
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceOnly
	h := newHostWith(t, true, o)
	is := func(want wire.DiskState, rotated bool) {
		t.Helper()
		v := h.r.View().Volumes[0]
		if v.Disk != want || (v.UUIDs.Bitmap != 0) != rotated {
			t.Fatalf("disk %s, wanted %s; identifiers %+v", v.Disk, want, v.UUIDs)
		}
	}
	is(wire.Consistent, false)
	h.meet(0)
	h.state(wire.WFConnection, wire.Diskless, wire.DUnknown)
	is(wire.Consistent, false)
	h.step(replica.Down{Cause: wire.BrokenPipe, Line: "refused"})
	is(wire.Consistent, false)
	h.meet(0)
	h.state(wire.WFConnection, wire.Diskless, wire.DUnknown)
	h.state(wire.Connected, wire.Diskless, wire.UpToDate)
	is(wire.UpToDate, true)
}

// The Primary loses its disk and writes here: that is a new generation, also while this
// node's own application, which it has not got, is suspended.
func TestPrimaryLosesDiskWhileSuspended(t *testing.T) {
	h := newHost(t, true)
	h.meet(0x1235)
	h.state(wire.WFConnection, wire.UpToDate, wire.DUnknown)
	h.step(replica.Down{Cause: wire.BrokenPipe})
	h.meet(0x1234)
	h.state(wire.WFConnection, wire.UpToDate, wire.DUnknown)
	h.state(wire.Connected, wire.UpToDate, wire.UpToDate)
	h.command(replica.SuspendIO{On: true})
	before := h.r.View().Volumes[0]
	h.state(wire.Connected, wire.Diskless, wire.UpToDate)
	if v := h.r.View().Volumes[0]; v.UUIDs.Current == before.UUIDs.Current || v.UUIDs.Bitmap != before.UUIDs.Current {
		t.Errorf("identifiers %+v, before %+v", v.UUIDs, before.UUIDs)
	}
}

// A Primary without a disk has its writes acknowledged by the answer to their barrier,
// if an older peer works by protocol A.
func TestBarrierOfAnOlderPeer(t *testing.T) {
	h := newHost(t, true)
	n := replica.DefaultNetOptions()
	n.Protocol = 'A'
	h.command(replica.Disconnect{Force: true})
	h.command(replica.Connect{Options: n})
	h.step(replica.Up{Dialect: wire.Dialect{Version: 95}})
	h.hear(wire.CmdProtocol, wire.Protocol{Protocol: 1})
	h.hear(wire.CmdSizes, wire.Sizes{DSize: hostSectors, CSize: hostSectors, MaxBioSize: 1 << 17})
	h.hear(wire.CmdUUIDs, wire.UUIDs{Current: 0x1234})
	secondary := func(disk wire.DiskState) wire.Body {
		return wire.StateInfo{State: wire.State(0).WithRole(wire.Secondary).WithPeer(wire.Secondary).WithConn(wire.Connected).WithDisk(wire.UpToDate).WithPdsk(disk)}
	}
	h.hear(wire.CmdState, secondary(wire.UpToDate))
	h.command(replica.PrimaryCmd{})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
	h.command(replica.DetachCmd{Force: true})
	if v := h.r.View().Volumes[0]; v.Role != wire.Primary || v.Disk != wire.Diskless || v.Pdsk != wire.UpToDate {
		t.Fatalf("%s %s/%s", v.Role, v.Disk, v.Pdsk)
	}
	const open = replica.Errno(255)
	done := open
	var barrier uint32
	h.watch = func(a replica.Action) {
		switch a := a.(type) {
		case replica.Complete:
			done = a.Err
		case replica.Send:
			if b, ok := a.Body.(wire.Barrier); ok {
				barrier = b.Number
			}
		}
	}
	h.step(replica.Request{ID: 99, Op: replica.Write, Size: 4096, Buf: 1<<40 + 1})
	if done != open {
		t.Fatalf("completed with %d while nobody is sure to have it", done)
	}
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdBarrierAck, Body: wire.BarrierAck{Number: barrier, SetSize: 1}})
	if done != replica.OK {
		t.Fatalf("completed with %d", done)
	}
}
