package replica_test

import (
	"encoding/binary"
	"testing"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// memory is a metadata device.
type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }
func (m memory) Sync() error                              { return nil }

const hostSectors = 32768

// host is a node whose disk and handlers always do what they are asked for.
type host struct {
	t       *testing.T
	r       *replica.Resource
	now     time.Time
	todo    []replica.Event
	bufs    replica.Buf
	id      uint64
	held    map[replica.Buf]bool // given to the core and not given back
	steps   int
	dialing bool
	fencing int                  // what handlers end with
	watch   func(replica.Action) // sees everything that the core wants
}

func newHost(t *testing.T, good bool) *host {
	return newHostWith(t, good, replica.DefaultDiskOptions())
}

func newHostWith(t *testing.T, good bool, disk replica.DiskOptions) *host {
	return newSuccessor(t, good, disk, 0)
}

// newSuccessor is a host whose predecessor was killed; applications wait for exposed.
func newSuccessor(t *testing.T, good bool, disk replica.DiskOptions, exposed uint64) *host {
	return newHostOn(t, disk, exposed, func(s *metadata.Superblock, bm *metadata.Bitmap) {
		if good {
			inSync(s, bm)
		}
	})
}

// inSync prepares a disk with the data that the peer has, too.
func inSync(s *metadata.Superblock, bm *metadata.Bitmap) {
	s.UUIDs.Current, s.LaSizeSect = 0x1234, hostSectors
	s.Flags |= metadata.Consistent | metadata.WasUpToDate
	bm.ClearAll()
}

// newHostOn is a host with the metadata that prepare makes of fresh one.
func newHostOn(t *testing.T, disk replica.DiskOptions, exposed uint64, prepare func(*metadata.Superblock, *metadata.Bitmap)) *host {
	h := &host{t: t, now: time.Unix(1e9, 0), held: map[replica.Buf]bool{}}
	h.r = replica.New(replica.Config{Name: "r0", Features: wire.FeatTrim | wire.FeatThinResync}, 1)
	h.command(replica.NewMinor{Vol: 0, Exposed: exposed})
	h.command(backing(t, disk, prepare))
	o := replica.DefaultNetOptions()
	o.VerifyAlg, o.CsumsAlg = "crc32c", "crc32c"
	h.command(replica.Connect{Options: o})
	return h
}

