package replica_test

import (
	"testing"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// resume-io is the operator's way out of a Primary that is frozen because nobody can say
// what became of the peer.
func TestResumeIOOfAFrozenPrimary(t *testing.T) {
	f := primary(t, replica.ResourceAndStonith)
	before := f.r.View().Volumes[0].UUIDs
	f.cut()
	f.ends(20)
	if got := f.writes(); got != unanswered {
		t.Fatalf("a write ended with %d though the peer is not fenced", got)
	}
	said := false
	f.watch = func(a replica.Action) {
		switch a := a.(type) {
		case replica.Reply:
			if a.ID == f.id && (a.Error != 0 || a.Code < 0) {
				said = true
			}
		case replica.Log:
			if a.Level == replica.Warn {
				said = true
			}
		}
	}
	f.do(replica.PrimaryCmd{Force: true})
	if !said || f.got != unanswered {
		t.Errorf("primary --force: refused %v, write %d", said, f.got)
	}
	said = false
	f.do(replica.SuspendIO{})
	if v := f.r.View(); v.SuspFen || f.got != replica.OK || !said {
		t.Errorf("frozen %v, write %d, warned %v", v.SuspFen, f.got, said)
	}
	if u := f.r.View().Volumes[0].UUIDs; u.Bitmap&^1 != before.Current&^1 || u.Current == before.Current {
		t.Errorf("it writes alone with the identifiers %+v, before %+v", u, before)
	}
	f.ends(7) // the reset succeeds after all
	if v := f.r.View().Volumes[0]; v.Pdsk != wire.Outdated {
		t.Errorf("the peer was reset and is %s", v.Pdsk)
	}
}

// Where no data is, requests that wait for some fail.
func TestResumeIOWithoutData(t *testing.T) {
	f := primary(t, replica.DontCare)
	f.do(replica.ResourceOptionsCmd{Options: replica.ResourceOptions{SuspendOnNoData: true}})
	f.do(replica.DetachCmd{Force: true})
	f.cut()
	if got := f.writes(); got != unanswered || !f.r.View().SuspNod {
		t.Fatalf("a write without data ended with %d", got)
	}
	f.do(replica.SuspendIO{})
	if f.got != replica.EIO || f.r.View().SuspNod {
		t.Errorf("after resume-io it ended with %d", f.got)
	}
	if got := f.writes(); got != replica.EIO {
		t.Errorf("the next one ended with %d", got)
	}
}
