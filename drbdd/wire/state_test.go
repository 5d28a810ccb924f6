package wire

import "testing"

// TestStateWord: the layout of section 10.1, and fields that do not touch others.
func TestStateWord(t *testing.T) {
	s := State(0).WithRole(Primary).WithPeer(Secondary).WithConn(SyncSource).WithDisk(UpToDate).WithPdsk(Inconsistent).With(AftrISP|SuspFen, true)
	if s != 1|2<<2|16<<4|8<<9|4<<13|1<<18|1<<22 {
		t.Errorf("%#x", uint32(s))
	}
	if got := s.String(); got != "0x00449109 role=Primary peer=Secondary conn=SyncSource disk=UpToDate pdsk=Inconsistent aftr_isp=1 susp_fen=1" {
		t.Error(got)
	}
	all := ^State(0)
	for name, x := range map[string]State{
		"role": all.WithRole(0), "peer": all.WithPeer(0), "conn": all.WithConn(0), "disk": all.WithDisk(0), "pdsk": all.WithPdsk(0),
	} {
		mask := map[string]State{"role": RoleMask, "peer": PeerMask, "conn": ConnMask, "disk": DiskMask, "pdsk": PdskMask}[name]
		if x != all&^mask {
			t.Errorf("%s: %#x", name, uint32(x))
		}
	}
	if x := s.WithConn(ConnState(255)).WithRole(255).WithDisk(255); x.Conn() != 31 || x.Role() != 3 || x.Disk() != 15 || x.Pdsk() != s.Pdsk() {
		t.Errorf("values too large: %s", x)
	}
	if x := s.With(AftrISP, false); x.Has(AftrISP) || !x.Has(SuspFen) {
		t.Error(x)
	}
	if got := all.String(); got != "0xffffffff role=role(3) peer=role(3) conn=conn(31) disk=disk(15) pdsk=disk(15) susp=1 aftr_isp=1 peer_isp=1 user_isp=1 susp_nod=1 susp_fen=1" {
		t.Error(got)
	}
	for c, want := range map[ConnState]string{StandAlone: "StandAlone", TearDown: "TearDown", Connected: "Connected", SyncTarget: "SyncTarget", Behind: "Behind"} {
		if c.String() != want {
			t.Errorf("%d is %s", c, c)
		}
	}
	if Connected != 10 || WFBitMapS != 13 || SyncSource != 16 || Behind != 23 || UpToDate != 8 || DUnknown != 6 {
		t.Error("numbers of states")
	}
}

// TestConverted: a peer's request seen from here (section 10.4).
func TestConverted(t *testing.T) {
	for from, want := range map[ConnState]ConnState{
		Connected: Connected, StartingSyncS: StartingSyncT, StartingSyncT: StartingSyncS, VerifyS: VerifyT, Disconnecting: TearDown,
		WFReportParams: WFReportParams, 31: 31, SyncSource: StandAlone, VerifyT: StandAlone, Unconnected: StandAlone,
	} {
		if got := State(0).WithConn(from).Converted().Conn(); got != want {
			t.Errorf("%s becomes %s, want %s", from, got, want)
		}
	}
	s := State(0).WithRole(Primary).WithPeer(Secondary).WithDisk(UpToDate).WithPdsk(Outdated).With(UserISP, true)
	c := s.Converted()
	if c.Role() != Secondary || c.Peer() != Primary || c.Disk() != Outdated || c.Pdsk() != UpToDate || !c.Has(PeerISP) {
		t.Error(c)
	}
	if State(PeerISP).Converted().Has(PeerISP) {
		t.Error("the peer's peer_isp is our own affair")
	}
}

func TestResults(t *testing.T) {
	for r := OutdateWoConn; r <= CWNoNeed; r++ {
		if r.Ok() != (r >= 1) || (r.Text() != "") != (r < 0 && r != -3) {
			t.Errorf("%d: %v %q", r, r.Ok(), r.Text())
		}
	}
}

// TestAckFor: section 18, "ack type by dp_flags".
func TestAckFor(t *testing.T) {
	for _, c := range []struct {
		version int
		flags   DPFlags
		proto   byte
		want    Command
		wanted  bool
	}{
		{101, 2, 'C', 0, false},
		{101, 0x82, 'A', CmdRecvAck, true},
		{101, 0x102, 'A', CmdWriteAck, true},
		{101, 0x142, 'A', CmdWriteAck, true},
		{100, 0x106, 'A', CmdWriteAck, true},
		{99, 0x102, 'A', 0, false},
		{99, 2, 'B', CmdRecvAck, true},
		{86, 2, 'C', CmdWriteAck, true},
	} {
		got, wanted := Dialect{Version: c.version}.AckFor(c.flags, c.proto)
		if got != c.want || wanted != c.wanted {
			t.Errorf("version %d %s protocol %c: %s %v", c.version, c.flags, c.proto, got, wanted)
		}
	}
}

func TestPolicies(t *testing.T) {
	for p := Policy(0); p <= 10; p++ {
		if q, ok := ParsePolicy(p.String()); !ok || q != p {
			t.Errorf("%s: %d %v", p, q, ok)
		}
		want := map[Policy]Policy{5: 6, 6: 5}[p]
		if want == 0 {
			want = p
		}
		if p.Converted() != want {
			t.Errorf("%s converts to %s", p, p.Converted())
		}
	}
	if _, ok := ParsePolicy("discard"); ok || Policy(1<<31).String() != "policy(2147483648)" {
		t.Error("unknown policies")
	}
}
