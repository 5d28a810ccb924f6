package gi

import "classicha/drbdd/wire"

// The after-sb policies, with the numbers of P_PROTOCOL.
const (
	Disconnect            wire.Policy = 0
	DiscardYoungerPrimary wire.Policy = 1
	DiscardOlderPrimary   wire.Policy = 2
	DiscardZeroChanges    wire.Policy = 3
	DiscardLeastChanges   wire.Policy = 4
	DiscardLocal          wire.Policy = 5
	DiscardRemote         wire.Policy = 6
	Consensus             wire.Policy = 7
	DiscardSecondary      wire.Policy = 8
	CallPriLostAfterSB    wire.Policy = 9
	ViolentlyAs0P         wire.Policy = 10
)

// RRConflict is what to do when a Primary should become sync target (11.2, 8).
type RRConflict uint8

// Policies for that conflict.
const (
	RRDisconnect RRConflict = iota
	RRCallPriLost
	RRViolently
)

// Lines of the policies.
const (
	lineConfig     = "Configuration error."
	lineNoDecision = "Discard younger/older primary did not find a decision"
	lineLeast      = "Using discard-least-changes instead"
	lineGaveUp     = "Successfully gave up primary role."
)

// recover applies the after-sb policy for the number of primaries (section 11.3):
// +1 source, -1 target, HardSplitBrain undecided.
func (h *handshake) recover(primaries int) int {
	switch primaries {
	case 0:
		return h.recover0()
	case 1:
		return h.recover1()
	}
	return h.recover2()
}

func (h *handshake) recover0() int {
	self, peer := h.in.Self.Bitmap&primaryBit != 0, h.in.Peer.Bitmap&primaryBit != 0
	mine, theirs := h.in.CommBits, h.in.Peer.DirtyBits
	tie := sign(!h.in.Resolve)
	policy := h.in.AfterSB[0]
	switch policy {
	case Disconnect:
		return HardSplitBrain
	case DiscardLocal:
		return -1
	case DiscardRemote:
		return +1
	case DiscardYoungerPrimary, DiscardOlderPrimary:
		// Bit 0 of the bitmap identifier tells who was Primary when the nodes parted,
		// and so is the older one.
		if self != peer {
			return sign(self == (policy == DiscardYoungerPrimary))
		}
		h.log(Warn, lineNoDecision)
		h.log(Warn, lineLeast)
	case DiscardZeroChanges, DiscardLeastChanges:
	default:
		h.log(Error, lineConfig)
		return HardSplitBrain
	}
	if policy != DiscardLeastChanges {
		switch {
		case mine == 0 && theirs == 0:
			return tie
		case theirs == 0:
			return +1
		case mine == 0:
			return -1
		case policy == DiscardZeroChanges:
			return HardSplitBrain
		}
	}
	if mine == theirs {
		return tie
	}
	return sign(mine > theirs)
}

func (h *handshake) recover1() int {
	switch h.in.AfterSB[1] {
	case Disconnect:
		return HardSplitBrain
	case Consensus:
		// Only if it discards the Secondary's data.
		if r := h.recover0(); r == sign(h.in.SelfPrimary) {
			return r
		}
		return HardSplitBrain
	case ViolentlyAs0P:
		return h.recover0()
	case DiscardSecondary:
		return sign(h.in.SelfPrimary)
	case CallPriLostAfterSB:
		return h.priLost()
	}
	h.log(Error, lineConfig)
	return HardSplitBrain
}

func (h *handshake) recover2() int {
	switch h.in.AfterSB[2] {
	case Disconnect:
		return HardSplitBrain
	case ViolentlyAs0P:
		return h.recover0()
	case CallPriLostAfterSB:
		return h.priLost()
	}
	h.log(Error, lineConfig)
	return HardSplitBrain
}

// priLost is call-pri-lost-after-sb: a Primary that loses has to give up its role
// first. The first pass ends here and asks for that; the second one goes on.
func (h *handshake) priLost() int {
	r := h.recover0()
	if r != -1 || !h.in.SelfPrimary {
		return r
	}
	switch {
	case !h.in.TriedDemote:
		h.needDemotion = true
		return HardSplitBrain
	case !h.in.Demoted:
		h.run("pri-lost-after-sb")
		return HardSplitBrain
	}
	h.log(Warn, lineGaveUp)
	return r
}
