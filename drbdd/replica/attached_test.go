package replica_test

import (
	"testing"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// A disk that is only Consistent learns what it is worth when the peer, which was met without
// a disk, attaches one: nothing else would tell it later.
func TestPeerAttaches(t *testing.T) {
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceOnly
	h := newHostWith(t, true, o)
	h.meet(0)
	says := func(conn wire.ConnState, disk, pdsk wire.DiskState) {
		s := wire.State(0).WithRole(wire.Secondary).WithConn(conn).WithDisk(disk).WithPdsk(pdsk)
		if conn >= wire.Connected {
			s = s.WithPeer(wire.Secondary)
		}
		h.hear(wire.CmdState, wire.StateInfo{State: s})
	}
	says(wire.WFReportParams, wire.Diskless, wire.DUnknown)
	says(wire.Connected, wire.Diskless, wire.Consistent)
	if v := h.r.View().Volumes[0]; v.Conn != wire.Connected || v.Disk != wire.Consistent {
		t.Fatalf("met without a disk: %s %s/%s", v.Conn, v.Disk, v.Pdsk)
	}
	h.hear(wire.CmdUUIDs, wire.UUIDs{Current: 0x1234})
	says(wire.Connected, wire.Negotiating, wire.Consistent)
	if v := h.r.View().Volumes[0]; v.Conn != wire.Connected || v.Disk != wire.UpToDate || v.Pdsk != wire.UpToDate {
		t.Errorf("the peer attached the same data: %s %s/%s", v.Conn, v.Disk, v.Pdsk)
	}
}

// A disk that fails while the peer is asked whether it may be declared to be good is not good
// when the answer comes.
func TestDiskFailsDuringAForcedPromotion(t *testing.T) {
	h := newHost(t, false)
	h.meet(4)
	says := func(conn wire.ConnState, peer wire.Role, pdsk wire.DiskState) {
		h.hear(wire.CmdState, wire.StateInfo{State: wire.State(0).WithRole(wire.Secondary).WithPeer(peer).WithConn(conn).WithDisk(wire.Inconsistent).WithPdsk(pdsk)})
	}
	says(wire.WFReportParams, wire.RoleUnknown, wire.DUnknown)
	says(wire.Connected, wire.Secondary, wire.Inconsistent)
	asked := false
	var code wire.Result
	var primary uint64
	h.watch = func(a replica.Action) {
		switch a := a.(type) {
		case replica.Send:
			asked = asked || a.Cmd == wire.CmdStateChgReq
		case replica.Reply:
			if a.ID == primary {
				code = a.Code
			}
		}
	}
	primary = h.id + 1
	h.command(replica.PrimaryCmd{Force: true})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
	if !asked {
		t.Fatalf("the peer was not asked: %+v", h.r.View().Volumes)
	}
	h.command(replica.DetachCmd{Force: true})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
	if v := h.r.View().Volumes[0]; v.Role != wire.Secondary || v.Disk != wire.Diskless || code != wire.IsDiskless {
		t.Errorf("%s %s/%s, primary is answered %d", v.Role, v.Disk, v.Pdsk, code)
	}
}
