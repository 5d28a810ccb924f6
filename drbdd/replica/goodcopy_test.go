package replica_test

import (
	"testing"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// result gives a command and returns what it is answered with.
func (h *host) result(do replica.Verb) (code wire.Result) {
	watch := h.watch
	h.watch = func(a replica.Action) {
		if r, ok := a.(replica.Reply); ok && r.ID == h.id {
			code = r.Code
		}
	}
	h.command(do)
	h.watch = watch
	return code
}

// A node that was Primary alone has the only good data, Primary still or not. Who wants it
// outdated has just started and met nobody: outdating it would promote the older data.
func TestTheOnlyGoodDataIsNotOutdated(t *testing.T) {
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceAndStonith
	h := newHostWith(t, true, o)
	h.fencing = 4
	if code := h.result(replica.PrimaryCmd{}); code != wire.Success {
		t.Fatalf("primary: %d", code)
	}
	if code := h.result(replica.SecondaryCmd{}); code != wire.Success {
		t.Fatalf("secondary: %d", code)
	}
	v := h.r.View().Volumes[0]
	if v.Disk != wire.UpToDate || v.Pdsk != wire.Outdated {
		t.Fatalf("%s/%s", v.Disk, v.Pdsk)
	}
	if code := h.result(replica.Outdate{}); code != wire.NoUpToDateDisk {
		t.Errorf("outdate: %d, want %d, which drbdadm says with the exit code 17", code, wire.NoUpToDateDisk)
	}
	if v := h.r.View().Volumes[0]; v.Disk != wire.UpToDate {
		t.Errorf("it is %s", v.Disk)
	}
}

// What was written without the peer is the only good data when the state of the peer's disk
// is not known, too.
func TestDataThatThePeerLacksIsNotOutdated(t *testing.T) {
	refuses := func(t *testing.T, f *slow) {
		t.Helper()
		v := f.r.View().Volumes[0]
		if v.Role != wire.Secondary || v.Conn >= wire.Connected || v.Pdsk != wire.DUnknown {
			t.Fatalf("%s %s %s/%s", v.Role, v.Conn, v.Disk, v.Pdsk)
		}
		if code := f.result(replica.Outdate{}); code != wire.NoUpToDateDisk {
			t.Errorf("outdate: %d", code)
		}
	}
	t.Run("met for a moment", func(t *testing.T) {
		f := primary(t, replica.ResourceAndStonith)
		f.cut()
		f.ends(4)
		if got := f.writes(); got != replica.OK {
			t.Fatalf("a write ended with %d", got)
		}
		f.do(replica.SecondaryCmd{})
		f.shakes()
		f.says(wire.WFReportParams, wire.Outdated)
		if v := f.r.View().Volumes[0]; v.Conn != wire.WFBitMapS {
			t.Fatalf("%s", v.Conn)
		}
		f.cut()
		refuses(t, f)
	})
	t.Run("never fenced", func(t *testing.T) {
		f := primary(t, replica.ResourceOnly)
		f.cut()
		f.ends(20)
		if got := f.writes(); got != replica.OK {
			t.Fatalf("a write ended with %d", got)
		}
		f.do(replica.SecondaryCmd{})
		f.ends(20)
		refuses(t, f)
	})
}

// A node that was connected to the Primary has nothing that the other lacks.
func TestOutdateAfterTheLinkBroke(t *testing.T) {
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceAndStonith
	f := &slow{host: newHostWith(t, true, o)}
	f.shakes()
	f.state(wire.WFReportParams, wire.UpToDate, wire.DUnknown)
	f.state(wire.Connected, wire.UpToDate, wire.UpToDate)
	f.cut()
	if code := f.result(replica.Outdate{}); code != wire.Success {
		t.Errorf("outdate: %d", code)
	}
	if v := f.r.View().Volumes[0]; v.Disk != wire.Outdated {
		t.Errorf("it is %s", v.Disk)
	}
}

// A node that knows nothing bad of its peer lets itself be outdated.
func TestOutdate(t *testing.T) {
	h := newHost(t, true)
	if code := h.result(replica.Outdate{}); code != wire.Success {
		t.Errorf("outdate: %d", code)
	}
	if v := h.r.View().Volumes[0]; v.Disk != wire.Outdated {
		t.Errorf("it is %s", v.Disk)
	}
}

// A sync target that becomes Primary shows its peer's data. When the source was away it is
// that data which is looked for, not the generation of the sync.
func TestPrimarySyncTargetMeetsItsSourceAgain(t *testing.T) {
	h := newHost(t, false)
	source := func(conn wire.ConnState, pdsk wire.DiskState) {
		peer := wire.RoleUnknown
		if conn >= wire.Connected {
			peer = wire.Secondary
		}
		h.hear(wire.CmdState, wire.StateInfo{State: wire.State(0).WithRole(wire.Secondary).WithPeer(peer).WithConn(conn).WithDisk(wire.UpToDate).WithPdsk(pdsk)})
	}
	const current = 0x5678
	h.meet(current)
	source(wire.WFReportParams, wire.DUnknown)
	source(wire.WFBitMapS, wire.Consistent)
	h.step(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap, Payload: make([]byte, hostSectors/64)})
	h.step(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdBitmap})
	h.hear(wire.CmdSyncUUID, wire.SyncUUID{UUID: 0x9abc})
	if v := h.r.View().Volumes[0]; v.Conn != wire.SyncTarget || v.Disk != wire.Inconsistent {
		t.Fatalf("%s %s", v.Conn, v.Disk)
	}
	h.command(replica.PrimaryCmd{})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
	if v := h.r.View().Volumes[0]; v.Role != wire.Primary {
		t.Fatalf("it is %s", v.Role)
	}
	h.step(replica.Down{Cause: wire.BrokenPipe, Line: "the source loses its power"})
	h.meet(current)
	if v := h.r.View().Volumes[0]; v.Conn != wire.WFReportParams {
		t.Errorf("the source is back, and the connection is %s", v.Conn)
	}
}

