package wire

import "fmt"

// A bitmap travels as a sequence of plain and compressed packets, as the sender
// likes for each (section 12). The position is a word for plain packets and a bit
// for compressed ones; after a compressed packet a plain one repeats the bits of
// the word that was begun, which does no harm.

// BitmapStats counts what a transfer took, for the line in the log.
type BitmapStats struct {
	PlainBytes, RLEBytes     uint64 // with headers
	PlainPackets, RLEPackets uint32

	bits   uint64
	header int
}

func words(bits uint64) uint64 { return bits/64 + (bits%64+63)/64 }

// plain is what a transfer without compression takes.
func (s BitmapStats) plain() uint64 {
	w, room := words(s.bits), uint64(SocketBuffer-s.header)/8
	return uint64(s.header)*((w+room-1)/room+1) + w*8
}

// Worth tells whether compression saved anything; otherwise the kernel logs nothing.
func (s BitmapStats) Worth() bool { return s.PlainBytes+s.RLEBytes < s.plain() }

// String is the kernel's text after "send " or "receive ".
func (s BitmapStats) String() string {
	plain, total, saved := s.plain(), s.PlainBytes+s.RLEBytes, uint64(0)
	if total < plain {
		saved = 1000 - total*1000/plain
	}
	return fmt.Sprintf("bitmap stats [Bytes(packets)]: plain %d(%d), RLE %d(%d), total %d; compression: %d.%d%%",
		s.PlainBytes, s.PlainPackets, s.RLEBytes, s.RLEPackets, total, saved/10, saved%10)
}

func (s *BitmapStats) count(c Command, length int) {
	n := uint64(s.header + length)
	if c == CmdCompressedBitmap {
		s.RLEBytes += n
		s.RLEPackets++
	} else {
		s.PlainBytes += n
		s.PlainPackets++
	}
}

// BitmapSender cuts a bitmap into packets. The bitmap must not change before the
// last one.
type BitmapSender struct {
	Stats BitmapStats

	src  BitSource
	room int
	rle  bool
	word uint64
	bit  uint64
	done bool
}

// NewBitmapSender begins a transfer; useRLE is the option use-rle.
func NewBitmapSender(d Dialect, src BitSource, useRLE bool) *BitmapSender {
	return &BitmapSender{
		Stats: BitmapStats{bits: src.Bits(), header: d.HeaderSize()},
		src:   src, room: d.BitmapRoom(), rle: useRLE && d.Version >= 90,
	}
}

// Next makes the next packet, with its payload in buf if that has room. It returns
// false when there are no more.
func (s *BitmapSender) Next(buf []byte, volume uint16) (Packet, bool) {
	if s.done {
		return Packet{}, false
	}
	n := s.src.Bits()
	if s.rle && s.bit < n {
		code, p, to := EncodeRuns(buf[:0], s.src, s.bit, s.room-1)
		if to-s.bit >= uint64(len(code))*8 && to > s.bit {
			s.bit, s.word = to, to/64
			s.done = to == n
			s.Stats.count(CmdCompressedBitmap, 1+len(code))
			return Packet{Cmd: CmdCompressedBitmap, Volume: volume, Body: p, Payload: code}, true
		}
	}
	k := min(uint64(s.room)/8, words(n)-s.word)
	payload := s.src.AppendWords(buf[:0], s.word, k)
	s.word += k
	s.bit = min(s.word*64, n)
	s.done = k == 0 // an empty packet ends a plain transfer
	s.Stats.count(CmdBitmap, len(payload))
	return Packet{Cmd: CmdBitmap, Volume: volume, Payload: payload}, true
}

// BitmapReceiver merges the packets of one transfer into a bitmap.
type BitmapReceiver struct {
	Stats BitmapStats
	Added uint64 // bits that were clear before

	dst  BitSink
	room int
	word uint64
	bit  uint64
}

// NewBitmapReceiver begins a transfer.
func NewBitmapReceiver(d Dialect, dst BitSink) *BitmapReceiver {
	return &BitmapReceiver{Stats: BitmapStats{bits: dst.Bits(), header: d.HeaderSize()}, dst: dst, room: d.BitmapRoom()}
}

// Packet takes a P_BITMAP or P_COMPRESSED_BITMAP and tells whether it was the last.
// After an error the transfer is over.
func (r *BitmapReceiver) Packet(p *Packet) (done bool, err error) {
	n := r.dst.Bits()
	if code, ok := p.Body.(BitmapCode); ok && p.Cmd == CmdCompressedBitmap {
		r.Stats.count(p.Cmd, 1+len(p.Payload))
		r.bit, err = DecodeRuns(p.Payload, code, r.bit, n, func(first, k uint64) { r.Added += r.dst.Set(first, k) })
		r.word = r.bit / 64
		return r.bit == n, err
	}
	if p.Cmd != CmdBitmap {
		return false, errorf(UnknownCmd, p.Cmd, "receive_bitmap: expected ReportBitMap got %s (0x%04x)", p.Cmd.LogName(), uint16(p.Cmd))
	}
	want := 8 * min(uint64(r.room)/8, words(n)-r.word)
	if uint64(len(p.Payload)) != want {
		return false, errorf(BadSize, p.Cmd, "%s: bitmap packet has want(%d) != size(%d)", CmdBitmap.LogName(), want, len(p.Payload))
	}
	r.Stats.count(p.Cmd, len(p.Payload))
	if want == 0 {
		return true, nil
	}
	r.Added += r.dst.OrWords(r.word, p.Payload)
	r.word += want / 8
	r.bit = min(r.word*64, n)
	return false, nil
}
