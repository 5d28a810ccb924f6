package state

import (
	"testing"

	"classicha/drbdd/wire"
)

// Every wish, with every pause and under different conditions: the outcome fits
// the table of step 6 and has nothing more to sanitize.
func TestSanitizeIsIdempotent(t *testing.T) {
	for _, env := range []Env{
		{AttachDisk: wire.UpToDate, AttachPDisk: wire.DUnknown},
		{Fencing: ResourceAndStonith, SuspendOnNoData: true, AttachDisk: wire.Inconsistent, AttachPDisk: wire.DUnknown},
		{ExposedUUID: 8, CurrentUUID: 10},
		{AttachDisk: wire.Consistent, AttachPDisk: wire.Outdated},
	} {
		for wish := range each() {
			for isp := range 8 {
				wish.AftrISP, wish.PeerISP, wish.UserISP = isp&1 != 0, isp&2 != 0, isp&4 != 0
				for _, os := range []State{Unconfigured, wish} {
					s, warn := Sanitize(os, wish, env)
					if wish.Disk == wire.Negotiating && s.Disk == wire.Diskless {
						// Step 4 comes after step 2, which then has to wait for the next change.
						s, _ = Sanitize(os, s, env)
					}
					if again, w := Sanitize(os, s, env); again != s || w != "" {
						t.Fatalf("%v wanted: %v (%s), then %v (%s)", wish, s, warn, again, w)
					}
					if u := s; u.clamp() != "" || u != s || !s.Legal() {
						t.Fatalf("%v wanted: %v does not fit its connection state", wish, s)
					}
				}
			}
		}
	}
}

