package message

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"fmt"
	"io"
)

// Fields of a message in traditional compression (heartbeat-wire 5).
const (
	payloadField   = "_compressed_payload"
	algorithmField = "_compression_algorithm"
)

// AppendCompressed appends the message in the form of traditional_compression:
// a netstring frame of two fields whose payload is the whole message, packed
// with zlib. The receiver picks the algorithm by its name, whatever its own
// setting is.
func (m *Message) AppendCompressed(dst []byte, keys *Keys) ([]byte, error) {
	plain := m.AppendText(nil, keys, true)
	if len(plain) > MaxUncompressed {
		return dst, fmt.Errorf("compress a message of %d bytes: more than %d", len(plain), MaxUncompressed)
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(plain); err != nil {
		return dst, fmt.Errorf("compress a message: %w", err)
	}
	if err := w.Close(); err != nil {
		return dst, fmt.Errorf("compress a message: %w", err)
	}
	outer := Message{Fields: []Field{
		{Kind: Binary, Name: payloadField, Value: packed.Bytes()},
		{Name: algorithmField, Value: []byte("zlib")},
	}}
	begin := len(dst)
	dst = outer.AppendNetstring(dst, keys, false)
	if n := len(dst) - begin; n > MaxFrame {
		return dst[:begin], fmt.Errorf("compressed message has %d bytes: more than %d", n, MaxFrame)
	}
	return dst, nil
}

// parseCompressed unpacks the message inside outer, which is authentic. The
// payload carries no trailer of its own; an auth field inside is not checked.
func (p *parser) parseCompressed(outer *Message, info *Info) (*Message, error) {
	info.Compression = outer.Get(algorithmField)
	plain, err := decompress(info.Compression, outer.Bin(payloadField))
	if err != nil {
		return nil, p.fail(Compression, err.Error())
	}
	p.elements = 0
	m, _, err := p.parseFrame(plain)
	if err != nil {
		return nil, err
	}
	if m.find(payloadField, Binary) >= 0 {
		return nil, p.fail(Compression, "compressed twice")
	}
	info.InnerFormat = p.format
	return m, nil
}

// decompress unpacks at most MaxUncompressed bytes.
func decompress(algorithm string, packed []byte) ([]byte, error) {
	var r io.Reader
	switch algorithm {
	case "zlib":
		z, err := zlib.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		r = z
	case "bz2":
		r = bzip2.NewReader(bytes.NewReader(packed))
	default:
		return nil, fmt.Errorf("unknown algorithm %q", algorithm)
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxUncompressed+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > MaxUncompressed {
		return nil, fmt.Errorf("more than %d bytes", MaxUncompressed)
	}
	return plain, nil
}