// A daemon that hands its devices over is Secondary with a file system mounted, until it ends.
func TestPeerIsNotPromotedDuringAHandover(t *testing.T) {
	for waits, want := range map[bool]wire.Result{true: wire.TwoPrimaries, false: wire.Success} {
		h := newHost(t, true)
		h.meet(0x1234)
		secondary := wire.State(0).WithRole(wire.Secondary).WithPeer(wire.Secondary).WithDisk(wire.UpToDate).WithPdsk(wire.UpToDate)
		h.hear(wire.CmdState, wire.StateInfo{State: secondary.WithConn(wire.WFReportParams)})
		h.hear(wire.CmdState, wire.StateInfo{State: secondary.WithConn(wire.Connected)})
		h.command(replica.PrimaryCmd{})
		h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
		h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
		if v := h.r.View().Volumes[0]; v.Role != wire.Primary {
			t.Fatalf("it is %s", v.Role)
		}
		if code := h.result(replica.SecondaryCmd{Waits: waits}); code != wire.Success {
			t.Fatalf("secondary: %d", code)
		}
		if got := h.promotesPeer(); got != want {
			t.Errorf("applications wait: %v; the peer is answered %d, want %d", waits, got, want)
		}
	}
}

// promotesPeer is what the peer is answered that wants to become Primary.
func (h *host) promotesPeer() (got wire.Result) {
	h.watch = func(a replica.Action) {
		if s, ok := a.(replica.Send); ok && s.Cmd == wire.CmdStateChgReply {
			got = s.Body.(wire.StateReply).Result
		}
	}
	h.hear(wire.CmdStateChgReq, wire.StateReq{Mask: wire.RoleMask, Val: wire.State(0).WithRole(wire.Primary)})
	return got
}

// The successor of a killed daemon is Secondary at first, but a file system is mounted on its
// device. A peer that becomes Primary now would change the data under it.
func TestPeerOfWaitingApplicationsIsNotPromoted(t *testing.T) {
	for exposed, want := range map[uint64]wire.Result{0x1234: wire.TwoPrimaries, 0: wire.Success} {
		h := newSuccessor(t, true, replica.DefaultDiskOptions(), exposed)
		h.meet(0x1234)
		secondary := wire.State(0).WithRole(wire.Secondary).WithPeer(wire.Secondary).WithDisk(wire.UpToDate).WithPdsk(wire.UpToDate)
		h.hear(wire.CmdState, wire.StateInfo{State: secondary.WithConn(wire.WFReportParams)})
		h.hear(wire.CmdState, wire.StateInfo{State: secondary.WithConn(wire.Connected)})
		if v := h.r.View().Volumes[0]; v.Conn != wire.Connected {
			t.Fatalf("it is %s", v.Conn)
		}
		if got := h.promotesPeer(); got != want {
			t.Errorf("applications that wait for %#x: the peer is answered %d, want %d", exposed, got, want)
		}
	}
}

// secondary is what a peer that is Secondary says of itself.
func secondary(conn wire.ConnState) wire.Body {
	s := wire.State(0).WithRole(wire.Secondary).WithPeer(wire.Secondary).WithDisk(wire.UpToDate).WithPdsk(wire.UpToDate)
	return wire.StateInfo{State: s.WithConn(conn)}
}

