package simworld

import (
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// stub is the least that mirrors one volume: what was written since the last
// takeover counts as different after any crash (FULL_SYNC), generations are
// numbers that grow, the older one is copied over completely while writes wait.
// It exists to try the world out, and its checkers: each bug is a promise broken.
type stub struct {
	bug map[string]bool
	out []replica.Action
	id  uint64

	attach  *replica.Attach
	super   metadata.Superblock
	disk    wire.DiskState
	pdsk    wire.DiskState
	role    wire.Role
	peer    wire.Role
	net     *replica.NetOptions
	up      bool
	resolve bool
	d       wire.Dialect
	conn    wire.ConnState
	crashed bool
	told    bool // our UUIDs are out
	theirs  *wire.UUIDs
	settled bool // the handshake is over, writes may go
	flying  int  // local writes
	on      map[uint64]func(ok bool, d replica.DiskDone)
	acks    map[uint64]func(ok bool)
	flushed []func(ok bool)
	held    []replica.Request
	next    uint64 // resync position
	metaQ   []func()
	metaOn  bool
	sector  uint64
	now     time.Time
	pinged  time.Time
}

func newStub(bugs ...string) Factory {
	bug := map[string]bool{}
	for _, b := range bugs {
		bug[b] = true
	}
	return func(replica.Config, uint64) Core {
		return &stub{bug: bug, on: map[uint64]func(bool, replica.DiskDone){}, acks: map[uint64]func(bool){}, role: wire.Secondary, conn: wire.StandAlone, pdsk: wire.DUnknown}
	}
}

// Next: a ping now and then, which a host that knows nothing of us answers with a
// reset.
func (s *stub) Next() time.Time { return s.now.Add(time.Second) }

func (s *stub) View() replica.View {
	v := replica.View{Conn: s.conn, Role: s.role, Peer: s.peer}
	if s.bug["two primaries"] && s.role == wire.Primary && s.up {
		v.Peer = wire.Primary
	}
	if s.net != nil {
		v.Net = &replica.NetView{Options: *s.net}
	}
	v.Volumes = []replica.VolumeView{{Role: s.role, Peer: v.Peer, Conn: s.conn, Disk: s.disk, Pdsk: s.pdsk}}
	return v
}

func (s *stub) do(a replica.Action) { s.out = append(s.out, a) }

func (s *stub) io(d replica.Disk, f func(ok bool, d replica.DiskDone)) {
	s.id++
	d.ID = s.id
	s.on[d.ID] = f
	s.do(d)
}

// meta writes the super block, one after the other.
func (s *stub) meta(f func()) {
	s.metaQ = append(s.metaQ, f)
	if !s.metaOn {
		s.nextMeta()
	}
}

func (s *stub) nextMeta() {
	if len(s.metaQ) == 0 {
		return
	}
	s.metaOn = true
	f := s.metaQ[0]
	s.metaQ = s.metaQ[1:]
	s.id++
	s.on[s.id] = func(bool, replica.DiskDone) { s.metaOn = false; f(); s.nextMeta() }
	s.do(replica.Meta{ID: s.id, Writes: []replica.MetaWrite{{Off: s.attach.Layout.Super, Data: s.super.Append(nil)}}})
}

func (s *stub) send(sock wire.Socket, c wire.Command, b wire.Body) {
	s.do(replica.Send{Sock: sock, Cmd: c, Body: b})
}

func (s *stub) state() wire.StateInfo {
	return wire.StateInfo{State: wire.State(0).WithRole(s.role).WithDisk(s.disk)}
}

func (s *stub) Step(now time.Time, ev replica.Event) []replica.Action {
	s.out = nil
	s.now = now
	switch e := ev.(type) {
	case replica.Command:
		s.command(e)
	case replica.DiskDone:
		f := s.on[e.ID]
		delete(s.on, e.ID)
		f(e.OK, e)
	case replica.MetaDone:
		f := s.on[e.ID]
		delete(s.on, e.ID)
		f(e.OK, replica.DiskDone{})
	case replica.Request:
		s.request(e)
	case replica.Up:
		s.up, s.d, s.resolve, s.told, s.theirs, s.settled = true, e.Dialect, e.Resolve, false, nil, false
		s.conn = wire.WFReportParams
		s.tell()
	case replica.Down:
		s.lost()
		if s.net != nil {
			s.conn = wire.WFConnection
			s.do(replica.Dial{Options: *s.net})
		}
	case replica.GiveUp:
		s.net, s.conn = nil, wire.StandAlone
	case replica.Packet:
		s.packet(e)
	}
	if s.up && now.Sub(s.pinged) >= time.Second {
		s.pinged = now
		s.send(wire.MetaSocket, wire.CmdPing, nil)
	}
	s.do(replica.Log{Text: ""}) // the world looks at the view now
	return s.out
}

// tell tells the peer who we are, once nothing is written.
func (s *stub) tell() {
	if !s.up || s.told || s.flying > 0 {
		return
	}
	s.told = true
	u := wire.UUIDs{Current: s.super.UUIDs.Current}
	if s.crashed {
		u.Flags = wire.UUIDCrashedPrimary
	}
	s.send(wire.DataSocket, wire.CmdState, s.state())
	s.send(wire.DataSocket, wire.CmdUUIDs, u)
	s.handshake()
}

func (s *stub) handshake() {
	if !s.told || s.theirs == nil {
		return
	}
	own, peer := s.super.UUIDs.Current, s.theirs.Current
	was := s.theirs.Flags&wire.UUIDCrashedPrimary != 0
	older := own < peer || own == peer && (was && !s.crashed && s.role != wire.Primary || s.peer == wire.Primary && s.disk < wire.UpToDate)
	newer := own > peer || own == peer && (s.crashed && !was || s.role == wire.Primary && s.pdsk < wire.UpToDate)
	if own == peer && s.crashed && was {
		older, newer = s.resolve, !s.resolve
	}
	if s.bug["older wins"] {
		older, newer = newer, older
	}
	if s.bug["no resync"] && own > 4 && peer > 4 {
		older, newer = false, false
		s.disk, s.pdsk = wire.UpToDate, wire.UpToDate
	}
	switch {
	case own == 4 && peer == 4:
		s.conn, s.disk, s.pdsk = wire.Connected, wire.Inconsistent, wire.Inconsistent
		s.settle()
	case older:
		s.conn, s.disk, s.pdsk = wire.SyncTarget, wire.Inconsistent, wire.UpToDate
		s.super.Flags = metadata.FullSync
		s.next = 0
		s.meta(s.ask)
	case newer:
		s.conn, s.disk, s.pdsk = wire.SyncSource, wire.UpToDate, wire.Inconsistent
	default:
		s.conn, s.disk, s.pdsk = wire.Connected, wire.UpToDate, wire.UpToDate
		s.crashed = false
		s.settle()
	}
}

// ask asks for the next piece.
func (s *stub) ask() {
	if s.conn != wire.SyncTarget {
		return
	}
	n := min(64, s.attach.Usable-s.next)
	if s.bug["misses a block"] && s.next == 0 && s.super.UUIDs.Current > 4 {
		s.next = s.sector / 8 * 8
		if s.next+8 < s.attach.Usable {
			s.next += 8
		}
		n = min(64, s.attach.Usable-s.next)
	}
	if n == 0 {
		s.io(replica.Disk{Op: replica.Flush}, func(bool, replica.DiskDone) {
			if s.conn != wire.SyncTarget {
				return
			}
			s.super.UUIDs.Current = s.theirs.Current
			s.super.Flags = metadata.Consistent | metadata.WasUpToDate
			s.meta(func() {
				if s.conn == wire.SyncTarget {
					s.disk, s.conn = wire.UpToDate, wire.Connected
					s.crashed = false
					s.settle()
					s.send(wire.DataSocket, wire.CmdState, s.state())
				}
			})
		})
		return
	}
	s.send(wire.DataSocket, wire.CmdRSDataRequest, wire.BlockReq{Sector: s.next, BlockID: wire.IDSyncer, Size: uint32(n) * 512})
	s.next += n
}

func (s *stub) settle() {
	s.settled = true
	q := s.held
	s.held = nil
	for _, r := range q {
		s.request(r)
	}
}

func (s *stub) lost() {
	s.up, s.settled = false, false
	s.pdsk, s.peer = wire.DUnknown, wire.RoleUnknown
	acks, fl := s.acks, s.flushed
	s.acks, s.flushed = map[uint64]func(bool){}, nil
	done := func() {
		for id := uint64(0); id <= s.id; id++ {
			if f := acks[id]; f != nil {
				f(false)
			}
		}
		for _, f := range fl {
			f(false)
		}
		if !s.up {
			s.settle()
		}
	}
	if s.role == wire.Primary {
		s.super.UUIDs.Current++
		s.meta(done)
		return
	}
	done()
}

func (s *stub) packet(p replica.Packet) {
	switch b := p.Body.(type) {
	case wire.StateInfo:
		s.peer, s.pdsk = b.State.Role(), b.State.Disk()
		if s.conn == wire.SyncSource && s.pdsk == wire.UpToDate {
			s.conn, s.crashed = wire.Connected, false
			s.settle()
		}
	case wire.UUIDs:
		s.theirs = &b
		s.handshake()
	case wire.BlockReq:
		s.io(replica.Disk{Op: replica.Read, Sector: b.Sector, Size: b.Size}, func(ok bool, d replica.DiskDone) {
			if s.up {
				s.do(replica.Send{Sock: wire.DataSocket, Cmd: wire.CmdRSDataReply, Body: wire.Data{Sector: b.Sector, BlockID: b.BlockID}, Buf: d.Buf, Size: b.Size})
			}
			if !s.bug["leaks"] {
				s.do(replica.Free{Buf: d.Buf})
			}
		})
	case wire.Data:
		s.data(p, b)
	case wire.Trim:
		s.io(replica.Disk{Op: replica.Zero, Sector: b.Sector, Size: b.Size}, func(bool, replica.DiskDone) { s.ack(b.Data, b.Size) })
	case wire.BlockAck:
		f := s.acks[b.BlockID]
		delete(s.acks, b.BlockID)
		if f != nil {
			f(true)
		}
	case wire.Barrier:
		s.io(replica.Disk{Op: replica.Flush}, func(bool, replica.DiskDone) {
			if s.up {
				s.send(wire.MetaSocket, wire.CmdBarrierAck, wire.BarrierAck{})
			}
		})
	case wire.BarrierAck:
		if len(s.flushed) > 0 {
			f := s.flushed[0]
			s.flushed = s.flushed[1:]
			f(true)
		}
	}
}

func (s *stub) ack(b wire.Data, size uint32) {
	if s.up {
		s.send(wire.MetaSocket, wire.CmdWriteAck, wire.BlockAck{Sector: b.Sector, BlockID: b.BlockID, Size: size})
	}
}

func (s *stub) data(p replica.Packet, b wire.Data) {
	if p.Cmd == wire.CmdData && s.bug["acks unwritten"] {
		s.ack(b, p.Size)
		s.do(replica.Free{Buf: p.Buf})
		return
	}
	s.sector = b.Sector
	s.io(replica.Disk{Op: replica.Write, Sector: b.Sector, Size: p.Size, Buf: p.Buf}, func(bool, replica.DiskDone) {
		if p.Cmd == wire.CmdData {
			s.ack(b, p.Size)
		} else {
			s.ask()
		}
	})
	s.do(replica.Free{Buf: p.Buf})
	if s.bug["double free"] {
		s.do(replica.Free{Buf: p.Buf})
	}
}

func (s *stub) request(r replica.Request) {
	finish := func() {
		if s.bug["answers nothing"] && r.ID > 300 {
			return
		}
		s.do(replica.Complete{ID: r.ID})
		if s.bug["completes twice"] {
			s.do(replica.Complete{ID: r.ID})
		}
	}
	if r.Op == replica.Read {
		d := replica.Disk{Op: replica.Read, Sector: r.Sector, Size: r.Size, Buf: r.Buf}
		if s.bug["reads elsewhere"] && r.Sector >= 8 {
			d.Sector -= 8
		}
		s.io(d, func(bool, replica.DiskDone) { finish() })
		return
	}
	if s.up && !s.settled {
		s.held = append(s.held, r)
		return
	}
	left := 1
	end := func() {
		if left--; left == 0 {
			finish()
		}
	}
	if r.Op == replica.Flush {
		if s.bug["no flush"] {
			finish()
			return
		}
		s.io(replica.Disk{Op: replica.Flush}, func(bool, replica.DiskDone) { end() })
		return
	}
	op := r.Op
	if op == replica.Discard {
		op = replica.Zero
	}
	s.flying++
	s.io(replica.Disk{Op: op, Sector: r.Sector, Size: r.Size, Buf: r.Buf, FUA: r.FUA}, func(bool, replica.DiskDone) {
		s.flying--
		end()
		s.tell()
	})
	if s.up && s.pdsk == wire.UpToDate {
		s.id++
		id := s.id
		body := wire.Data{Sector: r.Sector, BlockID: id}
		switch {
		case op != replica.Zero:
			s.do(replica.Send{Sock: wire.DataSocket, Cmd: wire.CmdData, Body: body, Buf: r.Buf, Size: r.Size})
		case s.d.Features&wire.FeatTrim == 0:
			return // never asked for
		default:
			s.do(replica.Send{Sock: wire.DataSocket, Cmd: wire.CmdTrim, Body: wire.Trim{Data: body, Size: r.Size}})
		}
		if !s.bug["acks early"] {
			left++
			s.acks[id] = func(bool) { end() }
		} else {
			s.acks[id] = func(bool) {}
		}
	}
}

func (s *stub) command(c replica.Command) {
	reply := func(code wire.Result) { s.do(replica.Reply{ID: c.ID, Code: code}) }
	switch d := c.Do.(type) {
	case replica.NewMinor, replica.ResourceOptionsCmd:
		reply(wire.Success)
	case replica.Attach:
		s.attach, s.super = &d, d.Super
		s.super.Magic = metadata.MagicUnclean
		s.crashed = d.Super.Flags.Has(metadata.PrimaryInd)
		s.disk = wire.Inconsistent
		if d.Super.Flags.Has(metadata.Consistent) {
			s.disk = wire.UpToDate
		}
		reply(wire.Success)
	case replica.Connect:
		s.net = &d.Options
		s.conn = wire.WFConnection
		s.do(replica.Dial{Options: d.Options})
		reply(wire.Success)
	case replica.PrimaryCmd:
		if s.disk != wire.UpToDate && !d.Force || s.peer == wire.Primary || s.up && !s.settled && s.conn != wire.Connected {
			reply(wire.NoUpToDateDisk)
			return
		}
		s.disk = wire.UpToDate
		if s.super.UUIDs.Current == 4 || !s.up || s.pdsk != wire.UpToDate {
			s.super.UUIDs.Current++
		}
		s.super.Flags = metadata.Consistent | metadata.WasUpToDate | metadata.PrimaryInd | metadata.FullSync
		if s.bug["no log"] {
			s.super.Flags &^= metadata.FullSync
		}
		s.meta(func() {
			s.role = wire.Primary
			if s.up {
				s.send(wire.DataSocket, wire.CmdState, s.state())
				if s.pdsk != wire.UpToDate { // begin again
					s.do(replica.HangUp{})
					s.lost()
					s.conn = wire.WFConnection
					s.do(replica.Dial{Options: *s.net})
				}
			}
			reply(wire.Success)
		})
	case replica.SecondaryCmd:
		s.io(replica.Disk{Op: replica.Flush}, func(bool, replica.DiskDone) {
			end := func(synced bool) {
				s.role = wire.Secondary
				if s.super.Flags &^= metadata.PrimaryInd; synced {
					s.super.Flags &^= metadata.FullSync
				}
				s.meta(func() {
					if !s.up {
						reply(wire.Success)
						return
					}
					s.send(wire.DataSocket, wire.CmdState, s.state())
					s.flushed = append(s.flushed, func(bool) { reply(wire.Success) }) // the peer knows
					s.send(wire.DataSocket, wire.CmdBarrier, wire.Barrier{})
				})
			}
			if !s.up || s.pdsk != wire.UpToDate {
				end(false)
				return
			}
			sock := wire.DataSocket
			if s.bug["barrier on the wrong socket"] {
				sock = wire.MetaSocket
			}
			s.flushed = append(s.flushed, end)
			s.send(sock, wire.CmdBarrier, wire.Barrier{})
		})
	case replica.DownCmd:
		s.do(replica.HangUp{})
		s.conn, s.net, s.up, s.role = wire.StandAlone, nil, false, wire.Secondary
		s.disk = wire.Diskless
		s.super.Flags &^= metadata.PrimaryInd
		s.meta(func() {
			s.do(replica.CloseDisk{})
			reply(wire.Success)
		})
	case replica.Disconnect:
		if s.net == nil {
			reply(wire.AlreadyStandAlone)
			return
		}
		s.net = nil
		s.do(replica.HangUp{})
		if s.up {
			s.lost()
		}
		s.conn = wire.StandAlone
		reply(wire.Success)
	default:
		reply(wire.NotSupported)
	}
}
