package state

import (
	"testing"

	"classicha/drbdd/wire"
)

const (
	pri, sec, unk = wire.Primary, wire.Secondary, wire.RoleUnknown
	up, bad, out  = wire.UpToDate, wire.Inconsistent, wire.Outdated
	con, dunno    = wire.Consistent, wire.DUnknown
)

func st(role, peer wire.Role, conn wire.ConnState, disk, pdisk wire.DiskState) State {
	return State{Role: role, Peer: peer, Conn: conn, Disk: disk, PDisk: pdisk}
}

// Every pair of connection states against the list of section 10.3, as ranges.
func TestCheckAlways(t *testing.T) {
	for oc := wire.StandAlone; oc <= wire.Behind; oc++ {
		for nc := wire.StandAlone; nc <= wire.Behind; nc++ {
			want := wire.Success
			lost := oc == wire.Timeout || oc == wire.BrokenPipe || oc == wire.NetworkFailure || oc == wire.ProtocolError || oc == wire.TearDown
			switch {
			case oc == nc:
			case oc == wire.StandAlone:
				want = map[wire.ConnState]wire.Result{wire.Disconnecting: -9, wire.Unconnected: 1}[nc]
				if want == 0 {
					want = -15
				}
			case oc < 9 && nc >= 10:
				want = -15
			case lost && nc != wire.Unconnected && nc != wire.Disconnecting, oc == wire.Disconnecting && nc != wire.StandAlone:
				want = -18
			}
			if got := CheckAlways(State{Conn: oc}, State{Conn: nc}); got != want {
				t.Errorf("%s -> %s: got %d, want %d", oc, nc, got, want)
			}
		}
	}
	if rc := CheckAlways(st(sec, sec, wire.Connected, wire.Diskless, up), st(sec, sec, wire.Connected, wire.Failed, up)); rc != wire.IsDiskless {
		t.Errorf("a disk that is gone failed: %d", rc)
	}
	// Not even where Sanitize takes a disk for good that meets another (outdate).
	for _, d := range []wire.DiskState{wire.Negotiating, bad, out, con, up} {
		failed := st(sec, pri, wire.Connected, wire.Failed, up)
		for _, hard := range []bool{false, true} {
			if ns, rc, _ := Decide(failed, SetDisk(d), Env{}, hard); rc != wire.LowerThanOutdated || ns != failed {
				t.Errorf("a disk that failed became %s as %s: %d", ns.Disk, d, rc)
			}
		}
	}
	if rc := CheckAlways(st(sec, sec, wire.Connected, wire.Diskless, bad), st(pri, sec, wire.Connected, up, bad)); rc != wire.IsDiskless {
		t.Errorf("a disk that is gone is declared to be good: %d", rc)
	}
}

func TestCheckValid(t *testing.T) {
	ok := Env{VerifyAlg: true, Version: 101}
	with := func(f func(*Env)) Env { e := ok; f(&e); return e }
	for _, c := range []struct {
		s    State
		env  Env
		want wire.Result
	}{
		{st(pri, sec, wire.Connected, up, up), ok, 1},
		{st(pri, pri, wire.Connected, up, up), ok, wire.TwoPrimaries},
		{st(pri, pri, wire.Connected, up, up), with(func(e *Env) { e.TwoPrimaries = true }), 1},
		{st(pri, sec, wire.Connected, up, up), with(func(e *Env) { e.OtherVolumePeerPrimary = true }), wire.OtherVolPrimary},
		{st(sec, pri, wire.Connected, up, up), with(func(e *Env) { e.OtherVolumePeerPrimary = true }), 1},
		{st(sec, sec, wire.Connected, up, up), with(func(e *Env) { e.Open = true }), wire.DeviceInUse},
		{st(pri, sec, wire.Connected, up, up), with(func(e *Env) { e.Open = true }), 1},
		{st(pri, unk, wire.WFConnection, con, dunno), ok, wire.NoUpToDateDisk},
		{st(pri, unk, wire.WFConnection, up, dunno), ok, 1},
		{st(pri, unk, wire.WFConnection, up, dunno), with(func(e *Env) { e.Fencing = ResourceOnly }), wire.PrimaryNop},
		{st(pri, unk, wire.WFConnection, up, out), with(func(e *Env) { e.Fencing = ResourceAndStonith }), 1},
		{st(pri, sec, wire.Connected, bad, bad), ok, wire.NoUpToDateDisk},
		{st(sec, sec, wire.SyncSource, wire.Failed, bad), ok, wire.NoLocalDisk},
		{st(sec, sec, wire.SyncSource, up, wire.Diskless), ok, wire.NoRemoteDisk},
		{st(sec, sec, wire.SyncTarget, bad, bad), ok, wire.NoUpToDateDisk},
		{st(sec, sec, wire.Connected, out, up), ok, wire.ConnectedOutdates},
		{st(sec, sec, wire.PausedSyncS, out, up), ok, wire.ConnectedOutdates},
		{st(sec, sec, wire.WFBitMapT, out, up), ok, 1},
		{st(sec, sec, wire.VerifyT, up, up), with(func(e *Env) { e.VerifyAlg = false }), wire.NoVerifyAlg},
		{st(sec, sec, wire.VerifyS, up, up), with(func(e *Env) { e.Version = 87 }), wire.NotSupported},
		{st(pri, sec, wire.Connected, out, out), ok, wire.ConnectedOutdates},
		{st(pri, sec, wire.Connected, con, out), ok, wire.NoUpToDateDisk},
		{st(sec, sec, wire.StartingSyncS, up, dunno), ok, wire.NeedConnection},
		{st(sec, sec, wire.Connected, up, dunno), ok, wire.ConnectedOutdates},
		{Unconfigured, ok, 1},
	} {
		if got := CheckValid(c.s, c.env); got != c.want {
			t.Errorf("%v with %+v: got %d (%s), want %d", c.s, c.env, got, got.Text(), c.want)
		}
	}
}

