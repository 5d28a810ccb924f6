package gi

import (
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

// what is the story of a decision: lines without the comparison, handlers in
// brackets, and how it ended.
func what(d Decision) string {
	var s []string
	for _, x := range d.Steps {
		switch {
		case x.Handler != "":
			s = append(s, "["+x.Handler+"]")
		case x.Text == "drbd_sync_handshake:", strings.HasPrefix(x.Text, "self "), strings.HasPrefix(x.Text, "peer "), strings.HasPrefix(x.Text, "uuid_"):
		default:
			s = append(s, x.Text)
		}
	}
	end := "fail"
	switch {
	case d.NeedDemotion:
		end = "demote"
	case d.DryRun:
		end = "dry run"
	case d.OK && d.FullSync:
		end = d.Conn.String() + " full"
	case d.OK:
		end = d.Conn.String()
	}
	return strings.Join(append(s, "= "+end), "; ")
}

// The ways two sets can relate, seen from here.
var (
	equal     = [2]uu{{0x10, 0, 0, 0}, {0x10, 0, 0, 0}}
	source    = [2]uu{{0x20, 0x10, 0, 0}, {0x10, 0, 0, 0}}
	target    = [2]uu{{0x10, 0, 0, 0}, {0x20, 0x10, 0, 0}}
	fullTo    = [2]uu{{0x20, 0x30, 0x10, 0}, {0x10, 0, 0, 0}}
	fullFrom  = [2]uu{{0x10, 0, 0, 0}, {0x20, 0x30, 0x10, 0}}
	split     = [2]uu{{0x20, 0x10, 0, 0}, {0x30, 0x10, 0, 0}}
	hardSplit = [2]uu{{0x20, 0x50, 0, 0}, {0x30, 0x60, 0, 0}}
	unrelated = [2]uu{{0x20, 0x50, 8, 8}, {0x30, 0x60, 10, 10}}
)

func input(sets [2]uu, change ...func(*Input)) Input {
	p := sets[1]
	in := Input{
		Self: metadata.UUIDs(sets[0]), Peer: wire.UUIDs{Current: p.Current, Bitmap: p.Bitmap, History0: p.History0, History1: p.History1},
		Dialect: wire.Dialect{Version: 101, Features: wire.AllFeatures}, Disk: wire.UpToDate, PeerDisk: wire.UpToDate,
	}
	for _, f := range change {
		f(&in)
	}
	return in
}

func disks(d, p wire.DiskState) func(*Input) { return func(i *Input) { i.Disk, i.PeerDisk = d, p } }
func primary(i *Input)                       { i.SelfPrimary = true }
func peerPrimary(i *Input)                   { i.PeerPrimary = true }
func discard(i *Input)                       { i.DiscardMyData = true }
func peerDiscard(i *Input)                   { i.Peer.Flags |= wire.UUIDDiscardMyData }
func dry(i *Input)                           { i.DryRun = true }
func always(i *Input)                        { i.AlwaysASBP = true }
func bits(i *Input)                          { i.Bits = 7 }
func rr(p RRConflict) func(*Input)           { return func(i *Input) { i.RRConflict = p } }
func asb(n int, p wire.Policy) func(*Input)  { return func(i *Input) { i.AfterSB[n] = p } }

const (
	initial    = "[initial-split-brain]; "
	unresolved = "Split-Brain detected but unresolved, dropping connection!; [split-brain]; = fail"
	full       = "Writing the whole bitmap, full sync required after drbd_sync_handshake.; = "
)

// Section 11.2, step by step.
func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Input
		want string
	}{
		{"1 unrelated", input(unrelated), "Unrelated data, aborting!; = fail"},
		{"1 unrelated, even if Inconsistent", input(unrelated, disks(wire.Inconsistent, wire.UpToDate)), "Unrelated data, aborting!; = fail"},
		{"1 old peer", input([2]uu{{0x10, 0x20, 0, 0}, {0x10, 0, 0, 0}}, func(i *Input) { i.Dialect.Version = 90 }),
			"To resolve this both sides have to support at least protocol 91; = fail"},
		{"1 old peer's features", input(equal, primary, func(i *Input) { i.Dialect.Features = 0; i.SelfCrashed = true }),
			"To resolve this both sides have to support at least protocol 101 and feature flags 0x4; = fail"},
		{"2 better disk here", input(equal, disks(wire.UpToDate, wire.Inconsistent)), "Becoming sync source due to disk states.; = WFBitMapS"},
		{"2 better disk there", input(equal, disks(wire.Inconsistent, wire.Consistent)), "Becoming sync target due to disk states.; = WFBitMapT"},
		{"2 against the identifiers", input(fullFrom, disks(wire.Outdated, wire.Inconsistent)), "Becoming sync source due to disk states.; " + full + "WFBitMapS full"},
		{"2 not against a Primary with newer data", input(target, disks(wire.Outdated, wire.Inconsistent), peerPrimary),
			"I shall become SyncTarget, but the peer is inconsistent!; = fail"},
		{"2 nor where a full sync would be needed", input(fullFrom, disks(wire.UpToDate, wire.Inconsistent), peerPrimary),
			"I shall become SyncTarget, but the peer is inconsistent!; = fail"},
		{"2 nor one with other data", input(split, disks(wire.Outdated, wire.Inconsistent), peerPrimary), initial + unresolved},
		{"2 a Primary with our identifier that crashed", input(equal, disks(wire.UpToDate, wire.Inconsistent), peerPrimary,
			func(i *Input) { i.Peer.Flags |= crashedFlag }), "Becoming sync source due to disk states.; = WFBitMapS"},
		{"2 a Primary whose resync ended here", input([2]uu{{0x10, 0, 0x20, 8}, {0x10, 0x20, 8, 0}}, disks(wire.UpToDate, wire.Inconsistent), peerPrimary),
			"was SyncTarget, peer missed the resync finished event, corrected peer:; Becoming sync source due to disk states.; = WFBitMapS"},
		{"2 a Primary that shows our data", input(source, disks(wire.UpToDate, wire.Inconsistent), peerPrimary), "Becoming sync source due to disk states.; = WFBitMapS"},
		{"2 at split brain", input(split, disks(wire.Inconsistent, wire.UpToDate)), "Becoming sync target due to disk states.; = WFBitMapT"},
		{"2 at hard split brain", input(hardSplit, disks(wire.Inconsistent, wire.UpToDate)), "Becoming sync target due to disk states.; " + full + "WFBitMapT full"},
		{"2 not if both are", input(split, disks(wire.Inconsistent, wire.Inconsistent)), initial + unresolved},
		{"2 attached disk", input(equal, disks(wire.Negotiating, wire.Inconsistent), func(i *Input) { i.AttachDisk = wire.Consistent }),
			"Becoming sync source due to disk states.; = WFBitMapS"},
		{"4 solved", input(split, asb(0, DiscardRemote)), initial + "Split-Brain detected, 0 primaries, automatically solved. Sync from this node; = WFBitMapS"},
		{"4 one primary", input(split, peerPrimary, asb(0, DiscardRemote), asb(1, DiscardSecondary)),
			initial + "Split-Brain detected, 1 primaries, automatically solved. Sync from peer node; = WFBitMapT"},
		{"4 hard is not solved", input(hardSplit, asb(0, DiscardRemote)), initial + unresolved},
		{"4 but always", input(hardSplit, asb(0, DiscardLocal), always),
			initial + "Split-Brain detected, 0 primaries, automatically solved. Sync from peer node; Doing a full sync, since UUIDs where ambiguous.; " + full + "WFBitMapT full"},
		{"5 my data", input(split, discard), initial + "Split-Brain detected, manually solved. Sync from peer node; = WFBitMapT"},
		{"5 peer's data", input(hardSplit, peerDiscard), initial + "Split-Brain detected, manually solved. Sync from this node; = WFBitMapS"},
		{"5 nobody's data", input(split, discard, peerDiscard), initial + unresolved},
		{"5 the policy counts first", input(split, peerDiscard, asb(0, DiscardLocal)), initial + "Split-Brain detected, 0 primaries, automatically solved. Sync from peer node; = WFBitMapT"},
		{"5 not without split brain", input(source, discard), "= WFBitMapS"},
		{"7 bad source", input(source, disks(wire.Inconsistent, wire.Inconsistent)), "I shall become SyncSource, but I am inconsistent!; = fail"},
		{"7 bad attached source", input(source, disks(wire.Negotiating, wire.Inconsistent), func(i *Input) { i.AttachDisk = wire.Inconsistent }),
			"I shall become SyncSource, but I am inconsistent!; = fail"},
		{"8 disconnect", input(target, primary), "I shall become SyncTarget, but I am primary!; = fail"},
		{"8 call-pri-lost", input(target, primary, rr(RRCallPriLost)), "[pri-lost]; I shall become SyncTarget, but I am primary!; = fail"},
		{"8 violently", input(target, primary, rr(RRViolently)), "Becoming SyncTarget, violating the stable-data assumption; = WFBitMapT"},
		{"8 not for an Outdated disk", input(target, primary, disks(wire.Outdated, wire.UpToDate)), "= WFBitMapT"},
		{"8 not for a disk being attached", input(target, primary, disks(wire.Negotiating, wire.UpToDate), func(i *Input) { i.AttachDisk = wire.UpToDate }), "= WFBitMapT"},
		{"9 source", input(source, dry), "dry-run connect: Would become SyncSource, doing a bit-map based resync.; = dry run"},
		{"9 full", input(fullFrom, dry), "dry-run connect: Would become SyncTarget, doing a full resync.; = dry run"},
		{"9 nothing", input(equal, dry, bits), "dry-run connect: No resync, would become Connected immediately.; = dry run"},
		{"9 not if it fails anyway", input(target, primary, dry), "I shall become SyncTarget, but I am primary!; = fail"},
		{"10 full", input(fullTo), full + "WFBitMapS full"},
		{"11 equal", input(equal), "= Connected"},
		{"11 equal with bits", input(equal, bits), "No resync, but 7 bits in bitmap!; = Connected"},
		{"11 target", input(target, bits, peerPrimary), "= WFBitMapT"},
	} {
		if got := what(Decide(c.in)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestDecideCorrects(t *testing.T) {
	in := input([2]uu{{0x10, 0x20, 0x30, 0x40}, {0x10, 0, 0x20, 0x30}})
	in.CommBits, in.Peer.DirtyBits, in.Peer.Flags = 5, 6, 2
	d := Decide(in)
	var lines []string
	for _, s := range d.Steps {
		lines = append(lines, s.Text)
	}
	want := []string{
		"drbd_sync_handshake:",
		"self 0000000000000010:0000000000000020:0000000000000030:0000000000000040 bits:5 flags:0",
		"peer 0000000000000010:0000000000000000:0000000000000020:0000000000000030 bits:6 flags:2",
		"was SyncSource, missed the resync finished event, corrected myself:",
		"self 0000000000000010:0000000000000000:0000000000000020:0000000000000030 bits:5 flags:0",
		"uuid_compare()=1 by rule 34",
	}
	if !slices.Equal(lines, want) || d.Conn != wire.WFBitMapS || *d.Compare.FixSelf != (metadata.UUIDs{Current: 0x10, History0: 0x20, History1: 0x30}) {
		t.Errorf("%s\n%v", strings.Join(lines, "\n"), d.Compare)
	}
	if d = Decide(input([2]uu{{0x10, 0, 0x20, 0x30}, {0x10, 0x20, 0x30, 0x40}})); d.Conn != wire.WFBitMapT || d.Compare.FixPeer == nil || d.Compare.FixSelf != nil {
		t.Errorf("seen from the target: %+v", d)
	}
}
