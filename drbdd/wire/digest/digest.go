// Package digest computes what DRBD nodes put on the wire to check data and each
// other: plain digests of blocks (data-integrity-alg, csums-alg, verify-alg) and the
// HMAC of the authentication (cram-hmac-alg). Names are those of the kernel's
// hashes. The package is pure; random challenges come from the caller.
//
// Sections named in comments are those of the specification drbd-wire.
package digest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
)

// ChallengeSize is the number of random bytes of our challenge; a peer may send up
// to 128.
const (
	ChallengeSize = 64
	maxChallenge  = 128
)

// MaxSecret is the largest shared secret in bytes.
const MaxSecret = 63

// Errors of authentication. Same, Wrong and Long mean to give up (section 5); a
// response of another length only ends the connection attempt.
var (
	ErrUnknownAlg    = errors.New("unknown algorithm")
	ErrSameChallenge = errors.New("Peer presented the same challenge!")
	ErrChallengeSize = errors.New("AuthChallenge of a size that is not allowed")
	ErrResponseSize  = errors.New("AuthResponse of the wrong size")
	ErrWrongResponse = errors.New("Authentication of peer failed")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c is the ordinary CRC-32C, stored little endian (section 17.1).
type crc32c struct{ hash.Hash32 }

func (c crc32c) Sum(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, c.Sum32()) }

var hashes = map[string]func() hash.Hash{
	"md5":    md5.New,
	"sha1":   sha1.New,
	"sha224": sha256.New224,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

// New returns the hash of that name for digests of data.
func New(alg string) (hash.Hash, error) {
	if alg == "crc32c" {
		return crc32c{crc32.New(castagnoli)}, nil
	}
	f, ok := hashes[alg]
	if !ok {
		return nil, fmt.Errorf("%w %q", ErrUnknownAlg, alg)
	}
	return f(), nil
}

// Response answers a peer's challenge: the HMAC over its bytes. crc32c cannot be
// used here.
func Response(alg, secret string, challenge []byte) ([]byte, error) {
	f, ok := hashes[alg]
	if !ok {
		return nil, fmt.Errorf("%w %q for cram-hmac-alg", ErrUnknownAlg, alg)
	}
	m := hmac.New(f, []byte(secret))
	m.Write(challenge)
	return m.Sum(nil), nil
}

// CheckChallenge decides on a peer's challenge, given our own.
func CheckChallenge(own, peer []byte) error {
	if len(peer) < ChallengeSize || len(peer) > maxChallenge {
		return fmt.Errorf("%w: %d bytes", ErrChallengeSize, len(peer))
	}
	if hmac.Equal(own, peer) {
		return ErrSameChallenge
	}
	return nil
}

// CheckResponse decides on a peer's response to our own challenge.
func CheckResponse(alg, secret string, own, response []byte) error {
	want, err := Response(alg, secret, own)
	switch {
	case err != nil:
		return err
	case len(response) != len(want):
		return fmt.Errorf("%w: %d bytes, expected %d", ErrResponseSize, len(response), len(want))
	case !hmac.Equal(response, want):
		return ErrWrongResponse
	}
	return nil
}