// primaryBy makes the node Primary, connected by a protocol with a peer that is in sync.
func (h *host) primaryBy(protocol byte, d wire.Dialect) {
	h.command(replica.Disconnect{Force: true})
	n := replica.DefaultNetOptions()
	n.Protocol = protocol
	h.command(replica.Connect{Options: n})
	h.step(replica.Up{Dialect: d})
	h.hear(wire.CmdProtocol, wire.Protocol{Protocol: uint32(protocol-'A') + 1})
	h.hear(wire.CmdSizes, wire.Sizes{DSize: hostSectors, CSize: hostSectors, MaxBioSize: 1 << 20})
	h.hear(wire.CmdUUIDs, wire.UUIDs{Current: 0x1234})
	h.hear(wire.CmdState, secondary(wire.WFReportParams))
	h.hear(wire.CmdState, secondary(wire.Connected))
	h.command(replica.PrimaryCmd{})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
	h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
}

// With protocol A the peer drops what it has not processed when a daemon is killed. Its
// successor, which cannot have the own disk, is not told that the peer has the same data.
func TestSuccessorIsToldThatThePeerLacksWrites(t *testing.T) {
	for _, protocol := range []byte{'A', 'C'} {
		h := newHost(t, true)
		h.primaryBy(protocol, dialect)
		var sent wire.Data
		var barrier wire.Barrier
		done := false
		h.watch = func(a replica.Action) {
			switch a := a.(type) {
			case replica.Complete:
				done = true
			case replica.Send:
				switch b := a.Body.(type) {
				case wire.Data:
					sent = b
				case wire.Barrier:
					barrier = b
				}
			}
		}
		told := func(when string, lacks bool) {
			t.Helper()
			if got := h.r.View().Volumes[0].Exposed; (got == 1) != lacks || !lacks && got&^1 != 0x1234 {
				t.Errorf("protocol %c, %s: a successor is told %#x", protocol, when, got)
			}
		}
		told("with a disk", protocol == 'A')
		h.step(replica.Request{ID: 99, Op: replica.Write, Size: 4096, Buf: 1<<40 + 1})
		if protocol == 'C' {
			h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdWriteAck, Body: wire.BlockAck{Sector: sent.Sector, BlockID: sent.BlockID, Size: 4096}})
		}
		if !done {
			t.Fatalf("protocol %c: the write is not completed", protocol)
		}
		h.command(replica.DetachCmd{Force: true})
		if v := h.r.View().Volumes[0]; v.Disk != wire.Diskless || v.Pdsk != wire.UpToDate {
			t.Fatalf("%s/%s", v.Disk, v.Pdsk)
		}
		told("without a disk", protocol == 'A')
		h.tick(time.Second)
		changes := h.r.Changes()
		h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdBarrierAck, Body: wire.BarrierAck{Number: barrier.Number, SetSize: 1}})
		told("when the peer has all of it", false)
		if protocol == 'A' && h.r.Changes() == changes {
			t.Error("and the shell is not told to save it")
		}
	}
}

// A successor that is told so does not go on with the peer's copy.
func TestSuccessorDoesNotTakeWhatLacksWrites(t *testing.T) {
	for exposed, want := range map[uint64]wire.Role{0x1234: wire.Primary, 1: wire.Secondary} {
		h := newSuccessor(t, true, replica.DefaultDiskOptions(), exposed)
		h.command(replica.DetachCmd{Force: true})
		h.meet(0x1234)
		h.hear(wire.CmdState, secondary(wire.WFReportParams))
		h.hear(wire.CmdState, secondary(wire.Connected))
		if v := h.r.View().Volumes[0]; v.Disk != wire.Diskless || v.Pdsk != wire.UpToDate {
			t.Fatalf("%s/%s", v.Disk, v.Pdsk)
		}
		h.command(replica.PrimaryCmd{})
		h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck})
		h.step(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
		if v := h.r.View().Volumes[0]; v.Role != want {
			t.Errorf("told %#x it is %s", exposed, v.Role)
		}
	}
}

