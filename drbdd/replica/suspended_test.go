package replica_test

import (
	"testing"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// The disk of a second volume, whose peer was outdated long ago, is attached while the
// Primary waits for the peer to be fenced: for the first volume it was not yet.
func TestAttachDoesNotFenceOtherVolumes(t *testing.T) {
	f := primary(t, replica.ResourceAndStonith)
	f.cut()
	f.do(replica.NewMinor{Vol: 1, Minor: 1})
	meta := make(memory, 1<<20)
	l, err := metadata.NewLayout(metadata.FlexExternal, int64(len(meta)), metadata.DefaultRing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = mdio.Create(meta, l, int64(len(meta)), metadata.CreateOptions{DeviceUUID: 2}); err != nil {
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
	s.Super.UUIDs.Current, s.Super.LaSizeSect = 0x5678, hostSectors
	s.Super.Flags |= metadata.Consistent | metadata.WasUpToDate | metadata.PeerOutdated
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceAndStonith
	f.do(replica.Attach{Vol: 1, Options: o, Super: s.Super, Layout: s.Layout, Bitmap: bm,
		Backing: hostSectors, Usable: hostSectors, MaxBioSize: 1 << 20, Name: "disk"})
	if v := f.r.View().Volumes[1]; v.Disk != wire.UpToDate || v.Pdsk != wire.Outdated {
		t.Fatalf("volume 1 is %s/%s", v.Disk, v.Pdsk)
	}
	if got := f.writes(); got != unanswered || !f.r.View().SuspFen {
		t.Fatalf("a write to volume 0 ended with %d", got)
	}
	f.ends(4)
	f.wait(time.Second)
	if f.got != replica.OK || f.r.View().SuspFen {
		t.Errorf("after the peer was fenced it ended with %d", f.got)
	}
}
