package gi

import (
	"fmt"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
)

type handshake struct {
	in           Input
	steps        []Step
	needDemotion bool
}

func (h *handshake) log(l Level, format string, a ...any) {
	h.steps = append(h.steps, Step{Level: l, Text: fmt.Sprintf(format, a...)})
}

func (h *handshake) run(handler string) { h.steps = append(h.steps, Step{Handler: handler}) }

// dump is the line about one set: "self CUR:BM:H0:H1 bits:N flags:F".
func (h *handshake) dump(who string, u metadata.UUIDs, bits, flags uint64) {
	h.log(Info, "%s %016X:%016X:%016X:%016X bits:%d flags:%X", who, u.Current, u.Bitmap, u.History0, u.History1, bits, flags)
}

func peerSet(p wire.UUIDs) metadata.UUIDs {
	return metadata.UUIDs{Current: p.Current, Bitmap: p.Bitmap, History0: p.History0, History1: p.History1}
}

// Decide carries out section 11.2. It is called when the peer's UUIDs and state
// are known and both nodes have a disk.
func Decide(in Input) Decision {
	h := &handshake{in: in}
	c := h.compare()
	result := c.Result
	d := Decision{Compare: c}
	disk := in.Disk
	if disk == wire.Negotiating {
		disk = in.AttachDisk
	}
	if h.related(result) {
		result = h.byDisks(result, disk)
		result = h.splitBrain(result)
		if h.needDemotion {
			d.Steps, d.NeedDemotion = h.steps, true
			return d
		}
		d.OK = result != HardSplitBrain && h.possible(result, disk)
	}
	if d.OK && in.DryRun {
		h.dryRun(result)
		d.OK, d.DryRun = false, true
	}
	if d.OK {
		d.FullSync = abs(result) >= 2
		d.Conn = h.enter(result)
	}
	if d.Steps = h.steps; in.TriedDemote {
		// The first pass did these, as far as the demotion.
		first := in
		first.TriedDemote = false
		if f := Decide(first); f.NeedDemotion {
			d.Steps = d.Steps[len(f.Steps):]
		}
	}
	return d
}

// compare compares and logs.
func (h *handshake) compare() CompareResult {
	in := &h.in
	h.log(Info, "drbd_sync_handshake:")
	h.dump("self", in.Self, in.CommBits, 0)
	h.dump("peer", peerSet(in.Peer), in.Peer.DirtyBits, in.Peer.Flags)
	c := Compare(CompareInput{
		Self: in.Self, Peer: peerSet(in.Peer), SelfCrashed: in.SelfCrashed, PeerCrashed: in.Peer.Flags&crashedFlag != 0,
		SelfPrimary: in.SelfPrimary, PeerPrimary: in.PeerPrimary,
		Version: in.Dialect.Version, Features: in.Dialect.Features, Resolve: in.Resolve,
	})
	if abs(c.Result) == 1 {
		if line, ok := ruleLines[c.Rule]; ok {
			h.log(Info, "%s", line)
		}
	}
	if c.FixSelf != nil {
		h.dump("self", *c.FixSelf, in.CommBits, 0)
		in.Self = *c.FixSelf
	}
	if c.FixPeer != nil {
		h.dump("peer", *c.FixPeer, in.Peer.DirtyBits, in.Peer.Flags)
		p := *c.FixPeer
		in.Peer.Current, in.Peer.Bitmap, in.Peer.History0, in.Peer.History1 = p.Current, p.Bitmap, p.History0, p.History1
	}
	h.log(Info, "uuid_compare()=%d by rule %d", c.Result, c.Rule)
	return c
}

// ruleLines tell what happened where a comparison found out.
var ruleLines = map[int]string{
	34: "was SyncSource, missed the resync finished event, corrected myself:",
	35: "was SyncTarget, peer missed the resync finished event, corrected peer:",
	36: "was SyncSource (peer failed to write sync_uuid)",
	37: "was SyncTarget (failed to write sync_uuid)",
	51: "Lost last syncUUID packet, corrected:",
	71: "Last syncUUID did not get through, corrected:",
}

// related is step 1.
func (h *handshake) related(result int) bool {
	if result == Unrelated {
		h.log(Alert, "Unrelated data, aborting!")
		return false
	}
	version, features, lacks := Required(result)
	switch {
	case !lacks:
		return true
	case features != 0:
		h.log(Alert, "To resolve this both sides have to support at least protocol %d and feature flags 0x%x", version, uint32(features))
	default:
		h.log(Alert, "To resolve this both sides have to support at least protocol %d", version)
	}
	return false
}

