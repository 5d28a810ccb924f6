package replica_test

import (
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/replica/gi"
	"classicha/drbdd/wire"
)

// syncSource is a Primary whose target has everything, and may have asked whether the
// resync is over.
func syncSource(t *testing.T, policy replica.Fencing, asked bool) *slow {
	t.Helper()
	f := primary(t, policy)
	f.cut()
	if len(f.open) > 0 {
		f.ends(4)
	}
	f.ev(replica.Request{ID: 998, Op: replica.Write, Size: 4096, Buf: 1<<40 + 1})
	f.shakes()
	f.says(wire.WFReportParams, wire.Outdated)
	f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap, Payload: make([]byte, hostSectors/64)},
		replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap})
	f.says(wire.SyncTarget, wire.Inconsistent)
	f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdRSDataRequest, Body: wire.BlockReq{Sector: 0, BlockID: wire.IDSyncer, Size: 4096}},
		replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdRSWriteAck, Body: wire.BlockAck{Sector: 0, BlockID: wire.IDSyncer, Size: 4096}})
	if v := f.r.View().Volumes[0]; v.Conn != wire.SyncSource || v.OOS != 0 || v.UUIDs.Bitmap == 0 {
		t.Fatalf("%s, %d out of sync, %X", v.Conn, v.OOS, v.UUIDs)
	}
	if asked {
		f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPing})
	}
	return f
}

// A target that has asked whether the resync is over may have the identifiers of its source
// already, and be promoted. The source does not write alone with these.
func TestSourceBeginsAGeneration(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy replica.Fencing
		asked  bool
		do     func(f *slow)
	}{
		{"Primary", replica.DontCare, true, func(f *slow) { f.cut() }},
		{"Primary, frozen until the peer is fenced", replica.ResourceAndStonith, true, func(f *slow) { f.cut(); f.ends(7) }},
		{"Primary, the target's disk fails", replica.DontCare, true, func(f *slow) { f.says(wire.Connected, wire.Diskless) }},
		{"promoted later", replica.DontCare, true, func(f *slow) { f.do(replica.SecondaryCmd{}); f.cut(); f.do(replica.PrimaryCmd{}) }},
		{"promoted beside a target without a disk", replica.DontCare, true, func(f *slow) {
			f.do(replica.SecondaryCmd{})
			f.says(wire.Connected, wire.Diskless)
			f.cut()
			f.do(replica.PrimaryCmd{})
		}},
		{"not asked", replica.DontCare, false, func(f *slow) { f.cut() }},
		{"not asked, promoted later", replica.DontCare, false, func(f *slow) { f.do(replica.SecondaryCmd{}); f.cut(); f.do(replica.PrimaryCmd{}) }},
		{"ended", replica.DontCare, true, func(f *slow) { f.says(wire.Connected, wire.UpToDate) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := syncSource(t, c.policy, c.asked)
			was := f.r.View().Volumes[0].UUIDs
			c.do(f)
			v := f.r.View().Volumes[0]
			if v.Role != wire.Primary || v.Disk != wire.UpToDate {
				t.Fatalf("%s %s", v.Role, v.Disk)
			}
			if c.name == "ended" {
				was.ClearBitmap()
			}
			if c.name == "ended" || !c.asked {
				if v.UUIDs != was {
					t.Errorf("%X, before %X", v.UUIDs, was)
				}
				return
			}
			sync := was.Bitmap
			ended := metadata.UUIDs{Current: was.Current, History0: sync, History1: was.History0}
			promoted := ended
			promoted.NewCurrent(0x7770, true)
			for name, w := range map[string]struct {
				peer   metadata.UUIDs
				result int
			}{
				"ended it":                   {ended, +1},
				"ended it, and was promoted": {promoted, gi.SplitBrain},
				"did not end it":             {metadata.UUIDs{Current: sync}, +2},
			} {
				got := gi.Compare(gi.CompareInput{Self: v.UUIDs, Peer: w.peer, Version: 101, Features: wire.AllFeatures})
				if got.Result != w.result {
					t.Errorf("the target %s: %d by rule %d, with %X and %X", name, got.Result, got.Rule, v.UUIDs, w.peer)
				}
			}
		})
	}
}

// The successor of such a source does not, either: what is on disk tells it.
func TestSuccessorOfASourceBeginsAGeneration(t *testing.T) {
	for _, c := range []struct {
		name        string
		asked, full bool
	}{{"asked", true, false}, {"not asked", false, false}, {"asked, equal before", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			var disk metadata.Superblock
			var f *slow
			if c.full {
				f = primary(t, replica.DontCare)
			} else {
				f = syncSource(t, replica.DontCare, false)
			}
			f.watch = func(a replica.Action) {
				if m, ok := a.(replica.Meta); ok {
					for _, w := range m.Writes {
						if sb, err := metadata.ParseSuperblock(w.Data); err == nil {
							disk = sb
						}
					}
				}
			}
			if c.full {
				f.do(replica.InvalidateRemote{})
				f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
				for s := uint64(0); s < hostSectors; s += 8 {
					f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdRSDataRequest, Body: wire.BlockReq{Sector: s, BlockID: wire.IDSyncer, Size: 4096}},
						replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdRSWriteAck, Body: wire.BlockAck{Sector: s, BlockID: wire.IDSyncer, Size: 4096}})
				}
			}
			if c.asked {
				f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPing})
			}
			if v := f.r.View().Volumes[0]; v.Conn != wire.SyncSource || v.OOS != 0 {
				t.Fatalf("%s, %d out of sync", v.Conn, v.OOS)
			}
			f.do(replica.SecondaryCmd{}) // that is on disk, with all else
			h := newHostOn(t, replica.DefaultDiskOptions(), 0, func(s *metadata.Superblock, bm *metadata.Bitmap) {
				s.UUIDs, s.Flags, s.LaSizeSect = disk.UUIDs, disk.Flags, disk.LaSizeSect
				bm.ClearAll()
			})
			if code := h.result(replica.PrimaryCmd{}); code != wire.Success {
				t.Fatalf("primary: %d", code)
			}
			u := h.r.View().Volumes[0].UUIDs
			if began := u.Bitmap&^1 == disk.UUIDs.Current&^1; began != c.asked || began && u.History0 != disk.UUIDs.Bitmap || !began && u.Bitmap != disk.UUIDs.Bitmap {
				t.Errorf("%X, on disk %X %s", u, disk.UUIDs, disk.Flags.Words())
			}
		})
	}
}
