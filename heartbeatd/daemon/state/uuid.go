package state

import (
	"crypto/rand"
	"encoding/hex"
)

// uuidSize is the size of hb_uuid: the raw bytes, nothing else.
const uuidSize = 16

// UUID reads the identity of this machine, or makes one that lasts. made tells
// the caller to log "No uuid found for current node - generating a new uuid."
// A file of another size or with only zeros counts as missing.
func UUID(path string) (id [uuidSize]byte, made bool, err error) {
	if b, rerr := readSmall(path, 64); rerr == nil && len(b) == uuidSize {
		copy(id[:], b)
		if id != ([uuidSize]byte{}) {
			return id, false, nil
		}
	}
	rand.Read(id[:])          // never fails
	id[6] = id[6]&0x0f | 0x40 // version 4 and variant as libuuid makes them
	id[8] = id[8]&0x3f | 0x80
	if err := writeDurably(path, id[:], 0o644); err != nil {
		return id, false, err
	}
	return id, true, nil
}

// UUIDFromName is the identity of `uuidfrom nodename`: the same as the
// original's, so that replacing the program does not change it (found with
// 3.0.6: node "nodea" logs "seed is 104993439" and has the uuid
// 14df500c-0508-52f2-4c12-790b4c59b6ac). The name's hash, 31 times the hash so
// far plus the next byte, seeds the C library's generator, and 32 draws give a
// hexadecimal digit each. seed is for the original's log line "seed is %d".
func UUIDFromName(name string) (id [uuidSize]byte, seed int32) {
	var h uint32
	for i := range len(name) {
		h = h*31 + uint32(int32(int8(name[i])))
	}
	digits := make([]byte, 2*uuidSize)
	next := glibcRand(h)
	for i := range digits {
		digits[i] = "0123456789abcdef"[next()%16]
	}
	hex.Decode(id[:], digits) // digits are hexadecimal by construction
	return id, int32(h)
}

// glibcRand is rand() of the GNU C library after srand(seed): an additive
// feedback generator over 31 words with a linear congruential start.
func glibcRand(seed uint32) func() uint32 {
	const degree, sep, discard = 31, 3, 310
	if seed == 0 {
		seed = 1
	}
	var r [degree]uint32
	r[0] = seed
	word := int64(int32(seed))
	for i := 1; i < degree; i++ {
		word = 16807 * word % 2147483647
		if word < 0 {
			word += 2147483647
		}
		r[i] = uint32(word)
	}
	f, b := sep, 0
	next := func() uint32 {
		r[f] += r[b]
		v := r[f] >> 1
		f, b = (f+1)%degree, (b+1)%degree
		return v
	}
	for range discard {
		next()
	}
	return next
}
