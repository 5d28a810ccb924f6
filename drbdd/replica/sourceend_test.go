package replica_test

import (
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// A source that has answered the last ping of a resync does not have it on record any more
// that the target is outdated: that one may be good, and Primary after the next crash of
// the source. Whatever else happens until the target's word comes does not bring it back.
func TestSourceForgetsThatTheTargetWasOutdated(t *testing.T) {
	f := primary(t, replica.ResourceAndStonith)
	outdated, ponged := false, false
	f.watch = func(a replica.Action) {
		switch a := a.(type) {
		case replica.Meta:
			for _, w := range a.Writes {
				if sb, err := metadata.ParseSuperblock(w.Data); err == nil {
					outdated = sb.Flags.Has(metadata.PeerOutdated)
				}
			}
		case replica.Send:
			if a.Cmd == wire.CmdPingAck {
				ponged = true
			}
		}
	}
	f.cut()
	f.ends(4)
	f.got = unanswered
	f.ev(replica.Request{ID: 999, Op: replica.Write, Size: 4096, Buf: 1<<40 + 1})
	f.shakes()
	f.says(wire.WFReportParams, wire.Outdated)
	f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap, Payload: make([]byte, hostSectors/64)},
		replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap})
	f.says(wire.SyncTarget, wire.Inconsistent)
	if v := f.r.View().Volumes[0]; v.Conn != wire.SyncSource || !outdated {
		t.Fatalf("%s, outdated %v", v.Conn, outdated)
	}
	f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdRSDataRequest, Body: wire.BlockReq{Sector: 0, BlockID: wire.IDSyncer, Size: 4096}})
	f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdRSWriteAck, Body: wire.BlockAck{Sector: 0, BlockID: wire.IDSyncer, Size: 4096}},
		replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPing})
	if v := f.r.View().Volumes[0]; v.OOS > 0 || !ponged || outdated {
		t.Fatalf("%d out of sync, ping answered %v, outdated %v", v.OOS, ponged, outdated)
	}
	f.do(replica.SuspendIO{On: true})
	if v := f.r.View().Volumes[0]; outdated || v.Pdsk != wire.Inconsistent {
		t.Errorf("the peer is on record as outdated again, %s", v.Pdsk)
	}
	f.do(replica.SuspendIO{})
	f.cut()
	if v := f.r.View().Volumes[0]; outdated || v.Pdsk != wire.DUnknown || len(f.open) != 1 {
		t.Errorf("the link is lost: outdated %v, %s, %d handlers", outdated, v.Pdsk, len(f.open))
	}
}
