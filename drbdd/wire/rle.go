package wire

import "fmt"

// BitSource is a bitmap to send. NextSet and NextClear return Bits() if there is
// no such bit from i on.
type BitSource interface {
	Bits() uint64
	NextSet(i uint64) uint64
	NextClear(i uint64) uint64
	// AppendWords appends n little-endian 64-bit words from word off on.
	AppendWords(dst []byte, off, n uint64) []byte
}

// BitSink is a bitmap into which a received one is merged.
type BitSink interface {
	Bits() uint64
	// Set sets n bits from first on and returns how many were clear.
	Set(first, n uint64) uint64
	// OrWords merges little-endian 64-bit words from word off on.
	OrWords(off uint64, words []byte) uint64
}

// The encoding byte of P_COMPRESSED_BITMAP.
const (
	codeRLE      = 2 // the only code
	codeMask     = 0x0f
	codePadShift = 4
	codePadMask  = 7
	codeFirstSet = 0x80
)

// BitmapCode is the encoding byte of P_COMPRESSED_BITMAP; the code itself is the
// payload.
type BitmapCode struct {
	Code     uint8 // 2
	Pad      uint8 // unused bits at the end of the code
	FirstSet bool  // the first run is of set bits
}

// Append appends the byte.
func (p BitmapCode) Append(b []byte) []byte {
	c := p.Code&codeMask | p.Pad&codePadMask<<codePadShift
	if p.FirstSet {
		c |= codeFirstSet
	}
	return append(b, c)
}

// ParseBitmapCode reads the byte. Codes other than 2 are refused by BitmapReceiver.
func ParseBitmapCode(_ Dialect, b []byte) (BitmapCode, error) {
	if len(b) != 1 {
		return BitmapCode{}, wrongSize(CmdCompressedBitmap, 1, len(b))
	}
	return BitmapCode{b[0] & codeMask, b[0] >> codePadShift & codePadMask, b[0]&codeFirstSet != 0}, nil
}

func (p BitmapCode) String() string {
	first := 0
	if p.FirstSet {
		first = 1
	}
	return fmt.Sprintf("encoding=%d first_run_set=%d pad_bits=%d", p.Code, first, p.Pad)
}

// EncodeRuns codes the runs of src from bit from on into at most room bytes
// appended to dst. It stops at the end of the bitmap or when a run does not fit,
// and returns the position reached.
func EncodeRuns(dst []byte, src BitSource, from uint64, room int) (code []byte, p BitmapCode, to uint64) {
	w := bitWriter{b: dst}
	n, at := src.Bits(), from
	p.Code = codeRLE
	set := at < n && src.NextSet(at) == at
	p.FirstSet = set
	for left := room * 8; at < n; set = !set {
		next := n
		if set {
			next = src.NextClear(at)
		} else {
			next = src.NextSet(at)
		}
		v, size := vliEncode(next - at)
		if size > left {
			break
		}
		w.put(v, size)
		left -= size
		at = next
	}
	if w.used > 0 {
		p.Pad = uint8(8 - w.used)
	}
	return w.b, p, at
}

// DecodeRuns calls set for every run of set bits in code, beginning at bit from of
// a bitmap of n bits, and returns the position reached. Runs beyond the end, codes
// that are cut off and unknown encodings are errors.
func DecodeRuns(code []byte, p BitmapCode, from, n uint64, set func(first, n uint64)) (to uint64, err error) {
	bad := func(text string) (uint64, error) {
		return from, errorf(BadValue, CmdCompressedBitmap, "%s: %s", CmdCompressedBitmap.LogName(), text)
	}
	if p.Code != codeRLE {
		return bad(fmt.Sprintf("unknown encoding %d", p.Code))
	}
	if len(code) == 0 {
		return bad("no code")
	}
	r := bitReader{b: code, size: len(code)*8 - int(p.Pad)}
	for isSet := p.FirstSet; r.pos < r.size; isSet = !isSet {
		v, have := r.peek()
		run, size := vliDecode(v, have)
		if size == 0 {
			return bad(fmt.Sprintf("code cut off at bit %d", from))
		}
		if run > n-from {
			return bad(fmt.Sprintf("bitmap overflow (run %d at %d of %d) while decoding bm RLE packet", run, from, n))
		}
		if isSet {
			set(from, run)
		}
		from += run
		r.pos += size
	}
	return from, nil
}