func TestCheckTransition(t *testing.T) {
	c2 := st(sec, sec, wire.Connected, up, up)
	change := func(s State, c ...Change) State { return Apply(s, Join(c...)) }
	for _, c := range []struct {
		name   string
		os, ns State
		env    Env
		want   wire.Result
	}{
		{"fine", c2, change(c2, SetRole(pri)), Env{}, 1},
		{"invalidate in a resync", st(sec, sec, wire.SyncSource, up, bad), st(sec, sec, wire.StartingSyncT, bad, up), Env{}, wire.ResyncRunning},
		{"disconnect without a connection", Unconfigured, change(Unconfigured, SetConn(wire.Disconnecting)), Env{}, wire.AlreadyStandAlone},
		{"a disk from nowhere", Unconfigured, change(Unconfigured, SetDisk(bad)), Env{}, wire.IsDiskless},
		{"attaching", Unconfigured, change(Unconfigured, SetDisk(wire.Attaching)), Env{}, 1},
		{"listening without a network", Unconfigured, change(Unconfigured, SetConn(wire.WFConnection)), Env{}, wire.NoNetConfig},
		{"outdate less than that", change(Unconfigured, SetDisk(bad)), change(Unconfigured, SetDisk(out)), Env{}, wire.LowerThanOutdated},
		{"attached Outdated", change(Unconfigured, SetDisk(wire.Attaching)), change(Unconfigured, SetDisk(out)), Env{}, 1},
		{"disconnect too early", change(Unconfigured, SetConn(wire.Unconnected)), change(Unconfigured, SetConn(wire.Disconnecting)), Env{}, wire.InTransientState},
		{"role while states travel", c2, change(c2, SetRole(pri)), Env{StateSent: true}, wire.InTransientState},
		{"sockets are there", st(sec, unk, wire.WFConnection, up, dunno), st(sec, unk, wire.WFReportParams, up, dunno), Env{StateSent: true}, 1},
		{"handshake ends", st(sec, unk, wire.WFReportParams, up, dunno), c2, Env{StateSent: true}, 1},
		{"promotion of a target to be", st(sec, pri, wire.Connected, bad, up), st(pri, pri, wire.Connected, bad, up), Env{}, wire.InTransientState},
		{"promotion of a running target", st(sec, sec, wire.SyncTarget, bad, up), st(pri, sec, wire.SyncTarget, bad, up), Env{}, 1},
		{"promotion and change of the target", st(sec, sec, wire.SyncTarget, bad, up), st(pri, sec, wire.PausedSyncT, bad, up), Env{}, wire.InTransientState},
		{"promotion of a diskless node", st(sec, sec, wire.Connected, wire.Diskless, up), st(pri, sec, wire.Connected, wire.Diskless, up), Env{}, 1},
		{"verify alone", st(sec, unk, wire.WFConnection, up, dunno), st(sec, unk, wire.VerifyS, up, dunno), Env{}, wire.NeedConnection},
		{"verify in a resync", st(sec, sec, wire.SyncSource, up, bad), st(sec, sec, wire.VerifyS, up, up), Env{}, wire.ResyncRunning},
		{"verify goes on", st(sec, sec, wire.VerifyS, up, up), st(pri, sec, wire.VerifyS, up, up), Env{}, 1},
		{"invalidate alone", st(sec, unk, wire.WFConnection, up, dunno), st(sec, unk, wire.StartingSyncT, up, dunno), Env{}, wire.NeedConnection},
		{"resync from nowhere", st(sec, unk, wire.NetworkFailure, up, dunno), st(sec, unk, wire.SyncSource, up, dunno), Env{}, wire.NeedConnection},
		{"outdate a peer that is away", st(pri, unk, wire.WFConnection, up, dunno), st(pri, unk, wire.Disconnecting, up, out), Env{}, wire.OutdateWoConn},
		{"the last rule counts", Unconfigured, change(Unconfigured, SetDisk(bad), SetConn(wire.WFConnection)), Env{}, wire.NoNetConfig},
	} {
		if got := CheckTransition(c.os, c.ns, c.env); got != c.want {
			t.Errorf("%s: got %d (%s), want %d", c.name, got, got.Text(), c.want)
		}
	}
}

