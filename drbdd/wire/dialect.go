package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Versions that we speak, and the one assumed before the feature handshake.
const (
	MinVersion    = 86
	MaxVersion    = 101
	FirstVersion  = 80
	SocketBuffer  = 4096 // a packet without data fits, header included
	maxDigest     = 64   // bytes of the longest digest
	maxSector     = 1 << 51
	maxAlgName    = 64 // bytes of an algorithm's name, NUL included
	challengeSize = 64
	maxChallenge  = 128
)

// Feature is a set of the flags of the feature handshake (section 4).
type Feature uint32

// Features.
const (
	FeatTrim       Feature = 1
	FeatThinResync Feature = 2
	FeatWSame      Feature = 4
	FeatWZeroes    Feature = 8
	AllFeatures            = FeatTrim | FeatThinResync | FeatWSame | FeatWZeroes
)

// String is the end of the kernel's line: "0xf TRIM THIN_RESYNC WRITE_SAME WRITE_ZEROES".
func (f Feature) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "0x%x", uint32(f))
	for i, n := range []string{" TRIM", " THIN_RESYNC", " WRITE_SAME", " WRITE_ZEROES"} {
		if f&(1<<i) != 0 {
			b.WriteString(n)
		}
	}
	if f&AllFeatures == 0 {
		b.WriteString(" none")
	}
	return b.String()
}

// Dialect is what two nodes agreed on, as far as it decides what packets look like.
type Dialect struct {
	Version  int
	Features Feature
	// Digest is the number of bytes of the data-integrity digest in this direction,
	// 0 = none.
	Digest int
}

// Initial is the dialect before the feature handshake.
var Initial = Dialect{Version: FirstVersion}

// Agree computes the dialect from our own and the peer's announcement. The error
// has the text that the kernel logs before it gives up.
func Agree(own, peer Features) (Dialect, error) {
	if peer.Max == 0 {
		peer.Max = peer.Min
	}
	if own.Max < peer.Min || own.Min > peer.Max {
		return Dialect{}, errorf(Incompatible, CmdFeatures,
			"incompatible DRBD dialects: I support %d-%d, peer supports %d-%d", own.Min, own.Max, peer.Min, peer.Max)
	}
	return Dialect{Version: int(min(own.Max, peer.Max)), Features: own.Flags & peer.Flags}, nil
}

// HeaderSize is the number of bytes of an ordinary header.
func (d Dialect) HeaderSize() int {
	if d.Version >= 100 {
		return header100
	}
	return header80
}

// MaxData is the largest payload of P_DATA in bytes.
func (d Dialect) MaxData() int {
	switch {
	case d.Version <= 94:
		return 32 << 10
	case d.Version < 100:
		return 128 << 10
	}
	return 1 << 20
}

// MaxAffected is the largest range of P_TRIM, P_ZEROES and P_WSAME in bytes.
func (d Dialect) MaxAffected() int {
	if d.Features&FeatWSame != 0 {
		return 128 << 20
	}
	return 4 << 20
}

// BitmapRoom is the number of bytes of bitmap in one packet.
func (d Dialect) BitmapRoom() int { return SocketBuffer - d.HeaderSize() }

const featuresSize = 72

// Features is P_CONNECTION_FEATURES. Its reserved fields are zero when sent and
// ignored when received.
type Features struct {
	Min, Max uint32 // protocol versions
	Flags    Feature
}

// OwnFeatures is our announcement with those flags.
func OwnFeatures(f Feature) Features { return Features{Min: MinVersion, Max: MaxVersion, Flags: f} }

// Append appends the 72 bytes.
func (f Features) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint32(b, f.Min)
	b = be.AppendUint32(b, uint32(f.Flags))
	b = be.AppendUint32(b, f.Max)
	return append(b, make([]byte, featuresSize-12)...)
}

// ParseFeatures reads the 72 bytes.
func ParseFeatures(_ Dialect, b []byte) (Features, error) {
	if len(b) != featuresSize {
		return Features{}, wrongSize(CmdFeatures, featuresSize, len(b))
	}
	be := binary.BigEndian
	return Features{Min: be.Uint32(b), Flags: Feature(be.Uint32(b[4:])), Max: be.Uint32(b[8:])}, nil
}

func (f Features) String() string {
	return fmt.Sprintf("min=%d max=%d features=0x%x", f.Min, f.Max, uint32(f.Flags))
}

// digests has the size in bytes of the digests that data-integrity-alg, csums-alg
// and verify-alg may name.
var digests = map[string]int{
	"crc32c": 4, "md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64,
}

// DigestSize returns the bytes of a digest by the kernel's name of the algorithm;
// the empty name has none. ok is false for a name that is not known.
func DigestSize(alg string) (size int, ok bool) {
	if alg == "" {
		return 0, true
	}
	size, ok = digests[alg]
	return size, ok
}
