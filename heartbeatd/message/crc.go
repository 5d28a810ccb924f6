package message

// crcTable is CRC-32 with polynomial 0x04C11DB7, most significant bit first.
// hash/crc32 only knows the bit-reversed order.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&0x80000000 != 0 {
				c = c<<1 ^ 0x04C11DB7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// crcBytes is the checksum of the method crc: start 0, final complement
// (POSIX cksum without the length).
func crcBytes(b []byte) uint32 {
	var c uint32
	for _, x := range b {
		c = c<<8 ^ crcTable[byte(c>>24)^x]
	}
	return ^c
}
