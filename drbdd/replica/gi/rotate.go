package gi

import "classicha/drbdd/metadata"

// SyncOffset is the distance of the identifier of a resync from the bitmap
// identifier that it replaces. It lets the peers see that P_SYNC_UUID was lost.
const SyncOffset = 1 << 48

const primaryBit = 1

// Fresh draws random numbers until one can be an identifier: 0 and 4
// (metadata.JustCreated) have a meaning of their own, with bit 0 set or not.
func Fresh(random func() uint64) uint64 {
	for {
		if x := random(); x&^primaryBit != 0 && x&^primaryBit != metadata.JustCreated {
			return x
		}
	}
}

// StartAsSource begins a resync to the peer and returns the identifier to send in
// P_SYNC_UUID. random is used if there is no generation to derive it from.
func StartAsSource(own *metadata.UUIDs, random uint64) uint64 {
	x := random
	if own.Bitmap != 0 && own.Bitmap != metadata.JustCreated {
		x = own.Bitmap + SyncOffset
	}
	own.SetBitmap(x)
	return x
}

// SyncUUID makes a random number the identifier of a resync for StartAsSource, one
// that OfSync knows again.
func SyncUUID(own metadata.UUIDs, random uint64) uint64 {
	return random&(SyncOffset-1) | (own.Current+SyncOffset)&^(SyncOffset-1)
}

// OfSync tells whether the bitmap identifier is that of a resync that this node began
// as the source, and not the former current one. Of 65536 others one is taken for it.
func OfSync(own metadata.UUIDs) bool {
	x := own.Bitmap &^ primaryBit
	return x != 0 && (x == own.History0&^primaryBit+SyncOffset || x/SyncOffset == (own.Current+SyncOffset)/SyncOffset)
}

// StartAsTarget begins a resync from the peer that sent x in P_SYNC_UUID: until it
// is finished this is data of its own kind.
func StartAsTarget(own *metadata.UUIDs, x uint64, primary bool) {
	own.SetCurrent(x, primary)
	own.Bitmap = 0
}

// FinishAsTarget ends a resync without failed blocks: the data is the peer's. own
// becomes the peer's set, with a trace of the resync; peer, what is known of the
// peer, follows as the peer ends it too.
func FinishAsTarget(own, peer *metadata.UUIDs, primary bool) {
	sync := own.Current
	own.Bitmap, own.History0, own.History1 = peer.Bitmap, peer.History0, peer.History1
	own.SetBitmap(sync)
	own.SetCurrent(peer.Current, primary)
	own.ClearBitmap()
	follow(own, peer)
}

// FinishAsSource ends a resync without failed blocks on its source.
func FinishAsSource(own, peer *metadata.UUIDs) {
	own.ClearBitmap()
	follow(own, peer)
}

// follow: both sets are equal now, but for bit 0 of the current one.
func follow(own, peer *metadata.UUIDs) {
	primary := peer.Current&primaryBit != 0
	*peer = *own
	peer.SetCurrent(own.Current, primary)
}

// SkipInitialSync takes the peer's current identifier over: both disks were
// declared to be equal (flag 8 of P_UUIDS on fresh metadata, section 11).
func SkipInitialSync(own *metadata.UUIDs, peerCurrent uint64, primary bool) {
	own.SetCurrent(peerCurrent, primary)
	own.Bitmap = 0
}

// MaySkipInitialSync tells that a connected node with own metadata takes P_UUIDS
// with flag 8 that way. version is the agreed protocol version.
func MaySkipInitialSync(own metadata.UUIDs, version int, peerFlags uint64) bool {
	return version >= 90 && own.Current == metadata.JustCreated && peerFlags&skipFlag != 0
}
