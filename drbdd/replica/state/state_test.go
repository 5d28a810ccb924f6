package state

import (
	"iter"
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// each yields every legal state without flags.
func each() iter.Seq[State] {
	return func(yield func(State) bool) {
		for _, role := range []wire.Role{wire.Primary, wire.Secondary} {
			for peer := wire.RoleUnknown; peer <= wire.Secondary; peer++ {
				for conn := wire.StandAlone; conn <= wire.Behind; conn++ {
					for disk := wire.Diskless; disk <= wire.UpToDate; disk++ {
						for pdisk := wire.Diskless; pdisk <= wire.UpToDate; pdisk++ {
							s := State{Role: role, Peer: peer, Conn: conn, Disk: disk, PDisk: pdisk}
							if s.Legal() && !yield(s) {
								return
							}
						}
					}
				}
			}
		}
	}
}

func TestWord(t *testing.T) {
	n := 0
	for s := range each() {
		if FromWord(s.Word()) != s {
			t.Fatalf("%+v became %+v", s, FromWord(s.Word()))
		}
		n++
	}
	if n != 2*3*24*8*9 {
		t.Errorf("%d states", n)
	}
	if w := Unconfigured.Word(); w != 0xc002 {
		t.Errorf("word of a new volume: 0x%x", uint32(w))
	}
}

func FuzzFromWord(f *testing.F) {
	f.Add(uint32(0))
	f.Add(uint32(0x0000d081))
	f.Add(uint32(0x00010ae6))
	f.Add(^uint32(0))
	f.Fuzz(func(t *testing.T, x uint32) {
		w := wire.State(x)
		s := FromWord(w)
		if s.Word() != w&Known {
			t.Errorf("0x%08x became 0x%08x", x, uint32(s.Word()))
		}
		_ = s.String()
		for _, os := range []State{Unconfigured, {Role: wire.Primary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.UpToDate, PDisk: wire.UpToDate}} {
			for _, c := range []Change{SetAll(s), Convert(Change{w, ^w}), Convert(Change{^wire.State(0), w})} {
				ns, rc, lines := Decide(os, c, Env{Version: 101}, x&1 != 0)
				if !ns.Legal() || !rc.Ok() && (ns != os || len(lines) != 3) {
					t.Errorf("%v with %x: %v %v %q", os, c, ns, rc, lines)
				}
			}
		}
	})
}

func TestString(t *testing.T) {
	s := State{Role: wire.Primary, Conn: wire.WFConnection, Disk: wire.Outdated, PDisk: wire.DUnknown, SuspFen: true}
	if got, want := s.String(), "{ cs:WFConnection ro:Primary/Unknown ds:Outdated/DUnknown s---F- }"; got != want {
		t.Errorf("got %s, recorded %s", got, want)
	}
	s.AftrISP, s.PeerISP, s.UserISP, s.SuspNod, s.SuspFen = true, true, true, true, false
	if got := s.Letters(); got != "sapu-N" {
		t.Errorf("letters %s", got)
	}
}

func TestDiff(t *testing.T) {
	os := State{Role: wire.Secondary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.UpToDate, PDisk: wire.UpToDate, SuspNod: true}
	ns := State{Role: wire.Primary, Conn: wire.NetworkFailure, Disk: wire.Outdated, PDisk: wire.DUnknown, AftrISP: true, PeerISP: true, UserISP: true}
	want := "role( Secondary -> Primary ) peer( Secondary -> Unknown ) conn( Connected -> NetworkFailure ) " +
		"disk( UpToDate -> Outdated ) pdsk( UpToDate -> DUnknown ) susp( 1 -> 0 ) aftr_isp( 0 -> 1 ) peer_isp( 0 -> 1 ) user_isp( 0 -> 1 ) "
	if got := Diff(os, ns); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Diff(os, os); got != "" {
		t.Errorf("nothing changed, but %q", got)
	}
}

// In bitmap_multi_plain a kernel logged the two lines of one change; with two
// volumes only common words leave their lines.
func TestDiffWide(t *testing.T) {
	os := State{Role: wire.Secondary, Peer: wire.Primary, Conn: wire.PausedSyncT, Disk: wire.Inconsistent, PDisk: wire.UpToDate, PeerISP: true}
	ns, _, _ := Decide(os, SetConn(wire.TearDown), Env{}, true)
	line, each := DiffWide([]Pair{{os, ns}})
	if line != "peer( Primary -> Unknown ) conn( PausedSyncT -> TearDown ) pdsk( UpToDate -> DUnknown ) " || each[0] != "peer_isp( 1 -> 0 ) " {
		t.Errorf("%q %q", line, each)
	}
	os2 := State{Role: wire.Secondary, Peer: wire.Primary, Conn: wire.Connected, Disk: wire.UpToDate, PDisk: wire.UpToDate}
	ns2, _, _ := Decide(os2, SetConn(wire.TearDown), Env{}, true)
	line, each = DiffWide([]Pair{{os, ns}, {os2, ns2}})
	if line != "peer( Primary -> Unknown ) pdsk( UpToDate -> DUnknown ) " ||
		each[0] != "conn( PausedSyncT -> TearDown ) peer_isp( 1 -> 0 ) " || each[1] != "conn( Connected -> TearDown ) " {
		t.Errorf("%q %q", line, each)
	}
}

func TestJoin(t *testing.T) {
	c := Join(SetConn(wire.WFBitMapS), SetPDisk(wire.UpToDate), SetSusp(true), SetConn(wire.Connected), SetSusp(false))
	ns := Apply(State{Role: wire.Primary, Susp: true, UserISP: true, PDisk: wire.DUnknown}, c)
	if want := (State{Role: wire.Primary, Conn: wire.Connected, PDisk: wire.UpToDate, UserISP: true}); ns != want {
		t.Errorf("got %v, want %v", ns, want)
	}
	if ns := Apply(Unconfigured, Change{wire.RoleMask, ^wire.State(0)}); ns.Conn != wire.StandAlone || ns.Susp {
		t.Errorf("values outside the mask counted: %v", ns)
	}
}

// drbd-metadata 2; the first three are what kernels had on disk (get-gi of the
// recordings), in the order of get-gi.
func TestMetaFlags(t *testing.T) {
	for _, c := range []struct {
		s       State
		crashed bool
		want    string
	}{
		{State{Role: wire.Primary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.UpToDate, PDisk: wire.UpToDate}, false, "1:1:1:1:0:0:0"},
		{State{Role: wire.Secondary, Peer: wire.Primary, Conn: wire.Connected, Disk: wire.UpToDate, PDisk: wire.UpToDate}, false, "1:1:0:1:0:0:0"},
		{State{Role: wire.Primary, Conn: wire.WFConnection, Disk: wire.UpToDate, PDisk: wire.DUnknown}, false, "1:1:1:0:0:0:0"},
		{State{Role: wire.Primary, Conn: wire.WFConnection, Disk: wire.UpToDate, PDisk: wire.Outdated}, false, "1:1:1:0:0:1:0"},
		{State{Role: wire.Secondary, Conn: wire.StandAlone, Disk: wire.Outdated, PDisk: wire.DUnknown}, true, "1:0:0:0:0:0:1"},
		{State{Role: wire.Secondary, Peer: wire.Primary, Conn: wire.SyncTarget, Disk: wire.Inconsistent, PDisk: wire.UpToDate}, false, "0:0:0:1:0:0:0"},
		{State{Role: wire.Secondary, Peer: wire.Primary, Conn: wire.Connected, Disk: wire.UpToDate, PDisk: wire.Diskless}, false, "1:1:1:1:0:0:0"},
		{State{Role: wire.Primary, Peer: wire.Secondary, Conn: wire.SyncSource, Disk: wire.UpToDate, PDisk: wire.Inconsistent}, false, "1:1:1:1:0:1:0"},
	} {
		const others = metadata.ALDisabled | 1<<20
		f := MetaFlags(others|metadata.ALClean|metadata.PeerOutdated|metadata.CrashedPrimary, c.s, c.crashed)
		if got, want := metadata.FormatGI(metadata.UUIDs{}, f), metadata.FormatGI(metadata.UUIDs{}, 0); got[:68] != want[:68] || got[68:] != c.want {
			t.Errorf("%v: got %s, want %s", c.s, got, c.want)
		}
		if f&others != others || f.Has(metadata.ALClean) {
			t.Errorf("%v: flags %v: others stay, AL_CLEAN goes", c.s, f)
		}
	}
	all := metadata.Flags(0x1ff)
	if f := MetaFlags(all, State{Role: wire.Primary, Disk: wire.Negotiating}, false); f != all {
		t.Errorf("without a disk the flags became %v", f)
	}
	if f := MetaFlags(metadata.FullSync, State{Disk: wire.Inconsistent}, false); f != metadata.FullSync {
		t.Errorf("FULL_SYNC is not of the state, but flags are %v", f)
	}
}
