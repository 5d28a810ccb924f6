package metadata

import "errors"

// ALBlockSize is the size of one block of the activity log: one transaction.
const ALBlockSize = 4096

// Ring is the shape of the activity log on disk: stripes of 4 KiB blocks, so that
// consecutive transactions can go to different spindles.
type Ring struct {
	Stripes  uint32
	Stripe4k uint32 // blocks of one stripe
}

// DefaultRing is what create-md makes without options: 32 KiB.
var DefaultRing = Ring{Stripes: 1, Stripe4k: 8}

// Limits of the ring in blocks. The kernel takes up to 16 GiB, drbdmeta makes and
// reads up to 32 MiB; more could not be replayed in a bounded amount of memory.
const (
	minRingBlocks = 8
	maxRingBlocks = 32 << 20 / ALBlockSize
)

// Errors of Ring.Check, with drbdmeta's texts.
var (
	ErrRingSmall = errors.New("invalid (too small) al-stripe* settings")
	ErrRingLarge = errors.New("invalid (too large) al-stripe* settings")
)

// Check tells whether create-md would accept the ring.
func (r Ring) Check() error {
	switch n := uint64(r.Stripes) * uint64(r.Stripe4k); {
	case n < minRingBlocks:
		return ErrRingSmall
	case n > maxRingBlocks:
		return ErrRingLarge
	}
	return nil
}

// Blocks returns the number of 4 KiB blocks of a valid ring.
func (r Ring) Blocks() uint32 { return r.Stripes * r.Stripe4k }

func (r Ring) sectors() int64 { return int64(r.Blocks()) * (ALBlockSize / SectorSize) }

// Block returns the index of the block for a transaction number (section 5).
func (r Ring) Block(tr uint32) uint32 {
	t := tr % r.Blocks()
	return t%r.Stripes*r.Stripe4k + t/r.Stripes
}

// MaxExtents is the largest al-extents for the ring: while all its transactions
// are written once, each slot must have been part of a context once.
func (r Ring) MaxExtents() int {
	return int(min(ALMaxSlots, (uint64(r.Blocks())-1)*ALContextSlots))
}
