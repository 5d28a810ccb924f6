package media

import (
	"encoding/binary"
	"errors"
)

// ICMP message types (RFC 792, RFC 4443).
const (
	icmpEchoReply     = 0
	icmpEchoRequest   = 8
	icmp6EchoRequest  = 128
	icmp6EchoReply    = 129
	icmpHeader        = 8
	ipv4HeaderMinimum = 20
)

// echo is an ICMP echo request or reply.
type echo struct {
	id, seq uint16
	payload []byte
}

// appendRequest appends the message as it goes into a raw socket. Over IPv6 the
// kernel computes the checksum, which covers the addresses.
func (e echo) appendRequest(b []byte, six bool) []byte {
	start := len(b)
	kind := byte(icmpEchoRequest)
	if six {
		kind = icmp6EchoRequest
	}
	b = append(b, kind, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.id)
	b = binary.BigEndian.AppendUint16(b, e.seq)
	b = append(b, e.payload...)
	if !six {
		binary.BigEndian.PutUint16(b[start+2:], checksum(b[start:]))
	}
	return b
}

// The errors of parseReply: what a raw socket may get that is no echo reply.
var (
	errShort    = errors.New("packet too short")
	errNotIPv4  = errors.New("not an IPv4 header")
	errNotReply = errors.New("not an echo reply")
	errChecksum = errors.New("bad checksum")
)

// parseReply reads what a raw ICMP socket received: over IPv4 with the IP header
// before it. The payload is a part of b.
func parseReply(b []byte, six bool) (echo, error) {
	if !six {
		var err error
		if b, err = stripIPv4(b); err != nil {
			return echo{}, err
		}
	}
	if len(b) < icmpHeader {
		return echo{}, errShort
	}
	want := byte(icmpEchoReply)
	if six {
		want = icmp6EchoReply
	}
	if b[0] != want || b[1] != 0 {
		return echo{}, errNotReply
	}
	// A raw IPv4 socket gets the packet before the kernel has looked at its
	// checksum; over IPv6 the kernel has checked it.
	if !six && checksum(b) != 0 {
		return echo{}, errChecksum
	}
	return echo{
		id:      binary.BigEndian.Uint16(b[4:]),
		seq:     binary.BigEndian.Uint16(b[6:]),
		payload: b[icmpHeader:],
	}, nil
}

// stripIPv4 returns what follows the IP header, as far as its length says.
func stripIPv4(b []byte) ([]byte, error) {
	if len(b) < ipv4HeaderMinimum {
		return nil, errShort
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 != 4 || header < ipv4HeaderMinimum || header > total || total > len(b) {
		return nil, errNotIPv4
	}
	return b[header:total], nil
}

// checksum is the Internet checksum (RFC 1071); that of a message which holds
// its own is 0.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
