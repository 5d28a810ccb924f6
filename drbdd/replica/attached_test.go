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