func TestSanitizeSteps(t *testing.T) {
	const (
		pri, sec, unk = wire.Primary, wire.Secondary, wire.RoleUnknown
		up, bad, out  = wire.UpToDate, wire.Inconsistent, wire.Outdated
		con, dunno    = wire.Consistent, wire.DUnknown
	)
	up2 := State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: up, PDisk: up}
	for _, c := range []struct {
		name string
		os   State
		c    Change
		env  Env
		want State
		warn string
	}{
		{"1 the peer is gone", State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: up, PDisk: up, PeerISP: true}, SetConn(wire.NetworkFailure), Env{},
			State{Role: pri, Conn: wire.NetworkFailure, Disk: up, PDisk: dunno}, ""},
		{"1 what is worse than Consistent stays known", State{Role: pri, Peer: sec, Conn: wire.SyncSource, Disk: up, PDisk: bad}, SetConn(wire.Unconnected), Env{},
			State{Role: pri, Conn: wire.Unconnected, Disk: up, PDisk: bad}, ""},
		{"1 a diskless peer", State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: up}, SetConn(wire.TearDown), Env{},
			State{Role: pri, Conn: wire.TearDown, Disk: up, PDisk: dunno}, ""},
		{"2 unconfigured", State{Role: sec, Conn: wire.StandAlone, Disk: up, PDisk: dunno, AftrISP: true, UserISP: true}, SetDisk(wire.Diskless), Env{},
			State{Role: sec, Conn: wire.StandAlone, PDisk: dunno, UserISP: true}, ""},
		{"3 disk lost in resync", State{Role: pri, Peer: sec, Conn: wire.SyncTarget, Disk: bad, PDisk: up}, SetDisk(wire.Failed), Env{},
			State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: wire.Failed, PDisk: up}, WarnResyncAborted},
		{"3 disk lost in verify", State{Role: pri, Peer: sec, Conn: wire.VerifyS, Disk: up, PDisk: up}, SetPDisk(wire.Diskless), Env{},
			State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: up}, WarnVerifyAborted},
		{"4 lost while negotiating, nothing seen", State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: wire.Negotiating, PDisk: up}, SetConn(wire.BrokenPipe),
			Env{ExposedUUID: 6, CurrentUUID: 6, AttachDisk: out, AttachPDisk: wire.DUnknown},
			State{Role: sec, Conn: wire.BrokenPipe, Disk: out, PDisk: dunno}, ""},
		{"4 lost while negotiating", State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: wire.Negotiating, PDisk: up}, SetConn(wire.BrokenPipe),
			Env{ExposedUUID: 6, CurrentUUID: 8, AttachDisk: out}, State{Role: pri, Conn: wire.BrokenPipe, PDisk: dunno}, WarnLostNegotiating},
		{"5 what was unknown is known", State{Role: sec, Conn: wire.WFReportParams, Disk: con, PDisk: dunno},
			Join(SetConn(wire.Connected), SetPeer(sec), SetPDisk(con)), Env{}, State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: up, PDisk: up}, ""},
		{"5 the peer had no disk when it was met", State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: con}, SetPDisk(con), Env{},
			State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: up, PDisk: up}, ""},
		{"5 nor had this node", State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: wire.Negotiating, PDisk: con}, SetDisk(con), Env{},
			State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: up, PDisk: up}, ""},
		{"5 and still has none", State{Role: sec, Peer: sec, Conn: wire.Connected, Disk: con}, SetPeer(pri), Env{},
			State{Role: sec, Peer: pri, Conn: wire.Connected, Disk: con}, ""},
		{"5 not when Ahead", State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: up, PDisk: up}, SetConn(wire.Ahead), Env{},
			State{Role: pri, Peer: sec, Conn: wire.Ahead, Disk: up, PDisk: con}, ""},
		{"6 target", State{Role: sec, Conn: wire.WFReportParams, Disk: up, PDisk: dunno}, Join(SetConn(wire.WFBitMapT), SetPeer(pri), SetPDisk(up)), Env{},
			State{Role: sec, Peer: pri, Conn: wire.WFBitMapT, Disk: out, PDisk: up}, ""},
		{"6 a request for the peer's disk that does not fit", State{Role: sec, Peer: pri, Conn: wire.Connected, Disk: up, PDisk: bad}, SetConn(wire.WFBitMapT), Env{},
			State{Role: sec, Peer: pri, Conn: wire.WFBitMapT, Disk: out, PDisk: up}, WarnUpgradedPDisk},
		{"6 attached target, as recorded", State{Role: pri, Peer: sec, Conn: wire.Connected, Disk: wire.Negotiating, PDisk: up}, SetConn(wire.WFBitMapT), Env{},
			State{Role: pri, Peer: sec, Conn: wire.WFBitMapT, Disk: bad, PDisk: up}, WarnUpgradedDisk},
		{"7 freeze until fenced", up2, SetConn(wire.Timeout), Env{Fencing: ResourceAndStonith},
			State{Role: pri, Conn: wire.Timeout, Disk: up, PDisk: dunno, SuspFen: true}, ""},
		{"7 not for resource-only", up2, SetConn(wire.Timeout), Env{Fencing: ResourceOnly}, State{Role: pri, Conn: wire.Timeout, Disk: up, PDisk: dunno}, ""},
		{"7 only on the way into it", State{Role: pri, Conn: wire.Timeout, Disk: up, PDisk: dunno}, SetConn(wire.Unconnected), Env{Fencing: ResourceAndStonith},
			State{Role: pri, Conn: wire.Unconnected, Disk: up, PDisk: dunno}, ""},
		{"8 no data", State{Role: pri, Peer: sec, Conn: wire.Connected, PDisk: up}, SetConn(wire.Timeout), Env{SuspendOnNoData: true},
			State{Role: pri, Conn: wire.Timeout, PDisk: dunno, SuspNod: true}, ""},
		{"9 pause", State{Role: sec, Peer: pri, Conn: wire.SyncTarget, Disk: bad, PDisk: up}, SetUserISP(true), Env{},
			State{Role: sec, Peer: pri, Conn: wire.PausedSyncT, Disk: bad, PDisk: up, UserISP: true}, ""},
		{"9 one of two pauses ends", State{Role: sec, Peer: pri, Conn: wire.PausedSyncS, Disk: up, PDisk: bad, UserISP: true, PeerISP: true}, SetUserISP(false), Env{},
			State{Role: sec, Peer: pri, Conn: wire.PausedSyncS, Disk: up, PDisk: bad, PeerISP: true}, ""},
		{"9 go on", State{Role: sec, Peer: pri, Conn: wire.PausedSyncS, Disk: up, PDisk: bad, AftrISP: true}, SetAftrISP(false), Env{},
			State{Role: sec, Peer: pri, Conn: wire.SyncSource, Disk: up, PDisk: bad}, ""},
		{"9 a running resync has an Inconsistent disk", State{Role: sec, Peer: unk, Conn: wire.PausedSyncT, Disk: out, PDisk: up, AftrISP: true}, SetAftrISP(false), Env{},
			State{Role: sec, Peer: unk, Conn: wire.SyncTarget, Disk: bad, PDisk: up}, ""},
	} {
		got, warn := Sanitize(c.os, Apply(c.os, c.c), c.env)
		if got != c.want || warn != c.warn {
			t.Errorf("%s:\ngot  %v %q\nwant %v %q", c.name, got, warn, c.want, c.warn)
		}
	}
}
