package clientapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"classicha/heartbeatd/message"
)

// Framing: length of the body, a magic number, the body. The body is a text
// frame with its final NUL, or netstring if a field nests a message.
const (
	headerSize = 8
	magic      = 0x0000abcd
	maxBody    = message.MaxFrame
)

var errFrame = errors.New("bad frame")

// appendFrame appends a message with its framing.
func appendFrame(dst []byte, m *message.Message) []byte {
	begin := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	if nests(m) {
		dst = m.AppendNetstring(dst, nil, false)
	} else {
		dst = m.AppendText(dst, nil, true)
	}
	binary.LittleEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-headerSize))
	binary.LittleEndian.PutUint32(dst[begin+4:], magic)
	return dst
}

func nests(m *message.Message) bool {
	for i := range m.Fields {
		if m.Fields[i].Child != nil {
			return true
		}
	}
	return false
}

// readFrame reads one message. The body's buffer grows with what arrives, not
// with what its length claims.
func readFrame(r io.Reader) (*message.Message, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(h[:])
	if m := binary.LittleEndian.Uint32(h[4:]); m != magic {
		return nil, fmt.Errorf("%w: magic number %#x", errFrame, m)
	}
	if n > maxBody {
		return nil, fmt.Errorf("%w: %d bytes", errFrame, n)
	}
	body := make([]byte, 0, min(n, 4096))
	for uint32(len(body)) < n {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		k, err := r.Read(body[len(body):min(cap(body), int(n))])
		body = body[:len(body)+k]
		if err != nil && uint32(len(body)) < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	m, _, err := message.Parse(body, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	return m, nil
}
