package replica_test

import (
	"testing"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// A disk that is being left while I/O hangs is not good again because somebody wants it
// outdated. The Primary would go on alone beside it.
func TestOutdateOfAFailedDisk(t *testing.T) {
	h := newHost(t, true)
	h.meet(0x1234)
	h.state(wire.WFReportParams, wire.UpToDate, wire.DUnknown)
	h.state(wire.Connected, wire.UpToDate, wire.UpToDate)
	b := h.buf()
	h.r.Step(h.now, replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdData, Body: wire.Data{BlockID: 1, Seq: 1}, Buf: b, Size: 4096}) // and the disk hangs
	h.command(replica.DetachCmd{Force: true})
	if v := h.r.View().Volumes[0]; v.Disk != wire.Failed || v.Conn != wire.Connected {
		t.Fatalf("%s %s", v.Conn, v.Disk)
	}
	if code := h.result(replica.Outdate{}); code.Ok() {
		t.Errorf("outdate: %d", code)
	}
	if v := h.r.View().Volumes[0]; v.Disk != wire.Failed {
		t.Errorf("it became %s", v.Disk)
	}
}