// A Primary that gave up what only its failed disk had goes on with the peer's copy, and
// finds it again.
func TestWhatIsGivenUpIsNotAwaited(t *testing.T) {
	f := primary(t, replica.DontCare)
	f.cut()
	if got := f.writes(); got != replica.OK {
		t.Fatalf("a write ended with %d", got)
	}
	f.do(replica.DetachCmd{Force: true})
	if x := f.r.View().Volumes[0].Exposed; x != 1 {
		t.Errorf("a successor is told %#x", x)
	}
	f.do(replica.SecondaryCmd{})
	f.shakes()
	f.ev(replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdState, Body: secondary(wire.WFReportParams)},
		replica.Packet{Sock: wire.DataSocket, Cmd: wire.CmdState, Body: secondary(wire.Connected)})
	f.do(replica.PrimaryCmd{})
	f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdPingAck},
		replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
	if v := f.r.View().Volumes[0]; v.Role != wire.Primary || v.Exposed&^1 != 0x1234 {
		t.Fatalf("%s, told %#x", v.Role, v.Exposed)
	}
	f.cut()
	f.shakes()
	if v := f.r.View().Volumes[0]; v.Conn != wire.WFReportParams {
		t.Errorf("it is %s", v.Conn)
	}
}

// The successor of a daemon that was killed has a good disk, but applications have the peer's
// data open: it is not exchanged under them.
func TestSuccessorServesWhatApplicationsSaw(t *testing.T) {
	for exposed, want := range map[uint64]wire.Result{0x1234: wire.Success, 0x1235: wire.Success, 0x5678: wire.NoUpToDateDisk} {
		h := newSuccessor(t, true, replica.DefaultDiskOptions(), exposed)
		if code := h.result(replica.PrimaryCmd{}); code != want {
			t.Errorf("applications that wait for %#x: %d, want %d", exposed, code, want)
		}
		h.command(replica.SecondaryCmd{}) // they are ended
		if code := h.result(replica.PrimaryCmd{}); code != wire.Success {
			t.Errorf("nobody waits any more: %d", code)
		}
	}
}

// A daemon may be killed while a new generation is on its way to the disk. Whether it got there
// or not, the successor finds what applications saw.
func TestSuccessorOfADaemonThatBeganAGeneration(t *testing.T) {
	h := newSuccessor(t, true, replica.DefaultDiskOptions(), 0x1234)
	began := false
	h.watch = func(a replica.Action) {
		m, ok := a.(replica.Meta)
		if !ok {
			return
		}
		for _, w := range m.Writes {
			if sb, err := metadata.ParseSuperblock(w.Data); err == nil && sb.UUIDs.Bitmap != 0 && !began {
				began = true
				if x := h.r.View().Volumes[0].Exposed; x&^1 != 0x1234 {
					t.Errorf("%#x is told to a successor before it is on disk", x)
				}
			}
		}
	}
	h.command(replica.PrimaryCmd{})
	if v := h.r.View().Volumes[0]; !began || v.Exposed != v.UUIDs.Current || v.UUIDs.Bitmap&^1 != 0x1234 {
		t.Errorf("a new generation: %v; applications see %#x of %+v", began, v.Exposed, v.UUIDs)
	}
	h = newSuccessor(t, true, replica.DefaultDiskOptions(), 0x1234)
	h.command(replica.Disconnect{})
	h.command(replica.NewCurrentUUID{})
	if code := h.result(replica.PrimaryCmd{}); code != wire.Success {
		t.Errorf("the disk is a generation ahead: %d", code)
	}
}

// The same when the own disk had an error (pass_on) before the peer was lost: it is not good any
// more, but only it has what the peer never promised.
func TestSuccessorIsToldAfterAnErrorOfTheDisk(t *testing.T) {
	o := replica.DefaultDiskOptions()
	o.OnIOError = replica.PassOn
	h := newHostWith(t, true, o)
	h.primaryBy('A', dialect)
	h.step(replica.Request{ID: 99, Op: replica.Write, Size: 4096, Buf: 1<<40 + 1})
	var failed uint64
	for _, a := range h.r.Step(h.now, replica.Request{ID: 100, Op: replica.Write, Sector: 64, Size: 4096, Buf: 1<<40 + 2}) {
		if d, ok := a.(replica.Disk); ok {
			failed = d.ID
			continue
		}
		h.done(a)
	}
	h.step(replica.DiskDone{ID: failed})
	h.step(replica.Down{Cause: wire.BrokenPipe, Line: "the peer's daemon was killed"})
	v := h.r.View().Volumes[0]
	if v.Role != wire.Primary || v.Disk != wire.Inconsistent {
		t.Fatalf("%s %s", v.Role, v.Disk)
	}
	if v.Exposed != 1 {
		t.Errorf("a successor is told %#x", v.Exposed)
	}
	h.command(replica.DetachCmd{Force: true})
	if v := h.r.View().Volumes[0]; v.Exposed != 1 {
		t.Errorf("without the disk a successor is told %#x", v.Exposed)
	}
}
