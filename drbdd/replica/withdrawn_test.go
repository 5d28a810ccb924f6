package replica_test

import (
	"testing"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Who wants a node to be Secondary does not find it Primary afterwards, because of a
// promotion that waited for the peer to be fenced.
func TestSecondaryWithdrawsAPromotion(t *testing.T) {
	o := replica.DefaultDiskOptions()
	o.Fencing = replica.ResourceAndStonith
	f := &slow{host: newHostWith(t, true, o)}
	codes := map[uint64]wire.Result{}
	f.watch = func(a replica.Action) {
		if r, ok := a.(replica.Reply); ok {
			codes[r.ID] = r.Code
		}
	}
	f.shakes()
	f.state(wire.WFReportParams, wire.UpToDate, wire.DUnknown)
	f.state(wire.Connected, wire.UpToDate, wire.UpToDate)
	f.cut()
	f.do(replica.PrimaryCmd{})
	primary := f.id
	if len(f.open) != 1 {
		t.Fatalf("%d handlers run", len(f.open))
	}
	f.do(replica.SecondaryCmd{})
	f.ends(7)
	if v := f.r.View().Volumes[0]; v.Role != wire.Secondary || !codes[f.id].Ok() {
		t.Errorf("it is %s; secondary %d, primary %d", v.Role, codes[f.id], codes[primary])
	}
	if code, answered := codes[primary]; !answered || code.Ok() {
		t.Errorf("the promotion: answered %v, %d", answered, code)
	}
	f.do(replica.PrimaryCmd{})
	if v := f.r.View().Volumes[0]; v.Role != wire.Primary {
		t.Errorf("the next promotion: %s, %d", v.Role, codes[f.id])
	}
}
