package drbdadm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/changes"
	"classicha/drbdd/control"
	md "classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// splitBench has one resource that the daemon describes as given.
func splitBench(t *testing.T, v replica.VolumeView, s control.Split) *bench {
	b := newBench(t, onePair)
	b.env.Status = func(context.Context) ([]control.Resource, error) {
		return []control.Resource{{View: replica.View{Name: "r0", Volumes: []replica.VolumeView{v}}, Volumes: []control.Volume{{Split: s}}}}, nil
	}
	return b
}

// standAlone is a node that has changed 300 blocks.
func standAlone() (replica.VolumeView, control.Split) {
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).UnixNano() }
	v := replica.VolumeView{HasDisk: true, Role: wire.Secondary, Conn: wire.StandAlone, OOS: 300, UUIDs: md.UUIDs{Current: 0xA0, Bitmap: 0x50, History0: 0x40}}
	return v, control.Split{
		Current: 0xA0, Since: ago(time.Hour), Role: wire.Primary, Until: ago(time.Minute),
		Peer: &control.PeerSaid{At: ago(10 * time.Second), Role: wire.Primary, UUIDs: wire.UUIDs{Current: 0xB1, Bitmap: 0x50, History0: 0x40, DirtyBits: 7}},
	}
}

func TestSplitBrainFound(t *testing.T) {
	v, s := standAlone()
	b := splitBench(t, v, s)
	b.expect(t, "split-brain r0", splitFound)
	for _, want := range []string{
		"r0: SPLIT BRAIN: both copies changed", "alpha (this node): 1200 KiB (300 blocks of 4 KiB) changed", ", 1h0m0s ago",
		"Primary then, Secondary now, was Primary until", "bravo (the peer): 28 KiB (7 blocks of 4 KiB) changed, as it said at", "Primary then: nobody else changes a copy; Primary when it said so",
		"To give up the 1200 KiB of alpha (this node):\n    on alpha (this node):\n      drbdadm secondary r0\n      drbdadm split-brain --save=FILE r0 ",
		"drbdadm connect --discard-my-data r0\n    on bravo, if it is StandAlone:\n      drbdadm connect r0\n",
		"To give up the 28 KiB of bravo:\n", "00000000000000B1, of 0000000000000050", "since:      not known here; there: drbdadm split-brain r0",
	} {
		if !strings.Contains(b.out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, &b.out)
		}
	}
	for _, name := range []string{"r0/0", "/dev/drbd0", "all"} {
		b.expect(t, "split-brain "+name, splitFound)
	}
	b.expect(t, "-d split-brain r0", 0)
	b.expect(t, "split-brain nix", 1)
}

func twice(f func() (replica.VolumeView, control.Split)) (replica.VolumeView, control.Split) {
	return f()
}

