package replica_test

import (
	"testing"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// target is a node that has just begun to be the target of a full resync; asked collects
// the requests for blocks.
func target(t *testing.T, asked *[]wire.BlockReq) *host {
	o := replica.DefaultDiskOptions()
	o.PlanAhead, o.ResyncRate = 0, 400_000 // 10,000 blocks a turn; a quarter of that is in the bitmap
	h := newHostWith(t, false, o)
	h.command(replica.Disconnect{Force: true})
	h.command(replica.Connect{Options: replica.DefaultNetOptions()})
	h.meet(0x1235)
	h.state(wire.WFConnection, wire.UpToDate, wire.DUnknown)
	bits := make([]byte, hostSectors/8/8)
	for i := range bits {
		bits[i] = 0xff
	}
	h.watch = func(a replica.Action) {
		if s, ok := a.(replica.Send); ok && s.Cmd == wire.CmdRSDataRequest {
			*asked = append(*asked, s.Body.(wire.BlockReq))
		}
	}
	h.step(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap, Payload: bits})
	h.step(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap}) // the end of it
	h.hear(wire.CmdSyncUUID, wire.SyncUUID{UUID: 0x1236})
	return h
}

// answer sends the blocks, and tells how many pages they had.
func (h *host) answer(reqs []wire.BlockReq) (pages int) {
	for _, q := range reqs {
		pages += int(q.Size / 4096)
		h.step(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdRSDataReply, Buf: h.buf(), Size: q.Size,
			Body: wire.Data{Sector: q.Sector, BlockID: q.BlockID}})
	}
	return pages
}

// The rate lets through more than fits into max-buffers: the rest of it follows as soon as
// there is room, in the same turn and not 100 ms later.
func TestResyncGoesOnBetweenTurns(t *testing.T) {
	var asked []wire.BlockReq
	h := target(t, &asked)
	if c := h.r.View().Volumes[0].Conn; c != wire.SyncTarget {
		t.Fatalf("it is %s", c)
	}
	total := 0
	for i := 0; len(asked) > 0; i++ {
		now := asked
		asked = nil
		pages := h.answer(now)
		if pages > 1024 {
			t.Errorf("%d pages at once, max-buffers/2 is 1024", pages)
		}
		if i == 0 && len(asked) == 0 {
			t.Error("nothing more was asked for within the turn")
		}
		total += pages
	}
	if total != hostSectors/8 {
		t.Errorf("%d pages, the disk has %d", total, hostSectors/8)
	}
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
	if v := h.r.View().Volumes[0]; v.Conn != wire.Connected || v.Disk != wire.UpToDate {
		t.Errorf("in the end %s %s", v.Conn, v.Disk)
	}
}

// What follows within a turn is of the rate of that turn.
func TestResyncKeepsItsRateBetweenTurns(t *testing.T) {
	var asked []wire.BlockReq
	h := target(t, &asked)
	h.command(replica.DiskOptionsCmd{Options: func() replica.DiskOptions {
		o := replica.DefaultDiskOptions()
		o.PlanAhead, o.ResyncRate = 0, 4000 // 100 blocks a turn
		return o
	}()})
	h.answer(asked)
	asked = nil
	h.tick(100 * time.Millisecond)
	now := asked
	asked = nil
	if pages := h.answer(now); pages != 100 || len(asked) != 0 {
		t.Errorf("%d pages in the turn and %d requests between, at 100 blocks a turn", pages, len(asked))
	}
}
