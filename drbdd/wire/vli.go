package wire

// The run lengths of a compressed bitmap are coded with a prefix that tells how
// many bits follow (section 12): value = (length - base) << prefix bits | prefix.
// Bits go into the stream least significant first.

// vliRow is one row of the code table.
type vliRow struct {
	total  uint8  // bits of the code
	prefix uint8  // of which this many are the prefix
	value  uint8  // the prefix
	base   uint64 // shortest run of the row
}

var vliRows = [...]vliRow{
	{2, 1, 0x00, 1},
	{3, 2, 0x01, 3},
	{5, 3, 0x03, 5},
	{7, 4, 0x07, 9},
	{10, 5, 0x0f, 17},
	{14, 6, 0x1f, 49},
	{21, 8, 0x3f, 305},
	{29, 8, 0x7f, 8497},
	{42, 8, 0xbf, 2105649},
	{64, 8, 0xff, 17181974833},
}

// vliEncode returns the code of a run of n >= 1 and its number of bits.
func vliEncode(n uint64) (code uint64, size int) {
	i := len(vliRows) - 1
	for n < vliRows[i].base {
		i--
	}
	r := &vliRows[i]
	return (n-r.base)<<r.prefix | uint64(r.value), int(r.total)
}

// vliRowOf maps the low 8 bits of a code to its row.
var vliRowOf = func() (t [256]uint8) {
	for v := range t {
		for i, r := range vliRows {
			if uint8(v)&uint8(1<<r.prefix-1) == r.value {
				t[v] = uint8(i)
				break
			}
		}
	}
	return t
}()

// vliDecode returns the run at the low end of code, of which have bits are valid,
// and the bits that it took; size 0 if the code is not complete.
func vliDecode(code uint64, have int) (n uint64, size int) {
	r := &vliRows[vliRowOf[uint8(code)]]
	if have < int(r.total) {
		return 0, 0
	}
	n = code >> r.prefix & (1<<(r.total-r.prefix) - 1)
	return n + r.base, int(r.total)
}

// bitWriter appends bits to a byte slice.
type bitWriter struct {
	b    []byte
	used int // bits used of the last byte, 0 = none open
}

// put appends the low n bits of v; the others are zero.
func (w *bitWriter) put(v uint64, n int) {
	if w.used > 0 {
		w.b[len(w.b)-1] |= byte(v << w.used)
		took := min(8-w.used, n)
		v, n = v>>took, n-took
		if w.used += took; w.used == 8 {
			w.used = 0
		}
	}
	for ; n > 0; n -= 8 {
		w.b = append(w.b, byte(v))
		v >>= 8
		if n < 8 {
			w.used = n
		}
	}
}

// bitReader takes bits from a byte slice.
type bitReader struct {
	b    []byte
	pos  int // bits taken
	size int // bits there are
}

// peek returns up to 64 of the next bits and how many are valid.
func (r *bitReader) peek() (v uint64, have int) {
	have = min(64, r.size-r.pos)
	at, shift := r.pos/8, r.pos%8
	for i := 0; i < 9 && at+i < len(r.b); i++ {
		x := uint64(r.b[at+i])
		if s := 8*i - shift; s >= 0 {
			v |= x << s // beyond 63 nothing remains, as it should
		} else {
			v |= x >> -s
		}
	}
	return v & (^uint64(0) >> (64 - have)), have
}
