package wire

import (
	"fmt"
)

// Body is the struct of a packet: one of the types of this package with Append.
type Body interface {
	Append(b []byte) []byte
	String() string
}

// Packet is a whole packet.
type Packet struct {
	Cmd     Command
	Volume  uint16
	Body    Body   // nil if the packet has no sub-header
	Digest  []byte // of the payload (data-integrity-alg), or of a block (verify, checksums)
	Payload []byte // data, bitmap, challenge, response
}

// Plan tells how to read what follows a header: Body, Digest and Payload bytes, in
// this order. Only the payload of data packets can be large; the other parts fit
// into SocketBuffer.
type Plan struct {
	Body    int
	Digest  int
	Payload int
	Bulk    bool // Payload is data of a block
}

// Plan checks a header: is the packet known and allowed on this socket, in this
// dialect, with this length? Nothing needs to be read before. Errors are *Error.
func (d Dialect) Plan(sock Socket, h Header) (Plan, error) {
	s := h.Cmd.spec()
	if s == nil || s.sock&sock == 0 {
		return Plan{}, errorf(UnknownCmd, h.Cmd, "Unexpected %s packet %s (0x%04x)", sock, h.Cmd.LogName(), uint16(h.Cmd))
	}
	if s.since > max(d.Version, MinVersion) || s.feature&^d.Features != 0 {
		return Plan{}, errorf(NotAgreed, h.Cmd, "Unexpected %s packet %s (0x%04x) in protocol version %d with features 0x%x",
			sock, h.Cmd.LogName(), uint16(h.Cmd), d.Version, uint32(d.Features))
	}
	fixed := s.fixed
	switch h.Cmd {
	case CmdSizes:
		fixed = d.sizesLen()
	case CmdSyncParam89:
		if d.Version >= 95 {
			fixed = syncParam95Size
		}
	}
	if h.Length > 2<<20 {
		return Plan{}, errorf(BadSize, h.Cmd, "%s: packet of %d bytes is too large", h.Cmd.LogName(), h.Length)
	}
	rest := int(h.Length) - fixed
	if rest < 0 {
		return Plan{}, wrongSize(h.Cmd, fixed, int(h.Length))
	}
	if rest > 0 && s.tail == noTail {
		return Plan{}, errorf(BadSize, h.Cmd, "No payload expected %s l:%d", h.Cmd.LogName(), h.Length)
	}
	p := Plan{Body: fixed}
	limit := SocketBuffer - d.HeaderSize() - fixed
	switch s.tail {
	case textTail:
		p.Body = int(h.Length)
	case bytesTail:
		p.Payload = rest
		if h.Cmd == CmdAuthChallenge {
			limit = maxChallenge
		}
	case digestTail:
		if p.Digest, limit = rest, maxDigest; rest == 0 {
			return Plan{}, wrongSize(h.Cmd, fixed+4, int(h.Length))
		}
	case dataTail:
		p.Digest, p.Payload, p.Bulk = d.Digest, rest-d.Digest, true
		if limit = d.Digest + d.MaxData(); h.Cmd == CmdWSame {
			limit = d.Digest + 4096
		}
		if p.Payload < 0 {
			return Plan{}, wrongSize(h.Cmd, fixed+d.Digest, int(h.Length))
		}
		if p.Payload%sectorSize != 0 {
			return Plan{}, errorf(BadSize, h.Cmd, "%s: data of %d bytes is not of whole sectors", h.Cmd.LogName(), p.Payload)
		}
	}
	if rest > limit {
		return Plan{}, errorf(BadSize, h.Cmd, "%s: packet of %d bytes is too large", h.Cmd.LogName(), h.Length)
	}
	return p, nil
}

// ParseBody reads the Plan.Body bytes of a packet; nil for a packet without.
func (d Dialect) ParseBody(c Command, b []byte) (Body, error) {
	s := c.spec()
	if s == nil {
		return nil, errorf(UnknownCmd, c, "Unexpected packet %s (0x%04x)", c.LogName(), uint16(c))
	}
	if s.parse == nil {
		return nil, nil
	}
	body, err := s.parse(d, b)
	if e, ok := err.(*Error); ok {
		e.Cmd = c // several packets share a struct
	}
	return body, err
}

// Next reads the first packet of b and returns how long it is. Digest and Payload
// point into b. The error is ErrShort if the packet is not complete, else *Error.
func (d Dialect) Next(sock Socket, b []byte) (Packet, int, error) {
	h, n, err := d.ParseHeader(b)
	if err != nil {
		return Packet{}, 0, err
	}
	plan, err := d.Plan(sock, h)
	if err != nil {
		return Packet{}, 0, err
	}
	size := n + int(h.Length)
	if len(b) < size {
		return Packet{}, 0, ErrShort
	}
	body, err := d.ParseBody(h.Cmd, b[n:n+plan.Body])
	if err != nil {
		return Packet{}, 0, err
	}
	p := Packet{Cmd: h.Cmd, Volume: h.Volume, Body: body}
	n += plan.Body
	if plan.Digest > 0 {
		p.Digest = b[n : n+plan.Digest : n+plan.Digest]
	}
	if n += plan.Digest; plan.Payload > 0 {
		p.Payload = b[n:size:size]
	}
	return p, size, nil
}

// Append appends the whole packet.
func (d Dialect) Append(b []byte, p *Packet) []byte {
	return append(d.AppendHead(b, p, len(p.Payload)), p.Payload...)
}

// AppendHead appends all but the payload, of which payload bytes will follow.
func (d Dialect) AppendHead(b []byte, p *Packet, payload int) []byte {
	kind := d.KindFor(p.Cmd, 0)
	at := len(b)
	b = d.AppendHeader(b, p.Cmd, p.Volume, 0)
	if p.Body != nil {
		b = p.Body.Append(b)
	}
	b = append(b, p.Digest...)
	length := len(b) - at - kind.Size() + payload
	// Now that the length is known, write the header again: 80 and 95 are as long.
	d.AppendHeader(b[:at], p.Cmd, p.Volume, length)
	return b
}

// maxHex bounds the bytes of payload that a line shows.
const maxHex = 64

// String is one line: name, volume, fields, digest, and the size of the payload.
func (p *Packet) String() string {
	s := fmt.Sprintf("%s vol=%d", p.Cmd, p.Volume)
	if p.Body != nil {
		s += " " + p.Body.String()
	}
	if len(p.Digest) > 0 {
		s += fmt.Sprintf(" digest=%x", p.Digest)
	}
	switch sp := p.Cmd.spec(); {
	case sp == nil:
	case sp.tail == dataTail:
		s += fmt.Sprintf(" data=%d", len(p.Payload))
	case p.Cmd == CmdCompressedBitmap:
		s += fmt.Sprintf(" code=%x", p.Payload[:min(len(p.Payload), maxHex)])
		if len(p.Payload) > maxHex {
			s += "..."
		}
	case sp.tail == bytesTail:
		s += fmt.Sprintf(" %d bytes", len(p.Payload))
	}
	return s
}
