package replica_test

import (
	"testing"
	"time"

	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// The disk of a second volume, whose peer was outdated long ago, is attached while the
// Primary waits for the peer to be fenced: for the first volume it was not yet.
func TestAttachDoesNotFenceOtherVolumes(t *testing.T) {
	f := primary(t, replica.ResourceAndStonith)
	f.cut()
	f.do(replica.NewMinor{Vol: 1, Minor: 1})
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceAndStonith
	second := backing(t, o, func(s *metadata.Superblock, bm *metadata.Bitmap) {
		s.UUIDs.Current, s.LaSizeSect = 0x5678, hostSectors
		s.Flags |= metadata.Consistent | metadata.WasUpToDate | metadata.PeerOutdated
	})
	second.Vol = 1
	f.do(second)
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