// backing attaches a disk with the metadata that prepare makes of fresh one.
func backing(t *testing.T, disk replica.DiskOptions, prepare func(*metadata.Superblock, *metadata.Bitmap)) replica.Attach {
	meta := make(memory, 1<<20)
	l, err := metadata.NewLayout(metadata.FlexExternal, int64(len(meta)), metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = mdio.Create(meta, l, int64(len(meta)), metadata.CreateOptions{DeviceUUID: 1}); err != nil {
		t.Fatal(err)
	}
	s, err := mdio.Attach(meta, metadata.FlexExternal, int64(len(meta)))
	if err != nil {
		t.Fatal(err)
	}
	bm, err := s.ReadBitmap(hostSectors)
	if err != nil {
		t.Fatal(err)
	}
	prepare(&s.Super, bm)
	return replica.Attach{Vol: 0, Options: disk, Super: s.Super, Layout: s.Layout, Bitmap: bm,
		Backing: hostSectors, Usable: hostSectors, MaxBioSize: 1 << 20, CanDiscard: true, Name: "disk"}
}

func (h *host) command(do replica.Verb) {
	h.id++
	h.step(replica.Command{ID: h.id, Do: do})
}

// step gives an event, and what comes of it.
func (h *host) step(ev replica.Event) { h.run(nil, ev) }

// run gives events, and what comes of them. mine, if not nil, is asked first: an action that it takes is
// not done.
func (h *host) run(mine func(replica.Action) bool, evs ...replica.Event) {
	h.todo = append(h.todo, evs...)
	for len(h.todo) > 0 {
		if h.steps++; h.steps > 200000 {
			h.t.Fatal("no end of it")
		}
		ev := h.todo[0]
		h.todo = h.todo[1:]
		for _, a := range h.r.Step(h.now, ev) {
			if mine == nil || !mine(a) {
				h.done(a)
			}
		}
	}
}

func (h *host) done(a replica.Action) {
	if h.watch != nil {
		h.watch(a)
	}
	switch a := a.(type) {
	case replica.Disk:
		d := replica.DiskDone{ID: a.ID, OK: true, Zeroes: a.WantZeroes}
		if a.Op == replica.Read && a.Buf == 0 {
			d.Buf = h.buf()
		}
		if a.Digest != "" {
			d.Digest = make([]byte, 4)
		}
		if a.Sector+uint64(a.Size/512) > hostSectors {
			h.t.Fatalf("I/O beyond the end of the disk: %+v", a)
		}
		h.todo = append(h.todo, d)
	case replica.Meta:
		h.todo = append(h.todo, replica.MetaDone{ID: a.ID, OK: true})
	case replica.RunHandler:
		h.todo = append(h.todo, replica.HandlerDone{ID: a.ID, Code: h.fencing})
	case replica.Send:
		if a.Token != 0 {
			h.todo = append(h.todo, replica.Sent{Token: a.Token})
		}
	case replica.Free:
		h.free(a.Buf)
	case replica.Complete:
		if a.From != 0 {
			h.free(a.From)
		}
	case replica.Dial:
		h.dialing = true
	case replica.HangUp:
		h.dialing = false
	}
}

func (h *host) buf() replica.Buf {
	h.bufs++
	h.held[h.bufs] = true
	return h.bufs
}

func (h *host) free(b replica.Buf) {
	if !h.held[b] && b < 1<<40 { // those above are the application's
		h.t.Fatalf("buffer %d was not held", b)
	}
	delete(h.held, b)
}

// tick lets time pass.
func (h *host) tick(d time.Duration) {
	end := h.now.Add(d)
	for range 100 {
		next := h.r.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if next.After(h.now) {
			h.now = next
		}
		h.step(replica.Tick{})
	}
	h.now = end
}

// verbs are what an administrator may do meanwhile.
var verbs = []replica.Verb{
	replica.PrimaryCmd{}, replica.PrimaryCmd{Force: true}, replica.SecondaryCmd{}, replica.Invalidate{}, replica.InvalidateRemote{},
	replica.Verify{}, replica.PauseSync{On: true}, replica.PauseSync{}, replica.Outdate{}, replica.DetachCmd{}, replica.Disconnect{},
	replica.SuspendIO{On: true}, replica.SuspendIO{},
}

// FuzzHostilePeer: whatever a peer sends that the wire format allows, nothing panics,
// nothing is read or written beyond the disk, and it comes to an end. The input is a
// list of events: kind, length (of the packet), bytes.
func FuzzHostilePeer(f *testing.F) {
	event := func(kind byte, body ...byte) []byte {
		return append(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(len(body))), body...)
	}
	var all []byte
	for i, c := range wire.Commands() {
		for _, n := range []int{0, 4, 8, 16, 24, 28, 32, 40, 48, 64, 528} {
			h := wire.Header{Kind: wire.Header100, Cmd: c, Length: uint32(n)}
			d := dialect
			for _, sock := range []wire.Socket{wire.DataSocket, wire.MetaSocket} {
				if _, err := d.Plan(sock, h); err == nil {
					all = append(all, event(byte(i), make([]byte, n)...)...)
				}
			}
		}
	}
	f.Add(all, true)
	f.Add(all, false)
	// A handshake like the one that a good peer makes, then everything.
	hand := goodHandshake(f, event)
	f.Add(hand, true)
	f.Add(append(hand[:len(hand):len(hand)], all...), true)
	f.Add(append(append(event(200), hand...), all...), false)
	f.Add(append(append(append(event(201), event(240)...), hand...), all...), true)
	f.Fuzz(func(t *testing.T, in []byte, good bool) {
		h := newHost(t, good)
		cmds := wire.Commands()
		for events := 0; len(in) >= 3 && events < 300; events++ {
			kind, n := in[0], int(binary.LittleEndian.Uint16(in[1:]))
			in = in[3:]
			n = min(n, len(in), 4096)
			body := in[:n]
			in = in[n:]
			if h.dialing && kind < 200 {
				h.dialing = false
				h.step(replica.Up{Dialect: dialect, Resolve: n&1 == 0})
			}
			switch {
			case int(kind) < len(cmds):
				h.packet(cmds[kind], body)
			case kind >= 240:
				h.tick(time.Duration(kind-239) * time.Second)
			case kind >= 230:
				h.step(replica.Down{Cause: wire.BrokenPipe, Line: "cut"})
				h.dialing = true
			case kind >= 220:
				h.id++
				h.step(replica.Request{ID: h.id, Op: replica.Op(1 + kind%5), Sector: uint64(n) * 8 % (hostSectors - 8),
					Size: map[bool]uint32{true: 0, false: 4096}[replica.Op(1+kind%5) == replica.Flush], Buf: replica.Buf(1<<40 + h.id)})
			case kind >= 200:
				h.command(verbs[int(kind-200)%len(verbs)])
			}
		}
		h.tick(30 * time.Second)
	})
}

var dialect = wire.Dialect{Version: 101, Features: wire.FeatTrim | wire.FeatThinResync}

// goodHandshake is what a Primary with the same data says.
func goodHandshake(f *testing.F, event func(byte, ...byte) []byte) (out []byte) {
	number := map[wire.Command]byte{}
	for i, c := range wire.Commands() {
		number[c] = byte(i)
	}
	st := wire.State(0).WithRole(wire.Primary).WithPeer(wire.RoleUnknown).WithConn(wire.WFConnection).WithDisk(wire.UpToDate).WithPdsk(wire.DUnknown)
	for _, p := range []struct {
		c wire.Command
		b wire.Body
	}{
		{wire.CmdProtocol, &wire.Protocol{Protocol: 3}},
		{wire.CmdSizes, &wire.Sizes{DSize: hostSectors, CSize: hostSectors, MaxBioSize: 1 << 20}},
		{wire.CmdUUIDs, &wire.UUIDs{Current: 0x1235}},
		{wire.CmdState, &wire.StateInfo{State: st}},
	} {
		b := p.b.Append(nil)
		if _, err := dialect.ParseBody(p.c, b); err != nil {
			f.Fatalf("%s: %v", p.c, err)
		}
		out = append(out, event(number[p.c], b...)...)
	}
	return out
}

// packet gives what the decoder would make of such a packet.
func (h *host) packet(c wire.Command, b []byte) {
	for _, sock := range []wire.Socket{wire.DataSocket, wire.MetaSocket} {
		p, err := dialect.Plan(sock, wire.Header{Kind: wire.Header100, Cmd: c, Length: uint32(len(b))})
		if err != nil {
			continue
		}
		body, err := dialect.ParseBody(c, b[:p.Body])
		if err != nil {
			return
		}
		e := replica.Packet{Sock: sock, Cmd: c, Body: body, Digest: b[p.Body : p.Body+p.Digest], Size: uint32(p.Payload)}
		if p.Bulk && p.Payload > 0 {
			e.Buf = h.buf()
		} else {
			e.Payload = b[p.Body+p.Digest:]
		}
		h.step(e)
		return
	}
}