// Section 10.3, "Cluster-wide changes", for every pair that the sentence names.
func TestNeedsPeer(t *testing.T) {
	roles, disks := []wire.Role{pri, sec}, []wire.DiskState{wire.Diskless, wire.Failed, bad, up}
	for oc := wire.StandAlone; oc <= wire.Behind; oc++ {
		for nc := wire.StandAlone; nc <= wire.Behind; nc++ {
			for _, or := range roles {
				for _, nr := range roles {
					for _, od := range disks {
						for _, nd := range disks {
							both := oc >= wire.Connected && nc >= wire.Connected
							want := both && or == sec && nr == pri ||
								both && oc != nc && (nc == wire.StartingSyncS || nc == wire.StartingSyncT) ||
								both && od != wire.Failed && nd == wire.Failed ||
								oc >= wire.Connected && nc == wire.Disconnecting ||
								oc == wire.Connected && (nc == wire.VerifyS || nc == wire.WFReportParams)
							os, ns := st(or, sec, oc, od, up), st(nr, sec, nc, nd, up)
							if NeedsPeer(os, ns) != want {
								t.Fatalf("%v to %v: want %t", os, ns, want)
							}
							if os.Peer = pri; NeedsPeer(os, ns) != want {
								t.Fatalf("%v: the peer's words do not count", os)
							}
						}
					}
				}
			}
		}
	}
}

// Section 10.4: roles and disks change places, and twice converted is as before
// for the connection states that have a mirror.
func TestConvert(t *testing.T) {
	mirror := map[wire.ConnState]wire.ConnState{
		wire.Connected: wire.Connected, wire.StartingSyncS: wire.StartingSyncT, wire.StartingSyncT: wire.StartingSyncS,
		wire.VerifyS: wire.VerifyT, wire.Disconnecting: wire.TearDown, wire.WFReportParams: wire.WFReportParams,
	}
	for s := range each() {
		s.UserISP, s.SuspFen, s.Susp = s.Disk > bad, true, s.Role == pri
		once := Convert(SetAll(s))
		if once.Mask&wire.ConnMask != wire.ConnMask {
			t.Fatal("the mask of the connection state is lost")
		}
		want := State{Role: s.Peer, Peer: s.Role, Conn: mirror[s.Conn], Disk: s.PDisk, PDisk: s.Disk, PeerISP: s.UserISP}
		if got := FromWord(once.Val); got != want {
			t.Fatalf("%v is seen as %v, want %v", s, got, want)
		}
		twice := FromWord(Convert(once).Val)
		if twice.Role != s.Role || twice.Peer != s.Peer || twice.Disk != s.Disk || twice.PDisk != s.PDisk {
			t.Fatalf("%v came back as %v", s, twice)
		}
	}
	if c := Convert(SetRole(pri)); c != SetPeer(pri) {
		t.Errorf("a promotion is seen as %x", c)
	}
	if c := Convert(Join(SetConn(wire.Disconnecting), SetPDisk(out))); c != Join(SetConn(wire.TearDown), SetDisk(out)) {
		t.Errorf("a disconnect with outdate is seen as %x", c)
	}
}

// What both nodes agreed to leads both to the same state, seen from two sides.
func TestBothSidesAgree(t *testing.T) {
	n := 0
	conns := map[wire.ConnState]wire.ConnState{
		wire.Connected: wire.Connected, wire.SyncSource: wire.SyncTarget, wire.SyncTarget: wire.SyncSource,
		wire.PausedSyncS: wire.PausedSyncT, wire.VerifyS: wire.VerifyT, wire.VerifyT: wire.VerifyS,
		wire.StartingSyncS: wire.StartingSyncT, wire.StartingSyncT: wire.StartingSyncS,
	}
	env := Env{VerifyAlg: true, Version: 101}
	mirrored := func(s State) State {
		return State{Role: s.Peer, Peer: s.Role, Conn: conns[s.Conn], Disk: s.PDisk, PDisk: s.Disk}
	}
	for a := range each() {
		if _, ok := conns[a.Conn]; !ok || a.Peer == unk || a.PDisk == dunno {
			continue
		}
		b := mirrored(a)
		for _, two := range []bool{false, true} {
			env.TwoPrimaries = two
			for _, c := range []Change{SetRole(pri), SetConn(wire.StartingSyncS), SetConn(wire.StartingSyncT), SetConn(wire.VerifyS)} {
				na, rc, _ := Decide(a, c, env, false)
				if rc != wire.Success || !NeedsPeer(a, na) {
					continue
				}
				nb, rc, _ := Decide(b, Convert(c), env, false)
				if !rc.Ok() {
					continue
				}
				n++
				// A state that did not fit its connection state is mended on each side
				// for itself; what matters is that roles and connection are the same.
				want := mirrored(na)
				if nb.Role != want.Role || nb.Peer != want.Peer || nb.Conn != want.Conn {
					t.Fatalf("%v asks for %x: here %v, there %v", a, c, na, nb)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d changes were made", n)
	}
}