// What the nodes agreed on, or one of them alone did, is none; what is not known is said.
func TestNoSplitBrain(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*replica.VolumeView, *control.Split)
		code int
		says string
	}{
		{"connected", func(v *replica.VolumeView, s *control.Split) { v.Conn = wire.SyncSource }, 0, "no split brain: the nodes are connected (SyncSource)"},
		{"the peer's word is from before", func(v *replica.VolumeView, s *control.Split) { s.Peer.Accepted = true }, splitUnknown, "bravo: last heard at"},
		{"the peer was never heard", func(v *replica.VolumeView, s *control.Split) { s.Peer = nil }, splitUnknown, "nothing was heard of it since drbdd runs here"},
		{"only this node changed", func(v *replica.VolumeView, s *control.Split) { s.Peer.UUIDs.Current = 0x51 }, splitUnknown, "had changed nothing of its own"},
		{"only the peer changed", func(v *replica.VolumeView, s *control.Split) {
			v.UUIDs = md.UUIDs{Current: 0x50, History0: 0x40}
		}, 0, "bravo has newer data"},
		{"nothing changed here", func(v *replica.VolumeView, s *control.Split) {
			v.UUIDs.Bitmap, s.Peer = 0, nil
		}, 0, "this node changed nothing since it last agreed with bravo"},
		{"the same", func(v *replica.VolumeView, s *control.Split) {
			v.UUIDs.Bitmap, s.Peer.UUIDs = 0, wire.UUIDs{Current: 0xA0, History0: 0x40}
		}, 0, "of the same generation"},
		{"unrelated", func(v *replica.VolumeView, s *control.Split) {
			s.Peer.UUIDs = wire.UUIDs{Current: 0x1111110, Bitmap: 0x2222222, History0: 0x3333334, History1: 0x4444444}
			v.UUIDs.History1 = 0x9999998
		}, 0, "unrelated data"},
		{"without a record", func(v *replica.VolumeView, s *control.Split) { s.Since, s.Until = 0, 0 }, splitFound, "since:      not known: it began before this drbdd saw the disk"},
		{"a record of another generation", func(v *replica.VolumeView, s *control.Split) { s.Current = 0x77 }, splitFound, "since:      not known"},
		{"the role did not come", func(v *replica.VolumeView, s *control.Split) { s.Peer.Role, s.Peer.UUIDs.Current = 0, 0xB0 }, splitFound, "; what it is since is not known"},
		{"still Primary and waiting", func(v *replica.VolumeView, s *control.Split) { v.Role, v.Conn = wire.Primary, wire.WFConnection }, splitFound, "drbdadm disconnect r0 "},
		{"no disk", func(v *replica.VolumeView, s *control.Split) { v.HasDisk = false }, 20, "no disk is attached"},
		{"another minor", func(v *replica.VolumeView, s *control.Split) { v.Minor = 7 }, 20, "drbdd does not have it"},
	} {
		v, s := standAlone()
		c.set(&v, &s)
		b := splitBench(t, v, s)
		b.expect(t, "split-brain r0", c.code)
		if !strings.Contains(b.out.String()+b.err.String(), c.says) {
			t.Errorf("%s: does not say %q:\n%s%s", c.name, c.says, &b.out, &b.err)
		}
	}
	b := splitBench(t, replica.VolumeView{}, control.Split{})
	b.env.Status = func(context.Context) ([]control.Resource, error) { return nil, control.ErrUnreachable }
	b.expect(t, "split-brain r0", 20)
}

// TestSplitSaveAndList: the file gets its whole name, and what is in it is listed.
func TestSplitSaveAndList(t *testing.T) {
	b := newBench(t, onePair)
	file := filepath.Join(t.TempDir(), "saved")
	var asked string
	b.env.SaveChanges = func(_ context.Context, minor int, name string) (control.Answer, error) {
		asked = name
		f, err := os.Create(name)
		if err != nil {
			return control.Answer{Usage: err.Error()}, nil
		}
		defer f.Close()
		w, err := changes.NewWriter(f, changes.Header{Size: 1 << 20, Resource: "r0", Saved: time.Now(), Runs: 1, Blocks: 2})
		if err == nil {
			err = w.Runs([]changes.Run{{First: 5, N: 2}})
		}
		if err == nil {
			err = w.Data(make([]byte, 8192))
		}
		if err == nil {
			err = w.End()
		}
		return control.Answer{}, err
	}
	b.expect(t, "split-brain --save="+file+" r0", 0)
	if asked != file {
		t.Errorf("the daemon was asked for %q", asked)
	}
	b.env.ConfigFiles = []string{"/nonexistent"} // listing needs none
	b.expect(t, "split-brain --list "+file, 0)
	for _, want := range []string{"resource r0, volume 0", "changed since  not known", "8 KiB (2 blocks of 4 KiB) in 1 runs", "               5            2                1\n"} {
		if !strings.Contains(b.out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, &b.out)
		}
	}
	if err := os.Truncate(file, 5000); err != nil {
		t.Fatal(err)
	}
	b.expect(t, "split-brain --list="+file, 20)
	b.expect(t, "split-brain --list=/nonexistent/file", 20)
	b.env.ConfigFiles = []string{b.conf}
	b.env.SaveChanges = func(context.Context, int, string) (control.Answer, error) {
		return control.Answer{Usage: "this node is Primary"}, nil
	}
	b.expect(t, "split-brain --save="+file+" r0", 20)
	if b.err.String() != "drbdadm: split-brain r0: this node is Primary\n" {
		t.Errorf("said %q", &b.err)
	}
	b.expect(t, "split-brain --save="+file+" all", 1)
	b.expect(t, "role --save="+file+" r0", 1)
	b.expect(t, "help split-brain", 0)
	if !strings.Contains(b.out.String(), "OPTIONS FOR split-brain:\n  --save=...\n  --list=...\n") {
		t.Errorf("help: %s", &b.out)
	}
}
