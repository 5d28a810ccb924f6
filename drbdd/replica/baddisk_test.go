package replica_test

import (
	"testing"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// held is a Primary whose peer is in sync, and whose disks wait when the test says so.
type held struct {
	*host
	writing  bool // writes of the own disk wait in open
	record   bool // and its metadata
	open     []replica.Event
	blocks   []uint64 // of the writes that were sent
	barriers []uint32 // not answered; each stands behind one write
	got      map[uint64]replica.Errno
}

func newHeld(t *testing.T, protocol byte, onError replica.OnIOError) *held {
	o := replica.DefaultDiskOptions()
	o.OnIOError = onError
	f := &held{host: newHostWith(t, true, o), got: map[uint64]replica.Errno{}}
	f.primaryBy(protocol, dialect)
	return f
}

func (f *held) ev(e replica.Event) {
	f.run(func(a replica.Action) bool {
		switch a := a.(type) {
		case replica.Disk:
			if f.writing && a.Op == replica.Write {
				f.open = append(f.open, replica.DiskDone{ID: a.ID, OK: true})
				return true
			}
		case replica.Meta:
			if f.record {
				f.open = append(f.open, replica.MetaDone{ID: a.ID, OK: true})
				return true
			}
		case replica.Complete:
			f.got[a.ID] = a.Err
		case replica.Send:
			switch b := a.Body.(type) {
			case wire.Data:
				f.blocks = append(f.blocks, b.BlockID)
			case wire.Barrier:
				f.barriers = append(f.barriers, b.Number)
			}
		}
		return false
	}, e)
}

// ends ends what waits.
func (f *held) ends() {
	f.writing, f.record = false, false
	for len(f.open) > 0 {
		e := f.open[0]
		f.open = f.open[1:]
		f.ev(e)
	}
}

// answered checks which answer a request has.
func (f *held) answered(id uint64, want replica.Errno, when string) {
	f.t.Helper()
	got, ok := f.got[id]
	if !ok {
		got = unanswered
	}
	if got != want {
		f.t.Errorf("%s request %d has the answer %d, want %d", when, id, got, want)
	}
}

// acks acknowledges the write that was sent last.
func (f *held) acks(cmd wire.Command, sector uint64) {
	f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: cmd, Body: wire.BlockAck{Sector: sector, BlockID: f.blocks[len(f.blocks)-1], Size: 4096}})
}

// promises answers the barriers; so many have to be there.
func (f *held) promises(n int) {
	f.t.Helper()
	if len(f.barriers) != n {
		f.t.Fatalf("%d barriers were sent, want %d", len(f.barriers), n)
	}
	for _, b := range f.barriers {
		f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdBarrierAck, Body: wire.BarrierAck{Number: b, SetSize: 1}})
	}
	f.barriers = nil
}

func (f *held) writes(id, sector uint64, fua bool) {
	f.ev(replica.Request{ID: id, Op: replica.Write, Sector: sector, Size: 4096, FUA: fua, Buf: 1<<40 + replica.Buf(id)})
}

// fails is a write for which the own disk has an error.
func (f *held) fails(id, sector uint64) {
	f.writing = true
	f.writes(id, sector, false)
	f.writing = false
	d := f.open[0].(replica.DiskDone)
	f.open = nil
	f.ev(replica.DiskDone{ID: d.ID})
}

// While the own disk is written to and is not good, a flush is answered when the peer has
// flushed: what the peer has in its cache is the only good copy.
func TestFlushOfADiskThatIsNotGood(t *testing.T) {
	f := newHeld(t, 'C', replica.PassOn)
	f.fails(1, 8)
	f.acks(wire.CmdWriteAck, 8)
	f.answered(1, replica.OK, "acknowledged by the peer,")
	if v := f.r.View().Volumes[0]; v.Disk != wire.Inconsistent {
		t.Fatalf("the disk is %s", v.Disk)
	}
	f.ev(replica.Request{ID: 2, Op: replica.Flush})
	f.answered(2, unanswered, "before the promise")
	f.promises(1)
	f.answered(2, replica.OK, "promised,")

	// Nobody knows of writes whose promise was lost with the peer.
	f.writes(3, 24, false)
	f.acks(wire.CmdWriteAck, 24)
	f.answered(3, replica.OK, "acknowledged by the peer,")
	f.ev(replica.Request{ID: 4, Op: replica.Flush})
	f.ev(replica.Down{Cause: wire.NetworkFailure, Line: "the peer loses its power"})
	f.answered(4, replica.EIO, "without the peer")
}

// A flush that only the peer has done is not answered before it is on record that the own
// disk lacks something.
func TestFlushIsHeldUntilTheErrorIsOnRecord(t *testing.T) {
	f := newHeld(t, 'C', replica.Detach)
	f.writes(1, 8, false)
	f.acks(wire.CmdWriteAck, 8)
	f.answered(1, replica.OK, "on both disks")
	f.record = true
	f.fails(2, 16)
	if len(f.open) == 0 {
		t.Fatal("nothing is put on record")
	}
	f.ev(replica.Request{ID: 3, Op: replica.Flush})
	f.acks(wire.CmdWriteAck, 16)
	f.promises(2)
	f.answered(3, unanswered, "before the record")
	f.ends()
	f.answered(3, replica.OK, "with the record")
}

// A write that ends when the disk is not good any more waits until the peer has it on its disk, also
// with the protocols that wait less.
func TestWriteDuringADetach(t *testing.T) {
	for _, protocol := range []byte{'A', 'B'} {
		f := newHeld(t, protocol, replica.Detach)
		f.writing = true
		f.writes(1, 8, true)
		if protocol == 'B' {
			f.acks(wire.CmdRecvAck, 8)
		}
		write := f.open
		f.open, f.writing = nil, false
		f.command(replica.DetachCmd{})
		f.ev(replica.Packet{Sock: wire.MetaSocket, Cmd: wire.CmdStateChgReply, Body: wire.StateReply{Result: wire.Success}})
		if v := f.r.View().Volumes[0]; v.Disk != wire.Failed {
			t.Fatalf("%c: the disk is %s", protocol, v.Disk)
		}
		f.ev(write[0])
		f.answered(1, unanswered, string(protocol)+": in the peer's memory,")
		f.promises(1)
		f.answered(1, replica.OK, string(protocol)+": promised,")
	}
}

// A peer from before version 95 is not told of FUA: such a write is answered with its promise,
// when only that peer is good.
func TestFUAWithAnOlderPeer(t *testing.T) {
	for version, want := range map[int]replica.Errno{94: unanswered, 95: replica.OK} {
		f := &held{host: newHost(t, true), got: map[uint64]replica.Errno{}}
		f.primaryBy('C', wire.Dialect{Version: version})
		f.command(replica.DetachCmd{Force: true})
		f.writes(1, 8, true)
		f.acks(wire.CmdWriteAck, 8)
		f.answered(1, want, "acknowledged,")
		if want == unanswered {
			f.promises(1)
			f.answered(1, replica.OK, "promised,")
		}
	}
}
