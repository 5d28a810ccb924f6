package wire

// Decoder reads one direction of one socket from its first byte: a capture, or a
// peer in a test. It follows the changes of the dialect by itself: header 80 up to
// the features, then the agreed version, and the digest of the integrity algorithm
// from P_PROTOCOL on.
type Decoder struct {
	Sock    Socket
	Dialect Dialect // of the next packet

	agreed Dialect
	begun  bool
}

// NewDecoder makes a decoder for a connection whose nodes agree on that dialect.
func NewDecoder(sock Socket, agreed Dialect) *Decoder {
	agreed.Digest = 0
	return &Decoder{Sock: sock, Dialect: Initial, agreed: agreed}
}

// Next reads the first packet of b and returns how long it is. Digest and Payload
// point into b. The error is ErrShort if the packet is not complete, else *Error.
func (d *Decoder) Next(b []byte) (Packet, int, error) {
	if !d.begun {
		if len(b) < 2 {
			return Packet{}, 0, ErrShort
		}
		// The side that did not open the meta socket never sends header 80 on it.
		if d.Sock == MetaSocket && !(b[0] == magic80>>24 && b[1] == magic80>>16&0xff) {
			d.Dialect = d.agreed
		}
		d.begun = true
	}
	p, n, err := d.Dialect.Next(d.Sock, b)
	if err != nil {
		return p, n, err
	}
	switch {
	case p.Cmd == CmdFeatures || p.Cmd == CmdInitialMeta:
		d.Dialect = d.agreed
	default:
		if proto, ok := p.Body.(Protocol); ok { // also an update
			size, known := DigestSize(proto.Integrity)
			if !known {
				return p, 0, errorf(BadValue, p.Cmd, "%s: unknown integrity algorithm '%s'", p.Cmd.LogName(), printable(proto.Integrity))
			}
			d.Dialect.Digest = size
		}
	}
	return p, n, nil
}
