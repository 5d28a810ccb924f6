package state

import (
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/wire"
)

func TestDecide(t *testing.T) {
	waiting := st(sec, unk, wire.WFConnection, out, dunno)
	ns, rc, lines := Decide(waiting, SetRole(pri), Env{Fencing: ResourceAndStonith}, false)
	want := []string{ // as recorded in scenario fencing
		"State change failed: Need access to UpToDate data",
		"  state = { cs:WFConnection ro:Secondary/Unknown ds:Outdated/DUnknown r----- }",
		" wanted = { cs:WFConnection ro:Primary/Unknown ds:Outdated/DUnknown s---F- }",
	}
	if ns != waiting || rc != wire.NoUpToDateDisk || !slices.Equal(lines, want) {
		t.Errorf("%v %d\n%s", ns, rc, strings.Join(lines, "\n"))
	}
	if _, rc, _ := Decide(waiting, SetRole(pri), Env{}, true); rc != wire.Success {
		t.Errorf("a fact was refused: %d", rc)
	}
	if ns, rc, _ := Decide(waiting, SetDisk(out), Env{}, false); rc != wire.NothingToDo || ns != waiting {
		t.Errorf("nothing to do: %v %d", ns, rc)
	}
	if _, rc, _ := Decide(Unconfigured, SetConn(wire.Connected), Env{}, true); rc != wire.NeedConnection {
		t.Errorf("a fact that cannot be: %d", rc)
	}

	// A Primary whose disk became old while alone may still look for its peer, though
	// rule 3 is violated: it was before.
	stuck := st(pri, unk, wire.Unconnected, out, dunno)
	if ns, rc, _ := Decide(stuck, SetConn(wire.WFConnection), Env{}, false); rc != wire.Success || ns.Conn != wire.WFConnection {
		t.Errorf("tolerated violation: %v %d", ns, rc)
	}
	// But not if the violation is another one.
	if _, rc, _ := Decide(st(sec, unk, wire.WFConnection, out, dunno), SetRole(pri), Env{Open: true}, false); rc != wire.NoUpToDateDisk {
		t.Errorf("a new violation: %d", rc)
	}
	// Nor does one violation excuse a promotion without good data.
	beside := st(sec, sec, wire.Connected, out, wire.Diskless)
	if _, rc, _ := Decide(beside, SetRole(pri), Env{}, false); rc != wire.NoUpToDateDisk {
		t.Errorf("promotion of an Outdated disk beside a Diskless one: %d", rc)
	}
	// And transitions are checked all the same.
	if _, rc, _ := Decide(stuck, SetConn(wire.Disconnecting), Env{}, false); rc != wire.InTransientState {
		t.Errorf("transition of a tolerated state: %d", rc)
	}

	// A peer's graceful disconnect that outdates us, while we are Inconsistent.
	bye := Convert(Join(SetConn(wire.Disconnecting), SetPDisk(out)))
	target := st(sec, pri, wire.SyncTarget, bad, up)
	if _, rc, _ := Decide(target, bye, Env{}, false); rc != wire.LowerThanOutdated {
		t.Errorf("outdating an Inconsistent disk: %d", rc)
	}
	ns, rc, _ = Decide(target, bye, Env{IgnoreOutdate: true}, false)
	if rc != wire.Success || ns != st(sec, unk, wire.TearDown, bad, dunno) {
		t.Errorf("impossible outdate: %v %d", ns, rc)
	}
	if ns, _, _ = Decide(st(sec, pri, wire.Connected, up, up), bye, Env{IgnoreOutdate: true}, false); ns.Disk != out {
		t.Errorf("an UpToDate disk was not outdated: %v", ns)
	}

	// A verify or full sync would make the disks better than they are; during a resync
	// that is not the reason given.
	env := Env{VerifyAlg: true, Version: 101}
	for _, x := range []struct {
		os   State
		c    wire.ConnState
		want wire.Result
	}{
		{st(sec, pri, wire.Connected, bad, up), wire.VerifyS, wire.NoUpToDateDisk},
		{st(pri, sec, wire.PausedSyncS, up, bad), wire.VerifyS, wire.ResyncRunning},
		{st(sec, pri, wire.PausedSyncT, bad, up), wire.VerifyS, wire.ResyncRunning},
		{st(sec, pri, wire.SyncTarget, bad, up), wire.StartingSyncS, wire.ResyncRunning},
	} {
		if _, rc, _ := Decide(x.os, SetConn(x.c), env, false); rc != x.want {
			t.Errorf("%v to %v: %d, want %d", x.os, x.c, rc, x.want)
		}
	}

	for _, c := range []Change{
		{wire.RoleMask, 0}, {wire.RoleMask, 3}, {wire.PeerMask, wire.PeerMask}, {wire.ConnMask, wire.ConnMask},
		{wire.DiskMask, wire.DiskMask}, {wire.PdskMask, wire.PdskMask}, SetDisk(dunno),
	} {
		if ns, rc, lines := Decide(Unconfigured, c, Env{}, true); rc != wire.UnknownError || ns != Unconfigured || len(lines) != 3 {
			t.Errorf("a state without a name, %x: %v %d %q", c, ns, rc, lines)
		}
	}
}

// From every state that can be, every request for one or two words: the outcome
// is a state that fits and may be reached, or the old one.
func TestDecideHoldsTheRules(t *testing.T) {
	var changes []Change
	for c := wire.StandAlone; c <= wire.Behind; c++ {
		changes = append(changes, SetConn(c), Join(SetConn(c), SetPDisk(up), SetPeer(pri)), Join(SetConn(c), SetPDisk(out)))
	}
	for d := wire.Diskless; d <= up; d++ {
		changes = append(changes, SetDisk(d), SetPDisk(d))
	}
	changes = append(changes, SetRole(pri), SetRole(sec), SetPeer(pri), SetAftrISP(true), SetUserISP(false), SetPeerISP(true))
	made := 0
	for _, env := range []Env{
		{Version: 101, AttachDisk: con, AttachPDisk: dunno},
		{Version: 101, VerifyAlg: true, TwoPrimaries: true, Fencing: ResourceAndStonith, SuspendOnNoData: true, ExposedUUID: 2},
	} {
		for os := range each() {
			if s, _ := Sanitize(os, os, env); s != os || CheckValid(os, env) != wire.Success {
				continue
			}
			for _, c := range changes {
				for _, hard := range []bool{false, true} {
					ns, rc, _ := Decide(os, c, env, hard)
					switch {
					case !rc.Ok() || rc == wire.NothingToDo:
						if ns != os {
							t.Fatalf("%v, %x: %d, but %v", os, c, rc, ns)
						}
						continue
					case rc != wire.Success || ns == os:
						t.Fatalf("%v, %x: %v with %d", os, c, ns, rc)
					}
					made++
					if u := ns; u.clamp() != "" || u != ns || !ns.Legal() {
						t.Fatalf("%v, %x: %v does not fit its connection state", os, c, ns)
					}
					if CheckAlways(os, ns) != wire.Success || !hard && CheckValid(ns, env) != wire.Success {
						t.Fatalf("%v, %x: %v is not valid", os, c, ns)
					}
				}
			}
		}
	}
	if made < 10000 {
		t.Errorf("only %d changes were made", made)
	}
}