// byDisks is step 2: if one disk is Inconsistent and the other better there is
// nothing to decide. But a Primary whose data is newer, or other, does not go on with ours,
// and without its consent ours is no better than before. With the same identifier it does, also when
// the rules for a crashed Primary would have it the other way.
func (h *handshake) byDisks(result int, disk wire.DiskState) int {
	peer := h.in.PeerDisk
	if (disk == wire.Inconsistent) == (peer == wire.Inconsistent) || min(disk, peer) < wire.Inconsistent {
		return result
	}
	r := sign(disk > wire.Inconsistent)
	if r > 0 && h.in.PeerPrimary && (result < 0 || result == SplitBrain) && h.in.Self.Current&^1 != h.in.Peer.Current&^1 {
		return result
	}
	h.log(Info, "Becoming sync %s due to disk states.", pick(r > 0, "source", "target"))
	if result == HardSplitBrain || abs(result) == 2 {
		r *= 2
	}
	return r
}

// splitBrain is steps 3 to 6. HardSplitBrain comes back if it stays.
func (h *handshake) splitBrain(result int) int {
	if abs(result) != 100 {
		return result
	}
	// A second pass does it too: its steps are counted, see Decide.
	h.run("initial-split-brain")
	peerOrThis := func() string { return pick(result < 0, "peer", "this") }
	if result == SplitBrain || h.in.AlwaysASBP {
		hard := result == HardSplitBrain
		primaries := count(h.in.SelfPrimary) + count(h.in.PeerPrimary)
		if result = h.recover(primaries); h.needDemotion {
			return result
		}
		if abs(result) < 100 {
			h.log(Warn, "Split-Brain detected, %d primaries, automatically solved. Sync from %s node", primaries, peerOrThis())
			if hard {
				h.log(Warn, "Doing a full sync, since UUIDs where ambiguous.")
				result *= 2
			}
		}
	}
	if peer := h.in.Peer.Flags&discardFlag != 0; result == HardSplitBrain && h.in.DiscardMyData != peer {
		result = sign(peer)
		h.log(Warn, "Split-Brain detected, manually solved. Sync from %s node", peerOrThis())
	}
	if result == HardSplitBrain {
		h.log(Alert, "Split-Brain detected but unresolved, dropping connection!")
		h.run("split-brain")
	}
	return result
}

// possible is steps 7 and 8.
func (h *handshake) possible(result int, disk wire.DiskState) bool {
	if result > 0 && disk <= wire.Inconsistent {
		h.log(Error, "I shall become SyncSource, but I am inconsistent!")
		return false
	}
	if result < 0 && h.in.PeerDisk <= wire.Inconsistent {
		// It says the same of itself; a node that attaches would wait for it for ever.
		h.log(Error, "I shall become SyncTarget, but the peer is inconsistent!")
		return false
	}
	// The disk that counts is the one the application works with: a Primary without
	// one may attach old data and have it brought up to date.
	if result >= 0 || !h.in.SelfPrimary || h.in.Demoted || h.in.Disk < wire.Consistent {
		return true
	}
	switch h.in.RRConflict {
	case RRViolently:
		h.log(Warn, "Becoming SyncTarget, violating the stable-data assumption")
		return true
	case RRCallPriLost:
		h.run("pri-lost")
	}
	h.log(Error, "I shall become SyncTarget, but I am primary!")
	return false
}

// dryRun is step 9.
func (h *handshake) dryRun(result int) {
	if result == 0 {
		h.log(Info, "dry-run connect: No resync, would become Connected immediately.")
		return
	}
	h.log(Info, "dry-run connect: Would become %s, doing a %s resync.",
		pick(result > 0, "SyncSource", "SyncTarget"), pick(abs(result) >= 2, "full", "bit-map based"))
}

// enter is steps 10 and 11.
func (h *handshake) enter(result int) wire.ConnState {
	if abs(result) >= 2 {
		h.log(Info, "Writing the whole bitmap, full sync required after drbd_sync_handshake.")
	}
	switch {
	case result > 0:
		return wire.WFBitMapS
	case result < 0:
		return wire.WFBitMapT
	}
	if h.in.Bits != 0 {
		h.log(Info, "No resync, but %d bits in bitmap!", h.in.Bits)
	}
	return wire.Connected
}

func abs(x int) int { return max(x, -x) }

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func pick(c bool, yes, no string) string {
	if c {
		return yes
	}
	return no
}
