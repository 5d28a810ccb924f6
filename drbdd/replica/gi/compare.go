package gi

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

const (
	discardFlag = wire.UUIDDiscardMyData
	crashedFlag = wire.UUIDCrashedPrimary
	skipFlag    = wire.UUIDSkipInitialSync
)

// Results of a comparison, besides 0 (equal), +1/-1 (source or target by the
// bitmap) and +2/-2 (of everything). Results below Unrelated tell what the peer
// lacks: see Required.
const (
	SplitBrain     = 100  // an after-sb policy may solve it
	HardSplitBrain = -100 // only with always-asbp
	Unrelated      = -1000
)

// needVersion and needFeature are the results that ask for a newer peer.
func needVersion(v int) int { return Unrelated - v }

func needFeature(v int, f wire.Feature) int { return -(1<<16 | int(f)<<8 | v) }

// Required takes a result below Unrelated apart: the protocol version and the
// features that both sides have to support. Features are 0 if only the version
// matters.
func Required(result int) (version int, features wire.Feature, ok bool) {
	switch {
	case result < -1<<16:
		return -result & 0xff, wire.Feature(-result >> 8 & 0xff), true
	case result < Unrelated:
		return Unrelated - result, 0, true
	}
	return 0, 0, false
}

// CompareInput is what the comparison looks at.
type CompareInput struct {
	Self, Peer               metadata.UUIDs
	SelfCrashed, PeerCrashed bool // crashed Primary: own runtime flag, flag 2 of the peer
	SelfPrimary, PeerPrimary bool // now
	Version                  int  // agreed protocol version
	Features                 wire.Feature
	Resolve                  bool // RESOLVE_CONFLICTS
}

// CompareResult is the outcome. Fixed sets replace the ones compared: own ones are
// to be written to disk, the peer's are what is known of it.
type CompareResult struct {
	Result, Rule int
	FixSelf      *metadata.UUIDs
	FixPeer      *metadata.UUIDs
}

// masked is a set as it is compared.
func masked(u metadata.UUIDs) metadata.UUIDs {
	return metadata.UUIDs{Current: u.Current &^ primaryBit, Bitmap: u.Bitmap &^ primaryBit,
		History0: u.History0 &^ primaryBit, History1: u.History1 &^ primaryBit}
}

// Compare is the table of section 11.1, in its order. Rule 100 is told also when
// nothing matches, as the kernel does.
func Compare(in CompareInput) CompareResult {
	s, p := masked(in.Self), masked(in.Peer)
	by := func(result, rule int) CompareResult { return CompareResult{Result: result, Rule: rule} }
	fresh := func(c uint64) bool { return c == metadata.JustCreated || c == 0 }
	switch {
	case s.Current == metadata.JustCreated && p.Current == metadata.JustCreated:
		return by(0, 10)
	case fresh(s.Current) && p.Current != metadata.JustCreated:
		return by(-2, 20)
	case s.Current != metadata.JustCreated && fresh(p.Current):
		return by(+2, 30)
	case s.Current == p.Current:
		return in.sameData(s, p)
	case s.Current == p.Bitmap:
		return by(-1, 50)
	case s.Current == p.History0 && in.lostSync(p, s.History0, p.History1):
		return in.undoStart(in.Peer, -1, 51)
	case s.Current == p.History0, s.Current == p.History1:
		return by(-2, 60)
	case s.Bitmap == p.Current:
		return by(+1, 70)
	case s.History0 == p.Current && in.lostSync(s, s.History1, p.History0):
		return in.undoStart(in.Self, +1, 71)
	case p.Current == s.History0, p.Current == s.History1:
		return by(+2, 80)
	case s.Bitmap == p.Bitmap && s.Bitmap != 0:
		return by(SplitBrain, 90)
	case s.History0 == p.History0, s.History0 == p.History1, s.History1 == p.History0, s.History1 == p.History1:
		return by(HardSplitBrain, 100)
	}
	return by(Unrelated, 100)
}

// lostSync tells that source began a resync which the other node never heard of.
// Before version 96 the identifier of a resync was random, and the histories that
// are given have to do.
func (in CompareInput) lostSync(source metadata.UUIDs, history, other uint64) bool {
	if in.Version < 96 {
		return history == other
	}
	return source.History0+SyncOffset == source.Bitmap
}

// undoStart takes the start of a resync back in the set of its source.
func (in CompareInput) undoStart(source metadata.UUIDs, result, rule int) CompareResult {
	if in.Version < 91 {
		return CompareResult{Result: needVersion(91), Rule: rule}
	}
	source.Bitmap, source.History0 = source.History0, source.History1
	r := CompareResult{Result: result, Rule: rule}
	if rule == 71 {
		r.FixSelf = &source
	} else {
		r.FixPeer = &source
	}
	return r
}

// sameData: the current identifiers are equal. Either the end of a resync reached
// only one node (rules 34 to 37), or both may have been written last by a Primary
// that crashed (40, 41).
func (in CompareInput) sameData(s, p metadata.UUIDs) CompareResult {
	switch {
	case s.Bitmap != 0 && p.Bitmap == 0:
		if in.Version < 91 {
			return CompareResult{Result: needVersion(91), Rule: 34}
		}
		if s.Bitmap == p.History0 && s.History0 == p.History1 {
			fixed := in.Self
			fixed.ClearBitmap()
			return CompareResult{Result: +1, Rule: 34, FixSelf: &fixed}
		}
		return CompareResult{Result: +1, Rule: 36}
	case s.Bitmap == 0 && p.Bitmap != 0:
		if in.Version < 91 {
			return CompareResult{Result: needVersion(91), Rule: 35}
		}
		if s.History0 == p.Bitmap && s.History1 == p.History0 {
			fixed := in.Peer
			fixed.ClearBitmap()
			return CompareResult{Result: -1, Rule: 35, FixPeer: &fixed}
		}
		return CompareResult{Result: -1, Rule: 37}
	case !in.SelfCrashed && !in.PeerCrashed:
		return CompareResult{Result: 0, Rule: 40}
	case in.SelfPrimary || in.PeerPrimary:
		return CompareResult{Result: in.crashedWithPrimary(), Rule: 41}
	}
	source := in.SelfCrashed
	if in.PeerCrashed && source {
		source = !in.Resolve
	}
	return CompareResult{Result: sign(source), Rule: 40}
}

// crashedWithPrimary: one was a crashed Primary, and a Primary goes on with what
// has the same identifier, which happens if its I/O was frozen meanwhile. A peer
// that knows of that has the feature WSAME.
func (in CompareInput) crashedWithPrimary() int {
	switch {
	case in.Features&wire.FeatWSame == 0:
		return needFeature(wire.MaxVersion, wire.FeatWSame)
	case in.SelfPrimary && in.PeerPrimary:
		return HardSplitBrain
	}
	return sign(in.SelfPrimary)
}

// sign is the result for a source or a target by bitmap.
func sign(source bool) int {
	if source {
		return +1
	}
	return -1
}
